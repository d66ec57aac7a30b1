/*
 * span_store.h - spans wait here until their trace is quiet.
 *
 * Nothing says that a trace is complete: spans of one trace come from several processes, each in its
 * own time. So a trace is taken out when nothing has been added to it for a while, and what comes later
 * is a continuation.
 *
 * Promise: at most 10,000 traces and 64 MiB are held. Whoever adds asks span_store_is_full() and takes
 * the quietest trace out until it is not.
 */
#ifndef SPAN_STORE_H
#define SPAN_STORE_H

#include "span.h"

struct trace {
    char id[TRACE_ID_DIGITS + 1];
    struct span *first, *last;             /* in arrival order */
    size_t span_count;
    size_t size;                           /* bytes held */
    int64_t touched_ms;                    /* when the latest span came, on the caller's clock */
    bool is_continued;                     /* part of it was taken out before */
    struct trace *quieter, *livelier;      /* the store's order */
    struct trace *next_in_bucket;
};

struct span_store;

struct span_store *span_store_create(void);
void span_store_destroy(struct span_store *store);     /* NULL is fine */

/* The store owns the span from here on. */
void span_store_add(struct span_store *store, struct span *span, int64_t now_ms);

bool span_store_is_full(const struct span_store *store);

/* The trace that has been quiet longest, or NULL. It stays in the store. */
const struct trace *span_store_quietest(const struct span_store *store);

/* Takes it out. The caller destroys it. */
struct trace *span_store_take_quietest(struct span_store *store);

void trace_destroy(struct trace *trace);

#endif
