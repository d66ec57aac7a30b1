/*
 * launch.c - the few system calls between a fork and the exec of a program.
 *
 * The kernel's record of a process's peak memory begins with what it has before its exec (setmax_mm_hiwater_rss() in the
 * kernel's exec_mmap()): first the pages that its parent had written, then every page of code that it runs, sixteen at a
 * time. With libc's fork, its exec and its functions in between that is 1.1 MB, more than /bin/true ever has. So the child
 * runs nothing but syscall(2) here, and stays below the least of programs that can load a library. No vfork: its memory would
 * be the parent's, all of it.
 */
#include "launch.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct launch_signals launch_signals_now(void)
{
    struct launch_signals now = {0};
    syscall(SYS_rt_sigaction, SIGCHLD, NULL, now.chld, sizeof now.mask);
    syscall(SYS_rt_sigaction, SIGPIPE, NULL, now.pipe, sizeof now.mask);
    syscall(SYS_rt_sigaction, SIGXFSZ, NULL, now.xfsz, sizeof now.mask);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, now.mask, sizeof now.mask);
    return now;
}

static bool descriptors_place(const struct launch *launch)
{
    return syscall(SYS_dup3, launch->stdin_fd, 0, 0) == 0 && syscall(SYS_dup3, launch->stdout_fd, 1, 0) == 1 &&
           syscall(SYS_dup3, launch->stderr_fd, 2, 0) == 2;
}

static void signals_restore(const struct launch_signals *signals)
{
    syscall(SYS_rt_sigaction, SIGCHLD, signals->chld, NULL, sizeof signals->mask);
    syscall(SYS_rt_sigaction, SIGPIPE, signals->pipe, NULL, sizeof signals->mask);
    syscall(SYS_rt_sigaction, SIGXFSZ, signals->xfsz, NULL, sizeof signals->mask);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, signals->mask, NULL, sizeof signals->mask);
}

void launch_become(const struct launch *launch)
{
    struct timespec now;
    if (descriptors_place(launch)) {
        signals_restore(launch->signals);
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
        launch->note->began_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        syscall(SYS_execve, launch->path, launch->argv, launch->environment);
        if (errno == ENOEXEC)
            syscall(SYS_execve, launch->shell_argv[0], launch->shell_argv, launch->environment);
    }
    launch->note->error = errno != 0 ? errno : ECHILD;
    while (true)
        syscall(SYS_exit_group, 127);
}

pid_t launch(const struct launch *launch)
{
    pid_t parent = getpid();
    long pid = syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        syscall(SYS_setsid);
        syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (syscall(SYS_getppid) != parent)
            syscall(SYS_exit_group, 127);
        launch_become(launch);
    }
    return (pid_t)pid;
}
