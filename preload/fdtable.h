/* fdtable.h - which descriptor is which connection.
 *
 * Two levels, grown on demand: a first level of pointers that costs nothing until it is touched, and pages of
 * 1024 descriptors. A descriptor that is not ours costs two loads. Nothing here knows what a connection is.
 *
 * Threads: any, signal handlers too; each entry is one atomic word.
 */
#ifndef FDTABLE_H
#define FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

#define FDTABLE_PAGE 1024
#define FDTABLE_PAGES 16384 /* 16 million descriptors; above that nothing is watched */

/* A stream socket that is not connected yet: an entry that is no connection. */
#define FDTABLE_STREAM ((uintptr_t)1)

extern _Atomic uintptr_t *_Atomic fdtable_pages[FDTABLE_PAGES];

static inline uintptr_t fdtable_entry(int fd)
{
    unsigned page = (unsigned)fd / FDTABLE_PAGE;
    if (page >= FDTABLE_PAGES)
        return 0;
    /* Acquire: pairs with the release in fdtable_set, which publishes the page and the connection. */
    _Atomic uintptr_t *entries = atomic_load_explicit(&fdtable_pages[page], memory_order_acquire);
    return entries ? atomic_load_explicit(&entries[(unsigned)fd % FDTABLE_PAGE], memory_order_acquire) : 0;
}

/* The connection on this descriptor, or NULL. */
static inline struct connection *fdtable_get(int fd)
{
    uintptr_t entry = fdtable_entry(fd);
    return entry > FDTABLE_STREAM ? (struct connection *)entry : NULL;
}

/* Replaces the entry and returns the one before. `*stored` is false when there is no memory for the page (or the
 * number is out of range), and nothing changed. */
uintptr_t fdtable_set(int fd, uintptr_t entry, bool *stored);

/* Takes the entry away. */
static inline uintptr_t fdtable_take(int fd)
{
    bool stored;
    return fdtable_entry(fd) ? fdtable_set(fd, 0, &stored) : 0;
}

/* The first descriptor in [first, last] with an entry, or -1. */
int fdtable_next(unsigned first, unsigned last);

#endif
