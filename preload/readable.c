/* readable.c - a question to the kernel about a page. See readable.h.
 *
 * rt_sigprocmask reads the set that it is given before it finds that what is to be done with it is nonsense, and does
 * nothing. It takes no descriptor, and no filter denies it: every program needs it.
 */
#include "readable.h"

#include "system.h"

#define PAGE 4096 /* or a part of one */

bool readable(uintptr_t *known, const void *at, size_t len)
{
    const int nonsense = -1;
    uintptr_t first = (uintptr_t)at & -(uintptr_t)PAGE, last = ((uintptr_t)at + (len ? len - 1 : 0)) & -(uintptr_t)PAGE;
    uintptr_t ours = (uintptr_t)__builtin_frame_address(0) & -(uintptr_t)PAGE; /* of the stack, where much of it is */
    if (!len)
        return true;
    if (!first || last < first) /* the first page would be a set that is not given */
        return false;
    for (uintptr_t page = first;; page += PAGE) {
        if (page != *known && page != ours && system(rt_sigprocmask, nonsense, page, NULL, sizeof(uint64_t)) == -EFAULT)
            return false;
        *known = page;
        if (page == last)
            return true;
    }
}
