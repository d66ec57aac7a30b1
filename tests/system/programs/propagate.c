/* propagate.c - requests that leave with a line of ours in them, by every call, cut everywhere, taken by the kernel in any parts.
 *
 * The kernel of stingy.c takes as many bytes of a call as it is told. Of the bytes that the kernel was offered under the library
 * a line is not the caller's; what the caller must be told is worked out here, from the rules of altered.h and propagate.h:
 *
 *   - what the kernel took before, between and behind lines counts, what it took of a line does not;
 *   - where it took bytes of a line only, it would have taken none: EAGAIN; or EINTR where the caller would have waited;
 *   - a line stands behind the request line; where that has gone in an earlier call, before the empty line; else nowhere.
 *
 * With an empty pattern this is what the kernel itself does, so that the model is held against a run without the library.
 */
#include "raw.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define STREAM_MAX 8192
#define HEADS 8

/* --- what is sent ------------------------------------------------------------------------------------------------- */

struct head {
    size_t at, first_field, last_line, end; /* in the stream */
    bool is_own;                            /* it carries a traceparent: that one's ids are ours then */
    size_t own;                             /* where its value is */
    long place;                             /* of the line; -1: none (yet) */
    size_t sent;                            /* of the line */
};

struct stream {
    char bytes[STREAM_MAX];
    size_t len;
    struct head head[HEADS];
    unsigned count;
};

static void add_request(struct stream *stream, const char *head, const char *body)
{
    struct head *of = &stream->head[stream->count++];
    const char *own = strcasestr(head, "\r\ntraceparent: ");
    *of = (struct head){.at = stream->len, .place = -1, .is_own = own && pattern_len};
    of->first_field = of->at + (size_t)(strstr(head, "\n") + 1 - head);
    of->own = own ? of->at + (size_t)(own - head) + strlen("\r\ntraceparent: ") : 0;
    stream->len += (size_t)sprintf(stream->bytes + stream->len, "%s", head);
    of->end = stream->len;
    of->last_line = of->end - (stream->bytes[of->end - 2] == '\r' ? 2 : 1);
    stream->len += (size_t)sprintf(stream->bytes + stream->len, "%s", body);
}

#define OWN "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define GET "GET /a HTTP/1.1\r\nHost: x\r\nTE: t\r\n\r\n"
#define GET_OWN "GET /b HTTP/1.1\r\nHost: x\r\nTraceparent: " OWN "\r\nA: b\r\n\r\n"
#define GET_BARE "GET /d HTTP/1.0\r\n\r\n"
#define POST "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
#define BODY "GET /body HTTP/1.1\r\nHost: x\r\nX: 5678\r\n\r\n" /* 40 bytes */

static char large[6000]; /* a head that is longer than a copy of it (outgoing.h) */

static const struct {
    const char *name;
    struct {
        const char *head, *body;
    } request[HEADS];
} streams[] = {
    {"get", {{GET, ""}}},
    {"post", {{POST, BODY}}},
    {"own", {{GET_OWN, ""}}},
    {"bare", {{GET_BARE, ""}}},
    {"three", {{GET, ""}, {POST, BODY}, {GET, ""}}},
    {"mixed", {{POST, BODY}, {GET_OWN, ""}, {GET, ""}}},
    {"large", {{large, BODY}}},
};
enum { STREAMS = sizeof streams / sizeof *streams };

static struct stream make_stream(size_t which)
{
    static struct stream stream;
    stream = (struct stream){.len = 0};
    for (size_t i = 0; i < HEADS && streams[which].request[i].head; i++)
        add_request(&stream, streams[which].request[i].head, streams[which].request[i].body);
    return stream;
}

/* --- by which call ------------------------------------------------------------------------------------------------- */

#define PARTS_MAX 1000

static int cut_in(const char *bytes, size_t len, size_t parts, struct iovec *iov)
{
    size_t count = parts < len ? parts : len, at = 0;
    for (size_t i = 0; i < count; at += iov[i++].iov_len)
        iov[i] = (struct iovec){(void *)(size_t)(bytes + at), i + 1 == count ? len - at : len / count};
    return (int)count;
}

static ssize_t by_vector(int fd, const char *bytes, size_t len, size_t parts)
{
    struct iovec iov[PARTS_MAX];
    return writev(fd, iov, cut_in(bytes, len, parts, iov));
}

static ssize_t by_message(int fd, const char *bytes, size_t len, size_t parts)
{
    struct iovec iov[PARTS_MAX];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)cut_in(bytes, len, parts, iov)};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static ssize_t by_messages(int fd, const char *bytes, size_t len)
{
    struct iovec iov[2];
    struct mmsghdr message = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = (size_t)cut_in(bytes, len, 2, iov)}};
    return sendmmsg(fd, &message, 1, MSG_NOSIGNAL) == 1 ? (ssize_t)message.msg_len : -1;
}

static ssize_t write_once(int fd, const char *bytes, size_t len) { return write(fd, bytes, len); }
static ssize_t send_once(int fd, const char *bytes, size_t len) { return send(fd, bytes, len, 0); }
static ssize_t send_more(int fd, const char *bytes, size_t len) { return send(fd, bytes, len, MSG_MORE | MSG_NOSIGNAL); }
static ssize_t sendto_once(int fd, const char *bytes, size_t len) { return sendto(fd, bytes, len, MSG_NOSIGNAL, NULL, 0); }
static ssize_t writev_one(int fd, const char *bytes, size_t len) { return by_vector(fd, bytes, len, 1); }
static ssize_t writev_three(int fd, const char *bytes, size_t len) { return by_vector(fd, bytes, len, 3); }
static ssize_t writev_many(int fd, const char *bytes, size_t len) { return by_vector(fd, bytes, len, PARTS_MAX); }
static ssize_t sendmsg_one(int fd, const char *bytes, size_t len) { return by_message(fd, bytes, len, 1); }
static ssize_t sendmsg_many(int fd, const char *bytes, size_t len) { return by_message(fd, bytes, len, PARTS_MAX); }

static ssize_t pwritev2_two(int fd, const char *bytes, size_t len)
{
    struct iovec iov[2];
    return pwritev2(fd, iov, cut_in(bytes, len, 2, iov), -1, 0);
}

static const struct way {
    const char *name;
    ssize_t (*send)(int fd, const char *bytes, size_t len);
} ways[] = {
    {"write", write_once}, {"send", send_once}, {"send with MSG_MORE", send_more}, {"sendto", sendto_once}, {"writev of 1", writev_one},
    {"writev of 3", writev_three}, {"writev of many", writev_many}, {"sendmsg", sendmsg_one}, {"sendmsg of many", sendmsg_many},
    {"sendmmsg", by_messages}, {"pwritev2", pwritev2_two},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* --- what must come of it ------------------------------------------------------------------------------------------- */

/* Before a call that offers the stream from `at` to `end`: heads that are whole then get their lines. */
static void place_lines(struct stream *stream, size_t at, size_t end)
{
    for (unsigned i = 0; i < stream->count; i++) {
        struct head *head = &stream->head[i];
        if (head->sent || head->end <= at)
            continue;
        head->place = -1;
        if (head->end <= end && pattern_len && !head->is_own)
            head->place = head->first_field >= at ? (long)head->first_field : head->last_line >= at ? (long)head->last_line : -1;
    }
}

/* What the caller is told when the kernel takes `limit` bytes of what it is offered; -1: an error. */
static long told(struct stream *stream, size_t at, size_t end, long limit)
{
    size_t pos = at, left = (size_t)limit;
    place_lines(stream, at, end);
    for (unsigned i = 0; i < stream->count; i++) {
        struct head *head = &stream->head[i];
        if (head->place < (long)at || head->place >= (long)end || head->sent == pattern_len)
            continue;
        size_t gap = (size_t)head->place - pos;
        if (left <= gap)
            break;
        left -= gap;
        pos = (size_t)head->place;
        size_t n = pattern_len - head->sent < left ? pattern_len - head->sent : left;
        head->sent += n;
        left -= n;
        if (head->sent < pattern_len) {
            if (pos == at) /* and the rest of the line goes without the caller */
                head->sent = pattern_len;
            return pos == at ? -1 : (long)(pos - at);
        }
    }
    pos = left < end - pos ? pos + left : end;
    return pos == at ? -1 : (long)(pos - at);
}

static void (*stingy_plan)(int fd, const long *limits, int count);

/* Sends the stream up to `end` as a program does that knows its trade, and compares what it is told. */
static bool send_up_to(struct stream *stream, int fd, const struct way *way, size_t *at, size_t end, bool is_nonblocking, const long *limits, int *count)
{
    for (int calls = 0; *at < end; calls++) {
        long limit = *count > 0 ? *limits++ : LONG_MAX, wanted;
        int error = limit <= 0 ? (limit ? (int)-limit : EAGAIN) : is_nonblocking ? EAGAIN : EINTR;
        *count -= *count > 0;
        if (limit > 0)
            wanted = told(stream, *at, end, limit);
        else
            wanted = -1, place_lines(stream, *at, end);
        errno = 7777;
        ssize_t n = way->send(fd, stream->bytes + *at, end - *at);
        if (n != wanted || (n < 0 ? errno != error : errno != 7777)) {
            wrong("call %d of [%zu, %zu) with room for %ld: %zd, errno %d, and not %ld, errno %d", calls, *at, end, limit, n, errno, wanted, error);
            return false;
        }
        *at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool is_own_digit(const struct head *head, size_t at)
{
    return head->is_own && ((at >= head->own + 36 && at < head->own + 52) || (at >= head->own + 53 && at < head->own + 55));
}

/* What was heard is the stream, with a line in each of its places and nowhere else. */
static void compare(const struct stream *stream, const char *heard, size_t len)
{
    size_t at = 0, head = 0;
    for (size_t i = 0; i < stream->len; i++, at++) {
        while (head + 1 < stream->count && i >= stream->head[head + 1].at)
            head++;
        const struct head *of = &stream->head[head];
        if ((long)i == of->place) {
            if (!is_line(heard + at, len - at)) {
                wrong("no line at %zu: %.*s", i, (int)len, heard);
                return;
            }
            say_line(heard + at);
            at += pattern_len;
        }
        if (of->is_own && i == of->own)
            printf("own %.16s\n", heard + at + 36);
        if (at >= len || (heard[at] != stream->bytes[i] && !is_own_digit(of, i))) {
            wrong("other bytes at %zu of %zu: %.*s", i, len, (int)len, heard);
            return;
        }
    }
    if (at != len)
        wrong("%zu bytes more than %zu", len - at, at);
}

static void answer(struct ends ends, unsigned count)
{
    char room[HEADS * sizeof ANSWER];
    for (unsigned i = 0; i < count; i++)
        raw_write(ends.raw, ANSWER, sizeof ANSWER - 1);
    for (size_t at = 0, wanted = count * (sizeof ANSWER - 1); at < wanted;) {
        ssize_t n = read(ends.ours, room + at, wanted - at);
        if (n <= 0) {
            wrong("an answer is missing");
            return;
        }
        at += (size_t)n;
    }
}

/* Pieces up to each of `cuts`, by one way, on one connection. */
static void attempt(const struct listener *listener, size_t which, const struct way *way, const size_t *cuts, int cut_count, bool is_nonblocking,
                    const long *limits, int limit_count)
{
    static char heard[2 * STREAM_MAX];
    struct stream stream = make_stream(which);
    struct ends ends = ends_as_client(listener);
    size_t at = 0, lines = 0;
    snprintf(what, sizeof what, "%s by %s, cut at %zu %zu, limits %ld %ld, %s", streams[which].name, way->name, cut_count ? cuts[0] : 0,
             cut_count > 1 ? cuts[1] : 0, limit_count ? limits[0] : -1, limit_count > 1 ? limits[1] : -1, is_nonblocking ? "nonblocking" : "blocking");
    nonblocking(ends.ours, is_nonblocking);
    stingy_plan(ends.ours, limits, limit_count);
    bool is_ok = true;
    for (int i = 0; i <= cut_count && is_ok; i++) {
        int before = limit_count;
        is_ok = send_up_to(&stream, ends.ours, way, &at, i < cut_count ? cuts[i] : stream.len, is_nonblocking, limits, &limit_count);
        limits += before - limit_count;
    }
    stingy_plan(-1, NULL, 0);
    for (unsigned i = 0; i < stream.count; i++)
        lines += stream.head[i].place >= 0;
    if (is_ok) {
        size_t total = stream.len + lines * pattern_len;
        compare(&stream, heard, raw_read(ends.raw, heard, total, sizeof heard));
        nonblocking(ends.ours, false);
        answer(ends, stream.count);
    }
    ends_close(ends);
    cases++;
    requests += stream.count;
}

/* --- modes ------------------------------------------------------------------------------------------------------------ */

/* The kernel takes each number of bytes of the first call, and then, twice more, a part of what is left. */
static void every_limit(const struct listener *listener, size_t which, size_t step)
{
    const bool is_tcp = listener->address.ss_family == AF_INET;
    size_t wire = make_stream(which).len + make_stream(which).count * pattern_len;
    for (size_t way = 0; way < WAYS; way++)
        for (size_t limit = way % step; limit <= wire; limit += step) {
            if (is_tcp && ways[way].send == send_more) /* the last bytes wait for more, for long */
                continue;
            long limits[] = {(long)limit, 1 + (long)(limit * 7 % 31), -EAGAIN, 1 + (long)(limit * 5 % 113)};
            attempt(listener, which, &ways[way], NULL, 0, limit % 2, limits, 1 + (int)(limit / 2 % 4));
        }
}

/* A byte at a time, all the way; of a long stream so many would not fit into the kernel. */
static void byte_by_byte(const struct listener *listener)
{
    static long ones[STREAM_MAX];
    for (size_t i = 0; i < STREAM_MAX; i++)
        ones[i] = 1;
    for (size_t which = 0; which < STREAMS - 1; which++)
        for (size_t way = 0; way < WAYS; way++)
            attempt(listener, which, &ways[way], NULL, 0, which % 2, ones, STREAM_MAX);
}

/* The caller cuts its stream in two at every byte, and the kernel takes a part of each. */
static void every_cut(const struct listener *listener, size_t which)
{
    size_t len = make_stream(which).len;
    for (size_t cut = 1; cut < len; cut++)
        for (size_t way = 0; way < WAYS; way++) {
            size_t n = cut * 13 + way * 7;
            attempt(listener, which, &ways[way], &cut, 1, n % 2, NULL, 0);
            attempt(listener, which, &ways[way], &cut, 1, n % 2, (const long[]){(long)(n % cut) + 1, 1 + (long)(n % 97)}, 2);
            attempt(listener, which, &ways[way], (const size_t[]){cut, cut + (len - cut) / 2}, 2, n % 2, (const long[]){LONG_MAX, 1 + (long)(n % 75)}, 2);
            attempt(listener, which, &ways[way], &cut, 1, n % 2, (const long[]){LONG_MAX, 1 + (long)(n % 140), 1 + (long)(n % 9), -EINTR}, 4);
        }
}

static void mode_limits(void)
{
    struct listener listener = listener_open(false);
    for (size_t which = 0; which < 4; which++)
        every_limit(&listener, which, 1);
}

/* Without heads that carry a context already. */
static void mode_bare(void)
{
    struct listener listener = listener_open(false);
    for (size_t which = 0; which < 5; which += which == 1 ? 2 : 1)
        every_limit(&listener, which, 3);
}

static void mode_pipelined(void)
{
    struct listener listener = listener_open(false);
    for (size_t which = 4; which < STREAMS; which++)
        every_limit(&listener, which, which == STREAMS - 1 ? 61 : 3);
    byte_by_byte(&listener);
}

static void mode_cuts(void)
{
    struct listener listener = listener_open(false);
    for (size_t which = 0; which < 3; which++)
        every_cut(&listener, which);
}

static void mode_tcp(void)
{
    struct listener listener = listener_open(true);
    for (size_t which = 0; which < STREAMS; which++)
        every_limit(&listener, which, which == STREAMS - 1 ? 409 : 17);
}

/* The peer has gone: after any part, the next call fails as it would, with one signal where it would be one. */
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

static void mode_gone(void)
{
    struct listener listener = listener_open(false);
    signal(SIGPIPE, on_signal);
    for (size_t way = 0; way < WAYS; way++)
        for (long limit = 0; limit <= (long)(sizeof GET - 1 + pattern_len); limit++) {
            struct stream stream = make_stream(0);
            struct ends ends = ends_as_client(&listener);
            long wanted = limit ? told(&stream, 0, stream.len, limit) : 0;
            snprintf(what, sizeof what, "by %s, gone after %ld", ways[way].name, limit);
            stingy_plan(ends.ours, &limit, 1);
            ssize_t n = limit ? ways[way].send(ends.ours, stream.bytes, stream.len) : 0;
            stingy_plan(-1, NULL, 0);
            if (n != wanted)
                wrong("%zd and not %ld", n, wanted);
            syscall(SYS_close, ends.raw);
            bool is_silent = ways[way].send != write_once && ways[way].send != send_once && !strstr(ways[way].name, "writev");
            if (n < 0 || (size_t)n < stream.len) {
                signals = 0;
                ssize_t rest = ways[way].send(ends.ours, stream.bytes + (n > 0 ? n : 0), stream.len - (size_t)(n > 0 ? n : 0));
                if (rest != -1 || errno != EPIPE || signals != !is_silent)
                    wrong("%zd, errno %d, %d signals", rest, errno, (int)signals);
            }
            close(ends.ours);
            cases++;
        }
}

/* A head that waits for its body, and the body out of a file. */
static void mode_sendfile(void)
{
    struct listener listener = listener_open(true);
    int file = fileno(tmpfile());
    if (pwrite(file, BODY, 40, 0) != 40)
        exit(95);
    for (long limit = 1; limit <= (long)(sizeof POST - 1 + pattern_len); limit++) {
        static char heard[2 * STREAM_MAX];
        struct stream stream = make_stream(1);
        struct ends ends = ends_as_client(&listener);
        size_t at = 0, head = stream.head[0].end;
        off_t offset = 0;
        int one = 1;
        snprintf(what, sizeof what, "MSG_MORE and sendfile, limit %ld", limit);
        stingy_plan(ends.ours, &limit, 1);
        bool is_ok = send_up_to(&stream, ends.ours, &ways[2], &at, head, false, &limit, &one);
        stingy_plan(-1, NULL, 0);
        if (is_ok && sendfile(ends.ours, file, &offset, 40) != 40)
            wrong("sendfile: errno %d", errno);
        compare(&stream, heard, raw_read(ends.raw, heard, stream.len + pattern_len, sizeof heard));
        answer(ends, 1);
        ends_close(ends);
        cases++;
        requests++;
    }
    close(file);
}

/* More than the kernel takes of one call: a request in the first, and nothing in the others. */
static void too_many_messages(const struct listener *listener)
{
    enum { MESSAGES = 1500, TAKEN = 1024 };
    static struct mmsghdr messages[MESSAGES];
    static char heard[2 * STREAM_MAX];
    struct stream stream = make_stream(0);
    struct ends ends = ends_as_client(listener);
    struct iovec whole = {stream.bytes, stream.len};
    for (int i = 0; i < MESSAGES; i++)
        messages[i].msg_hdr.msg_iov = &whole, messages[i].msg_hdr.msg_iovlen = i == 0;
    snprintf(what, sizeof what, "sendmmsg of %d", MESSAGES);
    told(&stream, 0, stream.len, LONG_MAX);
    int n = sendmmsg(ends.ours, messages, MESSAGES, 0);
    if (n != TAKEN)
        wrong("%d messages", n);
    compare(&stream, heard, raw_read(ends.raw, heard, stream.len + pattern_len, sizeof heard));
    answer(ends, 1);
    ends_close(ends);
    cases++;
    requests++;
}

/* Three messages in one call, cut at each pair of bytes. */
static void mode_messages(void)
{
    struct listener listener = listener_open(false);
    too_many_messages(&listener);
    for (size_t which = 0; which < 5; which++)
        for (size_t first = 1, len = make_stream(which).len; first + 1 < len; first += 1 + which)
            for (size_t second = first + 1; second < len; second += 7) {
                static char heard[2 * STREAM_MAX];
                struct stream stream = make_stream(which);
                struct ends ends = ends_as_client(&listener);
                const size_t cuts[] = {0, first, second, len};
                struct iovec iov[3];
                struct mmsghdr messages[3];
                size_t lines = 0;
                snprintf(what, sizeof what, "%s by sendmmsg of 3, cut at %zu %zu", streams[which].name, first, second);
                for (int i = 0; i < 3; i++) {
                    iov[i] = (struct iovec){stream.bytes + cuts[i], cuts[i + 1] - cuts[i]};
                    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
                    told(&stream, cuts[i], cuts[i + 1], LONG_MAX);
                }
                int n = sendmmsg(ends.ours, messages, 3, 0);
                for (int i = 0; i < 3; i++)
                    if (n != 3 || messages[i].msg_len != iov[i].iov_len)
                        wrong("%d messages, %u bytes of %zu in the one %d", n, messages[i].msg_len, iov[i].iov_len, i);
                for (unsigned i = 0; i < stream.count; i++)
                    lines += stream.head[i].place >= 0;
                compare(&stream, heard, raw_read(ends.raw, heard, len + lines * pattern_len, sizeof heard));
                answer(ends, stream.count);
                ends_close(ends);
                cases++;
                requests += stream.count;
            }
}

/* The kernel itself, with little room and a slow reader: large posts in one call, many small requests, both again and again. */
static size_t take_some(int fd, char *heard, size_t at, size_t some)
{
    long n = syscall(SYS_recvfrom, fd, heard + at, some, MSG_DONTWAIT, NULL, NULL);
    return n > 0 ? at + (size_t)n : at;
}

static void mode_slow(void)
{
    enum { LARGE = 1 << 20 };
    static char bytes[LARGE], heard[2 * LARGE];
    unsigned seed = 1;
    for (int turn = 0; turn < 120; turn++) {
        struct listener listener = listener_open(turn % 2);
        struct ends ends = ends_as_client(&listener);
        const struct way *way = &ways[turn % WAYS];
        size_t len = 0, at = 0, got = 0, count = 0, body = turn % 3 ? 300000 : 100, lines = 0;
        snprintf(what, sizeof what, "a slow reader, turn %d, by %s", turn, way->name);
        setsockopt(ends.ours, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int));
        nonblocking(ends.ours, true);
        for (int i = 0; i < (turn % 3 ? 2 : 40); i++, count++) {
            len += (size_t)sprintf(bytes + len, "POST /%d HTTP/1.1\r\nContent-Length: %zu\r\nHost: x\r\n\r\n", i, body);
            for (size_t n = 0; n < body; n++)
                bytes[len++] = (char)("GET / HTTP/1.1\r\n\r\n"[n % 18]);
            if (i % 2 == 0 && turn % 3 == 0) /* one after another: the whole of each in calls of its own */
                while (at < len) {
                    ssize_t n = way->send(ends.ours, bytes + at, len - at);
                    at += n > 0 ? (size_t)n : 0;
                    got = take_some(ends.raw, heard, got, 1 + (seed = seed * 1103515245 + 12345) / 65536 % 300);
                }
        }
        for (int calls = 0; at < len; calls++) {
            errno = 7777;
            ssize_t n = way->send(ends.ours, bytes + at, len - at);
            if (n == 0 || (n < 0 && errno != EAGAIN) || (n > 0 && errno != 7777))
                wrong("%zd, errno %d", n, errno);
            at += n > 0 ? (size_t)n : 0;
            got = take_some(ends.raw, heard, got, 1 + (seed = seed * 1103515245 + 12345) / 65536 % 9000);
        }
        shutdown(ends.ours, SHUT_WR);
        for (long n; (n = syscall(SYS_read, ends.raw, heard + got, sizeof heard - got)) > 0;)
            got += (size_t)n;
        size_t i = 0, j = 0;
        for (; i < len && j < got; i++, j++) {
            if (pattern_len && is_line(heard + j, got - j)) {
                say_line(heard + j);
                lines++;
                j += pattern_len;
            }
            if (heard[j] != bytes[i])
                break;
        }
        if (i != len || j != got)
            wrong("other bytes at %zu of %zu, %zu of %zu heard", i, len, j, got);
        printf("slow %zu of %zu\n", lines, count);
        ends_close(ends);
        close(listener.fd);
        cases++;
        requests += (unsigned)count;
    }
}

/* As many pieces as the kernel takes, in the middle of a head that has begun to leave: there is none left for the rest of a line. */
static void mode_pieces(void)
{
    enum { PIECES = 1024, BODY_LEN = 1500 };
    struct listener listener = listener_open(false);
    for (int is_own = 0; is_own < 2; is_own++)
        for (long limit = 1; limit < 130; limit++) {
            static char heard[2 * STREAM_MAX], head[256], body[BODY_LEN + 1];
            struct stream stream = {.len = 0};
            struct ends ends = ends_as_client(&listener);
            struct iovec iov[PIECES];
            snprintf(what, sizeof what, "%d pieces behind %ld bytes%s", PIECES, limit, is_own ? " of a head with a context" : "");
            snprintf(head, sizeof head, "POST / HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", is_own ? "traceparent: " OWN "\r\n" : "", BODY_LEN);
            memset(body, 'b', BODY_LEN);
            add_request(&stream, head, body);
            stingy_plan(ends.ours, &limit, 1);
            ssize_t at = write(ends.ours, stream.bytes, stream.len);
            stingy_plan(-1, NULL, 0);
            told(&stream, 0, stream.len, limit);
            while (at > 0 && at < (ssize_t)stream.len) {
                int count = 0;
                for (size_t i = (size_t)at; i < stream.len && count < PIECES; i++)
                    iov[count++] = (struct iovec){stream.bytes + i, 1};
                iov[count - 1].iov_len = stream.len - (size_t)at - (size_t)count + 1;
                ssize_t n = writev(ends.ours, iov, count);
                if (n <= 0) {
                    wrong("%zd, errno %d", n, errno);
                    break;
                }
                if (stream.head[0].place >= at && !stream.head[0].sent) /* nothing of the line had gone, and then there was no room for it */
                    stream.head[0].place = -1;
                at += n;
            }
            compare(&stream, heard, raw_read(ends.raw, heard, stream.len + (stream.head[0].place >= 0 ? pattern_len : 0), sizeof heard));
            answer(ends, 1);
            ends_close(ends);
            cases++;
            requests++;
        }
}

/* Calls that fail before a byte has gone. */
static void mode_errors(void)
{
    struct listener listener = listener_open(false);
    static const char *const nowhere = (const char *)16;
    for (size_t way = 0; way < WAYS; way++) {
        struct stream stream = make_stream(0);
        static char heard[2 * STREAM_MAX];
        struct ends ends = ends_as_client(&listener);
        snprintf(what, sizeof what, "errors by %s", ways[way].name);
        errno = 0;
        ssize_t n = ways[way].send(ends.ours, nowhere, 100);
        if (n != -1 || errno != EFAULT)
            wrong("from nowhere: %zd, errno %d", n, errno);
        for (int error = 1; error < 40; error++) {
            const long limit = error == EPIPE ? -EAGAIN : -error;
            stingy_plan(ends.ours, &limit, 1);
            n = ways[way].send(ends.ours, stream.bytes, stream.len);
            if (n != -1 || errno != -limit)
                wrong("error %ld: %zd, errno %d", -limit, n, errno);
        }
        stingy_plan(-1, NULL, 0);
        size_t at = 0;
        int none = 0;
        if (send_up_to(&stream, ends.ours, &ways[way], &at, stream.len, false, NULL, &none))
            compare(&stream, heard, raw_read(ends.raw, heard, stream.len + pattern_len, sizeof heard));
        answer(ends, 1);
        ends_close(ends);
        cases++;
        requests++;
    }
}

/* Another thread, so that the library must take the caller's memory for the caller's again when a call has returned (outgoing.h). */
static void *sleeps(void *nothing)
{
    pause();
    return nothing;
}

int main(int argc, char **argv)
{
    pthread_t other;
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"limits", mode_limits}, {"bare", mode_bare}, {"pipelined", mode_pipelined}, {"cuts", mode_cuts}, {"tcp", mode_tcp}, {"gone", mode_gone},
                 {"sendfile", mode_sendfile}, {"messages", mode_messages}, {"slow", mode_slow}, {"errors", mode_errors}, {"pieces", mode_pieces}};
    *(void **)&stingy_plan = dlsym(RTLD_DEFAULT, "stingy_plan");
    pattern = argc > 2 ? argv[2] : "";
    pattern_len = strlen(pattern);
    snprintf(large, sizeof large, "POST /e HTTP/1.1\r\nCookie: %05000d\r\nContent-Length: 40\r\n\r\n", 0);
    if (argc > 1 && strncmp(argv[1], "threads:", 8) == 0) {
        argv[1] += 8;
        if (pthread_create(&other, NULL, sleeps, NULL))
            return 3;
    }
    for (size_t i = 0; argc > 1 && stingy_plan && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, argv[1]) == 0) {
            modes[i].run();
            finish();
        }
    return 2;
}
