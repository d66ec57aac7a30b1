/* next.c - libc's own functions behind our hooks: the rows of hooks.def, looked up by name. */
#include "clock.h"
#include "hooks.h"
#include "process.h"
#include "symbols.h"
#include "system.h"

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
#define SENDS(type, name, params, args, before, altered, after) {#name, PLACE(name), false},
#define OWN(type, name, params) {#name, PLACE(name), false},
#define ASSEMBLY(name) {#name, PLACE(name), false},
#define FIND(type, name, params) {#name, PLACE(name), false},
#include "hooks.def"
#undef HOOK
#undef SENDS
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

/* What a libc lacks may be asked for by name all the same, and is found, since we have it: then it must do its work. musl from
 * 1.2.4 on knows the names for large files in its loader only, for programs of before; others are weak references or come
 * from dlsym, and the program would have made the system call where there is no such function. */
static long answered(long rc)
{
    if (rc >= 0)
        return rc;
    *__errno_location() = (int)-rc;
    return -1;
}

static ssize_t preadv2_call(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
    return answered(system(preadv2, fd, iov, count, offset, 0, flags));
}

static ssize_t pwritev2_call(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
    return answered(system(pwritev2, fd, iov, count, offset, 0, flags));
}

static int execveat_call(int directory, const char *path, char *const argv[], char *const envp[], int flags)
{
    return (int)answered(system(execveat, directory, path, argv, envp, flags));
}

static int epoll_pwait2_call(int epoll, struct epoll_event *events, int count, const struct timespec *timeout, const sigset_t *mask)
{
    return (int)answered(system(epoll_pwait2, epoll, events, count, timeout, mask, sizeof(uint64_t)));
}

#define STAND_IN(name, other) (next.name = next.name ? next.name : (other))

static void stand_in(void)
{
    STAND_IN(preadv2, preadv2_call);
    STAND_IN(preadv64v2, next.preadv2);
    STAND_IN(pwritev2, pwritev2_call);
    STAND_IN(pwritev64v2, next.pwritev2);
    STAND_IN(sendfile64, next.sendfile);
    STAND_IN(fcntl64, next.fcntl);
    STAND_IN(freopen64, next.freopen);
    STAND_IN(execveat, execveat_call);
    STAND_IN(epoll_pwait2, epoll_pwait2_call);
    STAND_IN(_Fork, next.fork);
}

void next_resolve(void)
{
    symbols_find(symbols, sizeof symbols / sizeof *symbols);
    stand_in();
    for (void **place = (void **)&next; place < (void **)(&next + 1); place++)
        if (!*place)
            *place = (void *)(uintptr_t)next_missing;
    next_syscall = (void *)(uintptr_t)next.syscall;
}
