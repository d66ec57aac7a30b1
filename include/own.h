/* own.h - changes of a word that only one thread changes.
 *
 * Others may read it at any time, and a signal handler of that thread may change it too, between any two instructions: so it
 * is one instruction, without the lock that would make it wait for the other processors: a span had seventeen of those,
 * and has eight. aarch64 has none to save.
 *
 * Relaxed order.
 */
#ifndef OWN_H
#define OWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)

static inline void own_add(_Atomic uint64_t *word, uint64_t n)
{
    __asm__ volatile("addq %1, %0" : "+m"(*word) : "er"(n) : "cc");
}

/* Puts `value` where `*expected` is; else says false, and what is there in `*expected`. */
static inline bool own_replace(_Atomic uintptr_t *word, uintptr_t *expected, uintptr_t value)
{
    bool done;
    __asm__ volatile("cmpxchgq %3, %0" : "+m"(*word), "+a"(*expected), "=@ccz"(done) : "r"(value) : "memory");
    return done;
}

#else

static inline void own_add(_Atomic uint64_t *word, uint64_t n)
{
    atomic_fetch_add_explicit(word, n, memory_order_relaxed);
}

static inline bool own_replace(_Atomic uintptr_t *word, uintptr_t *expected, uintptr_t value)
{
    return atomic_compare_exchange_strong_explicit(word, expected, value, memory_order_relaxed, memory_order_relaxed);
}

#endif

/* A block that is kept at hand: taken, 0 when there is none; put back, false when there is one. */
static inline uintptr_t own_take(_Atomic uintptr_t *word)
{
    uintptr_t block = atomic_load_explicit(word, memory_order_relaxed);
    return block && own_replace(word, &block, 0) ? block : 0;
}

static inline bool own_put(_Atomic uintptr_t *word, uintptr_t block)
{
    uintptr_t none = 0;
    return own_replace(word, &none, block);
}

#endif
