/*
 * child.h - processes that are started, waited for and surely ended.
 *
 * Each child leads a session of its own: it has no terminal, and can be ended with what it started. What leaves that session
 * and loses its parent comes to this process (PR_SET_CHILD_SUBREAPER) and can be ended too; it is found in /proc, and without one it
 * is not. A child whose parent is killed is killed by the kernel (PR_SET_PDEATHSIG).
 *
 * Signals are blocked already (signals.h) and looked at in every wait: after one that ends this command all waits
 * answer WAIT_INTERRUPTED at once, and the caller has nothing to do but to leave.
 *
 * Threads: one. At most 16 children at a time.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child_wishes {
    char **argv;
    char **environment;
    int stdout_fd, stderr_fd;              /* standard input is /dev/null */
};

struct child {
    pid_t pid;                             /* 0: was not started */
    bool has_ended;
    int wait_status;
    struct rusage usage;                   /* of it and the children that it waited for */
    uint64_t began_ns, ended_ns;           /* CLOCK_MONOTONIC: as it called exec, and as its end was seen */
};

enum wait_answer { WAIT_ENDED, WAIT_TIMEOUT, WAIT_INTERRUPTED };

/* Once, before all others. What is left when exit(3) is called is ended. */
void children_begin(void);

/* What is shown while something takes long: called about four times a second during every wait. May be NULL. */
void children_set_idle(void (*idle)(void *), void *context);

/* Starts the program, found as execvp(3) finds it. 0, or the errno of the exec or fork that failed. `child` stays where it
 * is until WAIT_ENDED was answered or child_end() has returned: whoever starts one sees to one of the two. */
int child_start(struct child *child, const struct child_wishes *wishes);

/* Starts `run(context)` in a process of its own, whose exit status it returns. Signals stay blocked in it. 0 or errno. */
int child_start_function(struct child *child, int (*run)(void *), void *context);

/* Waits until it has ended, at most timeout_ms; -1: as long as it takes. */
enum wait_answer child_wait(struct child *child, int timeout_ms);

/* Ends it, then what is left of its session: SIGTERM, and after grace_ms SIGKILL. Returns when it has ended; if it may not be
 * signalled, at the latest two seconds later: it has not ended then, and is forgotten. Works when interrupted. */
void child_end(struct child *child, int grace_ms);

/* Ends what ended children left behind, whatever session it is in. Returns how many processes that were, without those that may not be
 * signalled. */
int children_end_orphans(int grace_ms);

/* Ends all children and their orphans. Who could not be ended is told on standard error. */
void children_end(void);

/* The signal that came, or 0. */
int children_interrupted(void);

/* In a process that has been forked: it becomes the program. Never returns. */
_Noreturn void child_become(const struct child_wishes *wishes);

uint64_t clock_monotonic_ns(void);

#endif
