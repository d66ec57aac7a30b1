/* received.c - requests that are read with a line of ours in them, by every call, into buffers of every size, in any segments.
 *
 * The program reads as programs do: while poll says that there is something, or, on a descriptor that does not block, after an
 * edge until a read comes short. A short read says that the kernel has no more: if that is not so, such a program would sleep for
 * ever. The buffer ends where memory ends.
 */
#include "raw.h"

#include <sys/epoll.h>
#include <sys/uio.h>

ssize_t __read_chk(int fd, void *buffer, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t len, size_t room, int flags);

#define STREAM_MAX 16384
#define HEADS 4

struct stream {
    char bytes[STREAM_MAX];
    size_t len;
    struct {
        size_t at, first_field, last_line, end, own; /* `own`: of the value of a traceparent; 0: none */
    } head[HEADS];
    unsigned count;
};

#define OWN "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define BODY "GET /body HTTP/1.1\r\nHost: x\r\nX: 5678\r\n\r\n" /* 40 bytes */

static const struct {
    const char *head, *body;
    size_t cookie; /* of so many bytes, where the head has `%s` */
} requests_of[] = {
    {"GET /a HTTP/1.1\r\nHost: x\r\nTE: t\r\n\r\n", "", 0},
    {"POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n", BODY, 0},
    {"GET /b HTTP/1.1\r\nHost: x\r\ntraceparent: " OWN "\r\nA: b\r\n\r\n", "", 0},
    {"GET /e HTTP/1.1\r\nCookie: %s\r\nHost: x\r\n\r\n", "", 450},
    {"GET /f HTTP/1.1\r\nCookie: %s\r\nHost: x\r\n\r\n", "", 3000},
    {"POST /g HTTP/1.1\r\nCookie: %s\r\nContent-Length: 40\r\n\r\n", BODY, 400},
};

/* By the index of each of its requests, and an end. */
static const char *const streams[] = {"0", "1", "3", "4", "5", "2", "010", "151", "021"};
enum { STREAMS = sizeof streams / sizeof *streams, BARE = 5 };

static struct stream make_stream(size_t which)
{
    static struct stream stream;
    stream = (struct stream){.len = 0};
    for (const char *at = streams[which]; *at; at++) {
        char cookie[4096], head[8192];
        unsigned of = (unsigned)(*at - '0'), n = stream.count++;
        memset(cookie, 'c', requests_of[of].cookie);
        cookie[requests_of[of].cookie] = '\0';
        size_t len = (size_t)snprintf(head, sizeof head, requests_of[of].head, cookie);
        const char *own = strstr(head, OWN);
        stream.head[n].at = stream.len;
        stream.head[n].first_field = stream.len + (size_t)(strchr(head, '\n') + 1 - head);
        stream.head[n].end = stream.len + len;
        stream.head[n].last_line = stream.len + len - 2;
        stream.head[n].own = own && pattern_len ? stream.len + (size_t)(own - head) : 0;
        stream.len += (size_t)sprintf(stream.bytes + stream.len, "%s%s", head, requests_of[of].body);
    }
    return stream;
}

/* --- by which call -------------------------------------------------------------------------------------------------- */

static ssize_t by_read(int fd, char *buffer, size_t size) { return read(fd, buffer, size); }
static ssize_t by_recv(int fd, char *buffer, size_t size) { return recv(fd, buffer, size, 0); }
static ssize_t by_recv_now(int fd, char *buffer, size_t size) { return recv(fd, buffer, size, MSG_DONTWAIT); }
static ssize_t by_read_chk(int fd, char *buffer, size_t size) { return __read_chk(fd, buffer, size, size); }
static ssize_t by_recv_chk(int fd, char *buffer, size_t size) { return __recv_chk(fd, buffer, size, size, 0); }

static ssize_t by_recvfrom(int fd, char *buffer, size_t size)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    return recvfrom(fd, buffer, size, 0, (struct sockaddr *)&from, &len);
}

static ssize_t by_readv(int fd, char *buffer, size_t size)
{
    struct iovec iov[] = {{buffer, size / 3}, {NULL, 0}, {buffer + size / 3, size - size / 3}};
    return readv(fd, iov, 3);
}

static ssize_t by_recvmsg(int fd, char *buffer, size_t size)
{
    struct iovec iov[] = {{buffer, size / 2}, {buffer + size / 2, size - size / 2}};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
    return recvmsg(fd, &message, 0);
}

static ssize_t by_recvmmsg(int fd, char *buffer, size_t size)
{
    struct iovec iov = {buffer, size};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
    int n = recvmmsg(fd, &message, 1, MSG_DONTWAIT, NULL);
    return n == 1 ? (ssize_t)message.msg_len : n;
}

static ssize_t by_peeking(int fd, char *buffer, size_t size)
{
    static char peeked[65536];
    ssize_t n = recv(fd, peeked, size, MSG_PEEK | MSG_DONTWAIT), raw;
    raw = syscall(SYS_recvfrom, fd, buffer, size, MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
    if (n != raw || (n > 0 && memcmp(peeked, buffer, (size_t)n) != 0))
        wrong("peeked %zd, and %zd are there", n, raw);
    return read(fd, buffer, size);
}

static ssize_t by_waiting_for_all(int fd, char *buffer, size_t size)
{
    int waiting = 0;
    syscall(SYS_ioctl, fd, FIONREAD, &waiting);
    size_t n = (size_t)waiting < size ? (size_t)waiting : size;
    ssize_t got = n ? recv(fd, buffer, n, MSG_WAITALL) : read(fd, buffer, size);
    if (n && got != (ssize_t)n)
        wrong("%zd of all %zu", got, n);
    return got;
}

static const struct way {
    const char *name;
    ssize_t (*receive)(int fd, char *buffer, size_t size);
    bool has_reserve; /* the kernel is shown less (traffic.c) */
} ways[] = {
    {"read", by_read, true}, {"recv", by_recv, true}, {"recvfrom", by_recvfrom, true}, {"__read_chk", by_read_chk, true},
    {"__recv_chk", by_recv_chk, true}, {"recv at once", by_recv_now, false}, {"readv", by_readv, false}, {"recvmsg", by_recvmsg, false},
    {"recvmmsg", by_recvmmsg, false}, {"read after MSG_PEEK", by_peeking, true}, {"MSG_WAITALL", by_waiting_for_all, false},
};
enum { WAYS = sizeof ways / sizeof *ways, FIRST_ODD = 9 };

/* --- one attempt ----------------------------------------------------------------------------------------------------- */

static char *memory_end; /* nothing may be touched from here on */

static void make_memory(void)
{
    char *at = mmap(NULL, 65536 + 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory_end = at + 65536 + 4096;
    mprotect(memory_end, 4096, PROT_NONE);
}

struct reading {
    int fd, epoll; /* -1: level-triggered */
    const struct way *way;
    size_t size;
    char got[2 * STREAM_MAX];
    size_t len;
};

static int waiting_on(int fd)
{
    int waiting = 0;
    syscall(SYS_ioctl, fd, FIONREAD, &waiting);
    return waiting;
}

static void read_what_is_there(struct reading *reading)
{
    struct epoll_event event;
    char *buffer = memory_end - reading->size;
    if (reading->epoll >= 0 && epoll_wait(reading->epoll, &event, 1, 1000) != 1)
        wrong("no edge");
    while (reading->epoll >= 0 || waiting_on(reading->fd)) {
        buffer[-1] = 'g';
        ssize_t n = reading->way->receive(reading->fd, buffer, reading->size);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0 || (size_t)n > reading->size || buffer[-1] != 'g' || reading->len + (size_t)n > sizeof reading->got) {
            wrong("%zd bytes, errno %d", n, errno);
            break;
        }
        memcpy(reading->got + reading->len, buffer, (size_t)n);
        reading->len += (size_t)n;
        if (reading->epoll >= 0 && (size_t)n < reading->size) {
            if (waiting_on(reading->fd))
                wrong("a short read of %zd, and %d bytes more: it would sleep for ever", n, waiting_on(reading->fd));
            break;
        }
    }
}

static bool is_own_digit(size_t own, size_t at)
{
    return own && ((at >= own + 36 && at < own + 52) || (at >= own + 53 && at < own + 55));
}

/* What was read is the stream, with at most one line in each head: behind its first line, or before its last. `must`: the first
 * head has one. */
static void compare(const struct stream *stream, const struct reading *reading, bool must)
{
    size_t at = 0;
    unsigned head = 0, lines = 0;
    const char *got = reading->got;
    for (size_t i = 0; i < stream->len; i++, at++) {
        if (head + 1 < stream->count && i >= stream->head[head + 1].at)
            head++, lines = 0;
        bool is_place = i == stream->head[head].first_field || i == stream->head[head].last_line;
        if (is_place && pattern_len && !stream->head[head].own && !lines && is_line(got + at, reading->len - at)) {
            say_line(got + at);
            at += pattern_len;
            lines++;
        }
        if (stream->head[head].own && i == stream->head[head].own)
            printf("own %.16s\n", got + at + 36);
        if (at >= reading->len || (got[at] != stream->bytes[i] && !is_own_digit(stream->head[head].own, i))) {
            wrong("other bytes at %zu: %.*s", i, (int)reading->len, got);
            return;
        }
        if (head == 0 && i + 1 == stream->head[0].end && must && !lines)
            wrong("no line");
    }
    if (at != reading->len)
        wrong("%zu bytes more than %zu", reading->len - at, at);
}

static void answer(struct ends ends, unsigned count)
{
    char heard[HEADS * sizeof ANSWER];
    size_t wanted = count * (sizeof ANSWER - 1);
    for (unsigned i = 0; i < count; i++)
        if (write(ends.ours, ANSWER, sizeof ANSWER - 1) != sizeof ANSWER - 1)
            wrong("an answer does not go");
    if (raw_read(ends.raw, heard, wanted, sizeof heard) != wanted)
        wrong("other answers");
    for (unsigned i = 0; i < count; i++)
        if (memcmp(heard + i * (sizeof ANSWER - 1), ANSWER, sizeof ANSWER - 1) != 0)
            wrong("another answer");
}

static void attempt(const struct listener *listener, size_t which, const struct way *way, size_t size, const size_t *cuts, int cut_count, bool is_edge)
{
    static struct reading reading;
    struct stream stream = make_stream(which);
    struct ends ends = ends_as_server(listener);
    snprintf(what, sizeof what, "stream %s by %s, buffer of %zu, cut at %zu %zu, %s", streams[which], way->name, size, cut_count ? cuts[0] : 0,
             cut_count > 1 ? cuts[1] : 0, is_edge ? "edge" : "level");
    reading.fd = ends.ours;
    reading.way = way;
    reading.size = size;
    reading.len = 0;
    reading.epoll = is_edge ? epoll_create1(0) : -1;
    nonblocking(ends.ours, is_edge);
    if (is_edge)
        epoll_ctl(reading.epoll, EPOLL_CTL_ADD, ends.ours, &(struct epoll_event){.events = EPOLLIN | EPOLLET});
    for (int i = 0; i <= cut_count; i++) {
        size_t from = i ? cuts[i - 1] : 0, to = i < cut_count ? cuts[i] : stream.len;
        raw_write(ends.raw, stream.bytes + from, to - from);
        if (from < to)
            read_what_is_there(&reading);
    }
    const size_t head = stream.head[0].end;
    bool has_room = size >= stream.len + pattern_len || (way->has_reserve && size >= 512 && head + pattern_len <= size);
    bool is_split = way->receive == by_readv || way->receive == by_recvmsg; /* where the parts meet there is no room */
    has_room &= way->receive != by_waiting_for_all;
    compare(&stream, &reading, pattern_len && has_room && !cut_count && !stream.head[0].own && (!is_split || size >= 4096));
    nonblocking(ends.ours, false);
    answer(ends, stream.count);
    if (is_edge)
        close(reading.epoll);
    ends_close(ends);
    cases++;
    requests += stream.count;
}

/* --- modes ------------------------------------------------------------------------------------------------------------- */

static void each_size(const struct listener *listener, size_t which, const struct way *way)
{
    static const size_t sizes[] = {1, 2, 7, 64, 70, 100, 128, 510, 511, 512, 513, 550, 581, 582, 583, 600, 1000, 1024, 2048, 4096, 8192, 65536};
    struct stream stream = make_stream(which);
    const size_t marks[] = {stream.head[0].first_field, stream.head[0].last_line, stream.head[0].end, stream.head[0].end + pattern_len,
                            stream.len, stream.len + pattern_len, 512 + pattern_len};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] > 20 || stream.len < 1000)
            attempt(listener, which, way, sizes[i], NULL, 0, i % 2);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        for (size_t size = marks[i] - 2; size <= marks[i] + 2; size++)
            attempt(listener, which, way, size, NULL, 0, size % 2);
}

static void sizes_of(bool is_tcp, size_t from, size_t to, size_t first, size_t end)
{
    struct listener listener = listener_open(is_tcp);
    for (size_t way = from; way < to; way++)
        for (size_t which = first; which < end; which++)
            each_size(&listener, which, &ways[way]);
}

static void mode_sizes(void) { sizes_of(false, 0, FIRST_ODD, 0, STREAMS); }
static void mode_bare(void) { sizes_of(false, 0, 2, 0, BARE); }
static void mode_peek(void) { sizes_of(false, FIRST_ODD, FIRST_ODD + 1, 0, STREAMS); }
static void mode_all(void) { sizes_of(false, FIRST_ODD + 1, WAYS, 0, STREAMS); }
static void mode_tcp(void) { sizes_of(true, 0, 2, 0, STREAMS); }

static void mode_cuts(void)
{
    struct listener listener = listener_open(false);
    static const size_t sizes[] = {33, 300, 520, 4096};
    for (size_t which = 0; which < STREAMS; which++) {
        size_t len = make_stream(which).len, step = len > 400 ? len / 97 : 1;
        for (size_t cut = 1; cut < len; cut += step)
            for (size_t size = 0; size < 4; size++) {
                const struct way *way = &ways[(cut + size) % WAYS];
                attempt(&listener, which, way, sizes[size], &cut, 1, cut % 2);
                attempt(&listener, which, way, sizes[size], (const size_t[]){cut, cut + (len - cut + 1) / 2}, 2, size % 2);
            }
    }
}

/* On one connection that is kept. */
static void mode_one_after_another(void)
{
    struct listener listener = listener_open(false);
    static struct reading reading;
    for (size_t way = 0; way < WAYS; way++) {
        struct ends ends = ends_as_server(&listener);
        for (size_t which = 0; which < STREAMS; which++) {
            struct stream stream = make_stream(which);
            snprintf(what, sizeof what, "stream %s behind others by %s", streams[which], ways[way].name);
            reading.fd = ends.ours;
            reading.epoll = -1;
            reading.way = &ways[way];
            reading.size = 4096;
            reading.len = 0;
            raw_write(ends.raw, stream.bytes, stream.len);
            read_what_is_there(&reading);
            compare(&stream, &reading, pattern_len && !stream.head[0].own && way != WAYS - 1);
            answer(ends, stream.count);
            requests += stream.count;
        }
        ends_close(ends);
        cases++;
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"sizes", mode_sizes}, {"bare", mode_bare}, {"peek", mode_peek}, {"all", mode_all}, {"tcp", mode_tcp},
                 {"cuts", mode_cuts}, {"one_after_another", mode_one_after_another}};
    pattern = argc > 2 ? argv[2] : "";
    pattern_len = strlen(pattern);
    make_memory();
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, argv[1]) == 0) {
            modes[i].run();
            finish();
        }
    return 2;
}
