/* pool.c - blocks of mapped memory for connections, exchanges and gathered bytes. See pool.h. */
#include "pool.h"

#include "system.h"

#include <stdatomic.h>
#include <stdbool.h>

#include <stddef.h>
#include <sys/mman.h>

static struct pool_block *block_at(struct pool *pool, uint32_t index)
{
    uintptr_t chunk = atomic_load_explicit(&pool->chunks[index / pool->blocks_per_chunk], memory_order_acquire);
    return (struct pool_block *)(chunk + (size_t)(index % pool->blocks_per_chunk) * pool->block_size);
}

/* Maps chunk `number` unless another thread has; false when the kernel refuses. */
static bool chunk_map(struct pool *pool, uint32_t number)
{
    size_t size = (size_t)pool->block_size * pool->blocks_per_chunk;
    long memory = system(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory < 0 && memory > -4096)
        return false;
    uintptr_t none = 0;
    /* Release: pairs with the acquire in block_at. */
    if (!atomic_compare_exchange_strong_explicit(&pool->chunks[number], &none, (uintptr_t)memory, memory_order_release, memory_order_relaxed))
        system(munmap, memory, size);
    return true;
}

static struct pool_block *take_fresh(struct pool *pool)
{
    uint32_t limit = pool->max_chunks * pool->blocks_per_chunk;
    uint32_t index = atomic_load_explicit(&pool->fresh, memory_order_relaxed);
    do {
        if (index >= limit)
            return NULL;
        uint32_t number = index / pool->blocks_per_chunk;
        if (!atomic_load_explicit(&pool->chunks[number], memory_order_acquire) && !chunk_map(pool, number))
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&pool->fresh, &index, index + 1, memory_order_relaxed, memory_order_relaxed));
    struct pool_block *block = block_at(pool, index);
    block->index = index;
    return block;
}

void *pool_take(struct pool *pool)
{
    uint64_t top = atomic_load_explicit(&pool->free_top, memory_order_acquire);
    while ((uint32_t)top) {
        struct pool_block *block = block_at(pool, (uint32_t)top - 1);
        uint64_t below = ((top >> 32) + 1) << 32 | atomic_load_explicit(&block->next_free, memory_order_relaxed);
        /* Acquire: pairs with the release in pool_give. */
        if (atomic_compare_exchange_weak_explicit(&pool->free_top, &top, below, memory_order_acquire, memory_order_acquire))
            return block;
    }
    return take_fresh(pool);
}

void pool_give(struct pool *pool, void *memory)
{
    struct pool_block *block = memory;
    uint64_t top = atomic_load_explicit(&pool->free_top, memory_order_relaxed), above;
    do {
        atomic_store_explicit(&block->next_free, (uint32_t)top, memory_order_relaxed);
        above = ((top >> 32) + 1) << 32 | (block->index + 1);
        /* Release: pairs with the acquire in pool_take. */
    } while (!atomic_compare_exchange_weak_explicit(&pool->free_top, &top, above, memory_order_release, memory_order_relaxed));
}
