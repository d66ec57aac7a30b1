/* patience.h - how long something may still take: until a point in time, or until somebody says stop.
 *
 * Threads: ours. Memory: nothing is kept.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include "clock.h"

#include <stdbool.h>

struct patience {
    uint64_t deadline_ns;      /* CLOCK_MONOTONIC */
    bool (*interrupted)(void); /* true ends the waiting */
    void (*rest)(uint64_t deadline_ns); /* between a request and a look for its answer, or NULL: how to sleep meanwhile */
};

/* 0 while there is any left, -EINTR when interrupted, -ETIMEDOUT past the deadline. */
static inline int patience_check(const struct patience *patience)
{
    if (patience->interrupted())
        return -EINTR;
    return clock_ns() >= patience->deadline_ns ? -ETIMEDOUT : 0;
}

#endif
