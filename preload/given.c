/* given.c - ids that the application has been given. See given.h.
 *
 * Keys are random, so they are their own hash. An entry lies in one of WINDOW places behind its own.
 */
#include "given.h"

#define PLACES 1024 /* 16 kB: what is asked for each request stays in the caches */
#define WINDOW 8
#define REMEMBERED 256
#define MARKS 4096

static struct {
    _Atomic uint64_t id; /* 0: free */
    _Atomic(struct exchange *) exchange;
} places[PLACES + WINDOW];

static _Atomic uint64_t traces[REMEMBERED];
static _Atomic bool marks[MARKS]; /* never taken back: no id of ours is ever taken for somebody else's, the other way round may be */

static uint64_t low_of(const uint8_t *trace_id)
{
    uint64_t low;
    memcpy(&low, trace_id + 8, sizeof low);
    return low;
}

/* The id is there last: whoever finds it finds the exchange. Release: pairs with the acquire in given_find. */
void given_add(struct exchange *exchange)
{
    uint64_t id = exchange->known_as;
    uint64_t trace = low_of(exchange->record.trace_id);
    atomic_store_explicit(&traces[trace % REMEMBERED], trace, memory_order_relaxed);
    if (id)
        atomic_store_explicit(&marks[id % MARKS], true, memory_order_relaxed);
    for (size_t at = id % PLACES, end = at + WINDOW; id && at < end; at++) {
        struct exchange *none = NULL;
        if (!atomic_compare_exchange_strong_explicit(&places[at].exchange, &none, exchange, memory_order_relaxed, memory_order_relaxed))
            continue;
        atomic_store_explicit(&places[at].id, id, memory_order_release);
        return;
    }
}

void given_remove(struct exchange *exchange)
{
    uint64_t id = exchange->known_as;
    for (size_t at = id % PLACES, end = at + WINDOW; id && at < end; at++) {
        if (atomic_load_explicit(&places[at].exchange, memory_order_relaxed) != exchange)
            continue;
        atomic_store_explicit(&places[at].id, 0, memory_order_relaxed);
        atomic_store_explicit(&places[at].exchange, NULL, memory_order_release);
        return;
    }
}

struct live given_find(uint64_t id)
{
    struct live found = {NULL, 0};
    for (size_t at = id % PLACES, end = at + WINDOW; id && at < end; at++) {
        if (atomic_load_explicit(&places[at].id, memory_order_acquire) != id)
            continue;
        struct exchange *exchange = atomic_load_explicit(&places[at].exchange, memory_order_relaxed);
        if (exchange && found.exchange)
            return (struct live){NULL, 0};
        if (exchange)
            found = live_of(exchange);
    }
    return found;
}

bool given_was_given(uint64_t id)
{
    return atomic_load_explicit(&marks[id % MARKS], memory_order_relaxed);
}

bool given_saw_trace(const uint8_t *trace_id)
{
    uint64_t trace = low_of(trace_id);
    return atomic_load_explicit(&traces[trace % REMEMBERED], memory_order_relaxed) == trace;
}
