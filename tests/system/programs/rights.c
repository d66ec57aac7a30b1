/* rights.c - programs that give up rights, enter sandboxes and lower limits after their first spans. See speak.h. */
#include "speak.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/stat.h>

/* Spans before, and time for them to leave, so that whatever runs beside the program runs. */
static void speak_first(struct pair *pair)
{
    *pair = pair_open();
    exchange(pair, 3);
    pause_ms(30);
}

/* The field of every task of this process; says so where they differ. */
static void say_field(const char *field)
{
    char first[256] = "", line[256], path[300];
    bool is_same = true;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && (entry = readdir(tasks)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = fopen(path, "r");
        while (status && fgets(line, sizeof line, status)) {
            if (strncmp(line, field, strlen(field)) != 0) continue;
            if (!first[0]) strcpy(first, line);
            is_same = is_same && strcmp(first, line) == 0;
        }
        if (status) fclose(status);
    }
    if (tasks) closedir(tasks);
    first[strcspn(first, "\n")] = '\0';
    say("%s in %s", first, is_same ? "every task" : "not every task");
}

static void say_rights(void)
{
    static const char *const fields[] = {"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) say_field(fields[i]);
}

static void by_setuid(void)
{
    say("%d %d %d", setgroups(0, NULL), setgid(65534), setuid(65534));
}

static void by_setresuid(void)
{
    gid_t groups[] = {65534, 12345};
    say("%d %d %d", setgroups(2, groups), setresgid(65534, 65534, 65534), setresuid(65534, 65534, 65534));
}

static void by_initgroups(void)
{
    say("%d %d %d %d", initgroups("daemon", 1), setregid(1, 1), seteuid(65534), setegid(1));
}

static void by_system_call(void)
{
    say("%ld %ld %ld", syscall(SYS_setgroups, 0, NULL), syscall(SYS_setresgid, 65534, 65534, 65534), syscall(SYS_setresuid, 65534, 65534, 65534));
}

static void by_capset(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{1 << CAP_NET_BIND_SERVICE, 1 << CAP_NET_BIND_SERVICE, 0}, {0, 0, 0}};
    int capset(struct __user_cap_header_struct *, const struct __user_cap_data_struct *);
    say("%d %d", prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0), capset(&header, data));
}

static void by_no_new_privileges(void)
{
    say("%d %d", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static void give_up(char **arguments)
{
    void (*const ways[])(void) = {by_setuid, by_setresuid, by_initgroups, by_system_call, by_capset, by_no_new_privileges};
    struct pair pair;
    speak_first(&pair);
    ways[atoi(arguments[0])]();
    say_rights();
    exchange(&pair, 3);
    pause_ms(30);
    say_rights(); /* whatever was started again is no mightier */
    exchange_once(2);
}

static void namespaces(char **arguments)
{
    struct pair pair;
    (void)arguments;
    speak_first(&pair);
    int own = open("/proc/self/ns/user", O_RDONLY), mount = open("/proc/self/ns/mnt", O_RDONLY);
    errno = 0;
    int rc = setns(own, CLONE_NEWUSER);
    say("setns user %d %s", rc, strerror(errno));
    for (int i = 0; i < 30; i++) {
        exchange(&pair, 1);
        pause_ms(i % 5);
        errno = 0;
        rc = setns(mount, CLONE_NEWNS);
        if (i == 0 || rc != 0) say("setns mnt %d %s", rc, strerror(errno));
    }
    exchange(&pair, 1);
    errno = 0;
    rc = unshare(CLONE_NEWUSER);
    say("unshare %d %s", rc, strerror(errno));
    exchange(&pair, 2);
    errno = 0;
    rc = unshare(CLONE_FS | CLONE_FILES);
    say("unshare %d %s", rc, strerror(errno));
    exchange(&pair, 2);
}

/* --- seccomp ------------------------------------------------------------------------------------------------------ */

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IF_NUMBER(number, then) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##number, 0, 1), then
#define LOAD_NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))

static void install(struct sock_filter *filter, size_t count, bool by_system_call)
{
    struct sock_fprog program = {(unsigned short)count, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
    long rc = by_system_call ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
                             : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (unsigned long)&program, 0, 0);
    if (rc != 0) fail("seccomp");
}

/* No new connections for anybody. */
static void filter_denies(char **arguments)
{
    struct sock_filter filter[] = {
        LOAD_NUMBER,
        IF_NUMBER(socket, BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)),
        IF_NUMBER(connect, BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)),
        ALLOW};
    struct pair pair;
    speak_first(&pair);
    install(filter, sizeof filter / sizeof *filter, atoi(arguments[0]));
    exchange(&pair, 5);
    errno = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    say("socket %d %s", fd, strerror(errno));
    exchange(&pair, 5);
}

/* What is not on the list kills the process: the list is what this program does from here on, and nothing else. */
static void filter_kills(char **arguments)
{
    struct sock_filter filter[] = {
        LOAD_NUMBER,
        IF_NUMBER(recvfrom, ALLOW), IF_NUMBER(sendto, ALLOW), IF_NUMBER(write, ALLOW), IF_NUMBER(close, ALLOW),
        IF_NUMBER(exit_group, ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    bool is_first = atoi(arguments[0]); /* nothing was said before: whatever is made for the first span is made now */
    struct pair pair = pair_open();
    if (!is_first) {
        exchange(&pair, 3);
        pause_ms(30);
    }
    install(filter, sizeof filter / sizeof *filter, false);
    exchange(&pair, 40);
    pair_close(&pair);
    say_exchanges();
    _exit(0);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void limit(int what, rlim_t value)
{
    if (setrlimit(what, &(struct rlimit){value, value}) != 0) fail("setrlimit");
}

static void no_memory(char **arguments)
{
    char line[128] = "";
    struct pair pair = {-1, -1};
    unsigned long pages = 0;
    bool is_first = atoi(arguments[0]);
    if (!is_first) speak_first(&pair);
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || !fgets(line, sizeof line, file)) fail("statm");
    fclose(file);
    pages = strtoul(line, NULL, 10);
    limit(RLIMIT_AS, pages * 4096);
    say("mmap: %s", mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? strerror(errno) : "works");
    if (is_first) pair = pair_open();
    for (int i = 0; i < 20; i++) {
        exchange(&pair, 5);
        pause_ms(1);
    }
    for (int i = 0; i < 20; i++) exchange_once(1);
}

static void no_processes(char **arguments)
{
    (void)arguments;
    if (setresuid(65534, 65534, 65534) != 0) fail("setresuid");
    if (listen(socket(AF_INET, SOCK_STREAM, 0), 1) != 0) fail("listen"); /* a server */
    limit(RLIMIT_NPROC, 0);
    struct pair pair = pair_open();
    exchange(&pair, 10);
    say("fork: %s", fork() < 0 ? strerror(errno) : "works");
    exchange(&pair, 10);
}

static void no_files(char **arguments)
{
    (void)arguments;
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_MEMLOCK, 0);
    limit(RLIMIT_SIGPENDING, 0);
    limit(RLIMIT_STACK, 256 * 1024);
    exchange_once(10);
}

static void locked_memory(char **arguments)
{
    (void)arguments;
    say("mlockall %d", mlockall(MCL_CURRENT | MCL_FUTURE));
    exchange_once(10);
}

static void change_root(char **arguments)
{
    struct pair pair;
    speak_first(&pair);
    if (chroot(arguments[0]) != 0 || chdir("/") != 0) fail("chroot");
    say("etc: %s", access("/etc", F_OK) == 0 ? "there" : strerror(errno));
    exchange(&pair, 5);
    pause_ms(20);
    exchange_once(5);
}

/* Before anything was said: what the exporter reads at its start is not there any more. */
static void change_root_first(char **arguments)
{
    if (chroot(arguments[0]) != 0 || chdir("/") != 0) fail("chroot");
    exchange_once(10);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"give_up", give_up}, {"namespaces", namespaces}, {"filter_denies", filter_denies}, {"filter_kills", filter_kills},
        {"no_memory", no_memory}, {"no_processes", no_processes}, {"no_files", no_files}, {"locked_memory", locked_memory},
        {"change_root", change_root}, {"change_root_first", change_root_first}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
