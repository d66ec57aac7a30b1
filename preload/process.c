/* process.c - the library's own life: constructor, fork, exec, end. See process.h. */
#include "process.h"

#include "accounts.h"
#include "carrier.h"
#include "clock.h"
#include "command.h"
#include "config.h"
#include "exporter_thread.h"
#include "hooks.h"
#include "notice.h"
#include "output.h"
#include "sdk.h"
#include "system.h"
#include "thread.h"
#include "tracer.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

extern char **environ;
extern char **next_program_name;

struct process process = {.generation = 1};

char process_command[256];

/* What the loader's secure mode is decided by: AT_SECURE of the auxiliary vector (getauxval(3)); where /proc is not
 * there, whether the ids differ. /etc/ld.so.preload loads us into setuid programs, whose environment belongs to
 * whoever started them. */
static bool is_secure(void)
{
    static Elf64_auxv_t vector[64];
    long fd = system(openat, AT_FDCWD, "/proc/self/auxv", O_RDONLY | O_CLOEXEC);
    long size = fd >= 0 ? system(read, fd, vector, sizeof vector) : 0;
    if (fd >= 0)
        system(close, fd);
    for (size_t i = 0; size > 0 && i < (size_t)size / sizeof *vector; i++)
        if (vector[i].a_type == AT_SECURE)
            return vector[i].a_un.a_val != 0;
    return system(getuid) != system(geteuid) || system(getgid) != system(getegid);
}

static void map_wiped_page(void)
{
    long page = system(mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page < 0 && page > -4096)
        return;
    if (system(madvise, page, 4096, MADV_WIPEONFORK) != 0) {
        system(munmap, page, 4096);
        return;
    }
    process.alive = (_Atomic uint32_t *)page;
    *process.alive = PROCESS_ALIVE;
}

/* As the program was called, before it rewrites its arguments. */
static void keep_command(void)
{
    struct slice name = slice_of(next_program_name ? *next_program_name : NULL);
    size_t len = name.len < sizeof process_command - 1 ? name.len : sizeof process_command - 1;
    if (name.ptr)
        memcpy(process_command, name.ptr, len);
}

static bool is_same_file(int a, int b)
{
    struct stat first, second;
    return system(fstat, a, &first) == 0 && system(fstat, b, &second) == 0 && first.st_ino == second.st_ino &&
           first.st_dev == second.st_dev;
}

/* Started by inetd or its kin (systemd with Accept=yes): the connection is descriptors 0, 1 and 2. */
static void adopt_standard_descriptors(void)
{
    descriptor_handed_to_us(0, ROLE_UNKNOWN);
    if (fdtable_get(0))
        connection_is_standard(fdtable_get(0));
    for (int fd = 1; fdtable_get(0) && fd <= 2; fd++)
        if (is_same_file(0, fd))
            descriptor_copied(fd, 0);
}

/* libc tells the exit status to a handler, also that of main(), and to nobody else. The first handler to be there is the last
 * to be called, behind the destructors, ours too: then it is the end. musl has none of the kind. */
static bool handler_is_to_come;

static void handle_exit(int status, void *nothing)
{
    (void)nothing;
    handler_is_to_come = false;
    process_ending(status);
}

static void ask_for_exit_status(void)
{
    if (config.command_spans)
        handler_is_to_come = NEXT(on_exit)(handle_exit, NULL) == 0;
}

void process_start(void)
{
    static bool started;
    if (started)
        return;
    started = true;
    next_resolve();
    if (is_secure())
        return;
    config_read(environ);
    if (config.sdk_disabled)
        return;
    carrier_start(environ);
    notice_start();
    output_stderr_is();
    if (config.exporter == EXPORTER_CONSOLE)
        output_stdout_is();
    keep_command();
    sdk_start(process_command, environ);
    map_wiped_page();
    process.id = (int)system(getpid);
    process.enabled = true;
    command_start(environ);
    ask_for_exit_status();
    adopt_standard_descriptors();
}

static void begin_anew(void)
{
    process.generation++;
    process.id = (int)system(getpid);
    process.forks = 0;
    exporter_thread_forget();
    tracer_forget();
    accounts_forget();
}

#define REBIRTH_LIMIT_NS 1000000000 /* takes microseconds; a thread that was stopped in it must not stop the others for ever */

static void wait_for_rebirth(void)
{
    uint64_t until_ns = clock_ns() + REBIRTH_LIMIT_NS;
    while (*process.alive == PROCESS_BEGINS && clock_ns() < until_ns)
        system(sched_yield);
}

/* With all signals blocked: a handler on this thread would wait for itself. */
void process_reborn(void)
{
    const uint64_t all = ~UINT64_C(0);
    uint64_t before;
    uint32_t found = PROCESS_WIPED;
    system(rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
    if (process.alive && !atomic_compare_exchange_strong(process.alive, &found, PROCESS_BEGINS)) {
        wait_for_rebirth();
    } else {
        begin_anew();
        if (process.alive) /* Release: pairs with the acquire in process_check. */
            atomic_store_explicit(process.alive, PROCESS_ALIVE, memory_order_release);
    }
    system(rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static bool may_end(void)
{
    if (!process.enabled || thread.vfork_depth)
        return false;
    process_check();
    return !process_is_another();
}

void process_before_exec(void)
{
    if (!may_end())
        return;
    exporter_thread_flush();
    if (counter_total(COUNT_started)) {
        notice_print();
        accounts_print();
    }
}

void process_retire(void)
{
    process.enabled = false;
    for (int fd = fdtable_next(0, UINT32_MAX); fd >= 0; fd = fdtable_next((unsigned)fd + 1, UINT32_MAX))
        fdtable_take(fd); /* and is not ended: that could need memory */
}

void process_exit_called(int status)
{
    if (may_end())
        command_will_exit(status);
}

void process_ending(int status)
{
    if (!may_end())
        return;
    descriptors_process_exit();
    command_ends(status);
    exporter_thread_flush();
    if (counter_total(COUNT_started)) /* a program that makes no span stays silent, whatever the configuration */
        notice_print();
    accounts_print();
}

__attribute__((constructor)) static void library_loaded(void)
{
    process_start();
}

__attribute__((destructor)) static void library_unloaded(void)
{
    if (!handler_is_to_come)
        process_ending(COMMAND_STATUS_UNKNOWN);
}
