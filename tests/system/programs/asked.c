/* asked.c - a thread asks and another one reads the answer, which may be there before the asking call has returned. */
#include "speak.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

enum { ROUNDS = 1000, LONG_HEADS = 200 };

static struct pair pair;
static pthread_barrier_t both;

/* --- the reader is quicker than the writer -------------------------------------------------------------------------- */

static void *answers(void *nothing)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&both);
        if (!receive(pair.server, REQUEST, sizeof REQUEST - 1)) fail("receive");
        if (send(pair.server, RESPONSE, sizeof RESPONSE - 1, MSG_NOSIGNAL) < 0) fail("send");
        pthread_barrier_wait(&both);
    }
    return nothing;
}

static void *reads(void *nothing)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&both);
        if (!receive(pair.client, RESPONSE, sizeof RESPONSE - 1)) fail("receive");
        pthread_barrier_wait(&both);
    }
    return nothing;
}

static void quicker(char **arguments)
{
    pthread_t threads[2];
    (void)arguments;
    pthread_barrier_init(&both, NULL, 3);
    pthread_create(&threads[0], NULL, answers, NULL);
    pthread_create(&threads[1], NULL, reads, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        pair = pair_open();
        pthread_barrier_wait(&both);
        if (!ask(&pair)) fail("ask");
        pthread_barrier_wait(&both);
        pair_close(&pair);
        exchanges++;
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

/* --- heads that are sent in part, or not at all, and then again -------------------------------------------------------- */

static char head[1500];

/* With the library there is one line more, behind the first one. */
enum { LINE = sizeof "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" - 1 };

static bool has_line(const char *bytes, size_t len)
{
    return memmem(bytes, len, "\r\ntraceparent: 00-", 18) != NULL;
}

static void *answers_slowly(void *nothing)
{
    static char got[sizeof head];
    for (int i = 0; i < LONG_HEADS; i++) {
        if (recv(pair.server, got, sizeof got, MSG_WAITALL) != sizeof got) fail("recv");
        if (has_line(got, sizeof got) && recv(pair.server, got, LINE, MSG_WAITALL) != LINE) fail("recv");
        if (i % 50 == 0) pause_ms(20);
        if (send(pair.server, RESPONSE, sizeof RESPONSE - 1, MSG_NOSIGNAL) < 0) fail("send");
    }
    return nothing;
}

static void send_all(int *again, int *partly)
{
    for (size_t at = 0; at < sizeof head;) {
        ssize_t n = send(pair.client, head + at, sizeof head - at, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) fail("send");
        *again += n < 0;
        *partly += n >= 0 && (size_t)n < sizeof head - at;
        if (n < 0) poll(&(struct pollfd){.fd = pair.client, .events = POLLOUT}, 1, 1000);
        else at += (size_t)n;
    }
}

static void in_part(char **arguments)
{
    int small = 4096, again = 0, partly = 0;
    pthread_t thread;
    (void)arguments;
    memset(head, 'x', sizeof head);
    memcpy(head, REQUEST, sizeof REQUEST - 3);
    memcpy(head + sizeof REQUEST - 3, "X: ", 3);
    memcpy(head + sizeof head - 4, "\r\n\r\n", 4);
    pair = pair_open();
    setsockopt(pair.client, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(pair.server, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    fcntl(pair.client, F_SETFL, O_NONBLOCK);
    pthread_create(&thread, NULL, answers_slowly, NULL);
    for (int i = 0; i < LONG_HEADS; i++) {
        send_all(&again, &partly);
        exchanges++;
    }
    fcntl(pair.client, F_SETFL, 0);
    for (int i = 0; i < LONG_HEADS; i++)
        if (!receive(pair.client, RESPONSE, sizeof RESPONSE - 1)) fail("receive");
    pthread_join(thread, NULL);
    pair_close(&pair);
    if (!again && !partly) say("nothing was sent in part");
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {{"quicker", quicker}, {"in_part", in_part}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
