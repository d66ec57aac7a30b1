/* test_thread.c - entering our code, and random ids. */
#include <criterion/criterion.h>

#include "counters.h"
#include "process.h"
#include "support_preload.h"
#include "thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

TestSuite(thread, .init = preload_begin);

static volatile bool entered_below;

static __attribute__((noinline)) void enter_from_below(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    if (depth)
        enter_from_below(depth - 1);
    else
        entered_below = thread_enter();
    frame[1] = frame[0];
}

Test(thread, is_entered_and_left)
{
    cr_assert(thread_enter());
    thread_leave();
    cr_assert(thread_enter());
    thread_leave();
}

Test(thread, what_interrupts_us_passes_straight_through)
{
    cr_assert(thread_enter());
    enter_from_below(10);
    cr_expect_not(entered_below);
    thread_leave();
    enter_from_below(10);
    cr_expect(entered_below);
}

static void handler(int number)
{
    (void)number;
    entered_below = thread_enter();
}

Test(thread, a_signal_handler_passes_straight_through)
{
    signal(SIGUSR1, handler);
    cr_assert(thread_enter());
    entered_below = true;
    raise(SIGUSR1);
    cr_expect_not(entered_below);
    thread_leave();
    raise(SIGUSR1);
    cr_expect(entered_below);
}

/* On a stack of its own a handler lies anywhere: above us, or far below. */
Test(thread, a_signal_handler_on_another_stack_passes_straight_through)
{
    stack_t stack = {.ss_size = 65536};
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    cr_assert(thread_enter());
    raise(SIGUSR1);
    cr_expect_not(entered_below);
}

Test(thread, a_frame_that_longjmp_left_does_not_lock_us_out)
{
    enter_from_below(10);
    cr_assert(entered_below);
    cr_expect(thread_enter(), "the frame that entered is gone: it was below this one");
}

Test(thread, the_child_of_a_vfork_touches_nothing)
{
    thread.vfork_depth = 1;
    cr_expect_not(thread_enter());
    cr_expect_eq(thread.inside, 0);
    thread.vfork_depth = 0;
    cr_expect(thread_enter());
}

Test(thread, finds_out_that_it_is_a_child)
{
    static _Atomic uint32_t alive = PROCESS_WIPED;
    process.alive = &alive;
    cr_assert(thread_enter());
    thread_leave();
    cr_expect_eq(process.generation, 2);
    cr_expect_eq(alive, PROCESS_ALIVE);
    cr_assert(thread_enter());
    cr_expect_eq(process.generation, 2, "once");
}

static void *stripe_of_new_thread(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)thread_stripe();
}

/* The first threads have one for themselves, and change it without a lock; those behind them share the last. */
Test(thread, keeps_a_stripe_that_is_its_own_or_shared)
{
    unsigned mine = thread_stripe();
    unsigned seen = 1u << mine;
    cr_expect_eq(thread_stripe(), mine);
    for (int i = 0; i < 40; i++) {
        pthread_t id;
        void *stripe;
        pthread_create(&id, NULL, stripe_of_new_thread, NULL);
        pthread_join(id, &stripe);
        cr_expect((uintptr_t)stripe != EXPORTER_STRIPE && (uintptr_t)stripe < COUNTER_STRIPES);
        cr_expect(!(seen >> (uintptr_t)stripe & 1) || !stripe_is_own((unsigned)(uintptr_t)stripe), "two threads have stripe %u", (unsigned)(uintptr_t)stripe);
        seen |= 1u << (uintptr_t)stripe;
    }
    cr_expect_eq(__builtin_popcount(seen), COUNTER_STRIPES - 1, "all are used");
}

static void *random_of_new_thread(void *number)
{
    *(uint64_t *)number = thread_random();
    return NULL;
}

Test(thread, random_numbers_of_threads_and_generations_differ)
{
    static uint64_t numbers[64];
    for (int i = 0; i < 64; i++) {
        pthread_t id;
        if (i % 8 == 0)
            process_reborn();
        if (i % 2) {
            pthread_create(&id, NULL, random_of_new_thread, &numbers[i]);
            pthread_join(id, NULL);
        } else {
            numbers[i] = thread_random();
        }
        for (int before = 0; before < i; before++)
            cr_assert_neq(numbers[before], numbers[i]);
    }
}

/* A child has its parent's state, and must not go on with it. */
Test(thread, a_child_is_seeded_again)
{
    thread_random();
    struct thread parent = thread;
    uint64_t next = thread_random();
    thread = parent;
    cr_expect_eq(thread_random(), next, "the same state gives the same number");
    thread = parent;
    process_reborn();
    cr_expect_neq(thread_random(), next);
}

/* Every bit is set about half the time. */
Test(thread, random_bits_are_even)
{
    int set[64] = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t random = thread_random();
        for (int bit = 0; bit < 64; bit++)
            set[bit] += random >> bit & 1;
    }
    for (int bit = 0; bit < 64; bit++)
        cr_expect(set[bit] > 9500 && set[bit] < 10500, "bit %d: %d of 20000", bit, set[bit]);
}

/* xoshiro256** from the state 1, 2, 3, 4: the numbers of the authors' own program. */
Test(thread, random_numbers_are_those_of_the_published_generator)
{
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    thread.random_process = process.generation;
    for (uint64_t i = 0; i < 4; i++)
        thread.random[i] = i + 1;
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(thread_random(), expected[i]);
}
