/*
 * child.c - processes that are started, waited for and surely ended.
 *
 * One wait for everything, sigtimedwait(2): signals stay blocked, so none can come between looking and waiting, and the
 * process sleeps until a child ends: it takes no processor time from what it measures. No pidfd, which needs Linux 5.3.
 *
 * The time of a child begins in the child, right before its exec, so that the fork of this process is not in it. It is
 * fork, not vfork or posix_spawn: a child's peak memory begins at what its parent's memory is as it shares it, and after
 * fork that is only what this process has written, which is little.
 */
#include "child.h"

#include "process_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN_MOST = 16, IDLE_MS = 250, ORPHANS_MOST = 256, END_POLL_MS = 5 };

/* What a child tells before its exec, and whether that failed. */
struct start_note {
    uint64_t began_ns;
    int error;
};

static struct {
    struct child *live[CHILDREN_MOST];
    sigset_t awaited, inherited_mask;
    struct sigaction inherited_chld;
    struct start_note *note;               /* shared with the child that is being started */
    int interrupted_by;
    void (*idle)(void *);
    void *idle_context;
} children;

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void children_begin(void)
{
    static const int awaited[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigemptyset(&children.awaited);
    for (size_t i = 0; i < sizeof awaited / sizeof *awaited; i++)
        sigaddset(&children.awaited, awaited[i]);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &children.inherited_chld);
    sigprocmask(SIG_BLOCK, &children.awaited, &children.inherited_mask);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    children.note = mmap(NULL, sizeof *children.note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void children_set_idle(void (*idle)(void *), void *context)
{
    children.idle = idle;
    children.idle_context = context;
}

int children_interrupted(void)
{
    return children.interrupted_by;
}

void child_restore_signals(void)
{
    sigaction(SIGCHLD, &children.inherited_chld, NULL);
    sigprocmask(SIG_SETMASK, &children.inherited_mask, NULL);
}

/* ---- starting ---- */

static struct child **place_free(void)
{
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] == NULL)
            return &children.live[i];
    return NULL;
}

/* Forks. In the child: its group is its own, and it does not outlive its parent. Returns as fork(2). */
static pid_t child_fork(struct child *child)
{
    *child = (struct child){0};
    struct child **place = place_free();
    if (place == NULL) {
        errno = EAGAIN;
        return -1;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        return 0;
    }
    if (pid > 0) {
        setpgid(pid, pid);                 /* both do it: whoever comes first */
        child->pid = pid;
        *place = child;
    }
    return pid;
}

static void program_become(const struct child_wishes *wishes)
{
    int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(wishes->stdout_fd, 1) < 0 || dup2(wishes->stderr_fd, 2) < 0)
        return;
    if (null_fd > 2)
        close(null_fd);
    child_restore_signals();
    children.note->began_ns = clock_monotonic_ns();
    execvpe(wishes->argv[0], wishes->argv, wishes->environment);
}

int child_start(struct child *child, const struct child_wishes *wishes)
{
    int told[2];
    char byte;
    if (pipe2(told, O_CLOEXEC) < 0)
        return errno;
    *children.note = (struct start_note){0};
    pid_t pid = child_fork(child);
    int error = pid < 0 ? errno : 0;
    if (pid == 0) {
        program_become(wishes);
        children.note->error = errno != 0 ? errno : ENOEXEC;
        _exit(127);
    }
    close(told[1]);
    while (pid > 0 && read(told[0], &byte, 1) < 0 && errno == EINTR)     /* until exec or exit has closed its end */
        continue;
    close(told[0]);
    child->began_ns = children.note->began_ns;
    if (error == 0 && children.note->error != 0) {
        error = children.note->error;
        child_wait(child, -1);
    }
    return error;
}

int child_start_function(struct child *child, int (*run)(void *), void *context)
{
    pid_t pid = child_fork(child);
    if (pid == 0)
        _exit(run(context));
    child->began_ns = clock_monotonic_ns();
    return pid < 0 ? errno : 0;
}

/* ---- waiting ---- */

/* Takes in everybody who has ended; who is nobody's child here was an orphan. */
static void children_reap(void)
{
    int wait_status;
    struct rusage usage;
    for (pid_t pid; (pid = wait4(-1, &wait_status, WNOHANG, &usage)) > 0;)
        for (size_t i = 0; i < CHILDREN_MOST; i++) {
            struct child *child = children.live[i];
            if (child == NULL || child->pid != pid)
                continue;
            child->ended_ns = clock_monotonic_ns();
            child->has_ended = true;
            child->wait_status = wait_status;
            child->usage = usage;
            children.live[i] = NULL;
        }
}

/* Waits for the next signal, at most that long. False when the time is over. */
static bool signal_take(int timeout_ms)
{
    struct timespec limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    int number = sigtimedwait(&children.awaited, NULL, &limit);
    if (number > 0 && number != SIGCHLD && children.interrupted_by == 0)
        children.interrupted_by = number;
    if (number == SIGCHLD)
        children_reap();
    return number > 0;
}

static bool is_interrupted(bool looks_at_interruption)
{
    return looks_at_interruption && children.interrupted_by != 0;
}

/* `child` may be NULL: nobody's end is waited for, only the time. */
static enum wait_answer wait_for(struct child *child, int timeout_ms, bool looks_at_interruption)
{
    uint64_t until_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    children_reap();
    while (child == NULL || !child->has_ended) {
        int left_ms = IDLE_MS;
        if (is_interrupted(looks_at_interruption))
            return WAIT_INTERRUPTED;
        if (timeout_ms >= 0) {
            uint64_t now_ns = clock_monotonic_ns();
            if (now_ns >= until_ns)
                return WAIT_TIMEOUT;
            uint64_t left = (until_ns - now_ns + 999999) / 1000000;
            left_ms = left < IDLE_MS ? (int)left : IDLE_MS;
        }
        if (!signal_take(left_ms) && children.idle != NULL)
            children.idle(children.idle_context);
    }
    return is_interrupted(looks_at_interruption) ? WAIT_INTERRUPTED : WAIT_ENDED;
}

enum wait_answer child_wait(struct child *child, int timeout_ms)
{
    return wait_for(child, timeout_ms, true);
}

enum wait_answer children_sleep(int ms)
{
    return wait_for(NULL, ms, true);
}

/* ---- ending ---- */

static bool is_child(pid_t pid)
{
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] != NULL && children.live[i]->pid == pid)
            return true;
    return false;
}

/* Is anybody left of the group? Zombies whose parent has not looked yet count until it has. */
static bool group_lives(pid_t group)
{
    return kill(-group, 0) == 0 || errno == EPERM;
}

/* Sends the signal to the orphans: who is below this process and below none of its children. Returns how many. */
static int orphans_signal(int number)
{
    pid_t pids[ORPHANS_MOST], below[ORPHANS_MOST];
    size_t count = process_tree(getpid(), pids, ORPHANS_MOST);
    int orphans = 0;
    for (size_t i = 0; i < CHILDREN_MOST; i++) {
        size_t of_child = children.live[i] != NULL ? process_tree(children.live[i]->pid, below, ORPHANS_MOST) : 0;
        for (size_t one = 0; one < of_child && one < ORPHANS_MOST; one++)
            for (size_t j = 0; j < count && j < ORPHANS_MOST; j++)
                if (pids[j] == below[one])
                    pids[j] = 0;
    }
    for (size_t i = 0; i < count && i < ORPHANS_MOST; i++)
        if (pids[i] != 0 && pids[i] != getpid() && !is_child(pids[i]) && kill(pids[i], number) == 0)
            orphans++;
    return orphans;
}

void child_end(struct child *child, int grace_ms)
{
    if (child->pid == 0)
        return;
    if (!child->has_ended) {
        kill(-child->pid, SIGTERM);
        if (wait_for(child, grace_ms, false) == WAIT_TIMEOUT)
            kill(-child->pid, SIGKILL);
        wait_for(child, -1, false);
    }
    child_end_rest(child, grace_ms);
}

int child_end_rest(const struct child *child, int grace_ms)
{
    uint64_t kill_ns = clock_monotonic_ns() + (uint64_t)grace_ms * 1000000;
    children_reap();
    int number = SIGTERM, left = orphans_signal(number);
    if (group_lives(child->pid) && kill(-child->pid, number) == 0 && left == 0)
        left = 1;
    int found = left;
    while (left > 0 || group_lives(child->pid)) {
        wait_for(NULL, END_POLL_MS, false);
        if (number == SIGTERM && clock_monotonic_ns() >= kill_ns) {
            number = SIGKILL;
            kill_ns += 2000000000;         /* nobody outlives SIGKILL for long; who does is not to be waited for */
        } else if (number == SIGKILL && clock_monotonic_ns() >= kill_ns) {
            break;
        }
        if (number == SIGKILL)
            kill(-child->pid, number);
        left = orphans_signal(number == SIGKILL ? number : 0);
    }
    return found;
}

void children_end(void)
{
    enum { GRACE_MS = 2000 };
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] != NULL)
            kill(-children.live[i]->pid, SIGTERM);
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] != NULL)
            child_end(children.live[i], GRACE_MS);
}
