/* calls_process.c - hooks on the life of a process that need more than a row (OWN in hooks.def).
 *
 * Whatever ends the process or replaces its image first lets the spans that are finished out, within the budget.
 * What ends the child of a vfork touches nothing.
 */
#include "carrier.h"
#include "causality.h"
#include "command.h"
#include "exporter.h"
#include "exporter_thread.h"
#include "hooks.h"
#include "process.h"
#include "system.h"
#include "thread.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/stat.h>

extern char **environ;

int *__errno_location(void);

_Static_assert(offsetof(struct thread, vfork_depth) == 8, "VFORK_DEPTH of vfork.S");

/* The child begins anew while it has one thread. What the wiped page would tell later is for children that were made
 * without us, and comes too late for those whose first threads meet here at once; and some kernels do not wipe. */
static pid_t forked(pid_t pid, uint32_t generation)
{
    if (!process.enabled)
        return pid;
    if (pid == 0 && process.generation == generation) {
        if (process.alive)
            *process.alive = PROCESS_WIPED;
        process_reborn();
    } else if (pid > 0) {
        atomic_fetch_add_explicit(&process.forks, 1, memory_order_relaxed);
    }
    return pid;
}

/* Our thread ends before: a program that counts its threads when it forks finds its own (CPython 3.12 warns of others). */
pid_t hook_fork(void)
{
    pid_t (*libc)(void) = NEXT(fork);
    uint32_t generation = process.generation;
    bool is_paused = exporter_thread_pause_if_not_last();
    pid_t pid = forked(libc(), generation);
    if (pid != 0 && is_paused)
        exporter_thread_resume();
    return pid;
}

pid_t hook__Fork(void)
{
    uint32_t generation = process.generation;
    return forked(NEXT(_Fork)(), generation);
}

/* The end of one thread. If it is the program's last, ours would keep the process from ending. */
static void thread_ends(void)
{
    process_before_exec();
    exporter_thread_pause();
    exporter_thread_unpause();
}

/* What a child with memory of its own runs; the struct lies in its copy of our frame. When it returns, libc ends that thread
 * alone by a call that does not pass here: ours would keep the child from ending, and its parent waiting for ever. */
struct child {
    int (*run)(void *);
    void *argument;
    uint32_t generation;
};

static int child_runs(void *memory)
{
    struct child *child = memory;
    forked(0, child->generation);
    int status = child->run(child->argument);
    thread_ends();
    return status;
}

/* A child on our memory, while we wait for it to execute or end: a vfork by another name. */
int hook_clone(int (*run)(void *), void *stack, int flags, void *argument, void *parent_id, void *thread_block, void *child_id)
{
    int (*libc)(int (*)(void *), void *, int, void *, void *, void *, void *) = NEXT(clone);
    struct child child = {run, argument, process.generation};
    if (!(flags & CLONE_VM) && run)
        return forked(libc(child_runs, stack, flags, &child, parent_id, thread_block, child_id), child.generation);
    bool is_vfork = (flags & (CLONE_VM | CLONE_VFORK | CLONE_THREAD)) == (CLONE_VM | CLONE_VFORK);
    thread.vfork_depth += is_vfork;
    int pid = libc(run, stack, flags, argument, parent_id, thread_block, child_id);
    thread.vfork_depth -= is_vfork;
    return pid;
}

/* libc forks and lets the parent go by calls of its own, which do not pass here. */
int hook_daemon(int keep_directory, int keep_output)
{
    process_before_exec();
    if (!keep_output)
        descriptor_range_closes(0, 2);
    return NEXT(daemon)(keep_directory, keep_output);
}

/* --- what a new program is given of context (carrier.h) -------------------------------------------------------------- */

enum program { IN_OUR_PLACE, AS_OUR_CHILD };

/* False: nothing is handed on. Texts that have no room are left out, and their lengths say what they need. */
static bool ask_for_context(struct carrier_copy *copy, enum program program, char *room, size_t size)
{
    if (!process.enabled)
        return false;
    if (program == IN_OUR_PLACE)
        copy->command = command_handover(&copy->context, &copy->has_ids);
    if (!copy->command.ptr)
        copy->has_ids = causality_context(&copy->context, room, size);
    return copy->command.ptr || copy->has_ids;
}

static size_t texts_size(struct carrier_copy *copy, enum program program)
{
    return ask_for_context(copy, program, NULL, 0) ? copy->context.tracestate.len + copy->context.baggage.len : 0;
}

static size_t copy_size(struct carrier_copy *copy, enum program program, char *room, size_t size)
{
    if (ask_for_context(copy, program, room, size))
        carrier_measure(copy);
    return copy->size;
}

/* `environment`: the caller's, or a copy of it on this frame's stack, as the arguments below. */
#define ENVIRONMENT(given, program)                                             \
    struct carrier_copy copy = {.envp = (given)};                               \
    char texts[texts_size(&copy, program) + 1];                                 \
    char *room[copy_size(&copy, program, texts, sizeof texts - 1) / sizeof(char *) + 1]; \
    char *const *environment = carrier_write(&copy, room)

/* What we add may be what is too much for the kernel. */
static bool is_too_long(const struct carrier_copy *copy, int error_number)
{
    return copy->size && error_number == E2BIG;
}

#define EXECUTES(given, call)                                     \
    process_before_exec();                                        \
    ENVIRONMENT(given, IN_OUR_PLACE);                             \
    int rc = (call);                                              \
    if (rc == -1 && is_too_long(&copy, *__errno_location())) {    \
        environment = copy.envp;                                  \
        rc = (call);                                              \
    }

int hook_execve(const char *path, char *const argv[], char *const envp[])
{
    EXECUTES(envp, NEXT(execve)(path, argv, environment));
    return rc;
}

int hook_execv(const char *path, char *const argv[])
{
    EXECUTES(environ, copy.size ? NEXT(execve)(path, argv, environment) : NEXT(execv)(path, argv));
    return rc;
}

int hook_execvp(const char *file, char *const argv[])
{
    bool is_simple = next_is_missing(NEXT(execvpe));
    EXECUTES(environ, copy.size && !is_simple ? NEXT(execvpe)(file, argv, environment) : NEXT(execvp)(file, argv));
    return rc;
}

int hook_execvpe(const char *file, char *const argv[], char *const envp[])
{
    EXECUTES(envp, NEXT(execvpe)(file, argv, environment));
    return rc;
}

int hook_fexecve(int fd, char *const argv[], char *const envp[])
{
    EXECUTES(envp, NEXT(fexecve)(fd, argv, environment));
    return rc;
}

int hook_execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags)
{
    EXECUTES(envp, NEXT(execveat)(directory, path, argv, environment, flags));
    return rc;
}

#define SPAWNS(given, call)              \
    ENVIRONMENT(given, AS_OUR_CHILD);    \
    int rc = (call);                     \
    if (is_too_long(&copy, rc)) {        \
        environment = copy.envp;         \
        rc = (call);                     \
    }

int hook_posix_spawn(pid_t *pid, const char *path, const void *actions, const void *attributes, char *const argv[], char *const envp[])
{
    SPAWNS(envp, NEXT(posix_spawn)(pid, path, actions, attributes, argv, environment));
    return rc;
}

int hook_posix_spawnp(pid_t *pid, const char *file, const void *actions, const void *attributes, char *const argv[], char *const envp[])
{
    SPAWNS(envp, NEXT(posix_spawnp)(pid, file, actions, attributes, argv, environment));
    return rc;
}

/* Whether nobody else can look at `environ` now: libc says it, or the kernel, which counts a process's threads in the links of
 * the directory of them. Ours is one of them, and starts only from another. */
static bool is_program_alone(void)
{
    struct stat tasks;
    if (thread.vfork_depth || process_is_another())
        return false;
    if (process_has_one_thread())
        return true;
    uint32_t ours = atomic_load_explicit(&exporter.thread, memory_order_relaxed);
    if (system(newfstatat, AT_FDCWD, "/proc/self/task", &tasks, 0) != 0)
        return false;
    return tasks.st_nlink == 3u + (ours != 0) && ours == atomic_load_explicit(&exporter.thread, memory_order_relaxed);
}

/* libc hands on `environ` itself, by calls that do not pass here. Where it cannot stand for another meanwhile, that is what
 * the command gets: what this process was started with. */
static bool lend_environment(void)
{
    carrier_recover();
    struct carrier_copy copy = {.envp = environ};
    char texts[texts_size(&copy, AS_OUR_CHILD) + 1];
    return copy_size(&copy, AS_OUR_CHILD, texts, sizeof texts - 1) && is_program_alone() && carrier_lend(&copy);
}

int hook_system(const char *command)
{
    bool is_lent = command && lend_environment();
    int rc = NEXT(system)(command);
    if (is_lent)
        carrier_take_back();
    return rc;
}

FILE *hook_popen(const char *command, const char *mode)
{
    bool is_lent = lend_environment();
    FILE *stream = NEXT(popen)(command, mode);
    if (is_lent)
        carrier_take_back();
    return stream;
}

/* The list forms become vectors on the stack, as in libc: there is no other place that a vfork's child may write to. */
static size_t count_arguments(va_list list)
{
    size_t count = 1;
    while (va_arg(list, const char *))
        count++;
    return count;
}

static void copy_arguments(const char **argv, const char *first, size_t count, va_list *list)
{
    argv[0] = first;
    for (size_t i = 1; i <= count; i++)
        argv[i] = va_arg(*list, const char *);
}

#define ARGUMENTS(first)                                  \
    va_list list;                                         \
    va_start(list, first);                                \
    size_t count = (first) ? count_arguments(list) : 0;   \
    va_end(list);                                         \
    const char *argv[count + 1];                          \
    va_start(list, first);                                \
    copy_arguments(argv, first, count, &list)

int hook_execl(const char *path, const char *argument, ...)
{
    ARGUMENTS(argument);
    va_end(list);
    return hook_execve(path, (char *const *)argv, environ);
}

int hook_execlp(const char *file, const char *argument, ...)
{
    ARGUMENTS(argument);
    va_end(list);
    return hook_execvp(file, (char *const *)argv);
}

int hook_execle(const char *path, const char *argument, ...)
{
    ARGUMENTS(argument);
    char *const *envp = va_arg(list, char *const *);
    va_end(list);
    return hook_execve(path, (char *const *)argv, envp);
}

void hook_exit(int status)
{
    process_exit_called(status);
    NEXT(exit)(status);
    __builtin_unreachable();
}

#define ENDS(name)              \
    process_ending(status);     \
    NEXT(name)(status);         \
    system(exit_group, status); \
    __builtin_unreachable()

void hook__exit(int status)
{
    ENDS(_exit);
}

void hook__Exit(int status)
{
    ENDS(_Exit);
}

void hook_quick_exit(int status)
{
    ENDS(quick_exit);
}

void hook_abort(void)
{
    process_before_exec(); /* a handler of SIGABRT may still go on */
    NEXT(abort)();
    __builtin_unreachable();
}

static bool is_per_thread(int option)
{
    switch (option) {
    case PR_SET_SECCOMP:
    case PR_SET_NO_NEW_PRIVS:
    case PR_SET_SECUREBITS:
    case PR_SET_KEEPCAPS:
    case PR_CAPBSET_DROP:
    case PR_CAP_AMBIENT:
        return true;
    }
    return false;
}

/* Everything out before the filter is there; if it is, we are no more. */
static void filter_installs(void)
{
    process_before_exec();
}

static void filter_installed(bool installed)
{
    if (!installed)
        return;
    exporter_thread_forbid();
    process_retire();
}

int hook_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    int (*libc)(int, unsigned long, unsigned long, unsigned long, unsigned long) = NEXT(prctl);
    if (!is_per_thread(option))
        return libc(option, a, b, c, d);
    if (option == PR_SET_SECCOMP)
        filter_installs();
    bool is_paused = true;
    if (option == PR_SET_NO_NEW_PRIVS)
        is_paused = exporter_thread_pause_if_not_last(); /* ours executes nothing anyway */
    else
        exporter_thread_pause();
    int rc = libc(option, a, b, c, d);
    filter_installed(option == PR_SET_SECCOMP && rc == 0);
    if (is_paused)
        exporter_thread_resume();
    return rc;
}

/* Some programs edit their table this way (libuv closes so): a number that a file took would be a connection to us. */
static bool edits_descriptors(long number)
{
    switch (number) {
    case SYS_close:
    case SYS_close_range:
    case SYS_dup:
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup3:
        return true;
    }
    return false;
}

/* Before the call, as in the hooks of close and close_range. */
static void descriptor_edits(long number, long a, long b, long c)
{
    if (number == SYS_close)
        descriptor_closes((int)a);
    else if (number == SYS_close_range && !(c & 4)) /* CLOSE_RANGE_CLOEXEC */
        descriptor_range_closes((unsigned)a, (unsigned)b);
}

/* An end by another name: what is finished goes out first. */
static bool ends_by_call(long number, long a)
{
    switch (number) {
    case SYS_exit: thread_ends(); return true;
    case SYS_exit_group: process_ending((int)a); return true;
    case SYS_execve: /* fallthrough */
    case SYS_execveat: process_before_exec(); return true;
    }
    return false;
}

/* From syscall.S: the calls that concern us, and all of them before `next` is resolved. */
__attribute__((visibility("hidden"))) long syscall_watched(long number, long a, long b, long c, long d, long e, long f);

long syscall_watched(long number, long a, long b, long c, long d, long e, long f)
{
    long (*libc)(long, ...) = (long (*)(long, ...))(uintptr_t)NEXT(syscall);
    if (edits_descriptors(number)) {
        descriptor_edits(number, a, b, c);
        long rc = libc(number, a, b, c, d, e, f);
        if (number != SYS_close && number != SYS_close_range)
            descriptor_copied((int)rc, (int)a);
        return rc;
    }
    if (ends_by_call(number, a) || (number == SYS_prctl && !is_per_thread((int)a)))
        return libc(number, a, b, c, d, e, f);
    bool is_filter = (number == SYS_seccomp && (a == SECCOMP_SET_MODE_FILTER || a == SECCOMP_SET_MODE_STRICT)) ||
                     (number == SYS_prctl && a == PR_SET_SECCOMP);
    if (is_filter)
        filter_installs();
    exporter_thread_pause();
    long rc = libc(number, a, b, c, d, e, f);
    filter_installed(is_filter && rc >= 0);
    exporter_thread_resume();
    return rc;
}
