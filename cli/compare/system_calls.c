/*
 * system_calls.c - counts the system calls of a program, by ptrace(2), in a run of its own.
 *
 * PTRACE_SEIZE, not PTRACE_TRACEME: with it a group-stop is told from a stop by a signal, and a program that stops itself
 * is not woken by being traced (ptrace(2), "Group-stop"). PTRACE_GET_SYSCALL_INFO says whether a stop is an entry, on
 * every architecture alike. What is counted begins behind the program's own exec.
 *
 * The names come from the kernel's headers (system_calls.inc, made by the Makefile).
 */
#include "system_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH_ is this?"
#endif

/* `state` is written by the tracer and waited for by traced_start(); the counts may be read at any time: each is one word. */
struct traced_shared {
    struct system_call_counts counts;
    volatile int state;                    /* 0: not yet; STATE_RUNS; else -errno */
    volatile pid_t program;
    volatile int wait_status;              /* of the program */
};

enum { STATE_RUNS = 1 };

struct tracer {
    const struct child_wishes *wishes;
    struct traced_shared *shared;
    pid_t program;
    bool has_started;                      /* its exec has been seen */
};

const char *system_call_name(size_t number)
{
    static const char *const names[SYSTEM_CALLS_MOST] = {
#include "system_calls.inc"           /* [__NR_read] = "read", and so on */
    };
    static char unknown[32];
    if (number < SYSTEM_CALLS_MOST && names[number] != NULL)
        return names[number];
    snprintf(unknown, sizeof unknown, "call %zu", number);
    return unknown;
}

/* ---- the tracer ---- */

/* Waits until it is traced, then becomes the program. */
static void program_begin(const struct child_wishes *wishes, int gate_fd)
{
    char byte;
    if (read(gate_fd, &byte, 1) == 1)
        child_become(wishes);
    _exit(127);
}

static int program_seize(struct tracer *tracer)
{
    const unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                                  PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    int wait_status;
    if (ptrace(PTRACE_SEIZE, tracer->program, NULL, options) < 0 || ptrace(PTRACE_INTERRUPT, tracer->program, NULL, NULL) < 0)
        return -errno;
    if (waitpid(tracer->program, &wait_status, __WALL) < 0 || !WIFSTOPPED(wait_status))
        return -ECHILD;
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tracer->program, sizeof info, &info) < 0)
        return errno == EIO || errno == EINVAL ? -ENOSYS : -errno;
    return ptrace(PTRACE_SYSCALL, tracer->program, NULL, NULL) < 0 ? -errno : 0;
}

static void call_count(struct tracer *tracer, pid_t pid)
{
    struct __ptrace_syscall_info info;
    if (!tracer->has_started || ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (info.arch == ARCHITECTURE && info.entry.nr < SYSTEM_CALLS_MOST)
        tracer->shared->counts.of[info.entry.nr]++;
    else
        tracer->shared->counts.others++;
}

/* Looks at a stop and lets it go on. A thread that has vanished meanwhile is nobody's loss. */
static void stop_attend(struct tracer *tracer, pid_t pid, int wait_status)
{
    int number = WSTOPSIG(wait_status), event = wait_status >> 16;
    bool stops_group = event == PTRACE_EVENT_STOP && number != SIGTRAP;
    if (number == (SIGTRAP | 0x80))
        call_count(tracer, pid);
    if (event == PTRACE_EVENT_EXEC && pid == tracer->program)
        tracer->has_started = true;
    bool is_signal = event == 0 && number != (SIGTRAP | 0x80);
    ptrace(stops_group ? PTRACE_LISTEN : PTRACE_SYSCALL, pid, NULL, is_signal ? (unsigned long)number : 0);
}

/* Until the program itself has ended: what it leaves behind is killed as the tracer ends. */
static void program_follow(struct tracer *tracer)
{
    int wait_status;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, __WALL)) > 0 || errno == EINTR) {
        if (pid > 0 && WIFSTOPPED(wait_status)) {
            stop_attend(tracer, pid, wait_status);
        } else if (pid == tracer->program) {
            tracer->shared->wait_status = wait_status;
            return;
        }
    }
}

static int tracer_run(void *context)
{
    struct tracer *tracer = context;
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) < 0) {
        tracer->shared->state = -errno;
        return 1;
    }
    tracer->program = fork();
    tracer->shared->program = tracer->program;
    if (tracer->program == 0)
        program_begin(tracer->wishes, gate[0]);
    int error = tracer->program > 0 ? program_seize(tracer) : -errno;
    tracer->shared->state = error < 0 ? error : STATE_RUNS;
    if (error < 0) {
        if (tracer->program > 0)
            kill(tracer->program, SIGKILL);
        return 1;
    }
    ssize_t written = write(gate[1], "", 1);
    close(gate[0]);
    close(gate[1]);
    if (written == 1)
        program_follow(tracer);
    int wait_status = tracer->shared->wait_status;
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* ---- the caller ---- */

int traced_start(struct traced *traced, const struct child_wishes *wishes)
{
    enum { LOOK_MS = 2 };
    void *shared = mmap(NULL, sizeof *traced->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return errno;
    *traced = (struct traced){.shared = shared};
    struct tracer tracer = {.wishes = wishes, .shared = shared};
    int error = child_start_function(&traced->tracer, tracer_run, &tracer);
    while (error == 0 && traced->shared->state == 0 && !traced->tracer.has_ended)
        if (child_wait(&traced->tracer, LOOK_MS) == WAIT_INTERRUPTED)
            error = EINTR;
    if (error == 0 && traced->shared->state != STATE_RUNS)
        error = traced->shared->state < 0 ? -traced->shared->state : ECHILD;
    if (error != 0)
        traced_end(traced, 0);
    return error;
}

struct system_call_counts traced_counts(const struct traced *traced)
{
    return traced->shared->counts;
}

int traced_wait_status(const struct traced *traced)
{
    return traced->shared->wait_status;
}

void traced_end(struct traced *traced, int grace_ms)
{
    if (!traced->tracer.has_ended && traced->shared->program > 0)
        kill(traced->shared->program, SIGTERM);            /* the tracer itself ends with it, and is deaf meanwhile */
    child_end(&traced->tracer, grace_ms);
    munmap(traced->shared, sizeof *traced->shared);
    traced->shared = NULL;
}
