/* support.c - see support.h. */
#include "support.h"

#include "exchange.h"
#include "pool.h"

#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char process_command[256];

void must(bool holds, const char *format, ...)
{
    va_list list;
    if (holds)
        return;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    abort();
}

unsigned blocks_taken;
unsigned block_refused;
bool large_blocks_refused;

void *pool_take(struct pool *pool)
{
    uint32_t limit = pool->max_chunks * pool->blocks_per_chunk;
    if ((block_refused && --block_refused == 0) || (large_blocks_refused && pool->block_size > 4096) || pool->fresh >= limit)
        return NULL;
    struct pool_block *block = malloc(pool->block_size);
    must(block != NULL, "malloc failed");
    memset(block, 0xa5, pool->block_size);
    pool->fresh++;
    blocks_taken++;
    return block;
}

/* Whoever holds on to a request that has ended asks its `open` word, and nothing else of it (live.h): that stays for a while. */
static void keep_for_a_while(void *block, size_t size)
{
    static struct {
        char *block;
        size_t size;
    } kept[512];
    static unsigned next;
    const size_t asked = offsetof(struct exchange, open) + sizeof(uint64_t);
    if (kept[next].block)
        ASAN_UNPOISON_MEMORY_REGION(kept[next].block, kept[next].size);
    free(kept[next].block);
    ASAN_POISON_MEMORY_REGION((char *)block + asked, size - asked);
    kept[next].block = block;
    kept[next].size = size;
    next = (next + 1) % (sizeof kept / sizeof *kept);
}

void pool_give(struct pool *pool, void *block)
{
    pool->fresh--;
    blocks_taken--;
    if (pool->block_size == EXCHANGE_SMALL || pool->block_size == EXCHANGE_LARGE)
        keep_for_a_while(block, pool->block_size);
    else
        free(block);
}

uint32_t random_below(uint32_t *state, size_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return limit ? *state % (uint32_t)limit : 0;
}
