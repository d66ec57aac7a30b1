/* pool.c - blocks of mapped memory for connections, exchanges and gathered bytes. See pool.h. */
#include "pool.h"

#include "system.h"

#include <stdbool.h>

#include <stddef.h>
#include <sys/mman.h>

static struct pool_block *block_at(struct pool *pool, uint32_t index)
{
    uintptr_t chunk = __atomic_load_n(&pool->chunks[index / pool->blocks_per_chunk], __ATOMIC_ACQUIRE);
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
    if (!__atomic_compare_exchange_n(&pool->chunks[number], &none, (uintptr_t)memory, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        system(munmap, memory, size);
    return true;
}

static struct pool_block *take_fresh(struct pool *pool)
{
    uint32_t limit = pool->max_chunks * pool->blocks_per_chunk;
    uint32_t index = __atomic_load_n(&pool->fresh, __ATOMIC_RELAXED);
    do {
        if (index >= limit)
            return NULL;
        uint32_t number = index / pool->blocks_per_chunk;
        if (!__atomic_load_n(&pool->chunks[number], __ATOMIC_ACQUIRE) && !chunk_map(pool, number))
            return NULL;
    } while (!__atomic_compare_exchange_n(&pool->fresh, &index, index + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    struct pool_block *block = block_at(pool, index);
    block->index = index;
    return block;
}

void *pool_take(struct pool *pool)
{
    uint64_t top = __atomic_load_n(&pool->free_top, __ATOMIC_ACQUIRE);
    while ((uint32_t)top) {
        struct pool_block *block = block_at(pool, (uint32_t)top - 1);
        uint64_t below = ((top >> 32) + 1) << 32 | __atomic_load_n(&block->next_free, __ATOMIC_RELAXED);
        /* Acquire: pairs with the release in pool_give. */
        if (__atomic_compare_exchange_n(&pool->free_top, &top, below, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
            return block;
    }
    return take_fresh(pool);
}

void pool_give(struct pool *pool, void *memory)
{
    struct pool_block *block = memory;
    uint64_t top = __atomic_load_n(&pool->free_top, __ATOMIC_RELAXED), above;
    do {
        __atomic_store_n(&block->next_free, (uint32_t)top, __ATOMIC_RELAXED);
        above = ((top >> 32) + 1) << 32 | (block->index + 1);
        /* Release: pairs with the acquire in pool_take. */
    } while (!__atomic_compare_exchange_n(&pool->free_top, &top, above, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}
