/* hooks.h - the table of hooks.def as C: libc's own functions in `next`, and the hooks that have bodies of their own.
 *
 * A hook is called `hook_read` in C and `read` in the library's symbols, so libc's headers can be included beside it.
 */
#ifndef HOOKS_H
#define HOOKS_H

#include "traffic.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define EXPORT __attribute__((visibility("default")))

/* The next definition of each function behind ours; set by next_resolve, all at once. What this libc does not have is done
 * by another of its functions or by the system call (next.c), or fails with ENOSYS. */
struct next {
#define HOOK(type, name, params, args, before, after) type(*name) params;
#define SENDS(type, name, params, args, before, altered, after) type(*name) params;
#define OWN(type, name, params) type(*name) params;
#define ASSEMBLY(name) void (*name)(void);
#define FIND(type, name, params) type(*name) params;
#include "hooks.def"
#undef HOOK
#undef SENDS
#undef OWN
#undef ASSEMBLY
#undef FIND
};

extern struct next next __attribute__((visibility("hidden")));

/* Stands in for a function that libc lacks: -1 and ENOSYS. */
__attribute__((visibility("hidden"))) long next_missing(void);
#define next_is_missing(function) ((uintptr_t)(function) == (uintptr_t)next_missing)

/* Fills `next`. Threads: any, also at once: each writes the same. */
__attribute__((visibility("hidden"))) void next_resolve(void);

/* Another library's constructor may call a hook before ours ran. */
#define NEXT(name) (__builtin_expect(!next.name, 0) ? (next_resolve(), next.name) : next.name)

#define HOOK(type, name, params, args, before, after) EXPORT type hook_##name params __asm__(#name);
#define SENDS(type, name, params, args, before, altered, after) HOOK(type, name, params, args, before, after)
#define OWN(type, name, params) EXPORT type hook_##name params __asm__(#name);
#define ASSEMBLY(name)
#define FIND(type, name, params)
#include "hooks.def"
#undef HOOK
#undef SENDS
#undef OWN
#undef ASSEMBLY
#undef FIND

#endif
