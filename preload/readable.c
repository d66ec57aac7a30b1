/* readable.c - a question to the kernel about a page. See readable.h.
 *
 * rt_sigprocmask reads the set that it is given before it finds that what is to be done with it is nonsense, and does
 * nothing. It takes no descriptor, and no filter denies it: every program needs it. It takes as long as all the rest that
 * we do about a call, so what was found readable is kept in mind, and a buffer that is used again costs nothing.
 */
#include "readable.h"

#include "system.h"

#include <stdatomic.h>

#define PAGE 4096 /* or a part of one */

/* Pages that were found readable, each in the place that its number gives it; any thread's. Allocators begin their areas at
 * round addresses, so the low bits of a number alone would give the buffers of all threads the same few places. */
enum { PLACE_BITS = 10 };
static _Atomic uintptr_t known[1 << PLACE_BITS];

static _Atomic uintptr_t *place_of(uintptr_t page)
{
    return &known[page / PAGE * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PLACE_BITS)]; /* Knuth, multiplicative hashing */
}

static bool page_is_readable(uintptr_t page)
{
    const int nonsense = -1;
    _Atomic uintptr_t *place = place_of(page);
    if (atomic_load_explicit(place, memory_order_relaxed) == page)
        return true;
    if (system(rt_sigprocmask, nonsense, page, NULL, sizeof(uint64_t)) == -EFAULT)
        return false;
    atomic_store_explicit(place, page, memory_order_relaxed);
    return true;
}

bool readable(const void *at, size_t len)
{
    uintptr_t first = (uintptr_t)at & -(uintptr_t)PAGE, last = ((uintptr_t)at + (len ? len - 1 : 0)) & -(uintptr_t)PAGE;
    if (!len)
        return true;
    if (!first || last < first) /* the first page would be a set that is not given */
        return false;
    for (uintptr_t page = first; page_is_readable(page); page += PAGE)
        if (page == last)
            return true;
    return false;
}
