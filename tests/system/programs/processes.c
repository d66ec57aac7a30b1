/* processes.c - the ways to make a process and to become another, with connections open and spans under way. See speak.h. */
#include "speak.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static int status_of(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* A child's own exchanges, which it says itself. */
__attribute__((noreturn)) static void child_speaks(unsigned count)
{
    exchanges = 0;
    exchange_once(count);
    say_exchanges();
    _exit(0);
}

static void *speak(void *memory)
{
    struct pair pair = pair_open();
    (void)memory;
    for (int i = 0; i < 60; i++) {
        exchange(&pair, 1);
        if (i % 10 == 0) pause_ms(1);
    }
    pair_close(&pair);
    return NULL;
}

static void fork_threads(char **arguments)
{
    pthread_t threads[4];
    int bad = 0;
    (void)arguments;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, speak, NULL);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) child_speaks(2);
        bad += status_of(child) != 0;
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    say("%d children ended badly", bad);
}

/* Several threads make the first span of a process at the same moment; in process after process. */
static pthread_barrier_t together;

static void *speak_together(void *memory)
{
    struct pair pair = pair_open();
    (void)memory;
    pthread_barrier_wait(&together);
    exchange(&pair, 3);
    pair_close(&pair);
    return NULL;
}

static void first_together(char **arguments)
{
    int bad = 0;
    (void)arguments;
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t threads[6];
            pthread_barrier_init(&together, NULL, 6);
            for (int j = 0; j < 6; j++) pthread_create(&threads[j], NULL, speak_together, NULL);
            for (int j = 0; j < 6; j++) pthread_join(threads[j], NULL);
            say_exchanges();
            _exit(0);
        }
        bad += status_of(child) != 0;
    }
    say("%d children ended badly", bad);
}

/* Spans wait in the parent's queue: they are the parent's. */
static void fork_batch(char **arguments)
{
    int bad = 0;
    (void)arguments;
    exchange_once(10);
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) child_speaks(3);
        exchange_once(2);
        bad += status_of(child) != 0;
    }
    say("%d children ended badly", bad);
}

/* A child of a child of a child, each speaking before and after. */
static void fork_deep(char **arguments)
{
    (void)arguments;
    exchange_once(1);
    for (int depth = 0; depth < 4; depth++) {
        pid_t child = fork();
        if (child) {
            if (status_of(child) != 0) say("a child ended badly");
            break;
        }
        exchanges = 0;
        exchange_once(1 + (unsigned)depth % 2);
    }
}

/* What a child that shares our memory may do to descriptors that are its own, before it becomes another program. */
static void misuse_descriptors(void)
{
    for (int fd = 3; fd < 64; fd++) close(fd);
    for (int fd = 3; fd < 16; fd++) dup2(0, fd);
    close_range(3, ~0U, 0);
    int again = socket(AF_INET, SOCK_STREAM, 0);
    fcntl(again, F_DUPFD, 10);
}

/* In the middle of a request, over and over: the answer is still seen, the request was not cancelled. */
static void vfork_exec(char **arguments)
{
    struct pair pair = pair_open();
    int bad = 0;
    (void)arguments;
    for (int round = 0; round < 20; round++) {
        if (!ask(&pair)) fail("ask");
        volatile int is_failing = round % 3 == 1;
        pid_t child = vfork();
        if (child == 0) {
            misuse_descriptors();
            if (is_failing) execl("/nonexistent/program", "program", (char *)NULL);
            if (!is_failing) execlp("true", "true", (char *)NULL);
            _exit(7);
        }
        bad += status_of(child) != (is_failing ? 7 : 0);
        if (!answer(&pair)) fail("answer");
        exchanges++;
    }
    say("%d children ended badly", bad);
}

static int shares_memory(void *memory)
{
    (void)memory;
    misuse_descriptors();
    execle("/bin/true", "true", (char *)NULL, (char *[]){NULL});
    _exit(7);
}

/* The same by clone(2), as some spawning libraries do it. */
static void clone_exec(char **arguments)
{
    static _Alignas(16) char stack[65536];
    struct pair pair = pair_open();
    int bad = 0;
    (void)arguments;
    for (int round = 0; round < 10; round++) {
        if (!ask(&pair)) fail("ask");
        pid_t child = clone(shares_memory, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        bad += status_of(child) != 0;
        if (!answer(&pair)) fail("answer");
        exchanges++;
    }
    say("%d children ended badly", bad);
}

static void spawn(char **arguments)
{
    struct pair pair = pair_open();
    char line[64] = "";
    posix_spawn_file_actions_t actions;
    (void)arguments;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 0, pair.server);
    posix_spawn_file_actions_addclose(&actions, pair.client);
    for (int round = 0; round < 5; round++) {
        pid_t child;
        if (!ask(&pair)) fail("ask");
        int rc = posix_spawnp(&child, "sh", &actions, NULL, (char *[]){"sh", "-c", "exit 3", NULL}, environ);
        say("spawned %d, ended with %d", rc, status_of(child));
        say("system %d", WEXITSTATUS(system("exit 5")));
        FILE *pipe = popen("echo from the pipe", "r");
        if (!pipe || !fgets(line, sizeof line, pipe)) fail("popen");
        line[strcspn(line, "\n")] = '\0';
        say("%s, closed with %d", line, pclose(pipe));
        if (!answer(&pair)) fail("answer");
        exchanges++;
    }
    posix_spawn_file_actions_destroy(&actions);
}

/* The program goes on as a daemon, twice removed. */
static void become_daemon(char **arguments)
{
    exchange_once(2);
    say_exchanges();
    exchanges = 0;
    if (atoi(arguments[0]) == 0) {
        if (daemon(1, 1) != 0) fail("daemon");
    } else {
        if (fork() != 0) _exit(0);
        setsid();
        if (fork() != 0) _exit(0);
        close(0);
        for (int fd = 3; fd < 1024; fd++) close(fd);
        open("/dev/null", O_RDWR);
    }
    exchange_once(3);
    pause_ms(20);
    exchange_once(1);
}

/* One image after the other, each reached by another of the exec family; before each, one that fails. */
static void chain(char **arguments)
{
    static const char *const next[] = {"1", "2", "3", "4", "5", "6", "7", "8"};
    int step = arguments[0] ? atoi(arguments[0]) : 0;
    char self[4096] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) fail("readlink");
    exchange_once(1);
    say_exchanges();
    exchanges = 0;
    char *words[] = {"processes", "chain", (char *)(size_t)(step < 8 ? next[step] : "9"), NULL};
    switch (step) {
    case 0: execl(self, words[0], words[1], words[2], (char *)NULL); break;
    case 1: execv(self, words); break;
    case 2: execle(self, words[0], words[1], words[2], (char *)NULL, environ); break;
    case 3: execve(self, words, environ); break;
    case 4: execlp(self, words[0], words[1], words[2], (char *)NULL); break;
    case 5: execvp(self, words); break;
    case 6: execvpe(self, words, environ); break;
    case 7: fexecve(open(self, O_RDONLY | O_CLOEXEC), words, environ); break;
    case 8: execveat(AT_FDCWD, self, words, environ, 0); break;
    default: return;
    }
    fail("exec");
}

/* An exec that fails is not an end: what follows is seen and accounted for like anything else. */
static void exec_fails(char **arguments)
{
    (void)arguments;
    struct pair pair = pair_open();
    for (int round = 0; round < 3; round++) {
        if (!ask(&pair)) fail("ask");
        errno = 0;
        int rc = execl("/nonexistent/program", "program", (char *)NULL);
        say("execl %d %s", rc, strerror(errno));
        errno = 0;
        rc = execvp("no-such-program", (char *[]){"no-such-program", NULL});
        say("execvp %d %s", rc, strerror(errno));
        if (!answer(&pair)) fail("answer");
        exchanges++;
    }
}

/* Signals arrive as often as without us. */
static volatile sig_atomic_t pipes, children;

static void count_signal(int number)
{
    *(number == SIGPIPE ? &pipes : &children) += 1;
}

static void signals(char **arguments)
{
    (void)arguments;
    signal(SIGPIPE, count_signal);
    signal(SIGCHLD, count_signal);
    for (int round = 0; round < 10; round++) {
        struct pair pair = pair_open();
        exchange(&pair, 1);
        close(pair.server);
        recv(pair.client, &(char){0}, 1, 0);
        ssize_t first = write(pair.client, "x", 1);
        pause_ms(2);
        ssize_t second = write(pair.client, "x", 1);
        if (first != 1 || second != -1 || errno != EPIPE) say("write %zd %zd", first, second);
        close(pair.client);
        pid_t child = fork();
        if (child == 0) _exit(0);
        status_of(child);
    }
    poll(NULL, 0, 20);
    say("SIGPIPE %d SIGCHLD %d", (int)pipes, (int)children);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"fork_threads", fork_threads}, {"first_together", first_together}, {"fork_batch", fork_batch},
        {"fork_deep", fork_deep}, {"vfork_exec", vfork_exec}, {"clone_exec", clone_exec}, {"spawn", spawn}, {"become_daemon", become_daemon}, {"chain", chain},
        {"exec_fails", exec_fails}, {"signals", signals}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
