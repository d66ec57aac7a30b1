/* clock.h - the time of an event.
 *
 * CLOCK_MONOTONIC in nanoseconds through the kernel's vDSO (no system call), found once by our own
 * look-up; by a system call where there is none.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "system.h"

extern int (*clock_vdso)(int clock, struct timespec *now);

static inline uint64_t clock_now(int clock)
{
    struct timespec now;
    if (!clock_vdso || clock_vdso(clock, &now) != 0)
        system(clock_gettime, clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_ns(void)
{
    return clock_now(CLOCK_MONOTONIC);
}

#endif
