/* connection.c - one thread reads a connection, another writes it, others copy and close its descriptors: every request is
 * one span, and every span is accounted for.
 */
#include "traffic.h"

#include "counters.h"
#include "exporter_thread.h"
#include "waiting.h"
#include "support.h"
#include "tracer.h"

#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>

#define DESCRIPTOR 7
#define COPIES 100 /* numbers from here on */
#define AHEAD 6    /* requests in flight: pipelining */

static const char REQUEST[] = "POST /items/17?a=b HTTP/1.1\r\nHost: example.com\r\nUser-Agent: race\r\nContent-Length: 5\r\n\r\nhello";
static const char RESPONSE[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world";

static double until;
static _Atomic uint64_t asked, answered; /* on the connection that is open now */
static _Atomic bool ended;

static void accept_one(int fd)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = 0x901f};
    descriptor_accepted(fd, (struct sockaddr *)&peer, sizeof peer);
}

typedef void passed(struct call *call, const struct iovec *piece);

static void received(struct call *call, const struct iovec *piece)
{
    receiving_done(call, piece, 1, (ssize_t)piece->iov_len, 0);
}

static void sent(struct call *call, const struct iovec *piece)
{
    sending_done(call, piece, 1, (ssize_t)piece->iov_len, 0);
}

/* A message in pieces, as it may come and go. */
static void pass(int fd, const char *message, size_t len, passed *tell)
{
    for (size_t at = 0; at < len;) {
        size_t n = random_below(3) ? len - at : 1 + random_below((uint32_t)(len - at));
        struct call call;
        call_begins_on(&call, fd);
        if (!call.connection)
            return;
        tell(&call, &(struct iovec){(void *)(uintptr_t)(message + at), n});
        at += n;
    }
}

static void receive_request(int fd)
{
    pass(fd, REQUEST, sizeof REQUEST - 1, received);
}

static void send_response(int fd)
{
    pass(fd, RESPONSE, sizeof RESPONSE - 1, sent);
}

static void read_requests(void)
{
    while (seconds() < until) {
        while (asked - answered >= AHEAD)
            sched_yield();
        receive_request(DESCRIPTOR);
        asked++; /* sequentially consistent: the answer comes after */
    }
    ended = true;
}

static void write_responses(void)
{
    while (!ended || answered < asked) {
        if (answered == asked) {
            sched_yield();
            continue;
        }
        send_response(DESCRIPTOR);
        answered++;
    }
}

static void copy_and_close(unsigned index)
{
    int first = COPIES + (int)index * 10;
    while (seconds() < until) {
        int copy = first + (int)random_below(10);
        descriptor_copied(copy, DESCRIPTOR);
        if (random_below(2))
            descriptor_closes(first + (int)random_below(10));
    }
    descriptor_range_closes((unsigned)first, (unsigned)first + 9);
}

static void in_order(unsigned index)
{
    if (index == 0)
        read_requests();
    else if (index == 1)
        write_responses();
    else
        copy_and_close(index);
}

static uint64_t dropped(void)
{
    uint64_t sum = 0;
    for (int counter = COUNT_dropped_queue_full; counter <= COUNT_dropped_exporter_none; counter++)
        sum += counter_total((enum counter)counter);
    return sum;
}

static uint64_t given_up(void)
{
    uint64_t sum = counter_total(COUNT_other_protocol);
    for (int counter = COUNT_given_up_malformed; counter <= COUNT_given_up_memory; counter++)
        sum += counter_total((enum counter)counter);
    return sum;
}

/* The exporter has taken all that it gets. */
static void settle(void)
{
    exporter_thread_flush();
    for (double limit = seconds() + 2; waiting_length() && seconds() < limit;)
        sched_yield();
    exporter_thread_pause();
    exporter_thread_resume();
}

static void claim_accounts(const char *name)
{
    uint64_t started = counter_total(COUNT_started), held = tracer_open() + waiting_length();
    claim(started == counter_total(COUNT_exported) + counter_total(COUNT_sampled_out) + dropped() + held && !held, name,
          "%llu started, %llu dropped, %llu held", (unsigned long long)started, (unsigned long long)dropped(),
          (unsigned long long)held);
}

static void claim_order(void)
{
    accept_one(DESCRIPTOR);
    until = seconds() + 1;
    on_threads(4, in_order);
    settle();
    uint64_t out = counter_total(COUNT_dropped_exporter_none) + counter_total(COUNT_dropped_queue_full);
    claim(counter_total(COUNT_started) == asked && out == asked && !given_up() && asked > 1000,
          "each request is one span while copies come and go",
          "%llu requests, %llu started, %llu came out, given up %llu times", (unsigned long long)asked,
          (unsigned long long)counter_total(COUNT_started), (unsigned long long)out, (unsigned long long)given_up());
    descriptor_closes(DESCRIPTOR);
    claim(fdtable_next(0, UINT32_MAX) < 0, "the table is empty when all is closed", "it is not");
    claim_accounts("the accounts hold after a connection in order");
}

/* Everybody does everything at once, on a few numbers whose connections come and go. */
static void in_disorder(unsigned index)
{
    (void)index;
    while (seconds() < until) {
        int fd = (int)random_below(4);
        switch (random_below(12)) {
        case 0: accept_one(fd); break;
        case 1: descriptor_closes(fd); break;
        case 2: descriptor_copied((int)random_below(4), fd); break;
        case 3: descriptor_shuts(fd, SHUT_WR); break;
        case 4: descriptor_handed_over(fd); break;
        case 5: receiving_done(&(struct call){.fd = -1}, NULL, 0, 0, MSG_PEEK); break;
        case 6:
        case 7:
        case 8: receive_request(fd); break;
        default: send_response(fd);
        }
    }
}

static void claim_disorder(void)
{
    uint64_t before = counter_total(COUNT_started);
    until = seconds() + 1.2;
    on_threads(4, in_disorder);
    descriptor_range_closes(0, UINT32_MAX);
    settle();
    claim(counter_total(COUNT_started) - before > 50, "spans begin in disorder too", "%llu did",
          (unsigned long long)(counter_total(COUNT_started) - before));
    claim_accounts("the accounts hold whatever threads do to each other's descriptors");
}

int main(void)
{
    library_begin();
    claim_order();
    claim_disorder();
    return claims_status();
}
