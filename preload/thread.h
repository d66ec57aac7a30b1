/* thread.h - what is remembered of each of the application's threads.
 *
 * One small struct in static TLS. `inside` marks the thread as being in our code, so that a signal handler's
 * calls pass straight through; it is never set across libc's call, which may block, be cancelled, or be left
 * by longjmp. It holds the address of the frame that set it: a frame further up that finds it set knows that
 * the one below was left by longjmp, and takes the mark away.
 */
#ifndef THREAD_H
#define THREAD_H

#include "counters.h"
#include "live.h"
#include "process.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct queue;

/* How far the span has come that is just being begun or finished: all that is needed to make good a longjmp out of it. */
struct span_progress {
    struct queue *reserved_in;
    uint64_t reserved_at;    /* units of that queue that are being reserved, or are and are not committed yet (queue.c) */
    uint64_t reserved_units; /* 0: none */
    uint64_t stage;          /* enum span_stage */
};

/* What a thread works on, and what is known of the way it works (causality.c). */
struct thread_work {
    struct live current;    /* the server request; it may have ended meanwhile */
    struct live touched[2]; /* open ones that it has touched since it went back to its loop */
    bool touched_more;      /* than those two */
    bool has_read;          /* the head of the current one, itself */
    bool is_loop;           /* it waits for several connections at once */
    bool defers;            /* and has done so with a request of its own open: what it works on is not known */
    uint32_t waits;         /* counted, for descriptors of any kind */
};

struct thread {
    uintptr_t inside;        /* frame of ours that is at work; 0 when none is */
    uint32_t vfork_depth;    /* > 0: in the child of a vfork, whose memory is its parent's (preload/vfork.S) */
    uint32_t stripe;         /* of the counters, from 1; 0: not chosen yet */
    uint64_t random[4];      /* state of the id generator */
    struct span_progress progress;
    bool was_left;           /* a longjmp took this thread out of our code: what it was at must be put in order (tracer.c) */
    uint32_t pauses;         /* how often it has paused the exporter's thread and not unpaused it (exporter_thread.c) */
    uintptr_t paused;        /* frame that did so first */
    uint32_t random_process; /* the process generation it was seeded in; 0: never */
    struct thread_work work;
};

extern __thread struct thread thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

bool thread_may_enter_again(uintptr_t frame);

/* False when this thread is in our code already, or is the child of a vfork: then nothing may be touched. */
static inline bool thread_enter(void)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    if (__builtin_expect(thread.inside || thread.vfork_depth, 0) && !thread_may_enter_again(frame))
        return false;
    thread.inside = frame;
    atomic_signal_fence(memory_order_seq_cst);
    process_check();
    return true;
}

/* Whether the frame that set a mark was left by longjmp, so that the caller's is not inside it. */
bool thread_was_left(uintptr_t mark);

/* Steps of a span through the accounts, told so that a longjmp between two of them can be made good. */
enum span_stage {
    SPAN_STAGE_NONE,
    SPAN_STAGE_STARTED, /* counted as started and not yet anywhere else */
    SPAN_STAGE_PUSHED,  /* held as open, and perhaps in the queue */
    SPAN_STAGE_COUNTED, /* held as open, and counted elsewhere too */
};

static inline void thread_span_stage(enum span_stage stage)
{
    atomic_signal_fence(memory_order_seq_cst);
    thread.progress.stage = stage;
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void thread_leave(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    thread.inside = 0;
}

/* The stripe of the counters that this thread counts in. */
unsigned thread_choose_stripe(void);

static inline unsigned thread_stripe(void)
{
    return __builtin_expect(thread.stripe != 0, 1) ? thread.stripe : thread_choose_stripe();
}

static inline void thread_count(enum counter counter)
{
    counter_add(thread_stripe(), counter, 1);
}

/* 64 bits from this thread's generator (xoshiro256**), seeded by getrandom(2) and again in the child of a fork. */
uint64_t thread_random(void);

#endif
