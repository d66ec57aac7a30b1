/* pool.c - a block belongs to one thread at a time; what is given back is taken again; a pool never grows beyond its bound. */
#include "pool.h"

#include "support.h"

#include <stdlib.h>

#define THREADS 4
#define BLOCKS 48
#define HELD 20 /* 4 * 20 > 48: now and then there is none */

struct thing {
    struct pool_block block;
    uint32_t owner; /* plain on purpose: two owners are a race that ThreadSanitizer sees */
    uint32_t values[4];
};

static struct pool pool = {.block_size = 32, .blocks_per_chunk = 16, .max_chunks = BLOCKS / 16};
static _Atomic uint32_t owners[BLOCKS];
static _Atomic uint64_t taken, refused, twice, damaged, strange;
static double until;

_Static_assert(sizeof(struct thing) <= 32, "a thing is one block");

static void take(struct thing **place, uint32_t self)
{
    struct thing *thing = pool_take(&pool);
    *place = thing;
    if (!thing) {
        refused++;
        return;
    }
    taken++;
    if (thing->block.index >= BLOCKS) {
        strange++;
        return;
    }
    if (__atomic_exchange_n(&owners[thing->block.index], self, __ATOMIC_RELAXED) != 0)
        twice++;
    thing->owner = self;
    for (int i = 0; i < 4; i++)
        thing->values[i] = self * 100 + (uint32_t)i;
}

static void give(struct thing **place, uint32_t self)
{
    struct thing *thing = *place;
    *place = NULL;
    bool is_whole = thing->owner == self;
    for (int i = 0; i < 4; i++)
        is_whole = is_whole && thing->values[i] == self * 100 + (uint32_t)i;
    if (!is_whole)
        damaged++;
    __atomic_store_n(&owners[thing->block.index], 0, __ATOMIC_RELAXED);
    pool_give(&pool, thing);
}

static void take_and_give(unsigned index)
{
    struct thing *held[HELD] = {0};
    while (seconds() < until)
        for (int i = 0; i < 100; i++) {
            struct thing **place = &held[random_below(HELD)];
            if (*place)
                give(place, index + 1);
            else
                take(place, index + 1);
        }
    for (int i = 0; i < HELD; i++)
        if (held[i])
            give(&held[i], index + 1);
}

static _Atomic uint32_t seen[BLOCKS];

/* All threads take until there is none, so that chunks are mapped by several at once. */
static void take_all(unsigned index)
{
    struct thing *thing;
    (void)index;
    while ((thing = pool_take(&pool)) != NULL)
        seen[thing->block.index]++;
}

int main(void)
{
    on_threads(THREADS, take_all);
    uint32_t missed = 0;
    for (uint32_t i = 0; i < BLOCKS; i++)
        missed += seen[i] != 1;
    claim(!missed, "a fresh pool gives each of its blocks once", "%u blocks were given never or twice", missed);

    pool = (struct pool){.block_size = pool.block_size, .blocks_per_chunk = pool.blocks_per_chunk, .max_chunks = pool.max_chunks};
    until = seconds() + 1.5;
    on_threads(THREADS, take_and_give);
    claim(!twice && !damaged && !strange && refused && taken > 1000, "no block has two owners",
          "of %llu taken %llu belonged to somebody, %llu were damaged, %llu out of range; refused %llu times",
          (unsigned long long)taken, (unsigned long long)twice, (unsigned long long)damaged, (unsigned long long)strange,
          (unsigned long long)refused);
    claim(pool.fresh <= BLOCKS, "the pool stays within its bound", "%u blocks of %u", pool.fresh, BLOCKS);
    return claims_status();
}
