/* thread.h - what is remembered of each of the application's threads.
 *
 * One small struct in static TLS. `inside` marks the thread as being in our code, so that a signal handler's
 * calls pass straight through; it is never set across libc's call, which may block, be cancelled, or be left
 * by longjmp. It holds the address of the frame that set it: a frame further up that finds it set knows that
 * the one below was left by longjmp, and takes the mark away.
 */
#ifndef THREAD_H
#define THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
    uintptr_t inside;        /* frame of ours that is at work; 0 when none is */
    uint32_t vfork_depth;    /* > 0: in the child of a vfork, whose memory is its parent's (preload/vfork.S) */
    uint32_t stripe;         /* of the counters, from 1; 0: not chosen yet */
    uint64_t random[4];      /* state of the id generator */
    uint32_t random_process; /* the process generation it was seeded in; 0: never */
};

extern __thread struct thread thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* False when this thread is in our code already, or is the child of a vfork: then nothing may be touched. */
bool thread_enter(void);

static inline void thread_leave(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    thread.inside = 0;
}

/* The stripe of the counters that this thread counts in. */
unsigned thread_stripe(void);

/* 64 bits from this thread's generator (xoshiro256**), seeded by getrandom(2) and again in the child of a fork. */
uint64_t thread_random(void);

#endif
