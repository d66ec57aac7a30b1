/* exporter.h - what the application's threads and ours tell each other, apart from spans.
 *
 * The application's side is preload/exporter_thread.c (starting, stopping, waking, waiting), ours is
 * exporter/exporter.c. Everything between them is one struct of futex words.
 */
#ifndef EXPORTER_H
#define EXPORTER_H

#include <stdbool.h>
#include <stdint.h>

/* What our thread is doing, in `sleep`, which is also the futex it sleeps on. */
enum exporter_sleep {
    EXPORTER_AWAKE,
    EXPORTER_WAITS_FOR_BATCH, /* until the schedule delay is over, or `batch_at` spans wait */
    EXPORTER_WAITS_FOR_SPAN,  /* for ever: nothing is held */
    EXPORTER_PAUSES,          /* between two attempts: spans do not wake it, a flush and a stop do */
};

/* How our thread comes by a descriptor table of its own, from the best way to the last. */
enum exporter_table {
    TABLE_BY_CLOSE_RANGE, /* close_range(2) with CLOSE_RANGE_UNSHARE: nothing is ever copied (Linux 5.9) */
    TABLE_BY_CLONE,       /* the thread was made with a copy, and closes it (older kernels, and filters that know no close_range) */
    TABLE_BY_UNSHARE,     /* the thread copies its table and closes the copy (where a clone of that kind is refused) */
};

struct exporter {
    _Alignas(64) _Atomic uint32_t sleep; /* enum exporter_sleep */
    _Atomic uint32_t thread;         /* kernel thread id; the kernel sets 0 and wakes when it has ended */
    _Atomic uint32_t stop;           /* 1: end as soon as possible, keep what is held */
    _Atomic uint32_t flush_wanted;   /* number of the last flush asked for */
    _Atomic uint32_t flush_done;     /* number of the last flush that was carried out */
    _Atomic uint64_t flush_deadline_ns; /* CLOCK_MONOTONIC */
    _Atomic uint32_t batch_at;       /* spans in the queue at which it is woken to send a batch */
    uint32_t generation;             /* of the process for which the thread runs */
    enum exporter_table table;
};

extern struct exporter exporter;

/* With OTEL_TRACES_EXPORTER=console, on the application's thread that starts ours: works out the resource, which opens
 * files, since our thread then shares the application's descriptors (its stdout) and must not take a number. */
void exporter_prepare_console(void);

/* The thread's body. Returns when asked to stop. Uses raw system calls and pure functions only. */
void exporter_main(void);

#endif
