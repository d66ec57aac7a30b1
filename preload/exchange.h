/* exchange.h - a request that has begun and not ended: its record while it grows.
 *
 * Most fit a small block. A head with long fields takes a large one, of which there are few; when there is none,
 * facts are dropped and counted, never the request.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "live.h"
#include "pool.h"
#include "span.h"

#include <stdatomic.h>
#include <stdbool.h>

struct exchange {
    struct pool_block block;
    _Atomic uint64_t open; /* the span's id while the request is open, else 0: what `struct live` asks */
    uint64_t known_as;     /* the id under which the application has seen it (given.h); 0: under none */
    struct live request;   /* of a client: the server request of this process that it is made for */
    uintptr_t reader;      /* of a server: the thread that read its head */
    uint32_t baggage_at;   /* behind the record, where it is not a part of it */
    uint32_t baggage_len;
    bool is_silent;        /* struct lineage */
    bool is_debug;
    bool is_large;
    bool sampled;
    bool answered;       /* the head of the final response was seen */
    uint8_t hint;        /* struct message.hint of the request */
    uint32_t generation; /* process generation that began it */
    uint32_t forks;      /* children the process had made by then */
    uint64_t last_ns;    /* the last time that bytes of the response passed by, where it may matter */
    struct exchange *next; /* behind this one, in the order of requests */
    struct span_record record; /* facts behind it, to the end of the block */
};

/* Both words are looked at: a jump out of a signal handler may have left one of them unwritten. Two that do not belong together
 * are as good as none, since ids differ and blocks stay mapped.
 * Acquire: pairs with the release of tracer.c, behind which the ids are there. */
static inline bool live_is_open(struct live live)
{
    return live.exchange && live.id && atomic_load_explicit(&live.exchange->open, memory_order_acquire) == live.id;
}

static inline struct live live_of(struct exchange *exchange)
{
    return (struct live){exchange, atomic_load_explicit(&exchange->open, memory_order_relaxed)};
}

/* As it came with the request; `ptr` NULL where there was none. */
static inline struct slice exchange_baggage(const struct exchange *exchange)
{
    return exchange->baggage_len ? (struct slice){(const char *)&exchange->record + exchange->baggage_at, exchange->baggage_len}
                                 : (struct slice){NULL, 0};
}

#define EXCHANGE_SMALL 768
#define EXCHANGE_LARGE (68 * 1024)

static inline size_t exchange_capacity(const struct exchange *exchange)
{
    return (exchange->is_large ? EXCHANGE_LARGE : EXCHANGE_SMALL) - offsetof(struct exchange, record);
}

#endif
