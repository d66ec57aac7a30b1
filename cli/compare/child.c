/*
 * child.c - processes that are started, waited for and surely ended.
 *
 * One wait for everything, a poll of a signalfd(2) and of what children print (output.c): signals stay blocked, so none can come
 * between looking and waiting, and the process sleeps until a child ends or prints: it takes no processor time from what it
 * measures that is not for its output. No pidfd, which needs Linux 5.3.
 *
 * The time of a child begins in the child, right before its exec, so that the fork of this process is not in it (launch.c).
 */
#include "child.h"

#include "buffer.h"
#include "options.h"
#include "output.h"
#include "process_tree.h"
#include "program.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN_MOST = 16, IDLE_MS = 250, ORPHANS_MOST = 256, END_POLL_MS = 5, DENIED_MS = 2000 };

static struct {
    struct child *live[CHILDREN_MOST];
    pid_t denied[ORPHANS_MOST];            /* may not be signalled: they have become another user (a set-user-ID program) */
    size_t denied_count;
    struct launch_note *note;              /* shared with the child that is being started */
    int null_fd;                           /* every child's standard input */
    pid_t owner;                           /* this process, not one that was forked from it */
    int signal_fd;                         /* readable when a signal has come */
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

/* Whoever ends this process because it is out of memory knows no children. */
static void children_end_at_exit(void)
{
    if (getpid() == children.owner)
        children_end();
}

void children_begin(void)
{
    children.owner = getpid();
    atexit(children_end_at_exit);
    children.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    children.signal_fd = signalfd(-1, signals_awaited(), SFD_CLOEXEC);
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

/* ---- waiting ---- */

static void denied_forget(pid_t pid)
{
    for (size_t i = 0; i < children.denied_count; i++)
        if (children.denied[i] == pid)
            children.denied[i] = children.denied[--children.denied_count];
}

/* Takes in everybody who has ended; who is nobody's child here was an orphan. */
static void children_reap(void)
{
    int wait_status;
    struct rusage usage;
    for (pid_t pid; (pid = wait4(-1, &wait_status, WNOHANG, &usage)) > 0; denied_forget(pid))
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
    outputs_empty_until(children.signal_fd, timeout_ms);
    int number = sigtimedwait(signals_awaited(), NULL, &(struct timespec){0});
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

/* ---- starting ---- */

static struct child **place_free(void)
{
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] == NULL)
            return &children.live[i];
    return NULL;
}

/* The arguments with which the shell runs a text. */
static char **shell_arguments(const char *path, char **argv)
{
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    char **arguments = memory_get((count + 3) * sizeof *arguments);
    arguments[0] = "/bin/sh";
    arguments[1] = (char *)path;
    for (size_t i = 1; i < count; i++)
        arguments[i + 1] = argv[i];
    return arguments;
}

/* Everything that launch.c needs, made before the fork. False: there is no such program. */
static bool launch_prepare(struct launch *wanted, const struct child_wishes *wishes, struct launch_note *note)
{
    char *path = program_find(wishes->argv[0]);
    *wanted = (struct launch){
        .path = path,
        .argv = wishes->argv,
        .environment = wishes->environment,
        .shell_argv = path != NULL ? shell_arguments(path, wishes->argv) : NULL,
        .stdin_fd = children.null_fd,
        .stdout_fd = wishes->stdout_fd,
        .stderr_fd = wishes->stderr_fd,
        .signals = signals_inherited(),
        .note = note,
    };
    *note = (struct launch_note){0};
    return path != NULL;
}

static void launch_finish(struct launch *wanted)
{
    free((void *)wanted->shell_argv);
    free((void *)wanted->path);
}

/* Waits until the exec has gone well, or not: then nobody has the other end of the pipe any more. */
static int exec_await(int told_fd)
{
    char byte;
    while (read(told_fd, &byte, 1) < 0 && errno == EINTR)
        continue;
    return children.note->error;
}

int child_start(struct child *child, const struct child_wishes *wishes)
{
    int told[2];
    struct launch wanted;
    struct child **place = place_free();
    *child = (struct child){0};
    if (place == NULL)
        return EAGAIN;
    if (pipe2(told, O_CLOEXEC) < 0)
        return errno;
    bool is_found = launch_prepare(&wanted, wishes, children.note);
    errno = ENOENT;
    child->pid = is_found ? launch(&wanted) : -1;
    int error = child->pid < 0 ? errno : 0;
    launch_finish(&wanted);
    close(told[1]);
    if (error == 0) {
        *place = child;
        error = exec_await(told[0]);
        child->began_ns = children.note->began_ns;
        if (error != 0)
            wait_for(child, -1, false);
    }
    close(told[0]);
    if (error != 0)
        child->pid = 0;
    return error;
}

void child_become(const struct child_wishes *wishes)
{
    struct launch wanted;
    struct launch_note note;
    if (launch_prepare(&wanted, wishes, &note))
        launch_become(&wanted);
    _exit(127);
}

int child_start_function(struct child *child, int (*run)(void *), void *context)
{
    struct child **place = place_free();
    *child = (struct child){0};
    if (place == NULL)
        return EAGAIN;
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0) {
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(getppid() == parent ? run(context) : 1);
    }
    child->pid = pid;
    *place = child;
    child->began_ns = clock_monotonic_ns();
    return 0;
}

/* ---- ending ---- */

static void denied_keep(pid_t pid)
{
    denied_forget(pid);
    if (children.denied_count < ORPHANS_MOST)
        children.denied[children.denied_count++] = pid;
}

/* False if it did not get it; whoever may not be signalled is kept. */
static bool process_signal(pid_t pid, int number)
{
    if (kill(pid, number) == 0)
        return true;
    if (errno == EPERM)
        denied_keep(pid);
    return false;
}

/* What is below this process and below none of its children: orphans. With a session, those of it alone. Returns how many got
 * the signal. The number of a session is nobody else's while one of its members lives, and others are not looked at. */
static int orphans_signal(pid_t session, int number)
{
    struct process processes[ORPHANS_MOST];
    pid_t own[CHILDREN_MOST];
    size_t own_count = 0;
    int count = 0;
    children_reap();
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] != NULL)
            own[own_count++] = children.live[i]->pid;
    size_t below = process_tree(getpid(), own, own_count, processes, ORPHANS_MOST);
    for (size_t i = 0; i < below; i++)
        if (processes[i].pid != getpid() && (session == 0 || processes[i].session == session) && process_signal(processes[i].pid, number))
            count++;
    return count;
}

static int orphans_end(pid_t session, int grace_ms)
{
    uint64_t kill_ns = clock_monotonic_ns() + (uint64_t)grace_ms * 1000000;
    int number = SIGTERM, found = orphans_signal(session, number), left = found;
    while (left > 0) {
        wait_for(NULL, END_POLL_MS, false);
        if (clock_monotonic_ns() >= kill_ns) {
            if (number == SIGKILL)
                break;                     /* nobody outlives SIGKILL for long; who does is not to be waited for */
            number = SIGKILL;
            kill_ns += 2000000000;
        }
        left = orphans_signal(session, number == SIGKILL ? number : 0);
    }
    return found;
}

static void child_forget(struct child *child)
{
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] == child)
            children.live[i] = NULL;
    child->ended_ns = clock_monotonic_ns();
}

/* The child alone at first: a server ends its workers itself, and they have accounts to give. Then its group, which it
 * may have left. It has not been waited for: the numbers are its own. One that may not be signalled has no use for grace; it may end
 * by itself, but is not waited for as long as it likes. */
static void child_stop(struct child *child, int grace_ms)
{
    int half_ms = process_signal(child->pid, SIGTERM) ? grace_ms / 2 : 0;
    kill(child->pid, SIGCONT);
    if (wait_for(child, half_ms, false) == WAIT_TIMEOUT)
        kill(-child->pid, SIGTERM);
    if (wait_for(child, half_ms, false) != WAIT_TIMEOUT)
        return;
    kill(-child->pid, SIGKILL);
    bool is_denied = !process_signal(child->pid, SIGKILL);
    if (wait_for(child, is_denied ? DENIED_MS : -1, false) == WAIT_TIMEOUT)
        child_forget(child);
}

void child_end(struct child *child, int grace_ms)
{
    if (child->pid == 0)
        return;
    if (!child->has_ended)
        child_stop(child, grace_ms);
    orphans_end(child->pid, grace_ms);
}

int children_end_orphans(int grace_ms)
{
    return orphans_end(0, grace_ms);
}

static void denied_tell(void)
{
    struct buffer text = {0};
    children_reap();
    for (size_t i = 0; i < children.denied_count; i++)
        buffer_append_format(&text, " %d", (int)children.denied[i]);
    if (children.denied_count > 0)
        own_failure("compare: could not be ended, they are not this user's:%s", text.bytes);
    buffer_finish(&text);
}

void children_end(void)
{
    enum { GRACE_MS = 2000 };
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] != NULL)
            kill(children.live[i]->pid, SIGTERM);
    for (size_t i = 0; i < CHILDREN_MOST; i++)
        if (children.live[i] != NULL)
            child_end(children.live[i], GRACE_MS);
    children_end_orphans(GRACE_MS);
    denied_tell();
}
