/*
 * guard.c - does the work in a child, and is there when that has ended, however it has.
 *
 * A signal that the terminal sends reaches the child by itself, since both are in the terminal's foreground group: the kernel marks it
 * SI_KERNEL, and it is not sent a second time.
 */
#include "guard.h"

#include "options.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t guard;

bool guard_is_gone(void)
{
    return getppid() != guard;
}

/* What the child has printed is written here, where its exit status can still say that it was not. */
static int work_do(int (*work)(void *), void *context)
{
    int status = work(context);
    if (fflush(stdout) != 0 || ferror(stdout))
        status = own_failure("cannot write to standard output");
    return status;
}

int guard_run(int (*work)(void *), void *context)
{
    int wait_status;
    siginfo_t info;
    guard = getpid();
    pid_t child = fork();
    if (child < 0)
        return own_failure("compare: fork: %s", strerror(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        _exit(!guard_is_gone() ? work_do(work, context) : 128 + SIGTERM);
    }
    while (waitpid(child, &wait_status, WNOHANG) != child)
        if (sigwaitinfo(signals_awaited(), &info) > 0 && info.si_signo != SIGCHLD && info.si_code != SI_KERNEL)
            kill(child, info.si_signo);
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
