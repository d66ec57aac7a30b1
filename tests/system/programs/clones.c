/* clones.c - children made by clone(2) with odd flags, by raw system calls and by libc's lesser known functions. See speak.h. */
#include "speak.h"

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static _Alignas(16) char stack[256 * 1024];

static int status_of(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, __WALL) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int speaks_and_returns(void *memory)
{
    (void)memory;
    exchanges = 0;
    exchange_once(3);
    pause_ms(20); /* so that whatever runs beside it runs */
    exchange_once(2);
    say_exchanges();
    return 5;
}

/* Its status is that of the function, and its end comes although it makes no call that ends it. */
static void returns(char **arguments)
{
    (void)arguments;
    exchange_once(2);
    for (int i = 0; i < 3; i++) {
        pid_t child = clone(speaks_and_returns, stack + sizeof stack, SIGCHLD, NULL);
        say("ended with %d", status_of(child));
    }
}

/* A container's first process: number 1 of its own world, with other names, mounts and messages than ours. */
static int is_first(void *memory)
{
    (void)memory;
    say("number %d, parent %d", (int)getpid(), (int)getppid());
    exchanges = 0;
    exchange_once(2);
    pid_t child = fork();
    if (child == 0) {
        exchanges = 0;
        exchange_once(2);
        say_exchanges();
        _exit(2);
    }
    int status = status_of(child);
    say("its child ended with %d, signalled itself: %d", status, kill(getpid(), SIGTERM));
    exchange_once(1);
    say_exchanges();
    return 7;
}

static void worlds(char **arguments)
{
    static const int kinds[] = {CLONE_NEWPID, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP, CLONE_NEWUSER | CLONE_NEWPID,
                                CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_PTRACE | CLONE_IO | CLONE_SYSVSEM};
    (void)arguments;
    exchange_once(1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pid_t number = 0, other = 0;
        bool is_own = kinds[i] & CLONE_NEWPID;
        pid_t child = clone(is_own ? is_first : speaks_and_returns, stack + sizeof stack, kinds[i] | SIGCHLD, NULL, &number, NULL, &other);
        if (child < 0) fail("clone");
        say("ended with %d", status_of(child));
    }
    exchange_once(1);
}

/* A child that tells of its end by no signal, or by another, is waited for with __WCLONE only. */
static void silent(char **arguments)
{
    static const int signals[] = {0, SIGUSR1};
    (void)arguments;
    signal(SIGUSR1, SIG_IGN);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int status = -1;
        pid_t child = clone(speaks_and_returns, stack + sizeof stack, signals[i], NULL);
        errno = 0;
        say("waitpid %s", waitpid(child, &status, 0) < 0 ? strerror(errno) : "found it");
        pid_t found = waitpid(child, &status, __WCLONE);
        say("with __WCLONE: %s, %d", found == child ? "found it" : strerror(errno), WEXITSTATUS(status));
    }
    exchange_once(1);
}

/* The first thread ends, and the program goes on in others; it ends with the last. */
static void *goes_on(void *memory)
{
    pause_ms(30);
    exchange_once(3);
    pause_ms(30);
    say_exchanges();
    return memory;
}

static void first_thread_ends(char **arguments)
{
    pthread_t thread;
    exchange_once(2);
    pause_ms(20);
    if (atoi(arguments[0])) {
        pthread_create(&thread, NULL, goes_on, NULL);
        pthread_detach(thread);
    } else {
        say_exchanges();
    }
    pthread_exit(NULL);
}

static struct pair of_parent;

static int closes_all_and_exits(void *memory)
{
    (void)memory;
    close(of_parent.client), close(of_parent.server);
    close_range(3, ~0U, 0);
    _exit(6);
}

static int closes_all_and_returns(void *memory)
{
    (void)memory;
    for (int fd = 3; fd < 64; fd++) close(fd);
    return 6;
}

static int executes(void *memory)
{
    (void)memory;
    close(of_parent.client), close(of_parent.server);
    execl("/bin/sh", "sh", "-c", "exit 6", (char *)NULL);
    _exit(7);
}

/* On our memory, but with descriptors and an end of its own, while we are in the middle of a request. */
static void shares_memory(char **arguments)
{
    int (*const ways[])(void *) = {closes_all_and_exits, closes_all_and_returns, executes};
    of_parent = pair_open();
    for (int round = 0; round < 5; round++) {
        if (!ask(&of_parent)) fail("ask");
        pid_t child = clone(ways[atoi(arguments[0])], stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
        int status = status_of(child);
        if (!answer(&of_parent)) fail("answer");
        exchanges++;
        if (round == 0) say("ended with %d", status);
    }
    pause_ms(20);
    exchange_once(2);
}

/* The table of descriptors is one, all else is not: what the child closes is closed for the parent too. */
static int closes_for_both(void *memory)
{
    (void)memory;
    close(of_parent.server);
    exchanges = 0;
    exchange_once(1);
    say_exchanges();
    _exit(0);
}

static void shares_files(char **arguments)
{
    (void)arguments;
    of_parent = pair_open();
    exchange(&of_parent, 2);
    pid_t child = clone(closes_for_both, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);
    int status = status_of(child);
    say("ended with %d, closed: %s", status, fcntl(of_parent.server, F_GETFD) < 0 ? strerror(errno) : "no");
    exchange_once(2);
}

/* No libc function of that name is called, so nobody is told but by the kernel. */
static void raw(char **arguments)
{
    (void)arguments;
    exchange_once(2);
    for (int i = 0; i < 3; i++) {
        pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            exchanges = 0;
            exchange_once(2);
            say_exchanges();
            _exit(4);
        }
        say("ended with %d", status_of(child));
        exchange_once(1);
    }
}

/* libc forks inside, and makes a terminal 0, 1 and 2 of the child. */
static void terminal(char **arguments)
{
    char got[256] = "";
    int master;
    (void)arguments;
    exchange_once(2);
    pid_t child = forkpty(&master, NULL, NULL, NULL);
    if (child == 0) {
        exchanges = 0;
        exchange_once(3);
        say("child on a terminal: %s", isatty(1) ? "yes" : "no");
        say_exchanges();
        _exit(3);
    }
    size_t len = 0;
    for (ssize_t n; len < sizeof got - 1 && (n = read(master, got + len, sizeof got - 1 - len)) > 0;) len += (size_t)n;
    for (char *line = strtok(got, "\r\n"); line; line = strtok(NULL, "\r\n")) say("%s", line); /* a terminal makes \n \r\n */
    say("ended with %d", status_of(child));
    exchange_once(1);
}

/* Nobody but the program's own children can be waited for, in any way of waiting. */
static void waits(char **arguments)
{
    static const int options[] = {0, __WALL, __WCLONE, __WNOTHREAD, WUNTRACED | WCONTINUED};
    (void)arguments;
    exchange_once(2);
    pause_ms(20);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        int status = 0;
        errno = 0;
        pid_t pid = waitpid(-1, &status, options[i] | WNOHANG);
        say("waitpid %d %s", (int)pid, strerror(errno));
        siginfo_t info = {0};
        errno = 0;
        int rc = waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | (options[i] & (__WALL | __WCLONE | __WNOTHREAD)));
        say("waitid %d %s %d", rc, strerror(errno), (int)info.si_pid);
    }
    pid_t child = fork();
    if (child == 0) _exit(9);
    int status;
    say("its own: %s", waitpid(-1, &status, 0) == child && WEXITSTATUS(status) == 9 ? "yes" : "no");
    exchange_once(1);
}

/* A thread with a table of descriptors of its own: the same number is another connection in each. */
static pthread_barrier_t step;
static int expected_number;

static void *apart(void *memory)
{
    struct pair *pair = memory;
    if (unshare(CLONE_FILES) != 0) fail("unshare");
    pthread_barrier_wait(&step);
    close(pair->client), close(pair->server);
    struct pair own = pair_open();
    exchange(&own, 1);
    if (!ask(&own)) fail("ask");
    expected_number = own.server;
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    if (!answer(&own)) fail("answer");
    exchanges++;
    pair_close(&own);
    return NULL;
}

static void files_apart(char **arguments)
{
    pthread_t thread;
    (void)arguments;
    struct pair pair = pair_open();
    exchange(&pair, 1);
    if (!ask(&pair)) fail("ask");
    pthread_barrier_init(&step, NULL, 2);
    pthread_create(&thread, NULL, apart, &pair);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    if (!answer(&pair)) fail("answer");
    exchanges++;
    say("its number is %s", expected_number == pair.server ? "the same" : "another");
    pthread_barrier_wait(&step);
    pthread_join(thread, NULL);
    pair_close(&pair);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"returns", returns}, {"worlds", worlds}, {"silent", silent}, {"first_thread_ends", first_thread_ends}, {"shares_memory", shares_memory}, {"shares_files", shares_files}, {"raw", raw}, {"terminal", terminal},
        {"waits", waits}, {"files_apart", files_apart}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
