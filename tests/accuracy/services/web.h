/* web.h - what the services in C have in common: a request is read and answered, and the leaf is asked, with calls that wait.
 *
 * Idle connections to the leaf are shared by all threads, the last one given back is the first one taken: a connection is
 * mostly used by another request than the one it was opened for.
 */
#ifndef WEB_H
#define WEB_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HEAD 4096
#define IDLE 512
#define LEAF_TIMEOUT_S 1

static int leaf_port;

struct asked {
    char rid[64];
    int fan;
    bool kept;  /* over connections that are kept */
    bool stays; /* the connection that it came on */
};

static void __attribute__((noreturn)) fail(const char *what)
{
    perror(what);
    exit(1);
}

static void end_now(int signal_number)
{
    _exit(signal_number == SIGTERM ? 0 : 1);
}

static int listen_on(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, end_now);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 1024))
        fail("listen");
    return fd;
}

/* Of the head of a request in `text`. Says false if it is not one of ours. */
static bool asked_parse(struct asked *asked, const char *text)
{
    char how[8];

    if (sscanf(text, "GET /ask/%63[^/]/%d/%7s", asked->rid, &asked->fan, how) != 3)
        return false;
    asked->kept = !strcmp(how, "kept");
    asked->stays = !strcasestr(text, "\r\nConnection: close");
    return true;
}

/* How much was read of a message up to the end of its head, or of its body where `with_body`; 0 if the connection ended before. */
static size_t message_read(int fd, char *buffer, bool with_body)
{
    size_t len = 0;

    for (;;) {
        ssize_t got = read(fd, buffer + len, HEAD - 1 - len);
        if (got <= 0)
            return 0;
        len += got;
        buffer[len] = '\0';
        char *end = strstr(buffer, "\r\n\r\n"), *field = strcasestr(buffer, "\r\nContent-Length:");
        size_t body = with_body && field ? strtoul(field + 17, NULL, 10) : 0;
        if (end && len >= end + 4 - buffer + body)
            return len;
    }
}

static bool all_written(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t put = write(fd, text, len);
        if (put <= 0)
            return false;
        text += put;
        len -= put;
    }
    return true;
}

/* --- the leaf ------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static int idle[IDLE], idle_count;

static int leaf_connect(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(leaf_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = LEAF_TIMEOUT_S};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (void *)&at, sizeof at))
        fail("connect");
    return fd;
}

static int leaf_take(bool kept)
{
    int fd = -1;

    pthread_mutex_lock(&idle_lock);
    if (kept && idle_count)
        fd = idle[--idle_count];
    pthread_mutex_unlock(&idle_lock);
    return fd >= 0 ? fd : leaf_connect();
}

static void leaf_give(int fd, bool stays)
{
    pthread_mutex_lock(&idle_lock);
    if (stays && idle_count < IDLE) {
        idle[idle_count++] = fd;
        fd = -1;
    }
    pthread_mutex_unlock(&idle_lock);
    if (fd >= 0)
        close(fd);
}

/* The status of the answer, 0 without one. */
static int leaf_ask(const struct asked *asked, int number)
{
    char text[HEAD];
    int fd = leaf_take(asked->kept), status = 0;
    int len = snprintf(text, sizeof text, "GET /leaf/%s/%d HTTP/1.1\r\nHost: leaf\r\n%s\r\n", asked->rid, number,
                       asked->kept ? "" : "Connection: close\r\n");
    bool is_answered = all_written(fd, text, len) && message_read(fd, text, true);

    if (is_answered)
        sscanf(text, "HTTP/1.1 %d", &status);
    leaf_give(fd, is_answered && asked->kept && !strcasestr(text, "\r\nConnection: close"));
    return status;
}

/* --- the whole of a request ----------------------------------------------------------------------------------------- */

static bool answer_write(int fd, const struct asked *asked, bool is_good)
{
    char text[HEAD];
    int len = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s\n", is_good ? "200 OK" : "502 Bad Gateway",
                       strlen(asked->rid) + 1, asked->stays ? "" : "Connection: close\r\n", asked->rid);

    return all_written(fd, text, len);
}

/* Asks the leaf as often as was asked for, one after the other, and answers. Says whether the connection stays. */
static inline bool work(int fd, const struct asked *asked)
{
    bool is_good = true;

    for (int number = 0; number < asked->fan; number++)
        is_good &= leaf_ask(asked, number) == 200;
    return answer_write(fd, asked, is_good) && asked->stays;
}

#endif
