/* exchange.h - a request that has begun and not ended: its record while it grows.
 *
 * Most fit a small block. A head with long fields takes a large one, of which there are few; when there is none,
 * facts are dropped and counted, never the request.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "pool.h"
#include "span.h"

struct exchange {
    struct pool_block block;
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

#define EXCHANGE_SMALL 768
#define EXCHANGE_LARGE (68 * 1024)

static inline size_t exchange_capacity(const struct exchange *exchange)
{
    return (exchange->is_large ? EXCHANGE_LARGE : EXCHANGE_SMALL) - offsetof(struct exchange, record);
}

#endif
