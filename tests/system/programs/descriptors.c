/* descriptors.c - unkind to descriptors, while spans are on their way out. See speak.h. */
#include "speak.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int file(void)
{
    int fd = memfd_create("mine", 0);
    if (fd < 0) fail("memfd_create");
    return fd;
}

static long size_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? (long)status.st_size : -1;
}

/* Every number that the kernel gives is the lowest free one: 4000 times, in a tight loop. */
static void lowest(char **arguments)
{
    struct pair pair = pair_open();
    int expected = dup(0), wrong = 0, ends[2];
    (void)arguments;
    close(expected);
    say("the lowest free number is %d", expected);
    for (int round = 0; round < 4000; round++) {
        if (round % 8 == 0) exchange(&pair, 1);
        int a = open("/dev/null", O_RDONLY), b = socket(AF_INET, SOCK_STREAM, 0), c = dup(0);
        wrong += a != expected || b != expected + 1 || c != expected + 2;
        if (pipe(ends) != 0) fail("pipe");
        wrong += ends[0] != expected + 3 || ends[1] != expected + 4;
        close(ends[0]), close(ends[1]), close(a), close(b), close(c);
    }
    say("%d were not the lowest", wrong);
}

static void read_listing(char *text, size_t size)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    text[0] = '\0';
    while (directory && (entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.') snprintf(text + strlen(text), size - strlen(text), " %s", entry->d_name);
    closedir(directory);
}

static void listing(char **arguments)
{
    struct pair pair = pair_open();
    char first[256], now[256];
    int others = 0;
    (void)arguments;
    read_listing(first, sizeof first);
    say("open:%s", first);
    for (int round = 0; round < 600; round++) {
        exchange(&pair, 1);
        read_listing(now, sizeof now);
        others += strcmp(first, now) != 0;
    }
    say("%d listings were another", others);
}

static void by_close(void)
{
    for (int fd = 3; fd < 1100; fd++) close(fd);
}

static void by_close_range(void)
{
    if (close_range(3, ~0U, 0) != 0) fail("close_range");
}

static void by_system_call(void)
{
    if (syscall(SYS_close_range, 3, ~0U, 0) != 0) fail("close_range");
}

static void by_closefrom(void)
{
    closefrom(3);
}

/* Everything is closed under an exporting library; the files opened next are the program's own and stay empty. */
static void close_all(char **arguments)
{
    void (*const ways[])(void) = {by_close, by_close_range, by_system_call, by_closefrom};
    void (*const way)(void) = ways[atoi(arguments[0])];
    int wrong = 0, dirty = 0;
    for (int round = 0; round < 30; round++) {
        struct pair pair = pair_open();
        exchange(&pair, 3);
        way();
        for (int fd = 3; fd < 12; fd++) wrong += file() != fd;
        exchange_once(2);
        pause_ms(2);
        for (int fd = 3; fd < 12; fd++) dirty += size_of(fd) != 0;
        way();
    }
    say("%d numbers wrong, %d files written to", wrong, dirty);
}

/* One file on every number. */
static void dup2_all(char **arguments)
{
    int wrong = 0;
    (void)arguments;
    for (int round = 0; round < 8; round++) {
        struct pair pair = pair_open();
        exchange(&pair, 4);
        int own = file();
        for (int fd = 3; fd < 1000; fd++)
            if (fd != own) wrong += dup2(own, fd) != fd;
        pause_ms(2);
        for (int fd = 3; fd < 1000; fd++) wrong += size_of(fd) != 0;
        wrong += dup3(own, 999, O_CLOEXEC) != 999 || dup2(own, own) != own || dup2(5000, 4) != -1 || errno != EBADF;
        close_range(3, ~0U, 0);
    }
    say("%d were not as asked for", wrong);
}

/* A connection moves from number to number in the middle of a request. */
static void moving(char **arguments)
{
    (void)arguments;
    struct pair pair = pair_open();
    for (int round = 0; round < 200; round++) {
        int to = 20 + round % 50;
        if (!ask(&pair) || dup2(pair.server, to) != to) fail("dup2");
        close(pair.server);
        pair.server = to;
        if (!answer(&pair)) fail("answer");
        exchanges++;
        int back = dup(pair.server);
        close(pair.server);
        pair.server = fcntl(back, F_DUPFD_CLOEXEC, 80);
        close(back);
    }
    say("client %d server %d", pair.client, pair.server);
}

static void high(char **arguments)
{
    struct rlimit limit;
    (void)arguments;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max > 70010 ? 70010 : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    const int numbers[] = {1023, 1024, 4096, (int)limit.rlim_cur - 4};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct pair low = pair_open(), pair;
        pair.client = fcntl(low.client, F_DUPFD, numbers[i]);
        pair.server = fcntl(low.server, F_DUPFD_CLOEXEC, numbers[i]);
        pair_close(&low);
        exchange(&pair, 3);
        say("%d %d", pair.client, pair.server);
        pair_close(&pair);
    }
}

static void tiny_limit(char **arguments)
{
    struct pair pair = pair_open();
    int opened = 0;
    (void)arguments;
    exchange(&pair, 3);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){8, 8});
    while (dup(0) >= 0) opened++;
    say("%d more, then %s", opened, strerror(errno));
    for (int i = 0; i < 20; i++) {
        exchange(&pair, 1);
        pause_ms(1);
    }
    say("still %s", dup(0) < 0 ? strerror(errno) : "one free");
}

/* A file of the program's gets the number of stderr because that was free: nothing but the program writes into it. */
static void stderr_replaced(char **arguments)
{
    exchange_once(2);
    close(2);
    if (open(arguments[0], O_CREAT | O_RDWR | O_TRUNC, 0600) != 2) fail("open");
    exchange_once(2);
}

/* Threads that copy, close and use each other's numbers: a bug of the program's, which must stay its own. */
static atomic_int race_ends;

static void *race(void *memory)
{
    unsigned seed = (unsigned)(size_t)memory;
    while (!race_ends) {
        int fd = 20 + (int)((seed = seed * 1103515245 + 12345) >> 16) % 3;
        switch ((seed >> 8) % 6) {
        case 0: close(fd); break;
        case 1: dup2(20 + (int)(seed >> 20) % 3, fd); break; /* whose source may be closed at this moment */
        case 2: dup3(10, fd, O_CLOEXEC); break;
        case 3: dup3(11, fd, O_CLOEXEC); break;
        case 4: send(fd, RESPONSE, sizeof RESPONSE - 1, MSG_NOSIGNAL | MSG_DONTWAIT); break;
        default: send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL | MSG_DONTWAIT); break;
        }
        char got[512];
        recv(fd, got, sizeof got, MSG_DONTWAIT);
    }
    return NULL;
}

static void races(char **arguments)
{
    pthread_t threads[4];
    (void)arguments;
    for (size_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, race, (void *)(i + 1));
    time_t ends = time(NULL) + 3; /* on two processors, four threads that never sleep can take all the time there is */
    for (int round = 0; round < 6000 && time(NULL) < ends; round++) {
        struct pair pair = pair_open();
        dup2(pair.client, 10), dup2(pair.server, 11);
        pair_close(&pair);
        sched_yield();
    }
    race_ends = 1;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    close_range(3, ~0U, 0);
    say("the race is over");
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"lowest", lowest}, {"listing", listing}, {"close_all", close_all}, {"dup2_all", dup2_all}, {"moving", moving},
        {"high", high}, {"tiny_limit", tiny_limit}, {"stderr_replaced", stderr_replaced}, {"races", races}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
