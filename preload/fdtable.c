/* fdtable.c - the two-level table of descriptors. See fdtable.h. */
#include "fdtable.h"

#include "system.h"

#include <stdatomic.h>
#include <sys/mman.h>

_Atomic uintptr_t *_Atomic fdtable_pages[FDTABLE_PAGES];

static _Atomic uintptr_t *page_map(unsigned page)
{
    size_t size = FDTABLE_PAGE * sizeof(uintptr_t);
    long memory = system(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory < 0 && memory > -4096)
        return NULL;
    _Atomic uintptr_t *mine = (_Atomic uintptr_t *)memory, *theirs = NULL;
    /* Release: pairs with the acquire in fdtable_entry. */
    if (atomic_compare_exchange_strong_explicit(&fdtable_pages[page], &theirs, mine, memory_order_release, memory_order_acquire))
        return mine;
    system(munmap, memory, size);
    return theirs;
}

uintptr_t fdtable_set(int fd, uintptr_t entry, bool *stored)
{
    unsigned page = (unsigned)fd / FDTABLE_PAGE;
    *stored = false;
    if (page >= FDTABLE_PAGES)
        return 0;
    _Atomic uintptr_t *entries = atomic_load_explicit(&fdtable_pages[page], memory_order_acquire);
    if (!entries && !(entries = page_map(page)))
        return 0;
    *stored = true;
    /* Release: pairs with the acquire in fdtable_entry. Acquire: whoever takes a connection out may end it. */
    return atomic_exchange_explicit(&entries[(unsigned)fd % FDTABLE_PAGE], entry, memory_order_acq_rel);
}

int fdtable_next(unsigned first, unsigned last)
{
    if (last >= FDTABLE_PAGE * FDTABLE_PAGES)
        last = FDTABLE_PAGE * FDTABLE_PAGES - 1;
    for (unsigned fd = first; fd <= last; fd++) {
        if (!fdtable_pages[fd / FDTABLE_PAGE])
            fd |= FDTABLE_PAGE - 1; /* the whole page is empty */
        else if (fdtable_entry((int)fd))
            return (int)fd;
    }
    return -1;
}
