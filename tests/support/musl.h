/* musl.h - before the programs of tests/system/programs when they are built for musl: what they call and it does not have. */
#include <sys/syscall.h>
#include <unistd.h>

static inline int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

static inline void closefrom(int first)
{
    close_range((unsigned)first, ~0U, 0);
}

static inline int execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags)
{
    return (int)syscall(SYS_execveat, directory, path, argv, envp, flags);
}
