/* test_pool.c - blocks: distinct, kept, used again, and none beyond the bound. Many threads are tests/race's. */
#include <criterion/criterion.h>

#include "pool.h"

#include <sys/resource.h>

#define BLOCKS 24

struct block {
    struct pool_block head;
    unsigned char content[40];
};

static struct pool pool = {.block_size = 48, .blocks_per_chunk = 8, .max_chunks = 3};

static struct block *take(int mark)
{
    struct block *block = pool_take(&pool);
    cr_assert(block);
    cr_assert_eq((uintptr_t)block % 16, 0);
    memset(block->content, mark, sizeof block->content);
    return block;
}

static void check(const struct block *block, int mark)
{
    for (size_t i = 0; i < sizeof block->content; i++)
        cr_assert_eq(block->content[i], mark);
}

Test(pool, gives_distinct_blocks_up_to_its_bound)
{
    struct block *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = take(i);
    cr_expect_null(pool_take(&pool));
    for (int i = 0; i < BLOCKS; i++)
        check(blocks[i], i);
    for (int i = 0; i < BLOCKS; i++)
        pool_give(&pool, blocks[i]);
    for (int i = 0; i < BLOCKS; i++)
        take(i);
    cr_expect_null(pool_take(&pool), "given back they are as many as before");
}

Test(pool, takes_what_was_given_last)
{
    struct block *a = take(1), *b = take(2);
    pool_give(&pool, a);
    pool_give(&pool, b);
    cr_expect_eq(take(3), b);
    cr_expect_eq(take(4), a);
}

Test(pool, leaves_a_block_readable_after_it_was_given_back)
{
    struct block *block = take(7);
    pool_give(&pool, block);
    check(block, 7);
}

Test(pool, maps_nothing_before_it_must)
{
    cr_expect_eq(pool.chunks[0], 0);
    take(1);
    cr_expect(pool.chunks[0] && !pool.chunks[1]);
    for (int i = 0; i < 8; i++)
        take(i);
    cr_expect(pool.chunks[1] && !pool.chunks[2]);
}

/* Taken and given in any order, a block has one owner at a time. */
Test(pool, keeps_owners_apart)
{
    struct block *owned[BLOCKS] = {NULL};
    uint32_t random = 1;
    for (int round = 0; round < 100000; round++) {
        random = random * 1664525 + 1013904223;
        unsigned i = (random >> 8) % BLOCKS;
        if (owned[i]) {
            check(owned[i], (int)i);
            pool_give(&pool, owned[i]);
            owned[i] = NULL;
        } else {
            owned[i] = take((int)i);
        }
    }
}

/* A thread that was interrupted between reading the top and swapping it finds another tag, though the block on top is
 * the same again (the ABA problem). */
Test(pool, tells_a_top_that_was_gone_and_came_back)
{
    struct block *a = take(1), *b = take(2);
    pool_give(&pool, b);
    pool_give(&pool, a);
    uint64_t before = pool.free_top;
    pool_take(&pool);
    pool_take(&pool);
    pool_give(&pool, a);
    cr_expect_eq((uint32_t)pool.free_top, (uint32_t)before);
    cr_expect_neq(pool.free_top, before);
}

Test(pool, has_no_block_when_the_kernel_has_no_memory)
{
    static struct pool large = {.block_size = 1 << 20, .blocks_per_chunk = 1024, .max_chunks = 2};
    struct rlimit limit, before;
    getrlimit(RLIMIT_AS, &before);
    limit = before;
    limit.rlim_cur = 1 << 20;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    void *block = pool_take(&large);
    setrlimit(RLIMIT_AS, &before);
    cr_expect_null(block);
    cr_expect(pool_take(&large), "and has one when there is memory again");
}
