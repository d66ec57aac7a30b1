/*
 * launch.h - the few system calls between a fork and the exec of a program.
 *
 * Memory: everything that `struct launch` points to belongs to the caller, who has made it before.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdint.h>
#include <sys/types.h>

/* What a child tells: shared with it. */
struct launch_note {
    uint64_t began_ns;                     /* CLOCK_MONOTONIC, right before its exec */
    int error;                             /* errno of what failed; 0: its exec went well */
};

/* A signal's action and a set of signals, as the kernel has them. */
struct launch_signals {
    unsigned long chld[4], pipe[4], xfsz[4]; /* struct sigaction: handler, flags, and what the machine adds */
    unsigned long mask[1];
};

struct launch {
    const char *path;                      /* of the program, found already */
    char *const *argv, *const *environment;
    char *const *shell_argv;               /* for a text without #!: the shell with it, as execvp(3) does */
    int stdin_fd, stdout_fd, stderr_fd;    /* none of them 0, 1 or 2 */
    const struct launch_signals *signals;  /* what it is to begin with */
    struct launch_note *note;
};

/* The signals as they are now. */
struct launch_signals launch_signals_now(void);

/* Starts it, as the leader of a session of its own: it has no terminal, and gets no signals from one. It is killed when this process
 * is. Returns as fork(2). */
pid_t launch(const struct launch *launch);

/* The process becomes the program. Never returns. */
_Noreturn void launch_become(const struct launch *launch);

#endif
