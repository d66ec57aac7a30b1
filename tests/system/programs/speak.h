/* speak.h - what the hostile programs share: both ends of an HTTP conversation in one thread, and saying what was seen.
 *
 * Each program is an ordinary one that happens to do unkind things. It is run without and with the library and must print the
 * same; an exchange is one request and its answer between two sockets of its own, and so two spans.
 */
#ifndef SPEAK_H
#define SPEAK_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct pair {
    int client;
    int server;
};

static const char REQUEST[] = "GET /hostile HTTP/1.1\r\nHost: example.com\r\nUser-Agent: hostile\r\n\r\n";
static const char RESPONSE[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";

static atomic_uint exchanges;

/* One write(2), so that it also works where stdio does not. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    char line[512];
    va_list list;
    va_start(list, format);
    int len = vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    line[len++] = '\n';
    if (write(1, line, (size_t)len) != len) _exit(99);
}

static inline void fail(const char *what)
{
    say("failed: %s: %s", what, strerror(errno));
    _exit(98);
}

static inline struct pair pair_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct pair pair;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1)) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &len);
    pair.client = socket(AF_INET, SOCK_STREAM, 0);
    if (pair.client < 0 || connect(pair.client, (struct sockaddr *)&address, len)) fail("connect");
    pair.server = accept(listener, NULL, NULL);
    if (pair.server < 0) fail("accept");
    close(listener);
    return pair;
}

static inline void pair_close(struct pair *pair)
{
    close(pair->client);
    close(pair->server);
}

static inline bool receive_bytes(int fd, char *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = recv(fd, to + at, len - at, 0);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

/* The request, and with the library the one line that it adds, behind the first: not a byte more is read. */
static inline bool receive_request(int fd)
{
    static const char name[] = "traceparent: 00-";
    enum { LINE = sizeof "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" - 1 };
    char got[sizeof REQUEST + LINE], *second;
    size_t len = sizeof REQUEST - 1;
    if (!receive_bytes(fd, got, len)) return false;
    second = memchr(got, '\n', len);
    second = second ? second + 1 : got;
    if ((size_t)(got + len - second) > sizeof name && memcmp(second, name, sizeof name - 1) == 0) {
        if (!receive_bytes(fd, got + len, LINE) || second[LINE - 1] != '\n') return false;
        memmove(second, second + LINE, len - (size_t)(second - got));
    }
    return memcmp(got, REQUEST, len) == 0;
}

/* All of `text` comes out of fd. */
static inline bool receive(int fd, const char *text, size_t len)
{
    char got[256];
    if (text == REQUEST) return receive_request(fd);
    for (size_t at = 0; at < len;) {
        ssize_t n = recv(fd, got, len - at < sizeof got ? len - at : sizeof got, 0);
        if (n <= 0 || memcmp(got, text + at, (size_t)n) != 0) return false;
        at += (size_t)n;
    }
    return true;
}

static inline bool ask(struct pair *pair)
{
    return send(pair->client, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) == sizeof REQUEST - 1;
}

static inline bool answer(struct pair *pair)
{
    return receive(pair->server, REQUEST, sizeof REQUEST - 1) &&
           send(pair->server, RESPONSE, sizeof RESPONSE - 1, MSG_NOSIGNAL) == sizeof RESPONSE - 1 &&
           receive(pair->client, RESPONSE, sizeof RESPONSE - 1);
}

static inline void exchange(struct pair *pair, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!ask(pair) || !answer(pair)) fail("exchange");
        exchanges++;
    }
}

static inline void exchange_once(unsigned count)
{
    struct pair pair = pair_open();
    exchange(&pair, count);
    pair_close(&pair);
}

static inline void pause_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* The line from which the test knows how many spans there should be: twice as many. */
static inline void say_exchanges(void)
{
    say("exchanges %u", exchanges);
}

struct scenario {
    const char *name;
    void (*run)(char **arguments);
};

static inline int run_scenario(const struct scenario *scenarios, int argc, char **argv)
{
    for (; argc > 1 && scenarios->name; scenarios++) {
        if (strcmp(scenarios->name, argv[1]) != 0) continue;
        scenarios->run(argv + 2);
        say_exchanges();
        return 0;
    }
    return 2;
}

#endif
