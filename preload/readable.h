/* readable.h - whether a piece of the program's memory can be read, asked of the kernel before it is.
 *
 * A call with a pointer that is none fails with EFAULT. What we look at before the call must not make a crash of it.
 *
 * Threads: any of the application's. Memory: nothing is kept.
 */
#ifndef READABLE_H
#define READABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `*known` is a page that was found readable, and not asked about again; 0 at the beginning. */
bool readable(uintptr_t *known, const void *at, size_t len);

#endif
