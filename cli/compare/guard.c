/*
 * guard.c - does the work in a process of its own, and is there when that has ended, however it has.
 *
 * Three processes: this one, the keeper below it, and the worker below that. The keeper is there to be nobody else's parent: orphans
 * of a worker that was killed come to it (PR_SET_CHILD_SUBREAPER), and they alone; to this process would come those of what was below
 * it before, too.
 *
 * A signal that the terminal sends reaches all three by itself, since they are in the terminal's foreground group: the kernel marks it
 * SI_KERNEL, and it is not sent a second time.
 */
#include "guard.h"

#include "child.h"
#include "options.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for a child, and passes on what comes for it meanwhile. */
static int child_watch(pid_t child)
{
    int wait_status;
    siginfo_t info;
    while (waitpid(child, &wait_status, WNOHANG) != child)
        if (sigwaitinfo(signals_awaited(), &info) > 0 && info.si_signo != SIGCHLD && info.si_code != SI_KERNEL)
            kill(child, info.si_signo);
    return wait_status;
}

/* A child that is told by SIGTERM when its parent has gone. As fork(2). */
static pid_t child_fork(void)
{
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            raise(SIGTERM);                /* blocked: it is seen in the first wait */
    }
    return child;
}

static int fork_failure(void)
{
    return own_failure("compare: fork: %s", strerror(errno));
}

static int exit_status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* What the worker has printed is written here, where its exit status can still say that it was not. */
static int worker_run(const struct guarded *guarded, pid_t keeper)
{
    int status = guarded->work(guarded->context);
    if (fflush(stdout) != 0 || ferror(stdout))
        status = own_failure("cannot write to standard output");
    if (getppid() != keeper)
        guarded->tidy(guarded->context);
    return status;
}

static int keeper_run(const struct guarded *guarded)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t keeper = getpid(), worker = child_fork();
    if (worker == 0)
        _exit(worker_run(guarded, keeper));
    int wait_status = 0, status = worker > 0 ? 0 : fork_failure();
    if (worker > 0) {
        wait_status = child_watch(worker);
        status = exit_status_of(wait_status);
    }
    if (WIFSIGNALED(wait_status))
        children_end();                    /* else the worker has */
    guarded->tidy(guarded->context);
    return status;
}

int guard_run(const struct guarded *guarded)
{
    pid_t keeper = child_fork();
    if (keeper == 0)
        _exit(keeper_run(guarded));
    if (keeper > 0)
        return exit_status_of(child_watch(keeper));
    int status = fork_failure();
    guarded->tidy(guarded->context);
    return status;
}
