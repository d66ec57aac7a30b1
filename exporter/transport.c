/* transport.c - the connection to the Collector. See transport.h.
 *
 * Waiting is done in short slices of ppoll, so that our thread can be told to stop without a signal or a descriptor that
 * the application's threads would have to have: only while an export is under way, never when idle.
 * Lengths of answers are read by the same code that frames the application's traffic (include/http1.h).
 */
#include "transport.h"

#include "address.h"
#include "http1.h"
#include "resolve.h"
#include "retry_after.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define SLICE_MIN_NS 1000000   /* ppoll slices grow from this ... */
#define SLICE_MAX_NS 25000000  /* ... to this */
#define ANSWER_MAX (4 * 1024 * 1024) /* OTLP specification, "OTLP/HTTP Response": what a client reads at most */
#define ADDRESSES 8
#define ADDRESS_MAX_NS 2000000000 /* for one that may be silent, while there are others */

static long connection = -1;
static char buffer[16 * 1024]; /* what was received and not looked at yet */
static char body[4 * 1024];    /* the beginning of the answer's body */

void transport_forget(void)
{
    connection = -1;
}

void transport_close(void)
{
    if (connection >= 0)
        system(close, connection);
    connection = -1;
}

/* Until the connection is ready for `events`: 0, or -errno. */
static int wait_for(short events, const struct patience *patience)
{
    for (uint64_t slice_ns = SLICE_MIN_NS;; slice_ns = slice_ns < SLICE_MAX_NS / 2 ? slice_ns * 2 : SLICE_MAX_NS) {
        struct pollfd ready = {.fd = (int)connection, .events = events};
        struct timespec slice = {.tv_nsec = (long)slice_ns};
        long rc = system(ppoll, &ready, 1, &slice, NULL, 8);
        if (rc > 0)
            return 0;
        if (rc < 0 && rc != -EINTR)
            return (int)rc;
        int impatience = patience_check(patience);
        if (impatience)
            return impatience;
    }
}

/* --- connecting ------------------------------------------------------------------------------------------------ */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static socklen_t socket_address_of(const struct address *address, union socket_address *socket)
{
    memset(socket, 0, sizeof *socket);
    if (address->family == AF_INET6) {
        socket->in6.sin6_family = AF_INET6;
        socket->in6.sin6_port = __builtin_bswap16(address->port);
        memcpy(&socket->in6.sin6_addr, address->bytes, 16);
        return sizeof socket->in6;
    }
    socket->in.sin_family = AF_INET;
    socket->in.sin_port = __builtin_bswap16(address->port);
    memcpy(&socket->in.sin_addr, address->bytes, 4);
    return sizeof socket->in;
}

static int socket_error(void)
{
    int error_number = 0;
    socklen_t len = sizeof error_number;
    long rc = system(getsockopt, connection, SOL_SOCKET, SO_ERROR, &error_number, &len);
    return rc < 0 ? (int)rc : -error_number;
}

/* A peer that is gone says nothing, and what was sent stays unacknowledged: better to know soon, and to connect again while
 * there is time for it. One that is only slow does acknowledge. */
static void set_options(void)
{
    const int on = 1, unacknowledged_ms = 4000;
    system(setsockopt, connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    system(setsockopt, connection, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

static int connect_to(const union socket_address *address, socklen_t len, const struct patience *patience)
{
    connection = system(socket, address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection < 0)
        return (int)connection;
    long rc = system(connect, connection, address, len);
    if (rc == -EINPROGRESS) {
        rc = wait_for(POLLOUT, patience);
        if (!rc)
            rc = socket_error();
    }
    if (rc < 0)
        transport_close();
    else if (address->any.sa_family != AF_UNIX)
        set_options();
    return (int)rc;
}

static int connect_to_unix(const struct endpoint *endpoint, const struct patience *patience)
{
    union socket_address address;
    size_t len = strlen(endpoint->host);
    memset(&address, 0, sizeof address);
    if (len >= sizeof address.un.sun_path)
        return -ENAMETOOLONG;
    address.un.sun_family = AF_UNIX;
    memcpy(address.un.sun_path, endpoint->host, len);
    return connect_to(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1), patience);
}

/* Until when one of `left` addresses may be tried: a silent one must not take the time of those behind it. */
static uint64_t deadline_of_address(uint64_t deadline_ns, int left)
{
    uint64_t now_ns = clock_ns(), share_ns = now_ns < deadline_ns ? (deadline_ns - now_ns) / (uint64_t)left : 0;
    return left == 1 ? deadline_ns : now_ns + (share_ns < ADDRESS_MAX_NS ? share_ns : ADDRESS_MAX_NS);
}

/* Each address in turn, the name asked for anew each time: a container's neighbour may have moved. */
static int connect_to_endpoint(const struct endpoint *endpoint, const struct patience *patience)
{
    struct address addresses[ADDRESSES];
    union socket_address address;
    if (endpoint->is_unix)
        return connect_to_unix(endpoint, patience);
    int count = resolve(endpoint->host, endpoint->port, NULL, patience->deadline_ns, patience->interrupted, addresses, ADDRESSES);
    int rc = count < 0 ? count : -ENOENT;
    for (int i = 0; i < count; i++) {
        struct patience share = *patience;
        share.deadline_ns = deadline_of_address(patience->deadline_ns, count - i);
        rc = connect_to(&address, socket_address_of(&addresses[i], &address), &share);
        if (rc == 0 || rc == -EINTR)
            return rc;
    }
    return rc;
}

/* --- sending --------------------------------------------------------------------------------------------------- */

/* Whether bytes have come that nobody asked for, or the end of the connection. */
static bool has_something_to_read(void)
{
    char byte;
    return system(recvfrom, connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL) != -EAGAIN;
}

/* A Collector that refuses early answers before it has read everything: -EPIPE, and what it says can be read. */
static int send_request(struct slice head, struct slice request, const struct patience *patience)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)head.ptr, head.len}, {(void *)(uintptr_t)request.ptr, request.len}};
    while (parts[0].iov_len + parts[1].iov_len) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        long n = system(sendmsg, connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == -EAGAIN) {
            int rc = has_something_to_read() ? -EPIPE : wait_for(POLLOUT | POLLIN, patience);
            if (rc)
                return rc;
            continue;
        }
        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        for (int i = 0; i < 2; i++) {
            size_t taken = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + taken;
            parts[i].iov_len -= taken;
            n -= (long)taken;
        }
    }
    return 0;
}

/* --- the answer ------------------------------------------------------------------------------------------------ */

struct reading {
    struct stream stream;
    struct answer *answer;
    size_t held;     /* bytes in `buffer` */
    size_t total;    /* bytes received */
    size_t body_len; /* bytes in `body` */
    bool has_head;
    bool complete;
    bool close;      /* the connection cannot be used again */
};

/* Fields of the answer's head that matter to us. */
static void read_head(struct reading *reading, struct slice head, uint8_t version_minor)
{
    struct slice line;
    bool keep_alive = version_minor > 0;
    while (slice_next(&head, '\n', &line)) {
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        size_t colon = slice_find(line, ':');
        struct slice name = {line.ptr, colon}, value = slice_trim(slice_after(line, colon + 1));
        if (slice_equals_nocase(name, SLICE("connection")))
            keep_alive = slice_equals_nocase(value, SLICE("keep-alive")) ||
                         (keep_alive && !slice_equals_nocase(value, SLICE("close")));
        else if (slice_equals_nocase(name, SLICE("retry-after")))
            reading->answer->has_retry_after = retry_after_read(value, (int64_t)(clock_now(CLOCK_REALTIME) / 1000000000),
                                                                &reading->answer->retry_after_ms);
    }
    reading->close = !keep_alive;
}

static void keep_body(struct reading *reading, const char *bytes, size_t len)
{
    size_t room = sizeof body - reading->body_len;
    size_t kept = len < room ? len : room;
    memcpy(body + reading->body_len, bytes, kept);
    reading->body_len += kept;
}

/* Goes through what has been received. 0, or -EPROTO. */
static int read_units(struct reading *reading)
{
    size_t at = 0;
    while (at < reading->held && !reading->complete) {
        struct slice rest = {buffer + at, reading->held - at};
        if (reading->stream.skip) {
            size_t n = rest.len < reading->stream.skip ? rest.len : (size_t)reading->stream.skip;
            keep_body(reading, rest.ptr, n);
            if (reading->stream.skip != SKIP_UNTIL_CLOSE)
                reading->stream.skip -= n;
            reading->complete = reading->stream.last && !reading->stream.skip;
            at += n;
            continue;
        }
        struct message message;
        ssize_t n = http1_protocol.parse(&reading->stream, PARTY_SERVER, 0, rest, &message);
        if (n == PARSE_MORE)
            break;
        if (n < 0)
            return -EPROTO;
        if (message.kind == MESSAGE_RESPONSE) {
            reading->has_head = true;
            reading->answer->status = message.status;
            read_head(reading, (struct slice){rest.ptr, (size_t)n}, message.version_minor);
        }
        reading->complete = message.ends && message.kind != MESSAGE_INTERIM;
        at += (size_t)n;
    }
    memmove(buffer, buffer + at, reading->held - at);
    reading->held -= at;
    return 0;
}

static int connection_closed(struct reading *reading)
{
    if (!reading->has_head || reading->stream.skip != SKIP_UNTIL_CLOSE)
        return -ECONNRESET;
    reading->complete = reading->close = true;
    return 0;
}

/* One piece of the answer: 0, or -errno. */
static int receive_some(struct reading *reading, const struct patience *patience)
{
    if (reading->held == sizeof buffer)
        return -EPROTO; /* a head larger than anything a Collector sends */
    long n = system(recvfrom, connection, buffer + reading->held, sizeof buffer - reading->held, MSG_DONTWAIT, NULL, NULL);
    if (n == -EAGAIN)
        return wait_for(POLLIN, patience);
    if (n == -EINTR)
        return 0;
    if (n < 0)
        return (int)n;
    if (n == 0)
        return connection_closed(reading);
    reading->held += (size_t)n;
    reading->total += (size_t)n;
    if (reading->total > ANSWER_MAX)
        return -EMSGSIZE;
    int rc = read_units(reading);
    return rc ? rc : patience_check(patience) == -ETIMEDOUT && !reading->complete ? -ETIMEDOUT : 0;
}

static int receive_answer(struct reading *reading, const struct patience *patience)
{
    int rc = 0;
    while (!rc && !reading->complete)
        rc = receive_some(reading, patience);
    reading->answer->body = (struct slice){body, reading->body_len};
    return rc;
}

/* --- a post ---------------------------------------------------------------------------------------------------- */

static int exchange(struct slice head, struct slice request, const struct patience *patience, struct answer *answer, size_t *received)
{
    struct reading reading = {.answer = answer};
    *answer = (struct answer){0};
    int sent = send_request(head, request, patience);
    int rc = sent;
    if (sent == 0 && patience->rest)
        patience->rest(patience->deadline_ns);
    if (sent == 0 || sent == -EPIPE || sent == -ECONNRESET)
        rc = receive_answer(&reading, patience);
    *received = reading.total;
    if (rc || sent || reading.close || reading.held)
        transport_close();
    return rc;
}

int transport_post(const struct endpoint *endpoint, struct slice head, struct slice request, const struct patience *patience,
                   struct answer *answer)
{
    size_t received;
    if (connection >= 0 && has_something_to_read())
        transport_close();
    if (connection >= 0) {
        int rc = exchange(head, request, patience, answer, &received);
        bool was_closed = (rc == -EPIPE || rc == -ECONNRESET) && received == 0;
        if (!was_closed)
            return rc;
    }
    int rc = connect_to_endpoint(endpoint, patience);
    return rc ? rc : exchange(head, request, patience, answer, &received);
}
