/* signals.c - programs that live by signals: their own handlers, waiting for signals, timers, faults that are caught. See speak.h. */
#include "speak.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile sig_atomic_t count_of[65];

static void count_signal(int number)
{
    count_of[number]++;
}

static void handle(int number, void handler(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    if (sigaction(number, &action, NULL) != 0) fail("sigaction");
}

/* Every disposition, the mask and the pending set are what the program made them, before and after spans. */
static void state(char **arguments)
{
    (void)arguments;
    for (int round = 0; round < 2; round++) {
        sigset_t blocked, pending;
        int handled = 0, ignored = 0;
        for (int number = 1; number < 65; number++) {
            struct sigaction action;
            if (sigaction(number, NULL, &action) != 0) continue;
            handled += action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
            ignored += action.sa_handler == SIG_IGN;
        }
        sigprocmask(SIG_BLOCK, NULL, &blocked);
        sigpending(&pending);
        say("handled %d ignored %d blocked %s pending %s", handled, ignored, sigisemptyset(&blocked) ? "none" : "some",
            sigisemptyset(&pending) ? "none" : "some");
        exchange_once(3);
        pause_ms(20);
    }
}

/* A collector's or a debugger's trick: memory is taken away, and given back by the handler when it is used. */
static char *page;
static volatile sig_atomic_t faults;

static void give_back(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    if ((char *)info->si_addr < page || (char *)info->si_addr >= page + 4096) _exit(97);
    faults++;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void own_faults(char **arguments)
{
    struct sigaction action = {.sa_sigaction = give_back, .sa_flags = SA_SIGINFO};
    (void)arguments;
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &action, NULL);
    struct pair pair = pair_open();
    for (int round = 0; round < 20; round++) {
        mprotect(page, 4096, PROT_NONE);
        exchange(&pair, 1);
        *(volatile char *)page = 1;
        memcpy(page, REQUEST, sizeof REQUEST);
        if (send(pair.client, page, sizeof REQUEST - 1, 0) != sizeof REQUEST - 1 || !answer(&pair)) fail("exchange");
        exchanges++;
    }
    say("faults %d", (int)faults);
    signal(SIGSEGV, SIG_DFL);
}

static void segfaults(char **arguments)
{
    (void)arguments;
    exchange_once(2);
    say_exchanges();
    pause_ms(60);
    raise(SIGSEGV);
}

/* Signals are waited for, not handled: nobody else may take one. */
static void waits(char **arguments)
{
    sigset_t set;
    siginfo_t info;
    int wrong = 0;
    (void)arguments;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM), sigaddset(&set, SIGCHLD), sigaddset(&set, SIGRTMIN), sigaddset(&set, SIGRTMIN + 5);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct pair pair = pair_open();
    exchange(&pair, 2);
    pause_ms(20);
    for (int round = 0; round < 20; round++) {
        exchange(&pair, 1);
        kill(getpid(), SIGTERM);
        wrong += sigwaitinfo(&set, &info) != SIGTERM || info.si_pid != getpid();
        for (int i = 0; i < 3; i++) sigqueue(getpid(), SIGRTMIN + 5, (union sigval){.sival_int = i});
        for (int i = 0; i < 3; i++) wrong += sigwaitinfo(&set, &info) != SIGRTMIN + 5 || info.si_value.sival_int != i;
        pid_t child = fork();
        if (child == 0) _exit(3);
        wrong += sigwaitinfo(&set, &info) != SIGCHLD || info.si_pid != child || info.si_status != 3;
        waitpid(child, NULL, 0);
    }
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    struct signalfd_siginfo got;
    wrong += read(fd, &got, sizeof got) >= 0 || errno != EAGAIN;
    kill(getpid(), SIGRTMIN);
    wrong += read(fd, &got, sizeof got) != sizeof got || (int)got.ssi_signo != SIGRTMIN;
    say("%d wrong", wrong);
}

/* Timers of every kind, one of them with a thread of libc's for each expiry. */
static atomic_int expired;

static void on_expiry(union sigval value)
{
    (void)value;
    expired++;
}

static void timers(char **arguments)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_expiry};
    struct itimerspec every = {{0, 2000000}, {0, 2000000}};
    (void)arguments;
    handle(SIGPROF, count_signal), handle(SIGVTALRM, count_signal), handle(SIGALRM, count_signal);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) fail("timer_create");
    timer_settime(timer, 0, &every, NULL);
    struct itimerval each = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_PROF, &each, NULL), setitimer(ITIMER_VIRTUAL, &each, NULL), setitimer(ITIMER_REAL, &each, NULL);
    for (int i = 0; i < 2000 || count_of[SIGPROF] < 5 || count_of[SIGVTALRM] < 5 || count_of[SIGALRM] < 5 || expired < 5; i++) {
        if (i < 200) exchange_once(1);
        if (i > 100000000) break;
    }
    each = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_PROF, &each, NULL), setitimer(ITIMER_VIRTUAL, &each, NULL), setitimer(ITIMER_REAL, &each, NULL);
    timer_delete(timer);
    say("all expired: %s", count_of[SIGPROF] >= 5 && count_of[SIGVTALRM] >= 5 && count_of[SIGALRM] >= 5 && expired >= 5 ? "yes" : "no");
}

/* Calls are interrupted exactly by the program's own signals. */
static void interrupted(char **arguments)
{
    struct sigaction action = {.sa_handler = count_signal};
    struct pair pair = pair_open();
    char got[64];
    (void)arguments;
    sigaction(SIGALRM, &action, NULL);
    exchange(&pair, 2);
    for (int round = 0; round < 10; round++) {
        setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 3000}}, NULL);
        errno = 0;
        ssize_t n = recv(pair.server, got, sizeof got, 0);
        if (n != -1 || errno != EINTR) say("recv %zd %s", n, strerror(errno));
        setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 3000}}, NULL);
        struct pollfd fd = {.fd = pair.server, .events = POLLIN};
        int rc = poll(&fd, 1, 1000);
        if (rc != -1 || errno != EINTR) say("poll %d %s", rc, strerror(errno));
        exchange(&pair, 1);
    }
    say("alarms %d", (int)count_of[SIGALRM]);
}

/* Zombies are nobody's but the program's: SA_NOCLDWAIT, and a handler that reaps. */
static void reap(int number)
{
    int before = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0) count_of[number]++;
    errno = before;
}

static void children(char **arguments)
{
    (void)arguments;
    handle(SIGCHLD, reap);
    struct pair pair = pair_open();
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        exchange(&pair, 1);
        while (count_of[SIGCHLD] <= i) pause_ms(1);
    }
    say("reaped %d", (int)count_of[SIGCHLD]);
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &action, NULL);
    pid_t child = fork();
    if (child == 0) _exit(0);
    errno = 0;
    pid_t waited = waitpid(child, NULL, 0);
    say("not waited for: %d %s", (int)waited, strerror(errno));
    exchange(&pair, 1);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"state", state}, {"own_faults", own_faults}, {"segfaults", segfaults}, {"waits", waits}, {"timers", timers},
        {"interrupted", interrupted}, {"children", children}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
