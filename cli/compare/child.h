/*
 * child.h - processes that are started, waited for and surely ended.
 *
 * Each child leads a process group of its own, so that it can be ended with what it started. What leaves that group
 * and loses its parent comes to this process (PR_SET_CHILD_SUBREAPER) and is ended too. A child whose parent is killed
 * is killed by the kernel (PR_SET_PDEATHSIG).
 *
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT are blocked from children_begin() on and looked at in every wait: from then on all waits
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

/* Once, before all others. */
void children_begin(void);

/* What is shown while something takes long: called about four times a second during every wait. May be NULL. */
void children_set_idle(void (*idle)(void *), void *context);

/* Starts the program, found as execvp(3) finds it. 0, or the errno of the exec or fork that failed. `child` stays where it
 * is until WAIT_ENDED was answered or child_end() has returned: whoever starts one sees to one of the two. */
int child_start(struct child *child, const struct child_wishes *wishes);

/* Starts `run(context)` in a process of its own, whose exit status it returns. Its group is the place of whatever it
 * starts; the signals above stay blocked in it. 0 or errno. */
int child_start_function(struct child *child, int (*run)(void *), void *context);

/* Waits until it has ended, at most timeout_ms; -1: as long as it takes. */
enum wait_answer child_wait(struct child *child, int timeout_ms);

/* Ends it and its group: SIGTERM, and after grace_ms SIGKILL. Returns when it has ended. Works when interrupted. */
void child_end(struct child *child, int grace_ms);

/* Ends what an ended child left behind, in its group or orphaned. Returns how many processes that were. */
int child_end_rest(const struct child *child, int grace_ms);

/* Ends all children and their orphans. */
void children_end(void);

/* The signal that came, or 0. */
int children_interrupted(void);

/* Sleeps; answers WAIT_TIMEOUT or WAIT_INTERRUPTED. */
enum wait_answer children_sleep(int ms);

/* Puts back what children_begin() blocked, in a process that has been forked and goes on as another program. */
void child_restore_signals(void);

uint64_t clock_monotonic_ns(void);

#endif
