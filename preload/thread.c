/* thread.c - entering and leaving our code on an application's thread, and random ids for it. */
#include "thread.h"

#include "counters.h"
#include "process.h"
#include "system.h"

#include <signal.h>
#include <sys/random.h>

#include <stdatomic.h>

__thread struct thread thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* A frame that was left by longjmp is told from one that was interrupted by a signal by the stack: it lies below us, or about
 * where we are, and not further away than a stack is likely to be. */
#define STACK_REACH (1024 * 1024)

/* A handler's frame lies further below than this, with the registers of what it interrupted in between; hooks differ
 * from each other by less. */
#define SIGNAL_FRAME_MIN 768

static bool is_on_signal_stack(void)
{
    stack_t now;
    return system(sigaltstack, NULL, &now) == 0 && (now.ss_flags & SS_ONSTACK);
}

/* Whether the frame that set the mark is gone, so that this one is not inside it. */
static bool was_left(uintptr_t mark, uintptr_t frame)
{
    return frame + SIGNAL_FRAME_MIN >= mark && frame <= mark + STACK_REACH && !is_on_signal_stack();
}

bool thread_was_left(uintptr_t mark)
{
    return was_left(mark, (uintptr_t)__builtin_frame_address(0));
}

bool thread_may_enter_again(uintptr_t frame)
{
    if (thread.vfork_depth || !was_left(thread.inside, frame))
        return false;
    thread.was_left = true;
    return true;
}

unsigned thread_choose_stripe(void)
{
    static _Atomic uint32_t threads;
    uint32_t before = atomic_load_explicit(&threads, memory_order_relaxed);
    while (before < SHARED_STRIPE - 1 &&
           !atomic_compare_exchange_weak_explicit(&threads, &before, before + 1, memory_order_relaxed, memory_order_relaxed))
        ;
    return thread.stripe = before < SHARED_STRIPE - 1 ? before + 1 : SHARED_STRIPE;
}

static void seed(void)
{
    if (system(getrandom, thread.random, sizeof thread.random, GRND_NONBLOCK) != sizeof thread.random) {
        /* No getrandom (a filter, a kernel before 3.17, the first moments of a machine): what differs between threads, processes and moments. */
        struct timespec now;
        system(clock_gettime, CLOCK_REALTIME, &now);
        thread.random[0] = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
        thread.random[1] = (uint64_t)(uintptr_t)&thread;
        thread.random[2] = (uint64_t)system(gettid) << 32 | (uint32_t)system(getpid);
        system(clock_gettime, CLOCK_MONOTONIC, &now);
        thread.random[3] = (uint64_t)now.tv_nsec | 1;
    }
    thread.random_process = process.generation;
}

static uint64_t rotate_left(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

/* Blackman and Vigna, "Scrambled linear pseudorandom number generators" (xoshiro256**). */
uint64_t thread_random(void)
{
    if (thread.random_process != process.generation)
        seed();
    uint64_t *s = thread.random;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}
