/* loop.c - PORT LEAF at-once|queued|deferred|mixed|forwarding: one thread, one epoll loop, connections to the leaf that are kept.
 *
 * at-once: the leaf is asked as soon as the request is read, over a connection that is opened for it if none is idle.
 * queued: calls wait for one of 8 connections, and the first one takes whatever is ready first: a call is made when another
 * request's answer is there, over a connection that was opened for a third one.
 * deferred: a timer of up to 5 ms goes off first, so that other requests come in between.
 * forwarding: deferred, and the traceparent of the request is passed on.
 * mixed: one call is made at once, passing on the traceparent; several are deferred, and pass on nothing.
 * At-once and queued have a timerfd, wait without a limit, and take one event at a time; the others wait with a limit and take
 * up to 64 events.
 */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#define EVENTS 64
#define DESCRIPTORS 4096
#define DEFERRED_NS 5000000u
#define SECOND_NS 1000000000
#define CONNECTIONS 8 /* to the leaf, of queued */

struct request {
    int fd; /* -1: the connection has ended before the answer */
    struct asked asked;
    char traceparent[128];
    int open; /* calls that have no answer yet */
    bool is_good;
};

enum role { NOBODY, LISTENER, TICKS, DOWNSTREAM, CONNECTING, CALLING, WAITING };

struct connection { /* of a descriptor */
    enum role role;
    struct request *request; /* NULL of one to the leaf: it is for whom it may concern */
    int number;
    long long due_ns; /* of a call: when it has taken too long */
    size_t len;
    char buffer[HEAD];
};

struct timer {
    long long due_ns;
    struct request *request;
};

struct wanted { /* a call that is not made yet */
    struct request *request;
    int number;
};

static struct connection connections[DESCRIPTORS];
static struct timer timers[DESCRIPTORS];
static int timer_count, poller, highest;
static struct wanted wanted[DESCRIPTORS];
static unsigned wanted_head, wanted_tail;
static unsigned opened, opening; /* connections to the leaf, of queued */
static bool is_queued, is_deferred, is_forwarding, is_mixed;

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (long long)SECOND_NS + now.tv_nsec;
}

static struct connection *watch(int fd, enum role role, unsigned events, int how)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (epoll_ctl(poller, how, fd, &event))
        fail("epoll_ctl");
    highest = fd > highest ? fd : highest;
    connections[fd].role = role;
    connections[fd].len = 0;
    return &connections[fd];
}

static void forget(int fd)
{
    opened -= connections[fd].role != DOWNSTREAM;
    connections[fd].role = NOBODY;
    close(fd);
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

static void call_send(int fd)
{
    struct connection *call = &connections[fd];
    struct request *request = call->request;
    bool forwards = is_forwarding && !(is_mixed && request->asked.fan > 1);
    char text[HEAD];
    int len = snprintf(text, sizeof text, "GET /leaf/%s/%d HTTP/1.1\r\nHost: leaf\r\n%s%s\r\n", request->asked.rid, call->number,
                       request->asked.kept ? "" : "Connection: close\r\n", forwards ? request->traceparent : "");

    watch(fd, CALLING, EPOLLIN, EPOLL_CTL_MOD);
    if (!all_written(fd, text, len))
        shutdown(fd, SHUT_RDWR); /* the loop will see its end */
}

static int call_connect(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(leaf_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fd < 0 || (connect(fd, (void *)&at, sizeof at) && errno != EINPROGRESS))
        fail("connect");
    watch(fd, CONNECTING, EPOLLOUT, EPOLL_CTL_ADD)->request = NULL;
    opened++;
    return fd;
}

static void call(struct request *request, int number)
{
    bool is_idle = (request->asked.kept || is_queued) && idle_count;
    int fd = is_idle ? idle[--idle_count] : call_connect();

    connections[fd].request = request;
    connections[fd].number = number;
    connections[fd].due_ns = now_ns() + LEAF_TIMEOUT_S * (long long)SECOND_NS;
    if (is_idle)
        call_send(fd);
}

static void calls_begin(void)
{
    while (wanted_head != wanted_tail && (!is_queued || idle_count)) {
        struct wanted next = wanted[wanted_head++ % DESCRIPTORS];
        call(next.request, next.number);
    }
    for (; opening < wanted_tail - wanted_head && opened < CONNECTIONS; opening++)
        call_connect();
}

static void connection_ready(int fd)
{
    if (connections[fd].request) {
        call_send(fd);
        return;
    }
    opening--;
    watch(fd, WAITING, EPOLLIN, EPOLL_CTL_MOD);
    idle[idle_count++] = fd;
    calls_begin();
}

static void request_begin(struct request *request)
{
    request->open = request->asked.fan;
    request->is_good = true;
    for (int number = 0; number < request->asked.fan; number++)
        wanted[wanted_tail++ % DESCRIPTORS] = (struct wanted){request, number};
    calls_begin();
}

static void request_end(struct request *request)
{
    if (request->fd >= 0) {
        connections[request->fd].request = NULL;
        if (!answer_write(request->fd, &request->asked, request->is_good) || !request->asked.stays)
            forget(request->fd);
    }
    free(request);
}

static void call_end(int fd, bool is_good, bool stays)
{
    struct request *request = connections[fd].request;

    if (stays && idle_count < IDLE) {
        idle[idle_count++] = fd;
        connections[fd].role = WAITING;
        connections[fd].len = 0;
    } else {
        forget(fd);
    }
    request->is_good &= is_good;
    if (!--request->open)
        request_end(request);
    calls_begin();
}

/* --- events --------------------------------------------------------------------------------------------------------- */

/* What has come is behind what is there already; false at the end. */
static bool has_more(int fd, struct connection *connection)
{
    ssize_t got = read(fd, connection->buffer + connection->len, HEAD - 1 - connection->len);

    if (got < 0 && errno == EAGAIN)
        return true;
    connection->len += got > 0 ? got : 0;
    connection->buffer[connection->len] = '\0';
    return got > 0;
}

static void downstream_read(int fd)
{
    struct connection *connection = &connections[fd];
    struct request *request;

    if (!has_more(fd, connection)) {
        if (connection->request)
            connection->request->fd = -1;
        forget(fd);
        return;
    }
    if (!strstr(connection->buffer, "\r\n\r\n"))
        return;
    request = calloc(1, sizeof *request);
    request->fd = fd;
    if (!asked_parse(&request->asked, connection->buffer))
        fail("not a request of ours");
    char *field = strcasestr(connection->buffer, "\r\ntraceparent:");
    if (field)
        snprintf(request->traceparent, sizeof request->traceparent, "%.*s", (int)(strstr(field + 2, "\r\n") - field), field + 2);
    connection->request = request;
    connection->len = 0;
    if (is_deferred && !(is_mixed && request->asked.fan == 1))
        timers[timer_count++] = (struct timer){now_ns() + random() % DEFERRED_NS, request};
    else
        request_begin(request);
}

static void call_read(int fd)
{
    struct connection *call = &connections[fd];
    bool is_open = has_more(fd, call);
    char *end = strstr(call->buffer, "\r\n\r\n"), *field = strcasestr(call->buffer, "\r\nContent-Length:");

    if (end && field && call->len >= end + 4 - call->buffer + strtoul(field + 17, NULL, 10))
        call_end(fd, strstr(call->buffer, " 200 "), call->request->asked.kept && !strcasestr(call->buffer, "\r\nConnection: close"));
    else if (!is_open)
        call_end(fd, false, false);
}

/* An idle connection that can be read has ended. */
static void idle_end(int fd)
{
    for (int at = 0; at < idle_count; at++)
        if (idle[at] == fd) {
            idle[at] = idle[--idle_count];
            forget(fd);
            return;
        }
}

static void happened(int fd)
{
    switch (connections[fd].role) {
    case LISTENER:
        for (int new; (new = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
            watch(new, DOWNSTREAM, EPOLLIN, EPOLL_CTL_ADD)->request = NULL;
        break;
    case TICKS:
        (void)!read(fd, &(long long){0}, sizeof(long long));
        break;
    case DOWNSTREAM:
        downstream_read(fd);
        break;
    case CONNECTING:
        connection_ready(fd);
        break;
    case CALLING:
        call_read(fd);
        break;
    case WAITING:
        idle_end(fd);
        break;
    case NOBODY:
        break;
    }
}

static void time_passed(void)
{
    long long now = now_ns();

    for (int at = timer_count - 1; at >= 0; at--)
        if (timers[at].due_ns <= now) {
            struct request *request = timers[at].request;
            timers[at] = timers[--timer_count];
            request_begin(request);
        }
    for (int fd = 0; fd <= highest; fd++) {
        bool is_call = connections[fd].role == CALLING || (connections[fd].role == CONNECTING && connections[fd].request);
        if (is_call && connections[fd].due_ns <= now)
            call_end(fd, false, false);
    }
}

/* So that what takes too long is seen by a loop that waits without a limit. */
static void watch_ticks(void)
{
    struct itimerspec often = {.it_interval.tv_nsec = SECOND_NS / 20, .it_value.tv_nsec = SECOND_NS / 20};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    if (timerfd_settime(fd, 0, &often, NULL))
        fail("timerfd_settime");
    watch(fd, TICKS, EPOLLIN, EPOLL_CTL_ADD);
}

int main(int count, char **words)
{
    struct epoll_event events[EVENTS];

    if (count != 4)
        return 2;
    leaf_port = atoi(words[2]);
    is_queued = !strcmp(words[3], "queued");
    is_mixed = !strcmp(words[3], "mixed");
    is_forwarding = is_mixed || !strcmp(words[3], "forwarding");
    is_deferred = is_forwarding || !strcmp(words[3], "deferred");
    poller = epoll_create1(0);
    int listener = listen_on(atoi(words[1]));
    fcntl(listener, F_SETFL, O_NONBLOCK);
    watch(listener, LISTENER, EPOLLIN, EPOLL_CTL_ADD);
    if (!is_deferred)
        watch_ticks();
    for (;;) {
        int found = is_deferred ? epoll_wait(poller, events, EVENTS, timer_count ? 1 : 50) : epoll_wait(poller, events, 1, -1);
        for (int at = 0; at < found; at++)
            happened(events[at].data.fd);
        time_passed();
    }
}
