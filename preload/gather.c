/* gather.c - memory for units that come in pieces. See gather.h. */
#include "gather.h"

#include <stddef.h>

static struct pool gathers = {.block_size = (sizeof(struct gather) + 15) / 16 * 16, .blocks_per_chunk = 8, .max_chunks = 16};

struct gather *gather_take(void)
{
    return pool_take(&gathers);
}

void gather_give(struct gather *gather)
{
    if (gather)
        pool_give(&gathers, gather);
}

void gather_drop(struct gather **place)
{
    gather_give(*place);
    *place = NULL;
}
