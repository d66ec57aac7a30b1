/* test_transport.c - posting to a server that answers, lies, delays and breaks off as a script says. */
#include <criterion/criterion.h>
#include <fcntl.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport.h"

/* What the server does with each request in turn, from the front; after the last it closes. */
struct act {
    const char *answer; /* NULL: none */
    bool reads_nothing; /* answers before it reads */
    bool by_bytes;      /* the answer in single bytes */
    bool closes;        /* after the answer; the next act is on another connection */
    bool resets;        /* so that the client sees ECONNRESET */
};

#define ACTS 8

static struct {
    struct act acts[ACTS];
    size_t count;
    int listener;
    pthread_t thread;
    char received[1 << 16]; /* everything, of all connections */
    size_t received_len;
    int accepted;
    char path[64];
} server;

static struct endpoint endpoint;

static bool never(void)
{
    return false;
}

static bool at_once(void)
{
    return true;
}

/* One request: a head, and as many bytes as it says. False: the client has closed. */
static bool read_request(int fd)
{
    size_t begin = server.received_len;
    for (;;) {
        ssize_t n = read(fd, server.received + server.received_len, sizeof server.received - server.received_len - 1);
        if (n <= 0)
            return false;
        server.received_len += (size_t)n;
        server.received[server.received_len] = '\0';
        const char *end = strstr(server.received + begin, "\r\n\r\n"), *length = strstr(server.received + begin, "Content-Length: ");
        if (end && length && server.received_len >= (size_t)(end + 4 - server.received) + (size_t)atol(length + 16))
            return true;
    }
}

static void write_answer(int fd, const struct act *act)
{
    size_t len = act->answer ? strlen(act->answer) : 0, step = act->by_bytes ? 1 : len;
    for (size_t at = 0; at < len; at += step) {
        if (send(fd, act->answer + at, step, MSG_NOSIGNAL) < 0)
            return;
        if (act->by_bytes && at % 16 == 0)
            usleep(200);
    }
}

static void *serve(void *unused)
{
    (void)unused;
    int fd = -1;
    for (size_t i = 0; i < server.count; i++) {
        const struct act *act = &server.acts[i];
        if (fd < 0) {
            fd = accept(server.listener, NULL, NULL);
            server.accepted++;
        }
        if (fd < 0)
            return NULL;
        if (!act->reads_nothing && !read_request(fd)) {
            close(fd);
            fd = -1;
            i--;
            continue;
        }
        write_answer(fd, act);
        if (act->resets)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
        if (act->closes || act->resets) {
            close(fd);
            fd = -1;
        }
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void start(const struct act *acts, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    memcpy(server.acts, acts, count * sizeof *acts);
    server.count = count;
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(server.listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(server.listener, 8) == 0);
    getsockname(server.listener, (struct sockaddr *)&address, &len);
    endpoint = (struct endpoint){.host = "127.0.0.1", .port = ntohs(address.sin_port), .authority = "x", .path = "/"};
    pthread_create(&server.thread, NULL, serve, NULL);
}

#define START(...) start((const struct act[]){__VA_ARGS__}, sizeof((const struct act[]){__VA_ARGS__}) / sizeof(struct act))

static struct answer answer;

static int post_for(int milliseconds, bool interrupted(void))
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
    struct patience patience = {.deadline_ns = clock_ns() + (uint64_t)milliseconds * 1000000, .interrupted = interrupted};
    return transport_post(&endpoint, SLICE(head), SLICE("[{}]\n"), &patience, &answer);
}

static int post(void)
{
    return post_for(5000, never);
}

static void expect_body(const char *body)
{
    cr_expect(slice_equals(answer.body, slice_of(body)), "%.*s", (int)answer.body.len, answer.body.ptr);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Test(transport, posts_and_keeps_the_connection)
{
    START({.answer = OK}, {.answer = "HTTP/1.1 204 No Content\r\n\r\n"}, {.answer = OK});
    cr_expect_eq(post(), 0);
    cr_expect_eq(answer.status, 200);
    expect_body("{}");
    cr_expect_eq(post(), 0);
    cr_expect_eq(answer.status, 204);
    expect_body("");
    cr_expect_eq(post(), 0);
    pthread_join(server.thread, NULL);
    cr_expect_eq(server.accepted, 1);
    cr_expect(strncmp(server.received, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[{}]\nPOST ", 57) == 0);
}

Test(transport, reads_answers_of_every_shape)
{
    static const struct {
        const char *answer;
        uint16_t status;
        const char *body;
        bool closes;
    } rows[] = {
        {OK, 200, "{}", false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n3\r\na\":\r\n0\r\n\r\n", 200, "{\"a\":", false},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" OK, 200, "{}", false},
        {"HTTP/1.1 200 OK\r\n\r\nuntil close", 200, "until close", true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", true},
        {"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy", 503, "busy", true},
        {"HTTP/1.1 413 Too Large\nContent-Length: 0\n\n", 413, "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
            START({.answer = rows[i].answer, .by_bytes = by_bytes, .closes = rows[i].closes});
            cr_expect_eq(post(), 0, "row %zu", i);
            cr_expect_eq(answer.status, rows[i].status, "row %zu", i);
            expect_body(rows[i].body);
            pthread_join(server.thread, NULL);
            close(server.listener);
            transport_close();
        }
}

Test(transport, opens_another_connection_when_it_was_asked_to)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection:  Close \r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        OK "more than was asked for",
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        server.accepted = 0;
        START({.answer = answers[i]}, {.answer = OK});
        cr_expect_eq(post(), 0, "row %zu", i);
        cr_expect_eq(post(), 0, "row %zu", i);
        cr_expect_eq(answer.status, 200);
        expect_body("{}");
        transport_close();
        pthread_join(server.thread, NULL);
        cr_expect_eq(server.accepted, 2, "row %zu", i);
        close(server.listener);
    }
}

Test(transport, a_kept_connection_that_was_closed_is_no_failure)
{
    START({.answer = OK, .closes = true}, {.answer = OK, .resets = true}, {.answer = OK});
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(post(), 0);
        expect_body("{}");
        usleep(20000);
    }
    pthread_join(server.thread, NULL);
    cr_expect_eq(server.accepted, 3);
}

Test(transport, a_kept_connection_that_is_closed_upon_the_request_is_no_failure)
{
    START({.answer = OK}, {.closes = true}, {.answer = OK});
    cr_expect_eq(post(), 0);
    cr_expect_eq(post(), 0);
    expect_body("{}");
    pthread_join(server.thread, NULL);
    cr_expect_eq(server.accepted, 2);
}

/* What has begun to be answered was received: posting it again would deliver it twice. */
Test(transport, an_answer_that_breaks_off_on_a_kept_connection_is_a_failure)
{
    START({.answer = OK}, {.answer = "HTTP/1.1 200 OK\r\nContent-Le", .closes = true}, {.answer = OK});
    cr_expect_eq(post(), 0);
    cr_expect_eq(post(), -ECONNRESET);
    cr_expect_eq(post(), 0);
    pthread_join(server.thread, NULL);
    cr_expect_eq(server.accepted, 2);
}

Test(transport, says_what_went_wrong)
{
    static const struct {
        struct act act;
        int rc;
    } rows[] = {
        {{.closes = true}, -ECONNRESET},
        {{.resets = true}, -ECONNRESET},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .closes = true}, -ECONNRESET},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Le", .closes = true}, -ECONNRESET},
        {{.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", .closes = true}, -ECONNRESET},
        {{.answer = "SSH-2.0-x\r\n", .closes = true}, -EPROTO},
        {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", .closes = true}, -EPROTO},
        {{.answer = "HTTP/2 200\r\n\r\n", .closes = true}, -EPROTO},
        {{.answer = "\x15\x03\x01\x00\x02\x02\x46", .closes = true}, -EPROTO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(&rows[i].act, 1);
        int rc = post();
        cr_expect_eq(rc, rows[i].rc, "row %zu: %d", i, rc);
        pthread_join(server.thread, NULL);
        close(server.listener);
    }
    cr_expect_eq(post(), -ECONNREFUSED);
}

/* A Collector that refuses a batch by its length reads no further, and closes. */
Test(transport, reads_an_answer_that_comes_before_the_request_was_taken)
{
    static char large[8 << 20];
    struct patience patience = {.deadline_ns = clock_ns() + UINT64_C(5000000000), .interrupted = never};
    START({.answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", .reads_nothing = true, .closes = true},
          {.answer = OK});
    int rc = transport_post(&endpoint, SLICE("POST / HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n"),
                            (struct slice){large, sizeof large}, &patience, &answer);
    cr_expect_eq(rc, 0, "%d", rc);
    cr_expect_eq(answer.status, 413);
    cr_expect_eq(post(), 0, "and the next is on a new connection");
    expect_body("{}");
    pthread_join(server.thread, NULL);
}

static char huge[5 << 20];

Test(transport, gives_up_an_answer_without_end)
{
    int len = snprintf(huge, sizeof huge, "HTTP/1.1 200 OK\r\n\r\n");
    memset(huge + len, 'x', sizeof huge - 1 - (size_t)len);
    START({.answer = huge, .closes = true});
    cr_expect_eq(post(), -EMSGSIZE);
    pthread_join(server.thread, NULL);
}

Test(transport, gives_up_a_head_without_end)
{
    int len = snprintf(huge, sizeof huge, "HTTP/1.1 200 OK\r\nX: ");
    memset(huge + len, 'x', 60000);
    START({.answer = huge, .closes = true});
    cr_expect_eq(post(), -EPROTO);
    pthread_join(server.thread, NULL);
}

Test(transport, keeps_the_beginning_of_a_long_body)
{
    int len = snprintf(huge, sizeof huge, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    memset(huge + len, 'x', 100000);
    START({.answer = huge});
    cr_expect_eq(post(), 0);
    cr_expect_eq(answer.body.len, 4096);
    pthread_join(server.thread, NULL);
}

Test(transport, waits_no_longer_than_it_may)
{
    START({.answer = "HTTP/1.1 100 Continue\r\n\r\n"}, {.answer = NULL});
    uint64_t before_ns = clock_ns();
    cr_expect_eq(post_for(100, never), -ETIMEDOUT);
    uint64_t took_ms = (clock_ns() - before_ns) / 1000000;
    cr_expect(took_ms >= 95 && took_ms < 1000, "%llu ms", (unsigned long long)took_ms);
}

Test(transport, stops_when_it_is_told_to)
{
    START({.answer = NULL}, {.answer = NULL});
    uint64_t before_ns = clock_ns();
    cr_expect_eq(post_for(10000, at_once), -EINTR);
    cr_expect_lt(clock_ns() - before_ns, UINT64_C(1000000000));
}

Test(transport, hands_on_retry_after)
{
    START({.answer = "HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
          {.answer = "HTTP/1.1 503 Busy\r\nretry-after: soon\r\nContent-Length: 0\r\n\r\n"});
    cr_expect_eq(post(), 0);
    cr_expect(answer.has_retry_after && answer.retry_after_ms == 7000 && answer.status == 429);
    cr_expect_eq(post(), 0);
    cr_expect_not(answer.has_retry_after);
    pthread_join(server.thread, NULL);
}

Test(transport, speaks_to_a_unix_socket)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(server.path, sizeof server.path, "/tmp/test_transport.%d", (int)getpid());
    strcpy(address.sun_path, server.path);
    unlink(server.path);
    server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(bind(server.listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(server.listener, 8) == 0);
    endpoint = (struct endpoint){.is_unix = true, .authority = "localhost", .path = "/"};
    strcpy(endpoint.host, server.path);
    server.acts[0] = (struct act){.answer = OK};
    server.count = 1;
    pthread_create(&server.thread, NULL, serve, NULL);
    cr_expect_eq(post(), 0);
    expect_body("{}");
    pthread_join(server.thread, NULL);
    unlink(server.path);
    transport_close();
    cr_expect_eq(post(), -ENOENT);
    memset(endpoint.host, 'x', sizeof endpoint.host - 1);
    cr_expect_eq(post(), -ENAMETOOLONG);
}

static int descriptors_open(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(transport, forgets_a_connection_without_closing_it)
{
    START({.answer = OK}, {.answer = NULL, .closes = true});
    cr_expect_eq(post(), 0);
    transport_forget();
    int before = descriptors_open();
    transport_close();
    cr_expect_eq(descriptors_open(), before, "its descriptor is still open");
}
