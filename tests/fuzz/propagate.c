/* propagate.c - context on the wire: any bytes, sent in any calls that the kernel takes in any parts, and read into buffers of any size.
 *
 * An input is four characters and then what the client says:
 *
 *   1  side: even: requests are sent, odd: they are read          3  the seed of calls, pieces and what the kernel takes
 *   2  formats, a bit each: tracecontext, b3, b3multi, baggage    4  how small calls and buffers are
 *
 * The whole of sending.c and receiving.c is at work, on a true socket pair: only the hooks around it are played here, as hooks.def has them.
 * What is claimed: every head is found, and nothing else is taken for one; the other end hears what was said, and between the lines of a request's head one block of ours at most, and
 * nothing of ours anywhere else; ids are put in the place of ids only; what the caller is told adds up to what it said; after a
 * short read the kernel has no more; no block is kept after the end; and with no formats nothing at all is changed.
 */
#include <stdlib.h> /* before `system` is something else (system.h) */

#include "altered.h"
#include "clock.h"
#include "config.h"
#include "counters.h"
#include "support.h"
#include "support_preload.h"
#include "traffic.h"
#include "tracer.h"
#include "waiting.h"
#include "walk.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct protocol http1_protocol;

#define HEARD (256 * 1024)
#define OPEN_REQUESTS 256 /* of one connection (unit.c) */

static struct {
    struct slice said;
    uint32_t seed;
    unsigned small; /* calls and buffers: the higher the smaller */
    char heard[HEARD];
    size_t len;
    int ours, theirs;
    struct connection *connection;
} run;

static void hear(const char *bytes, size_t len)
{
    must(run.len + len <= sizeof run.heard, "more was heard than can have been said");
    memcpy(run.heard + run.len, bytes, len);
    run.len += len;
}

static size_t any_size(size_t limit)
{
    static const size_t bounds[] = {70000, 5000, 700, 200, 40, 9};
    size_t bound = random_below(&run.seed, 3) ? bounds[run.small % 6] : 70000, n = 1 + random_below(&run.seed, bound);
    return n < limit ? n : limit;
}

/* --- what is ours in what was heard ---------------------------------------------------------------------------------- */

static const char *const ours[] = {
    "traceparent: 00-################################-################-##", "b3: ################################-################-#",
    "X-B3-TraceId: ################################", "X-B3-SpanId: ################", "X-B3-Sampled: #",
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Length of a line of ours at the beginning of `at`, with its end; 0: there is none. */
static size_t our_line(struct slice at)
{
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        size_t n = 0, len = strlen(ours[i]);
        while (n < len && n < at.len && (ours[i][n] == '#' ? is_hex(at.ptr[n]) : at.ptr[n] == ours[i][n]))
            n++;
        if (n == len && at.len > n && at.ptr[n] == '\n')
            return n + 1;
        if (n == len && at.len > n + 1 && at.ptr[n] == '\r' && at.ptr[n + 1] == '\n')
            return n + 2;
    }
    return 0;
}

/* The unit of the walk that byte `at` lies in, if it is a request's head. */
static const struct unit *head_at(const struct walk *walk, size_t at)
{
    for (size_t i = 0; i < walk->count; i++)
        if (walk->units[i].kind == MESSAGE_REQUEST && at >= walk->units[i].at && at < walk->units[i].at + walk->units[i].len)
            return &walk->units[i];
    return NULL;
}

static bool is_place(const struct unit *head, size_t at)
{
    const char *begin = run.said.ptr + head->at, *end = begin + head->len, *first = (const char *)memchr(begin, '\n', head->len) + 1;
    const char *last = end - (end[-2] == '\r' ? 2 : 1), *here = run.said.ptr + at;
    return here == first || here == last;
}

/* What was said there is such a field already: none is put before it, it is rewritten. */
static bool is_rewritten(struct slice said, struct slice heard)
{
    size_t name = slice_find(heard, ':');
    for (size_t i = 0; i <= name; i++)
        if (i == said.len || ascii_lower(said.ptr[i]) != ascii_lower(heard.ptr[i]))
            return false;
    return true;
}

static struct walk walked;

/* Each head was found, wherever the calls and the kernel cut it: nothing was taken for one that is none. */
static void check_requests(void)
{
    uint64_t heads = 0;
    for (size_t i = 0; i < walked.count; i++)
        heads += walked.units[i].kind == MESSAGE_REQUEST;
    if (memmem(run.said.ptr, run.said.len, "/v1/", 4)) /* an export of an SDK's is no request to us */
        return;
    if (walked.end == WALK_REFUSED || walked.end == WALK_TOO_LARGE || heads > OPEN_REQUESTS || (walked.count && walked.units[0].kind != MESSAGE_REQUEST))
        return;
    must(counter_total(COUNT_started) == heads, "%llu requests, and %llu heads: %s", (unsigned long long)counter_total(COUNT_started),
         (unsigned long long)heads, counted());
}

static void check_heard(void)
{
    const struct walk_how how = {.protocol = &http1_protocol, .sender = PARTY_CLIENT};
    const struct unit *given = NULL;
    size_t at = 0;
    walk(&walked, &how, run.said);
    check_requests();
    for (size_t i = 0; i < run.said.len; i++, at++) {
        size_t begin = at, line;
        struct slice said = slice_after(run.said, i);
        while ((i == 0 || run.said.ptr[i - 1] == '\n') && (line = our_line((struct slice){run.heard + at, run.len - at})) != 0 &&
               !is_rewritten(said, (struct slice){run.heard + at, run.len - at}))
            at += line;
        if (at > begin) {
            const struct unit *head = head_at(&walked, i);
            must(head && is_place(head, i), "a line at %zu, which is no place for one", i);
            must(head != given, "two blocks of lines in one head, at %zu", i);
            must(config.propagates, "a line that nobody asked for");
            given = head;
        }
        must(at < run.len, "%zu bytes said, %zu heard: the end is missing from %zu", run.said.len, run.len, i);
        if (run.heard[at] == run.said.ptr[i])
            continue;
        must(config.propagates && head_at(&walked, i) && is_hex(run.heard[at]), "byte %zu was %02x and is %02x", i, (uint8_t)run.said.ptr[i], (uint8_t)run.heard[at]);
        must(is_hex(ascii_lower(run.said.ptr[i])), "byte %zu was %02x, no digit", i, (uint8_t)run.said.ptr[i]);
    }
    must(at == run.len, "%zu bytes too many were heard", run.len - at);
}

/* --- sending ----------------------------------------------------------------------------------------------------------- */

static void drain(void)
{
    char room[4096];
    for (ssize_t n; (n = recv(run.theirs, room, sizeof room, MSG_DONTWAIT)) > 0;)
        hear(room, (size_t)n);
}

/* The kernel takes so many bytes of the vector. */
static ssize_t take(const struct iovec *iov, size_t count, size_t limit)
{
    ssize_t taken = 0;
    for (size_t i = 0; i < count && limit; i++) {
        size_t n = iov[i].iov_len < limit ? iov[i].iov_len : limit;
        if (n)
            must(send(run.ours, iov[i].iov_base, n, 0) == (ssize_t)n, "the socket pair is full");
        drain();
        taken += (ssize_t)n;
        limit -= n;
    }
    return taken;
}

static size_t cut(struct slice bytes, struct iovec *iov, size_t max)
{
    size_t count = 0;
    while (bytes.len && count < max) {
        size_t n = count + 1 == max || random_below(&run.seed, 3) == 0 ? bytes.len : any_size(bytes.len);
        iov[count++] = (struct iovec){(void *)(uintptr_t)bytes.ptr, n};
        bytes = slice_after(bytes, n);
    }
    return count;
}

/* As sendfile does it. */
static size_t send_unseen(struct call *call, struct slice bytes)
{
    sending_unseen(call);
    ssize_t rc = call->must_wait ? sending_waits() : take(&(struct iovec){(void *)(uintptr_t)bytes.ptr, bytes.len}, 1, bytes.len);
    call_passed_unseen(call, DIRECTION_SENT, rc);
    return rc > 0 ? (size_t)rc : 0;
}

static size_t send_once(struct slice bytes)
{
    struct iovec iov[8];
    struct call call;
    size_t count = cut(bytes, iov, 1 + random_below(&run.seed, 8));
    size_t limit = random_below(&run.seed, 3) ? SIZE_MAX : random_below(&run.seed, 4) ? any_size(SIZE_MAX) : 0;
    if (!call_begins_on(&call, run.ours))
        return (size_t)take(iov, count, limit);
    uint64_t unseen = connection_sent_unseen(call.connection);
    if (unseen && random_below(&run.seed, 4) == 0)
        return send_unseen(&call, (struct slice){bytes.ptr, bytes.len < unseen ? bytes.len : (size_t)unseen});
    sending_vector(&call, iov, count);
    must(!call.altered || config.propagates, "changed, and nobody asked for it");
    ssize_t rc = -1;
    errno = EAGAIN;
    if (limit)
        rc = call.altered ? take(sending_pieces(&call), (size_t)sending_piece_count(&call), limit) : take(iov, count, limit);
    ssize_t told = sending_done(&call, iov, count, rc, 0);
    drain();
    must(told <= rc && told != 0 && told <= (ssize_t)bytes.len, "the kernel took %zd, the caller is told %zd", rc, told);
    must(told >= 0 || errno == EAGAIN || errno == EINTR, "errno %d", errno);
    return told > 0 ? (size_t)told : 0;
}

static void send_all(void)
{
    struct slice rest = run.said;
    unsigned idle = 0;
    while (rest.len) {
        struct slice bytes = {rest.ptr, any_size(rest.len)};
        size_t n = send_once(guarded(bytes, random_below(&run.seed, 2)));
        idle = n ? 0 : idle + 1;
        must(idle < 200, "it does not get on");
        rest = slice_after(rest, n);
    }
}

/* --- reading ------------------------------------------------------------------------------------------------------------ */

static int waiting_in_kernel(void)
{
    int bytes = 0;
    must(ioctl(run.ours, FIONREAD, &bytes) == 0, "FIONREAD");
    return bytes;
}

/* As the hooks of read and of readv do it. False: it came short. */
static bool read_once(size_t size)
{
    char *buffer = malloc(size); /* whose end a sanitizer guards */
    struct iovec iov[2] = {{buffer, size}, {buffer, 0}};
    size_t count = 1 + random_below(&run.seed, 2), first = count > 1 ? random_below(&run.seed, size) : size;
    struct call call;
    bool is_watched = call_begins_on(&call, run.ours);
    iov[0].iov_len = first;
    iov[1] = (struct iovec){buffer + first, size - first};
    call.reserve = is_watched && count == 1 ? connection_reserve(call.connection, size, 0) : 0;
    ssize_t rc = count == 1 ? recv(run.ours, buffer, size - call.reserve, MSG_DONTWAIT) : readv(run.ours, iov, 2);
    if (is_watched)
        rc = receiving_done(&call, iov, count, rc, 0);
    must(rc > 0 && (size_t)rc <= size, "%zd bytes read into %zu", rc, size);
    hear(buffer, (size_t)rc);
    free(buffer);
    return (size_t)rc == size;
}

static void read_all(void)
{
    struct slice rest = run.said;
    while (rest.len) {
        size_t n = any_size(rest.len);
        must(send(run.theirs, rest.ptr, n, 0) == (ssize_t)n, "the socket pair is full");
        rest = slice_after(rest, n);
        thread.work.waits += random_below(&run.seed, 2); /* for the next bytes: a program that does not may count them (unit.c) */
        while (waiting_in_kernel())
            if (!read_once(any_size(70000)))
                must(!waiting_in_kernel(), "a short read, and %d bytes more", waiting_in_kernel());
    }
}

/* --- a run --------------------------------------------------------------------------------------------------------------- */

static void settings(const uint8_t *data)
{
    unsigned formats = data[1];
    config = (struct config){
        .sampler = SAMPLER_PARENTBASED_ALWAYS_ON,
        .sampling_threshold = UINT64_MAX,
        .max_queue_size = 2048,
        .with_sdk = SDK_JOIN, /* or else what one input says would decide about the next (sdk.c) */
        .extract_tracecontext = formats & 1,
        .propagate_b3 = formats & 2,
        .propagate_b3multi = formats & 4,
        .propagate_baggage = formats & 8,
        .b3_holds = formats & 16,
        .propagates = formats & 15,
    };
    thread.random[0] = 1;
    thread.random[1] = thread.random[2] = thread.random[3] = 0;
    thread.random_process = process.generation;
    thread.stripe = SHARED_STRIPE;
    thread.work = (struct thread_work){.defers = false};
    memset(counter_stripes, 0, sizeof counter_stripes);
    run.seed = 1 + data[2] * 2654435761u;
    run.small = data[3];
    run.len = 0;
}

static void open_pair(void)
{
    int pair[2];
    if (run.ours || run.theirs)
        return;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    run.ours = pair[0];
    run.theirs = pair[1];
}

static void check_accounts(void)
{
    while (span_finished())
        ;
    must(tracer_open() == 0 && waiting_length() == 0, "spans are left");
    uint64_t accounted = counter_total(COUNT_sampled_out) + counter_total(COUNT_dropped_memory) + counter_total(COUNT_dropped_framing);
    must(counter_total(COUNT_started) >= accounted, "%s", counted());
    must(blocks_taken == 0, "%u blocks were not given back", blocks_taken);
    uint64_t known = counter_total(COUNT_context_out) + counter_total(COUNT_context_out_missed) + counter_total(COUNT_context_in) + counter_total(COUNT_context_in_missed);
    must(known == (config.propagates ? counter_total(COUNT_started) : 0), "%llu requests, and of %llu it is known whether they name their spans",
         (unsigned long long)counter_total(COUNT_started), (unsigned long long)known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct address nowhere;
    bool stored;
    if (size < 4 || size > WALK_MAX)
        return 0;
    settings(data);
    open_pair();
    run.said = (struct slice){(const char *)data + 4, size - 4};
    run.connection = connection_create(data[0] & 1 ? ROLE_SERVER : ROLE_CLIENT, &nowhere, (struct slice){NULL, 0});
    connection_is_new(run.connection);
    fdtable_set(run.ours, (uintptr_t)run.connection, &stored);
    if (data[0] & 1)
        read_all();
    else
        send_all();
    fdtable_take(run.ours);
    connection_release(run.connection);
    check_heard();
    check_accounts();
    return 0;
}
