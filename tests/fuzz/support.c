/* support.c - see support.h. */
#include "support.h"

#include "pool.h"

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

void pool_give(struct pool *pool, void *block)
{
    pool->fresh--;
    blocks_taken--;
    free(block);
}

uint32_t random_below(uint32_t *state, size_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return limit ? *state % (uint32_t)limit : 0;
}
