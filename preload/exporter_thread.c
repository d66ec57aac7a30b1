/* exporter_thread.c - our thread, started and stopped from the application's. See exporter_thread.h.
 *
 * It is made by the clone system call, not by libc: libc goes on believing that a single-threaded program is one, and
 * keeps its fast paths (measured: malloc+free 11 instead of 26 ns). It gets a stack and a thread block of its own
 * and runs exporter_main, which uses raw system calls only. All signals are blocked in it.
 *
 * As its first act it takes a descriptor table of its own (enum exporter_table). So the application's table holds nothing of ours at any moment: there is no number for it to close,
 * to meet, to inherit or to be given instead of the one it expects, and we hold nothing open that it closed.
 */
#include "exporter_thread.h"

#include "clock.h"
#include "config.h"
#include "exporter.h"
#include "fdtable.h"
#include "notice.h"
#include "process.h"
#include "waiting.h"
#include "readable.h"
#include "thread.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define STACK_SIZE (64 * 1024)
#define GUARD_SIZE 4096
#define THREAD_BLOCK_SIZE 512 /* zeros: what a compiler or libc may read at the thread pointer */

struct exporter exporter;
struct waiting waiting;

static _Atomic uint64_t starting;  /* since when a thread of the application's is starting ours; 0: none is */
static _Atomic uint32_t paused;    /* > 0: not to be started */
static _Atomic uint64_t paused_ns; /* since when, at the latest */
static _Atomic bool forbidden;
static _Atomic bool last;          /* the one that is running, or starting now, is the last that there can be */
static uint64_t refused_ns;        /* when the last clone was refused; 0: none was */
static uint64_t gave_up_at;        /* waiting_mark when a flush got not everything out: not worth waiting for twice */
static char *stack; /* lowest address, behind the guard page */

/* Runs `body` on a new thread with this stack and thread pointer. Returns its id, or -errno. */
long exporter_clone(unsigned long flags, void *stack_top, _Atomic uint32_t *id, void *thread_block, void body(void));

#if defined(__x86_64__)
__asm__(".text\n"
        ".hidden exporter_clone\n"
        ".globl exporter_clone\n"
        ".type exporter_clone, @function\n"
        "exporter_clone:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    andq $-16, %rsi\n"
        "    subq $16, %rsi\n"
        "    movq %r8, (%rsi)\n"        /* body, found on the new stack */
        "    movq %rcx, %r8\n"          /* thread pointer */
        "    movq %rdx, %r10\n"         /* child_tid */
        "    movl $56, %eax\n"          /* SYS_clone(flags, stack, parent_tid, child_tid, tls) */
        "    syscall\n"
        "    testq %rax, %rax\n"
        "    jz 1f\n"
        "    ret\n"
        "    .cfi_endproc\n"
        "1:  .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    xorl %ebp, %ebp\n"
        "    popq %rax\n"
        "    addq $8, %rsp\n"
        "    call *%rax\n"
        "    xorl %edi, %edi\n"
        "    movl $60, %eax\n"          /* SYS_exit: of this thread alone */
        "    syscall\n"
        "    hlt\n"
        "    .cfi_endproc\n"
        "    .size exporter_clone, . - exporter_clone\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".hidden exporter_clone\n"
        ".globl exporter_clone\n"
        ".type exporter_clone, %function\n"
        "exporter_clone:\n"
        "    .cfi_startproc\n"
        "    bti c\n"
        "    and x1, x1, #-16\n"
        "    str x4, [x1, #-16]!\n"
        "    mov x4, x2\n"              /* child_tid; aarch64: clone(flags, stack, parent_tid, tls, child_tid) */
        "    mov x8, #220\n"
        "    svc #0\n"
        "    cbz x0, 1f\n"
        "    ret\n"
        "    .cfi_endproc\n"
        "1:  .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    mov x29, xzr\n"
        "    mov x30, xzr\n"
        "    ldr x9, [sp], #16\n"
        "    blr x9\n"
        "    mov x0, xzr\n"
        "    mov x8, #93\n"
        "    svc #0\n"
        "    brk #0\n"
        "    .cfi_endproc\n"
        "    .size exporter_clone, . - exporter_clone\n");
#endif

/* Stack, guard page below it, thread block above it: mapped once, used again by each later thread. */
static bool map_stack(void)
{
    if (stack)
        return true;
    size_t size = GUARD_SIZE + STACK_SIZE + THREAD_BLOCK_SIZE;
    long memory = system(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (memory < 0 && memory > -4096)
        return false;
    system(mprotect, memory, GUARD_SIZE, PROT_NONE);
    stack = (char *)memory + GUARD_SIZE;
    return true;
}

#define THREAD_FLAGS \
    (CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static bool clone_with(enum exporter_table table)
{
    unsigned long flags = THREAD_FLAGS | (table == TABLE_BY_CLONE ? 0 : CLONE_FILES);
    uintptr_t *block = (uintptr_t *)(stack + STACK_SIZE);
    block[0] = (uintptr_t)block; /* the x86-64 thread block begins with its own address */
    exporter.table = table;
    return exporter_clone(flags, stack + STACK_SIZE, &exporter.thread, block, exporter_main) > 0;
}

/* An empty range beyond every descriptor: does nothing but tell whether the call is there and allowed. */
static bool has_close_range(void)
{
    return system(close_range, UINT32_MAX, UINT32_MAX, 0) == 0;
}

static bool start(void)
{
    uint64_t all = ~UINT64_C(0), before;
    if (!map_stack())
        return false;
    exporter.stop = 0;
    exporter.sleep = EXPORTER_AWAKE;
    exporter.generation = process.generation;
    if (config.exporter == EXPORTER_CONSOLE)
        exporter_prepare_console();
    system(rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
    bool started = config.exporter != EXPORTER_OTLP || has_close_range()
                       ? clone_with(TABLE_BY_CLOSE_RANGE)
                       : clone_with(TABLE_BY_CLONE) || clone_with(TABLE_BY_UNSHARE);
    system(rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    return started;
}

static bool is_running(void)
{
    return atomic_load_explicit(&exporter.thread, memory_order_acquire) != 0;
}

/* A refusal (RLIMIT_NPROC, a cgroup's pids.max) may pass; asking at each span would cost the program a call each. */
#define REFUSED_PAUSE_NS 1000000000

static bool start_again(void)
{
    if (refused_ns && clock_ns() - refused_ns < REFUSED_PAUSE_NS)
        return false;
    bool started = start();
    refused_ns = started ? 0 : clock_ns();
    return started;
}

/* A handler that jumped out of what a mark stands for has left it behind. Starting takes milliseconds. What we are paused for
 * may take as long as libc asks its name services; a thread takes back its own marks when it is seen again (below), so this
 * is for one that has ended since. */
#define STARTING_LIMIT_NS 2000000000
#define PAUSED_LIMIT_NS 60000000000

static bool is_older(uint64_t since_ns, int64_t limit_ns)
{
    return (int64_t)(clock_ns() - since_ns) > limit_ns;
}

static bool is_starting(void)
{
    uint64_t since_ns = atomic_load_explicit(&starting, memory_order_seq_cst);
    return since_ns && !is_older(since_ns, STARTING_LIMIT_NS);
}

/* False when somebody else is at it. */
static bool begin_starting(void)
{
    uint64_t since_ns = atomic_load_explicit(&starting, memory_order_relaxed);
    if (since_ns && !is_older(since_ns, STARTING_LIMIT_NS))
        return false;
    return atomic_compare_exchange_strong_explicit(&starting, &since_ns, clock_ns(), memory_order_seq_cst, memory_order_relaxed);
}

static bool is_paused(void)
{
    uint32_t now = atomic_load_explicit(&paused, memory_order_seq_cst);
    bool is_left_over = now && is_older(atomic_load_explicit(&paused_ns, memory_order_relaxed), PAUSED_LIMIT_NS);
    return now && (!is_left_over || !atomic_compare_exchange_strong(&paused, &now, 0));
}

/* `count` marks fewer; 0 already: they were taken for left over. */
static void lower_paused(uint32_t count)
{
    uint32_t now = atomic_load(&paused);
    while (now && !atomic_compare_exchange_weak(&paused, &now, now > count ? now - count : 0))
        ;
}

void exporter_thread_recover(void)
{
    if (!thread_was_left(thread.paused))
        return;
    lower_paused(thread.pauses);
    thread.pauses = 0;
}

/* Starts the thread unless there is one, may be none, or somebody else is at it. */
static bool ensure_started(void)
{
    if (is_running())
        return true;
    if (atomic_load_explicit(&forbidden, memory_order_relaxed))
        return false;
    /* First `starting`, then `paused`; exporter_thread_pause does it the other way round, so one of us sees the other. */
    if (!begin_starting())
        return true; /* whoever is at it will; the span can wait in the queue */
    if (is_paused()) {
        atomic_store_explicit(&starting, 0, memory_order_release);
        return true; /* whoever resumes it will */
    }
    bool started = is_running() || start_again();
    atomic_store_explicit(&starting, 0, memory_order_release);
    notice_print();
    return started;
}

bool exporter_thread_prepare(void)
{
    if (__builtin_expect(!waiting_is_open(), 0) && waiting_open(config.max_queue_size) != 0)
        return false;
    return is_running() || ensure_started();
}

static void wake(void)
{
    if (atomic_exchange_explicit(&exporter.sleep, EXPORTER_AWAKE, memory_order_seq_cst) != EXPORTER_AWAKE)
        futex_wake_all(&exporter.sleep);
}

void exporter_thread_notify(void)
{
    /* Behind the queue's tail, which was moved in the same one order: pairs with the fence in exporter.c, sleep_until. Either it
     * sees our span, or we see that it sleeps. */
    uint32_t sleep = atomic_load_explicit(&exporter.sleep, memory_order_seq_cst);
    if (!is_running()) /* it was stopped since exporter_thread_prepare, before there was anything to start it again for */
        ensure_started();
    if (sleep == EXPORTER_WAITS_FOR_SPAN ||
        (sleep == EXPORTER_WAITS_FOR_BATCH && waiting_length() >= atomic_load_explicit(&exporter.batch_at, memory_order_relaxed)))
        wake();
    notice_print();
}

/* Waits until the word has changed from `value`, or the deadline. */
static void wait_for_change(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
    while (atomic_load_explicit(word, memory_order_acquire) == value) {
        uint64_t now_ns = clock_ns();
        if (now_ns >= deadline_ns)
            return;
        futex_wait(word, value, (int64_t)(deadline_ns - now_ns));
    }
}

/* The kernel clears the id and wakes by a shared futex (set_tid_address(2)) while the thread is on its way out; it belongs to
 * the process until its id is unknown, and until then the process has two threads for unshare(2). */
static void join(uint64_t deadline_ns)
{
    uint32_t id = atomic_load_explicit(&exporter.thread, memory_order_acquire), now_id;
    long process_id = system(getpid);
    while ((now_id = atomic_load_explicit(&exporter.thread, memory_order_acquire)) != 0) {
        uint64_t now_ns = clock_ns();
        if (now_ns >= deadline_ns)
            return;
        struct timespec timeout = {.tv_sec = (time_t)((deadline_ns - now_ns) / 1000000000),
                                   .tv_nsec = (long)((deadline_ns - now_ns) % 1000000000)};
        system(futex, &exporter.thread, FUTEX_WAIT, now_id, &timeout);
    }
    system(futex, &exporter.thread, FUTEX_WAKE, INT32_MAX); /* the kernel wakes one; others may be waiting too */
    while (id && system(tgkill, process_id, id, 0) == 0 && clock_ns() < deadline_ns)
        system(sched_yield);
}

void exporter_thread_flush(void)
{
    uint64_t mark = waiting_mark();
    if (!waiting_length() || atomic_load_explicit(&forbidden, memory_order_relaxed) || mark == gave_up_at)
        return;
    /* A little of the budget is for what comes before this wait and after it. */
    uint64_t deadline_ns = clock_ns() + (uint64_t)config.exit_timeout_ms * 985000;
    uint32_t done = atomic_load_explicit(&exporter.flush_done, memory_order_acquire);
    atomic_store_explicit(&exporter.flush_deadline_ns, deadline_ns, memory_order_relaxed);
    /* Release: pairs with the acquire in exporter.c, flush_is_wanted; the deadline is set. */
    atomic_store_explicit(&exporter.flush_wanted, done + 1, memory_order_release);
    if (!ensure_started())
        return;
    wake();
    wait_for_change(&exporter.flush_done, done, deadline_ns);
    gave_up_at = waiting_length() ? mark : 0;
}

/* Our thread answers a stop within milliseconds; one that does not is held up by the kernel, and waiting on would hold
 * up the program. */
#define STOP_LIMIT_NS 1000000000

/* Not in the child of a vfork: the thread is its parent's. */
static bool may_pause(void)
{
    if (!process.enabled || thread.vfork_depth)
        return false;
    process_check();
    return !process_is_another();
}

static void raise_paused(void)
{
    if (thread.pauses)
        exporter_thread_recover();
    if (!thread.pauses++)
        thread.paused = (uintptr_t)__builtin_frame_address(0);
    atomic_store_explicit(&paused_ns, clock_ns(), memory_order_relaxed);
    atomic_fetch_add_explicit(&paused, 1, memory_order_seq_cst);
}

/* Since paused was raised. */
static void stop(void)
{
    while (is_starting())
        system(sched_yield);
    if (!is_running())
        return;
    atomic_store_explicit(&exporter.stop, 1, memory_order_seq_cst);
    wake();
    join(clock_ns() + STOP_LIMIT_NS);
}

void exporter_thread_pause(void)
{
    if (!may_pause())
        return;
    raise_paused();
    stop();
}

bool exporter_thread_pause_if_not_last(void)
{
    if (!may_pause())
        return false;
    /* First `paused`, then `last`; exporter_thread_limit does it the other way round, so one of us sees the other. */
    raise_paused();
    bool is_last = atomic_load_explicit(&last, memory_order_seq_cst);
    if (is_last)
        exporter_thread_unpause();
    else
        stop();
    return !is_last;
}

/* Whether it may yet be asked or ask: a program that shuts itself in with what it has gets no thread for nothing. */
static bool has_listener(void)
{
    int fd = fdtable_next(0, UINT32_MAX);
    while (fd >= 0 && fdtable_entry(fd) != FDTABLE_STREAM)
        fd = fdtable_next((unsigned)fd + 1, UINT32_MAX);
    return fd >= 0;
}

void exporter_thread_limit(pid_t process_id, int resource, const struct rlimit *limit)
{
    if (resource != RLIMIT_NPROC || (process_id && process_id != process.id) || !may_pause() || !readable(limit, sizeof *limit) ||
        limit->rlim_cur || !has_listener())
        return;
    atomic_store_explicit(&last, true, memory_order_seq_cst);
    uint64_t deadline_ns = clock_ns() + STOP_LIMIT_NS;
    while (atomic_load_explicit(&paused, memory_order_seq_cst) && clock_ns() < deadline_ns)
        system(sched_yield);
    exporter_thread_prepare();
    while (is_starting() && clock_ns() < deadline_ns)
        system(sched_yield);
}

void exporter_thread_unpause(void)
{
    if (!may_pause())
        return;
    lower_paused(1);
    thread.pauses -= thread.pauses > 0;
}

/* Somebody waits for an answer that the thread, stopped meanwhile, did not give. */
static bool flush_is_open(void)
{
    return atomic_load_explicit(&exporter.flush_wanted, memory_order_acquire) != atomic_load_explicit(&exporter.flush_done, memory_order_acquire);
}

void exporter_thread_resume(void)
{
    exporter_thread_unpause();
    if (may_pause() && !atomic_load_explicit(&paused, memory_order_acquire) && (waiting_length() || flush_is_open()))
        ensure_started();
}

void exporter_thread_forbid(void)
{
    atomic_store_explicit(&forbidden, true, memory_order_relaxed);
}

void exporter_thread_forget(void)
{
    exporter.thread = 0;
    exporter.sleep = EXPORTER_AWAKE;
    exporter.stop = exporter.flush_wanted = exporter.flush_done = 0;
    starting = 0;
    paused = 0;
    thread.pauses = 0;
    last = false;
    refused_ns = 0;
    gave_up_at = 0;
    waiting_clear();
}
