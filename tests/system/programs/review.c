/* review.c - what a second hostile review tried: pointers that are none, descriptors edited behind our back, children on our
 * memory, memory given back before a call has returned.
 */
#include "speak.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void *wait_for_ever(void *memory)
{
    pause();
    return memory;
}

/* What is sent is looked at before the call in a program of several threads. */
static void become_threaded(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL)) fail("pthread_create");
}

static void say_rc(const char *what, ssize_t rc)
{
    say("%s: %zd %s", what, rc, rc < 0 ? strerror(errno) : "");
}

static void *volatile bad = (void *)16; /* which the compiler does not know to be none */

/* --- pointers that are none ---------------------------------------------------------------------------------- */

static char *page_before_nothing(void)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || munmap(pages + 4096, 4096)) fail("mmap");
    return pages;
}

static void send_from_nowhere(int fd)
{
    char *last = page_before_nothing() + 4096 - 4;
    struct iovec bad_base = {bad, 100}, whole = {(char *)"x", 1}, half[2] = {whole, {bad, 10}};
    struct msghdr bad_vector = {.msg_iov = bad, .msg_iovlen = 1}, bad_message = {.msg_iov = &bad_base, .msg_iovlen = 1};
    struct mmsghdr messages[1] = {{.msg_hdr = bad_message}};
    struct iovec *at_the_edge = (struct iovec *)(page_before_nothing() + 4096 - sizeof *at_the_edge);
    *at_the_edge = (struct iovec){(char *)"x", 0};
    memcpy(last, "GET ", 4);
    say_rc("send", send(fd, bad, 100, 0));
    say_rc("write", write(fd, bad, 100));
    say_rc("sendto", sendto(fd, bad, 100, 0, NULL, 0));
    say_rc("writev, vector", writev(fd, bad, 2));
    say_rc("writev, buffer", writev(fd, &bad_base, 1));
    say_rc("writev, too many", writev(fd, at_the_edge, 100000));
    say_rc("writev, fewer than it says", writev(fd, at_the_edge, 2));
    say_rc("pwritev2", pwritev2(fd, bad, 1, -1, 0));
    say_rc("sendmsg, message", sendmsg(fd, bad, 0));
    say_rc("sendmsg, vector", sendmsg(fd, &bad_vector, 0));
    say_rc("sendmsg, buffer", sendmsg(fd, &bad_message, 0));
    say_rc("sendmmsg", sendmmsg(fd, bad, 1, 0));
    say_rc("sendmmsg, buffer", sendmmsg(fd, messages, 1, 0));
    say_rc("send, half", send(fd, last, 5000, 0) < 5000);
    say_rc("writev, half", writev(fd, half, 2) < 11);
}

static void receive_into_nowhere(int fd)
{
    struct iovec bad_base = {bad, 100};
    struct msghdr bad_message = {.msg_iov = &bad_base, .msg_iovlen = 1};
    say_rc("recv", recv(fd, bad, 100, MSG_DONTWAIT));
    say_rc("read", read(fd, bad, 100));
    say_rc("readv", readv(fd, bad, 1));
    say_rc("readv, buffer", readv(fd, &bad_base, 1));
    say_rc("recvmsg", recvmsg(fd, bad, 0));
    say_rc("recvmsg, buffer", recvmsg(fd, &bad_message, 0));
    say_rc("recvmmsg", recvmmsg(fd, bad, 1, 0, NULL));
}

static int listener_on(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (listener < 0 || bind(listener, (struct sockaddr *)address, len) || listen(listener, 8)) fail("listen");
    getsockname(listener, (struct sockaddr *)address, &len);
    return listener;
}

static void knock(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address)) fail("connect");
}

static void accept_into_nowhere(void)
{
    struct sockaddr_in address, peer;
    int listener = listener_on(&address), unknown = (int)syscall(SYS_fcntl, listener, F_DUPFD, 50);
    socklen_t short_len = 3;
    for (int i = 0; i < 7; i++) knock(&address);
    say_rc("accept, length", accept(listener, (struct sockaddr *)&peer, bad));
    say_rc("accept4, length", accept4(listener, (struct sockaddr *)&peer, bad, 0));
    say_rc("accept, no address but a length", accept(listener, NULL, bad) >= 0);
    say_rc("the same on a descriptor we know nothing of", accept(unknown, NULL, bad) >= 0);
    say_rc("accept, address", accept(listener, bad, &(socklen_t){sizeof peer}));
    say_rc("accept, room for three bytes", accept(listener, (struct sockaddr *)&peer, &short_len) >= 0);
    say_rc("accept, no room", accept(listener, bad, &(socklen_t){0}) >= 0);
}

static void other_calls(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    say_rc("sendto, fast open", sendto(fd, "x", 1, MSG_FASTOPEN, bad, 16));
    say_rc("connect", connect(fd, bad, 16));
    say_rc("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, bad));
    say_rc("sendfile", sendfile(fd, 0, bad, 10));
    say_rc("splice", splice(fd, bad, fd, NULL, 10, 0));
}

static void bad_pointers(char **arguments)
{
    struct pair pair;
    (void)arguments;
    become_threaded();
    signal(SIGPIPE, SIG_IGN);
    accept_into_nowhere();
    other_calls();
    pair = pair_open();
    send_from_nowhere(pair.client);
    pair_close(&pair);
    pair = pair_open();
    if (!ask(&pair)) fail("send");
    receive_into_nowhere(pair.server);
    if (!answer(&pair)) fail("answer");
    exchanges++;
    pair_close(&pair);
}

/* --- memory that is given back while a call is under way ------------------------------------------------------- */

#define MEMORY (64 * 1024)

static char *given; /* MEMORY bytes that are there only while somebody sends */
static int at_peer;
static atomic_uint taken; /* times that they have been taken away */

/* Takes everything that comes; and, when the last of a message has come, the sender's memory away with it. */
static void *take_away(void *memory)
{
    static char got[MEMORY];
    for (ssize_t n; (n = recv(at_peer, got, sizeof got, 0)) > 0;)
        if (memchr(got, '~', (size_t)n)) {
            mprotect(given, MEMORY, PROT_NONE);
            taken++;
        }
    return memory;
}

/* One chunked response of many small chunks and a large one, so that much lies behind the first 4 kB. */
static size_t write_response(char *text)
{
    size_t n = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 900; i++) n += (size_t)sprintf(text + n, "6\r\nhello\n\r\n");
    n += (size_t)sprintf(text + n, "4000\r\n");
    memset(text + n, 'x', 0x4000);
    n += 0x4000;
    return n + (size_t)sprintf(text + n, "\r\n0;~\r\n\r\n");
}

/* Ends with a '~' that is read last. */
static ssize_t send_by(int way, int fd, char *text, size_t len)
{
    struct iovec iov[3] = {{text, 20}, {text + 20, len / 2}, {text + 20 + len / 2, len - 20 - len / 2}};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 3}};
    switch (way) {
    case 0: return send(fd, text, len, 0);
    case 1: return writev(fd, iov, 3);
    case 2: return sendmsg(fd, &message.msg_hdr, 0);
    default: return sendmmsg(fd, &message, 1, 0) == 1 ? (ssize_t)message.msg_len : -1;
    }
}

static void given_back(char **arguments)
{
    int way = atoi(arguments[0]);
    struct pair pair = pair_open();
    pthread_t thread;
    static char text[MEMORY];
    size_t len = write_response(text);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one); /* then the order that matters happens nearly every time */
    at_peer = pair.client;
    given = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 200; i++) {
        if (!ask(&pair) || !receive(pair.server, REQUEST, sizeof REQUEST - 1)) fail("ask");
        if (i == 0 && pthread_create(&thread, NULL, take_away, NULL)) fail("pthread_create");
        mprotect(given, MEMORY, PROT_READ | PROT_WRITE);
        memcpy(given, text, len);
        if (send_by(way, pair.server, given, len) != (ssize_t)len) fail("send");
        while (taken <= (unsigned)i) sched_yield();
        exchanges++;
    }
    shutdown(pair.server, SHUT_WR);
    pthread_join(thread, NULL);
    pair_close(&pair);
}

/* --- descriptors edited by system calls ------------------------------------------------------------------------- */

static int file_with_a_request(void)
{
    int fd = memfd_create("request", 0);
    if (fd < 0 || write(fd, REQUEST, sizeof REQUEST - 1) < 0 || lseek(fd, 0, SEEK_SET)) fail("memfd");
    return fd;
}

/* The number of a connection becomes a file's, by a call that libc has no name for here: libuv closes this way. */
static void closed_by_number(char **arguments)
{
    char got[256];
    int file = file_with_a_request();
    (void)arguments;
    for (int way = 0; way < 3; way++) {
        struct pair pair = pair_open();
        exchange(&pair, 1);
        if (way == 0 && (syscall(SYS_close, pair.server) || fcntl(file, F_DUPFD, pair.server) != pair.server)) fail("close");
        if (way == 1 && syscall(SYS_dup3, file, pair.server, 0) != pair.server) fail("dup3");
        if (way == 2 && syscall(SYS_close_range, pair.server, pair.server, 0) == 0 && fcntl(file, F_DUPFD, pair.server) != pair.server) fail("range");
        lseek(file, 0, SEEK_SET);
        say_rc("read", read(pair.server, got, sizeof got) == sizeof REQUEST - 1);
        pair_close(&pair);
    }
}

/* A copy made by a system call keeps the connection going. */
static void copied_by_number(char **arguments)
{
    struct pair pair = pair_open();
    (void)arguments;
    if (!*program_invocation_name) fail("name"); /* which makes a copy of it in a program that is not position-independent */
    if (!ask(&pair)) fail("ask");
    int copy = (int)syscall(SYS_dup, pair.server);
    close(pair.server);
    pair.server = copy;
    if (!answer(&pair)) fail("answer");
    exchanges++;
    exchange(&pair, 2);
    pair_close(&pair);
}

/* --- children on this memory --------------------------------------------------------------------------------------- */

static struct pair shared;

static int edit_and_exit(void *memory)
{
    (void)memory;
    close(shared.client);
    close(shared.server);
    dup2(1, shared.server);
    close_range(3, 100, 0);
    _exit(7);
}

/* A child with a table of its own on our memory: what it closes is its own. */
static void child_on_our_memory(char **arguments)
{
    static char stack[64 * 1024];
    int status;
    (void)arguments;
    shared = pair_open();
    exchange(&shared, 1);
    if (!ask(&shared)) fail("ask");
    pid_t child = clone(edit_and_exit, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    if (child < 0 || waitpid(child, &status, 0) != child) fail("clone");
    say("status %d", WEXITSTATUS(status));
    if (!answer(&shared)) fail("answer");
    exchanges++;
    exchange(&shared, 1);
    pair_close(&shared);
}

static pthread_barrier_t together;

static void *speak_together(void *memory)
{
    struct pair pair = *(struct pair *)memory;
    pthread_barrier_wait(&together);
    exchange(&pair, 1);
    return NULL;
}

/* The child of a raw clone, whose threads meet us all at once: nobody told us that it is a child. */
static void raw_child(struct pair *pairs)
{
    pthread_t threads[8];
    exchanges = 0;
    pthread_barrier_init(&together, NULL, 8);
    for (int i = 0; i < 8; i++)
        if (pthread_create(&threads[i], NULL, speak_together, &pairs[i])) _exit(1);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    say_exchanges();
    exit(0);
}

static void raw_children(char **arguments)
{
    struct pair pairs[8];
    (void)arguments;
    for (int i = 0; i < 8; i++) {
        pairs[i] = pair_open();
        exchange(&pairs[i], 1);
    }
    for (int i = 0; i < 60; i++) {
        int status = -1;
        pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (child == 0) raw_child(pairs);
        if (waitpid(child, &status, 0) != child || status) fail("child");
    }
    for (int i = 0; i < 8; i++) pair_close(&pairs[i]);
}

/* A thread that leaves the common table. */
static void *leave_table(void *memory)
{
    if (unshare(CLONE_FILES)) fail("unshare");
    close(shared.client);
    close(shared.server);
    return memory;
}

static void thread_with_own_table(char **arguments)
{
    pthread_t thread;
    (void)arguments;
    shared = pair_open();
    if (!ask(&shared) || pthread_create(&thread, NULL, leave_table, NULL)) fail("thread");
    pthread_join(thread, NULL);
    if (!answer(&shared)) fail("answer");
    exchanges++;
    exchange(&shared, 1);
    pair_close(&shared);
}

/* --- a fork while the Collector is slow ------------------------------------------------------------------------------------ */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fork_often(char **arguments)
{
    double longest = 0, began = now_s();
    int forks = 0;
    (void)arguments;
    exchange_once(5);
    for (; now_s() - began < 2; forks++) {
        double before = now_s();
        pid_t child = fork();
        if (child == 0) _exit(0);
        double took = now_s() - before;
        if (took > longest) longest = took;
        waitpid(child, NULL, 0);
        pause_ms(5);
    }
    fprintf(stderr, "forks %d longest %.0f ms\n", forks, longest * 1000);
}

/* --- a jump out of a wait of ours ---------------------------------------------------------------------------------- */

static sigjmp_buf back;
static volatile sig_atomic_t is_armed;

static void jump(int number)
{
    (void)number;
    if (is_armed) siglongjmp(back, 1);
}

static void jump_from_wait(char **arguments)
{
    static double began;
    (void)arguments;
    exchange_once(1);
    signal(SIGALRM, jump);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 700}, {0, 700}}, NULL);
    for (began = now_s(); now_s() - began < 0.5; is_armed = 0) {
        sigsetjmp(back, 1);
        is_armed = 1;
        if (seteuid(geteuid())) fail("seteuid");
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    exchange_once(1);
    pause_ms(2200);
    exchange_once(1);
}

/* --- requests without end -------------------------------------------------------------------------------------------- */

static long resident_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
    if (file) fclose(file);
    return kb;
}

static void pipelined(char **arguments)
{
    static const char request[] = "GET /p HTTP/1.1\r\n\r\n";
    static char text[65536], got[65536];
    size_t len = 0;
    (void)arguments;
    for (; len + sizeof request < sizeof text; len += sizeof request - 1) memcpy(text + len, request, sizeof request);
    memset(got, 1, sizeof got);
    long before = resident_kb();
    for (int i = 0; i < 24; i++) {
        struct pair pair = pair_open();
        if (write(pair.client, text, len) != (ssize_t)len) fail("write");
        for (size_t taken = 0; taken < len;) {
            ssize_t n = read(pair.server, got, sizeof got);
            if (n <= 0) fail("read");
            taken += (size_t)n;
        }
    }
    say("grown by %ld kB", resident_kb() - before);
    exchange_once(1);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"bad_pointers", bad_pointers}, {"given_back", given_back}, {"closed_by_number", closed_by_number},
        {"copied_by_number", copied_by_number}, {"child_on_our_memory", child_on_our_memory},
        {"raw_children", raw_children}, {"thread_with_own_table", thread_with_own_table}, {"fork_often", fork_often}, {"jump_from_wait", jump_from_wait},
        {"pipelined", pipelined}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
