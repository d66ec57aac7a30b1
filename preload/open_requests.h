/* open_requests.h - the requests of a connection that are open, oldest first.
 *
 * One thread hands a request over where it was asked, another takes it where it is answered; between the two is one atomic
 * word, `asked`, with the newest first. Whoever answers turns them around, into `answering`, which is its own. Inline: each
 * request passes here.
 *
 * Threads: push and take_back belong to the direction of requests, oldest and pop to that of responses; anybody may count.
 */
#ifndef OPEN_REQUESTS_H
#define OPEN_REQUESTS_H

#include "exchange.h"

struct open_requests {
    _Atomic uint32_t begun;           /* requests that were put into the two that follow: by the direction of requests; wraps */
    _Atomic uint32_t ended;           /* and taken out again: by the direction of responses */
    _Atomic(struct exchange *) asked; /* newest first: put there by the direction of requests */
    struct exchange *answering;       /* oldest first: the direction of responses' own */
};

/* A word of one direction's, which whoever has the direction changes. */
static inline void open_requests_add(_Atomic uint32_t *word, uint32_t one)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + one, memory_order_relaxed);
}

static inline uint32_t open_requests_count(const struct open_requests *open)
{
    return atomic_load_explicit(&open->begun, memory_order_relaxed) - atomic_load_explicit(&open->ended, memory_order_relaxed);
}

/* The direction of requests hands one over. */
static inline void open_requests_push(struct open_requests *open, struct exchange *exchange)
{
    struct exchange *before = atomic_load_explicit(&open->asked, memory_order_relaxed);
    open_requests_add(&open->begun, 1);
    exchange->next = NULL;
    if (!before) { /* and nobody but us puts one there. Release: pairs with the acquire in open_requests_oldest. */
        atomic_store_explicit(&open->asked, exchange, memory_order_release);
        return;
    }
    do
        exchange->next = before;
    while (!atomic_compare_exchange_weak_explicit(&open->asked, &before, exchange, memory_order_release, memory_order_relaxed));
}

/* The direction of responses takes all that were asked and turns them around, once it has answered those before. */
static inline struct exchange *open_requests_oldest(struct open_requests *open)
{
    if (open->answering || !atomic_load_explicit(&open->asked, memory_order_relaxed))
        return open->answering;
    struct exchange *newest = atomic_exchange_explicit(&open->asked, NULL, memory_order_acquire);
    while (newest) {
        struct exchange *next = newest->next;
        newest->next = open->answering;
        open->answering = newest;
        newest = next;
    }
    return open->answering;
}

static inline struct exchange *open_requests_pop(struct open_requests *open)
{
    struct exchange *exchange = open_requests_oldest(open);
    if (exchange) {
        open->answering = exchange->next;
        open_requests_add(&open->ended, 1);
    }
    return exchange;
}

/* The newest request, which this thread has begun, as if it had not. False: somebody has answered meanwhile. */
static inline bool open_requests_take_back(struct open_requests *open, struct exchange *exchange)
{
    struct exchange *newest = exchange;
    /* Relaxed: the exchange is this thread's own. */
    if (!atomic_compare_exchange_strong_explicit(&open->asked, &newest, exchange->next, memory_order_relaxed, memory_order_relaxed))
        return false;
    open_requests_add(&open->begun, UINT32_MAX);
    return true;
}

#endif
