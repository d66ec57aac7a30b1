/* next.c - libc's own functions behind our hooks: the rows of hooks.def, looked up by name. */
#include "clock.h"
#include "symbols.h"
#include "hooks.h"

#include <errno.h>

struct next next;

int (*clock_vdso)(int clock, struct timespec *now);
char **next_program_name;
void *next_syscall __attribute__((visibility("hidden"))); /* for syscall.S */

int *__errno_location(void);

long next_missing(void)
{
    *__errno_location() = ENOSYS;
    return -1;
}

#define PLACE(name) ((void **)&next.name)

static const struct symbol symbols[] = {
#define HOOK(type, name, params, args, before, after) {#name, PLACE(name), false},
#define OWN(type, name, params) {#name, PLACE(name), false},
#define ASSEMBLY(name) {#name, PLACE(name), false},
#define FIND(type, name, params) {#name, PLACE(name), false},
#include "hooks.def"
#undef HOOK
#undef OWN
#undef ASSEMBLY
#undef FIND
    /* A program that names them itself, and is not position-independent, has the one copy that libc uses. */
    {"program_invocation_name", (void **)&next_program_name, true},
    {"__progname_full", (void **)&next_program_name, true},
    {"__libc_single_threaded", (void **)&libc_single_threaded, true},
#if defined(__x86_64__)
    {"__vdso_clock_gettime", (void **)&clock_vdso, true},
#else
    {"__kernel_clock_gettime", (void **)&clock_vdso, true},
#endif
};

void next_resolve(void)
{
    symbols_find(symbols, sizeof symbols / sizeof *symbols);
    for (void **place = (void **)&next; place < (void **)(&next + 1); place++)
        if (!*place)
            *place = (void *)(uintptr_t)next_missing;
    next_syscall = (void *)(uintptr_t)next.syscall;
}
