/* gather.h - a unit that comes in pieces: its beginning, kept until the rest comes.
 *
 * Threads: one direction's of one connection. Memory: a pool's; with none left the connection is given up.
 */
#ifndef GATHER_H
#define GATHER_H

#include "pool.h"

/* A message head of 64 kB and the line end behind it. */
#define GATHER_MAX (65536 + 256)

struct gather {
    struct pool_block block;
    uint32_t len;
    uint64_t since_ns; /* when its first bytes passed */
    char bytes[GATHER_MAX];
};

/* With undefined content, or NULL. */
struct gather *gather_take(void);

/* NULL is nothing. */
void gather_give(struct gather *gather);

/* Gives back what is kept at this place, if anything. */
void gather_drop(struct gather **place);

#endif
