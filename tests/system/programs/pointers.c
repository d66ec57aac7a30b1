/* pointers.c - calls on connections with memory that is not there: they fail, or do a part, as without us. See speak.h. */
#include "speak.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static char *volatile nowhere = (char *)8; /* never mapped; volatile: the compiler would warn of what is meant */
static volatile int minus_one = -1, too_many = 5000;

static void said(const char *what, ssize_t rc)
{
    say("%s %zd %s", what, rc, rc < 0 ? strerror(errno) : "");
}

/* A request that ends where the mapped memory ends. */
static char *at_edge(void)
{
    char *memory = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || munmap(memory + 4096, 4096) != 0) fail("mmap");
    char *text = memory + 4096 - (sizeof REQUEST - 1);
    memcpy(text, REQUEST, sizeof REQUEST - 1);
    return text;
}

static void *idle(void *memory)
{
    pause();
    return memory;
}

/* Whatever the process is, alone or with another thread: each call that reads the caller's memory, with memory that is none. */
static void send_from(int fd)
{
    struct iovec bad = {nowhere, 100}, good_then_bad[] = {{(void *)(size_t)"GET", 3}, {nowhere, 100}};
    struct msghdr message = {.msg_iov = &bad, .msg_iovlen = 1}, bad_message = {.msg_iov = (struct iovec *)nowhere, .msg_iovlen = 1};
    struct mmsghdr messages[1] = {{.msg_hdr = message}};
    said("write", write(fd, nowhere, 100));
    said("send", send(fd, nowhere, 100, MSG_NOSIGNAL));
    said("sendto", sendto(fd, nowhere, 100, MSG_NOSIGNAL, NULL, 0));
    said("writev", writev(fd, &bad, 1));
    said("writev of nothing", writev(fd, (struct iovec *)nowhere, 1));
    said("writev of -1", writev(fd, &bad, minus_one));
    said("writev of many", writev(fd, &bad, too_many));
    said("pwritev2", pwritev2(fd, &bad, 1, -1, 0));
    said("sendmsg", sendmsg(fd, &message, MSG_NOSIGNAL));
    said("sendmsg of nothing", sendmsg(fd, &bad_message, MSG_NOSIGNAL));
    said("sendmsg nowhere", sendmsg(fd, (struct msghdr *)nowhere, MSG_NOSIGNAL));
    said("sendmmsg", sendmmsg(fd, messages, 1, MSG_NOSIGNAL));
    said("sendmmsg nowhere", sendmmsg(fd, (struct mmsghdr *)nowhere, 1, MSG_NOSIGNAL));
    said("sendfile", sendfile(fd, 0, (off_t *)nowhere, 10));
    said("splice", splice(0, (off64_t *)nowhere, fd, NULL, 10, 0));
    said("part", writev(fd, good_then_bad, 2));
}

static void receive_into(int fd)
{
    struct iovec bad = {nowhere, 100};
    struct msghdr message = {.msg_iov = &bad, .msg_iovlen = 1};
    struct mmsghdr messages[1] = {{.msg_hdr = message}};
    said("read", read(fd, nowhere, 100));
    said("recv", recv(fd, nowhere, 100, 0));
    said("recvfrom", recvfrom(fd, nowhere, 100, 0, NULL, NULL));
    said("readv", readv(fd, &bad, 1));
    said("readv of nothing", readv(fd, (struct iovec *)nowhere, 1));
    said("recvmsg", recvmsg(fd, &message, 0));
    said("recvmsg nowhere", recvmsg(fd, (struct msghdr *)nowhere, 0));
    said("recvmmsg", recvmmsg(fd, messages, 1, 0, NULL));
    said("recvmmsg nowhere", recvmmsg(fd, (struct mmsghdr *)nowhere, 1, 0, NULL));
}

static void others(int listener)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in room;
    said("connect", connect(fd, (struct sockaddr *)nowhere, sizeof(struct sockaddr_in)));
    said("connect short", connect(fd, (struct sockaddr *)&room, 1));
    said("sendto fast", sendto(fd, "GET", 3, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)nowhere, sizeof(struct sockaddr_in)));
    said("accept", accept(listener, (struct sockaddr *)nowhere, (socklen_t *)nowhere));
    said("accept4", accept4(listener, (struct sockaddr *)&room, (socklen_t *)nowhere, 0));
    said("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)nowhere));
    close(fd);
}

/* A program that learns by EFAULT what memory is there, as some do. */
static void bad(char **arguments)
{
    pthread_t thread;
    if (atoi(arguments[0])) pthread_create(&thread, NULL, idle, NULL);
    struct pair pair = pair_open();
    exchange(&pair, 1);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    listen(listener, 1);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    others(listener);
    send_from(pair.client);
    if (!ask(&pair)) fail("ask");
    receive_into(pair.server);
    if (!answer(&pair)) fail("answer");
    exchanges++;
    exchange(&pair, 1);
}

/* More is offered than there is: the kernel takes what it can reach. */
static void edge(char **arguments)
{
    pthread_t thread;
    if (atoi(arguments[0])) pthread_create(&thread, NULL, idle, NULL);
    struct pair pair = pair_open();
    char *text = at_edge();
    ssize_t sent = send(pair.client, text, 4000, MSG_NOSIGNAL);
    said("beyond the edge", sent);
    if (sent < 0) sent = 0;
    if (sent < (ssize_t)sizeof REQUEST - 1 && send(pair.client, text + sent, sizeof REQUEST - 1 - (size_t)sent, MSG_NOSIGNAL) < 0) fail("send");
    if (!answer(&pair)) fail("answer");
    exchanges++;
    exchange(&pair, 1);
}

/* A conversation cut at every byte, into memory behind which there is none. */
static void splits(char **arguments)
{
    struct pair pair = pair_open();
    char *end = at_edge() + sizeof REQUEST - 1;
    (void)arguments;
    setsockopt(pair.client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(pair.server, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (size_t cut = 1; cut < sizeof REQUEST - 1; cut++) {
        size_t rest = sizeof REQUEST - 1 - cut;
        if (send(pair.client, REQUEST, cut, 0) != (ssize_t)cut || recv(pair.server, end - cut, cut, MSG_WAITALL) != (ssize_t)cut) fail("first");
        if (send(pair.client, REQUEST + cut, rest, 0) != (ssize_t)rest || recv(pair.server, end - rest, rest, MSG_WAITALL) != (ssize_t)rest)
            fail("second");
        for (size_t at = 0, n; at < sizeof RESPONSE - 1; at += n) {
            n = sizeof RESPONSE - 1 - at < cut ? sizeof RESPONSE - 1 - at : cut;
            memcpy(end - n, RESPONSE + at, n);
            if (write(pair.server, end - n, n) != (ssize_t)n || read(pair.client, end - n, n) != (ssize_t)n) fail("answer");
        }
        exchanges++;
    }
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {{"bad", bad}, {"edge", edge}, {"splits", splits}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
