/* output.c - lines on the program's stderr. See include/output.h. */
#include "output.h"

#include "fdtable.h"
#include "system.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

static struct stat meant_stdout, meant_stderr;

static void remember(int fd, struct stat *file)
{
    if (system(fstat, fd, file) != 0)
        file->st_ino = 0;
}

static bool is_same(int fd, const struct stat *file)
{
    struct stat now;
    return file->st_ino && system(fstat, fd, &now) == 0 && now.st_ino == file->st_ino && now.st_dev == file->st_dev;
}

void output_stderr_is(void)
{
    remember(2, &meant_stderr);
}

void output_stdout_is(void)
{
    remember(1, &meant_stdout);
}

bool output_stdout_is_same(void)
{
    return is_same(1, &meant_stdout);
}

/* A pipe whose reader has gone, or a file at its limit, answers with a signal that the program never asked for: it is
 * held back and taken away again. */
static void write_without_signal(int fd, struct slice lines)
{
    const uint64_t all = ~UINT64_C(0), raised = UINT64_C(1) << (SIGPIPE - 1) | UINT64_C(1) << (SIGXFSZ - 1);
    const struct timespec at_once = {0};
    uint64_t before, pending = 0;
    system(rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
    system(rt_sigpending, &pending, sizeof pending);
    long n = system(write, fd, lines.ptr, lines.len);
    uint64_t ours = raised & ~pending;
    if ((n == -EPIPE || n == -EFBIG) && ours)
        system(rt_sigtimedwait, &ours, NULL, &at_once, sizeof ours);
    system(rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

void output_stderr(struct slice lines)
{
    struct pollfd ready = {.fd = 2, .events = POLLOUT};
    struct timespec at_once = {0};
    if (fdtable_get(2) || !is_same(2, &meant_stderr)) /* a connection is no place for a line of ours */
        return;
    if (system(ppoll, &ready, 1, &at_once, NULL, 8) == 1 && ready.revents == POLLOUT)
        write_without_signal(2, lines);
}
