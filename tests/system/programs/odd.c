/* odd.c - what a program may look at or make use of without being hostile: its own threads, maps, objects and times, other ways
 * to load code, to be traced, to be dumped. See speak.h.
 */
#include "speak.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>

static int status_of(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

/* --- looking at oneself --------------------------------------------------------------------------------------------- */

static int count_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    *(int *)data += info->dlpi_phnum > 0 && !strstr(info->dlpi_name, "libspanload");
    return 0;
}

/* Every line of the maps can be read by who parses them, and none may be written and executed. */
static void maps(char **arguments)
{
    char line[4096 + 256], permissions[8];
    int objects = 0, odd = 0, executable = 0, stacks = 0;
    (void)arguments;
    exchange_once(3);
    pause_ms(20);
    dl_iterate_phdr(count_object, &objects);
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx %7s", &from, &to, permissions) != 3 || from >= to) odd++;
        executable += permissions[1] == 'w' && permissions[2] == 'x';
        stacks += strstr(line, "[stack") != NULL;
    }
    if (file) fclose(file);
    say("objects %d, lines not understood %d, writable and executable %d, stacks %d", objects, odd, executable, stacks);
}

/* No number but the program's own can be used or closed, while spans are on their way out. */
static void strangers(char **arguments)
{
    struct pair pair = pair_open();
    int closed = 0, used = 0;
    (void)arguments;
    for (int round = 0; round < 20; round++) {
        exchange(&pair, 2);
        for (int fd = 3; fd < 1100; fd++) {
            if (fd == pair.client || fd == pair.server) continue;
            used += fcntl(fd, F_GETFD) != -1 || errno != EBADF;
            closed += close(fd) != -1 || errno != EBADF;
        }
        pause_ms(1);
    }
    say("used %d, closed %d", used, closed);
}

/* libc's own word on how many threads there are decides which paths it takes. */
static void single_threaded(char **arguments)
{
    (void)arguments;
    exchange_once(3);
    pause_ms(30);
    say("before: %d", __libc_single_threaded);
    exchange_once(3);
    say("after: %d", __libc_single_threaded);
}

/* Objects of libc's that are loaded when names are asked for. */
static int count_resolver(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    *(int *)data += strstr(info->dlpi_name, "libnss") || strstr(info->dlpi_name, "libresolv");
    return 0;
}

static void resolvers(char **arguments)
{
    int count = 0;
    (void)arguments;
    exchange_once(3);
    pause_ms(50);
    dl_iterate_phdr(count_resolver, &count);
    say("objects for names: %d", count);
}

/* Scheduling, limits, personality, the umask, the working directory, alarms and dumpability are the program's. */
static void attributes(char **arguments)
{
    (void)arguments;
    for (int round = 0; round < 2; round++) {
        char directory[4096];
        cpu_set_t cpus;
        mode_t mask = umask(0);
        umask(mask);
        CPU_ZERO(&cpus);
        sched_getaffinity(0, sizeof cpus, &cpus);
        say("nice %d policy %d cpus %d umask %o in %s", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0), CPU_COUNT(&cpus), mask,
            getcwd(directory, sizeof directory) ? "a directory" : "none");
        say("personality %x dumpable %d subreaper %d timer slack %d nnp %d alarm %u", personality(0xffffffff), prctl(PR_GET_DUMPABLE),
            prctl(PR_GET_CHILD_SUBREAPER, &(int){0}), prctl(PR_GET_TIMERSLACK), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), alarm(0));
        for (int what = 0; what < RLIM_NLIMITS; what++) {
            struct rlimit limit = {0, 0};
            getrlimit(what, &limit);
            if (round) continue;
            say("limit %d: %llx %llx", what, (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
        }
        char name[32] = "";
        prctl(PR_GET_NAME, name);
        say("name %s", name);
        exchange_once(3);
        pause_ms(20);
    }
}

/* The times of the children are those of the program's children: nobody else has any. */
static void times_of_children(char **arguments)
{
    struct rusage before, after;
    struct tms tms;
    (void)arguments;
    getrusage(RUSAGE_CHILDREN, &before); /* an exec keeps them */
    exchange_once(20);
    pause_ms(20);
    getrusage(RUSAGE_CHILDREN, &after);
    times(&tms);
    say("children: %s %ld", memcmp(&before, &after, sizeof before) ? "others" : "none", (long)(tms.tms_cutime + tms.tms_cstime));
    struct timespec first, last;
    pause_ms(50); /* whatever runs beside the program is at rest */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &first);
    pause_ms(100);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &last);
    say("idle: %s", (last.tv_sec - first.tv_sec) * 1000000000 + last.tv_nsec - first.tv_nsec < 5000000 ? "yes" : "no");
}

/* A program that shuts itself off from files: a thread that was there before would still have them. */
static void landlock(char **arguments)
{
    struct {
        unsigned long long files;
    } handled = {1 << 1 | 1 << 2}; /* writing and reading of files */
    struct pair pair = pair_open();
    int tasks = 0;
    struct dirent *entry;
    (void)arguments;
    DIR *listing = opendir("/proc/self/task");
    int rules = (int)syscall(444, &handled, sizeof handled, 0); /* landlock_create_ruleset(2) */
    if (rules < 0) fail("landlock");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    exchange(&pair, 3);
    pause_ms(30);
    say("landlock_restrict_self %ld", syscall(446, rules, 0));
    while ((entry = readdir(listing)) != NULL) tasks += entry->d_name[0] != '.';
    closedir(listing);
    int fd = open("/etc/passwd", O_RDONLY);
    say("tasks %d, open %d %s", tasks, fd, fd < 0 ? strerror(errno) : "");
    exchange(&pair, 3);
    pause_ms(20);
    exchange(&pair, 1);
}

/* --- other ways in -------------------------------------------------------------------------------------------------- */

/* The bytes that come in by a way that passes by us: what was asked has an answer that we did not see. */
static ssize_t receive_raw(int fd, void *room, size_t len)
{
    ssize_t n;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    register long r9 __asm__("r9") = 0;
    __asm__ volatile("syscall" : "=a"(n) : "a"(SYS_recvfrom), "D"(fd), "S"(room), "d"(len), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = SYS_recvfrom;
    register long x0 __asm__("x0") = fd;
    register void *x1 __asm__("x1") = room;
    register size_t x2 __asm__("x2") = len;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    register long x5 __asm__("x5") = 0;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    n = x0;
#endif
    return n;
}

static void unseen_answers(char **arguments)
{
    struct pair pair = pair_open();
    char got[256];
    (void)arguments;
    for (int i = 0; i < 3; i++) {
        if (!ask(&pair) || !receive(pair.server, REQUEST, sizeof REQUEST - 1)) fail("ask");
        if (send(pair.server, RESPONSE, sizeof RESPONSE - 1, 0) < 0) fail("send");
        if (receive_raw(pair.client, got, sizeof RESPONSE - 1) != sizeof RESPONSE - 1) fail("receive");
    }
    pair_close(&pair);
}

/* A number that was closed by a way that passes by us, and is a file now. */
static void unseen_close(char **arguments)
{
    (void)arguments;
    struct pair pair = pair_open();
    exchange(&pair, 1);
    for (int i = 0; i < 2; i++) {
        int fd = i ? pair.server : pair.client;
        if (syscall(SYS_close, fd) != 0) fail("close");
    }
    int file;
    while ((file = memfd_create("file", 0)) >= 0 && file < pair.client) continue;
    say("the file has %s", file == pair.client ? "the number of the connection" : "another number");
    if (pwrite(file, RESPONSE, sizeof RESPONSE - 1, sizeof REQUEST - 1) < 0) fail("pwrite");
    if (write(file, REQUEST, sizeof REQUEST - 1) != sizeof REQUEST - 1) fail("write");
    char got[512];
    if (read(file, got, sizeof got) != sizeof RESPONSE - 1) fail("read");
    close(file);
}

/* One end speaks through stdio, whose calls do not pass us. */
static void by_stdio(char **arguments)
{
    struct pair pair = pair_open();
    char line[256];
    (void)arguments;
    FILE *stream = fdopen(pair.server, "r+");
    for (int i = 0; i < 3; i++) {
        if (!ask(&pair)) fail("ask");
        while (fgets(line, sizeof line, stream) && line[0] != '\r') continue;
        fseek(stream, 0, SEEK_CUR);
        fputs(RESPONSE, stream);
        fflush(stream);
        if (!receive(pair.client, RESPONSE, sizeof RESPONSE - 1)) fail("receive");
    }
    say("closed %d", fclose(stream));
    close(pair.client);
}

/* A plugin in a scope of its own, opened and closed again; and the library's own symbols found by hand. */
static void plugins(char **arguments)
{
    (void)arguments;
    for (int round = 0; round < 3; round++) {
        void *plugin = dlopen(arguments[0], RTLD_NOW | RTLD_LOCAL | (round == 1 ? RTLD_DEEPBIND : 0));
        if (!plugin) say("dlopen: %s", dlerror());
        ssize_t (*send_by)(int, const void *, size_t) = plugin ? (ssize_t(*)(int, const void *, size_t))dlsym(plugin, "plugin_send") : NULL;
        struct pair pair = pair_open();
        for (int i = 0; i < 3; i++) {
            if (!send_by || send_by(pair.client, REQUEST, sizeof REQUEST - 1) < 0 || !answer(&pair)) fail("exchange");
            if (round != 1) exchanges++;
        }
        pair_close(&pair);
        say("closed %d", dlclose(plugin));
    }
    ssize_t (*found)(int, const void *, size_t, int) = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_DEFAULT, "send");
    ssize_t (*versioned)(int, const void *, size_t, int) = (ssize_t(*)(int, const void *, size_t, int))dlvsym(RTLD_DEFAULT, "send", "GLIBC_2.2.5");
    struct pair pair = pair_open();
    if (found(pair.client, REQUEST, sizeof REQUEST - 1, 0) < 0 || !answer(&pair)) fail("found");
    exchanges++;
    if (versioned) say("versioned %zd", versioned(pair.client, "", 0, 0));
}

/* Another libc in a name space of its own, beside the one that we stand in front of. */
static void another_libc(char **arguments)
{
    (void)arguments;
    exchange_once(2);
    void *libc = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
    if (!libc) {
        say("dlmopen: %s", dlerror());
        return;
    }
    int (*other_getpid)(void) = (int (*)(void))dlsym(libc, "getpid");
    say("same process: %s", other_getpid() == getpid() ? "yes" : "no");
    exchange_once(2);
    say("closed %d", dlclose(libc));
    exchange_once(1);
}

/* --- being watched by others ---------------------------------------------------------------------------------------- */

/* What a tracer sees of its child's stops and end. */
static void traced(char **arguments)
{
    (void)arguments;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        exchanges = 0;
        exchange_once(3);
        pause_ms(20);
        raise(SIGUSR1);
        exchange_once(2);
        say_exchanges();
        execl("/bin/sh", "sh", "-c", "exit 4", (char *)NULL);
        _exit(99);
    }
    for (int status; waitpid(child, &status, __WALL) == child;) {
        if (WIFEXITED(status)) {
            say("exited %d", WEXITSTATUS(status));
            break;
        }
        int number = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
        say("stopped by %d", number);
        ptrace(PTRACE_CONT, child, NULL, NULL);
    }
}

static void dumped(char **arguments)
{
    (void)arguments;
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        exchanges = 0;
        exchange_once(2);
        say_exchanges();
        abort();
    }
    int status = status_of(child);
    say("ended by %d, dumped: %s", WTERMSIG(status), WCOREDUMP(status) ? "yes" : "no");
}

/* A descriptor for a process tells its end, and one process reads another's memory. */
static void watched_from_outside(char **arguments)
{
    static char secret[] = "what the child holds";
    char got[sizeof secret] = "";
    int ends[2];
    (void)arguments;
    if (pipe(ends) != 0) fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        exchanges = 0;
        exchange_once(3);
        say_exchanges();
        memcpy(secret, "WHAT", 4);
        if (write(ends[1], "x", 1) != 1) _exit(1);
        pause_ms(100);
        _exit(8);
    }
    if (read(ends[0], got, 1) != 1) fail("read");
    ssize_t n = process_vm_readv(child, &(struct iovec){got, sizeof got}, 1, &(struct iovec){secret, sizeof secret}, 1, 0);
    say("read %zd %s", n, got);
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    say("alive: %d", poll(&poll_fd, 1, 0));
    say("ended: %d", poll(&poll_fd, 1, 5000));
    siginfo_t info = {0};
    int rc = waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
    say("waitid %d status %d", rc, info.si_status);
}

/* --- little room, and taken away --------------------------------------------------------------------------------------- */

static ucontext_t loop_context, contexts[3];
static volatile sig_atomic_t running;
static volatile int done;

static void preempt(int number)
{
    int before = errno, from = running, next = (running + 1) % 3;
    (void)number;
    running = next;
    swapcontext(&contexts[from], &contexts[next]);
    errno = before;
}

/* Where contexts are changed there must be none: swapcontext sets the mask before the registers. */
static void alarms(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(how, &set, NULL);
}

static void converse(int index)
{
    alarms(SIG_UNBLOCK);
    struct pair pair = pair_open();
    for (int i = 0; i < 1500; i++)
        if (!ask(&pair) || !answer(&pair)) fail("exchange");
    pair_close(&pair);
    __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED); /* a signal between reading and writing it would lose one */
    while (done < 3) continue; /* until a signal takes us to another */
    alarms(SIG_BLOCK);
    if (index >= 0) setcontext(&loop_context);
}

/* A scheduler that takes the processor from a coroutine at any instruction, by a timer's signal. */
static void preempted(char **arguments)
{
    static char stacks[3][65536] __attribute__((aligned(16)));
    struct sigaction action = {.sa_handler = preempt, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 300}, {0, 300}};
    (void)arguments;
    alarms(SIG_BLOCK);
    for (int i = 0; i < 3; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = stacks[i];
        contexts[i].uc_stack.ss_size = sizeof stacks[i];
        contexts[i].uc_link = &loop_context;
        makecontext(&contexts[i], (void (*)(void))converse, 1, i);
    }
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    swapcontext(&loop_context, &contexts[0]);
    signal(SIGALRM, SIG_IGN);
    say("all ended: %d", done);
}

/* Threads whose stack is as small as it may be, each with all that a connection needs. */
static void *smallest(void *memory)
{
    (void)memory;
    exchange_once(2);
    return NULL;
}

static void small_stacks(char **arguments)
{
    pthread_attr_t attributes;
    stack_t stack = {.ss_size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 2048};
    (void)arguments;
    pthread_attr_init(&attributes);
    say("setstacksize %d", pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN)));
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, smallest, NULL) != 0) fail("pthread_create");
        pthread_join(thread, NULL);
    }
    stack.ss_sp = malloc(stack.ss_size);
    say("sigaltstack %d", sigaltstack(&stack, NULL));
}

/* Memory that is locked, and a limit to it that the program is close to. */
static void locked(char **arguments)
{
    (void)arguments;
    say("mlockall %d", mlockall(MCL_CURRENT | MCL_FUTURE));
    exchange_once(5);
    pause_ms(20);
    void *own = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("mmap %s", own == MAP_FAILED ? strerror(errno) : "works");
    say("munlockall %d", munlockall());
    exchange_once(2);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"strangers", strangers}, {"single_threaded", single_threaded}, {"resolvers", resolvers}, {"by_stdio", by_stdio}, {"landlock", landlock}, {"maps", maps}, {"attributes", attributes}, {"times_of_children", times_of_children}, {"unseen_answers", unseen_answers},
        {"unseen_close", unseen_close}, {"plugins", plugins}, {"another_libc", another_libc}, {"traced", traced}, {"dumped", dumped},
        {"watched_from_outside", watched_from_outside}, {"preempted", preempted}, {"small_stacks", small_stacks}, {"locked", locked},
        {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
