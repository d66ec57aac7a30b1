/* readable.h - whether a piece of the program's memory can be read, asked of the kernel before it is.
 *
 * A call with a pointer that is none fails with EFAULT. What we look at before the call must not make a crash of it.
 * A page that could be read once is taken to be readable for ever: a pointer to what the program has unmapped since is
 * not recognised.
 *
 * Threads: any of the application's. Memory: nothing is taken.
 */
#ifndef READABLE_H
#define READABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool readable(const void *at, size_t len);

#endif
