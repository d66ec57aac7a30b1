/* counters.h - the accounts of this process (counters.def).
 *
 * Each of the first threads counts in a stripe of its own, all others in one that they share, so that threads do not pull one
 * cache line back and forth; a reader adds the stripes up. Relaxed order: a counter orders nothing else.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "own.h"

#include <stdatomic.h>
#include <stdint.h>

enum counter {
#define COUNTER(name, meaning) COUNT_##name,
#include "counters.def"
#undef COUNTER
    COUNTERS
};

#define COUNTER_STRIPES 16

struct counter_stripe {
    _Alignas(64) _Atomic uint64_t count[COUNTERS];
};

extern struct counter_stripe counter_stripes[COUNTER_STRIPES];

/* The stripe of our own thread; and that of the threads which have none for themselves. */
#define EXPORTER_STRIPE 0
#define SHARED_STRIPE (COUNTER_STRIPES - 1)

static inline bool stripe_is_own(unsigned stripe)
{
    return stripe != EXPORTER_STRIPE && stripe != SHARED_STRIPE;
}

/* `stripe` is the caller's. */
static inline void counter_add(unsigned stripe, enum counter counter, uint64_t n)
{
    _Atomic uint64_t *count = &counter_stripes[stripe % COUNTER_STRIPES].count[counter];
    if (stripe_is_own(stripe))
        own_add(count, n);
    else
        atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

static inline uint64_t counter_total(enum counter counter)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < COUNTER_STRIPES; i++)
        total += atomic_load_explicit(&counter_stripes[i].count[counter], memory_order_relaxed);
    return total;
}

#endif
