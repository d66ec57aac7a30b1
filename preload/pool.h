/* pool.h - equal blocks of mapped memory, taken and given back without a lock.
 *
 * Blocks come from chunks that are mapped when first needed and never unmapped, so a block stays readable after
 * it was given back: whoever holds a stale pointer finds out by the block's own marks, not by a fault.
 * The free list is a stack of indices; a tag beside its top, counted up at each change, keeps a thread
 * that was interrupted between reading and swapping from taking a block twice (the ABA problem).
 *
 * Threads: any, signal handlers too. Memory: `max_chunks * blocks_per_chunk * block_size` at most.
 */
#ifndef POOL_H
#define POOL_H

#include "counters.h"
#include "own.h"

#include <stdint.h>

/* Every block begins with this; the rest is the owner's. */
struct pool_block {
    uint32_t index; /* the pool's: keep */
    _Atomic uint32_t next_free;
};

#define POOL_CHUNKS_MAX 1024

struct pool {
    uint32_t block_size; /* multiple of 16 */
    uint32_t blocks_per_chunk;
    uint32_t max_chunks;
    _Atomic uint32_t fresh;    /* blocks that were ever taken */
    _Atomic uint64_t free_top; /* tag << 32 | index + 1; 0 in the low half: empty */
    _Atomic uintptr_t chunks[POOL_CHUNKS_MAX];
};

/* A block with undefined content behind its head, or NULL when there is no memory. */
void *pool_take(struct pool *pool);

void pool_give(struct pool *pool, void *block);

/* The same by a thread that keeps the block it gave back last at hand, in `spare`, for the next that it takes. Only where the
 * stripe of the counters is its own is that place its own too; others go to the pool. */
static inline void *pool_take_spare(struct pool *pool, unsigned stripe, _Atomic uintptr_t *spare)
{
    uintptr_t block = stripe_is_own(stripe) ? own_take(spare) : 0;
    return block ? (void *)block : pool_take(pool);
}

static inline void pool_give_spare(struct pool *pool, unsigned stripe, _Atomic uintptr_t *spare, void *block)
{
    if (!stripe_is_own(stripe) || !own_put(spare, (uintptr_t)block))
        pool_give(pool, block);
}

#endif
