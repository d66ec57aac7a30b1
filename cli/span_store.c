/*
 * span_store.c - spans wait here until their trace is quiet.
 *
 * A hash table finds the trace of a span; a list through all traces, in the order of their latest span,
 * tells which is quietest. Adding and taking out are O(1), the look at the clock costs nothing.
 * The ids of the latest traces taken out are remembered in a table in which a newer one replaces an
 * older one of the same bucket: forgetting one costs a "(continued)", not memory.
 */
#include "span_store.h"

#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKET_COUNT = 16384, TRACE_LIMIT = 10 * 1000, SIZE_LIMIT = 64 * 1024 * 1024 };

struct span_store {
    struct trace *buckets[BUCKET_COUNT];
    char taken_ids[BUCKET_COUNT][TRACE_ID_DIGITS];
    struct trace *quietest, *liveliest;
    size_t trace_count;
    size_t size;
};

/* FNV-1a. Ids are random; whoever sends chosen ones slows down only this desk. */
static size_t bucket_of(const char *trace_id)
{
    uint64_t hash = 14695981039346656037u;
    for (; *trace_id != '\0'; trace_id++)
        hash = (hash ^ (unsigned char)*trace_id) * 1099511628211u;
    return (hash ^ hash >> 32) % BUCKET_COUNT;
}

struct span_store *span_store_create(void)
{
    return memory_get(sizeof(struct span_store));
}

void span_store_destroy(struct span_store *store)
{
    while (store != NULL && store->quietest != NULL)
        trace_destroy(span_store_take_quietest(store));
    free(store);
}

void trace_destroy(struct trace *trace)
{
    for (struct span *span = trace->first, *next; span != NULL; span = next) {
        next = span->next;
        span_destroy(span);
    }
    free(trace);
}

static void order_remove(struct span_store *store, struct trace *trace)
{
    *(trace->quieter ? &trace->quieter->livelier : &store->quietest) = trace->livelier;
    *(trace->livelier ? &trace->livelier->quieter : &store->liveliest) = trace->quieter;
}

static void order_append(struct span_store *store, struct trace *trace)
{
    trace->quieter = store->liveliest;
    trace->livelier = NULL;
    *(store->liveliest ? &store->liveliest->livelier : &store->quietest) = trace;
    store->liveliest = trace;
}

static struct trace *trace_create(struct span_store *store, const char *id, size_t bucket)
{
    struct trace *trace = memory_get(sizeof *trace);
    memcpy(trace->id, id, TRACE_ID_DIGITS);
    trace->is_continued = memcmp(store->taken_ids[bucket], id, TRACE_ID_DIGITS) == 0;
    trace->size = sizeof *trace;
    trace->next_in_bucket = store->buckets[bucket];
    store->buckets[bucket] = trace;
    store->trace_count++;
    store->size += trace->size;
    order_append(store, trace);
    return trace;
}

void span_store_add(struct span_store *store, struct span *span, int64_t now_ms)
{
    size_t bucket = bucket_of(span->trace_id);
    struct trace *trace = store->buckets[bucket];
    while (trace != NULL && strcmp(trace->id, span->trace_id) != 0)
        trace = trace->next_in_bucket;
    if (trace == NULL)
        trace = trace_create(store, span->trace_id, bucket);
    span->next = NULL;
    *(trace->last ? &trace->last->next : &trace->first) = span;
    trace->last = span;
    trace->span_count++;
    trace->size += span->size;
    store->size += span->size;
    trace->touched_ms = now_ms;
    order_remove(store, trace);
    order_append(store, trace);
}

bool span_store_is_full(const struct span_store *store)
{
    return store->trace_count > TRACE_LIMIT || store->size > SIZE_LIMIT;
}

const struct trace *span_store_quietest(const struct span_store *store)
{
    return store->quietest;
}

struct trace *span_store_take_quietest(struct span_store *store)
{
    struct trace *trace = store->quietest;
    if (trace == NULL)
        return NULL;
    size_t bucket = bucket_of(trace->id);
    struct trace **link = &store->buckets[bucket];
    while (*link != trace)
        link = &(*link)->next_in_bucket;
    *link = trace->next_in_bucket;
    order_remove(store, trace);
    memcpy(store->taken_ids[bucket], trace->id, TRACE_ID_DIGITS);
    store->trace_count--;
    store->size -= trace->size;
    return trace;
}
