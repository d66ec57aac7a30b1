/* traffic.c - what passed a descriptor, told to its connection. See traffic.h.
 *
 * Here, and only here, our code is entered and left (thread_enter): between the two a signal handler's calls on the
 * same thread pass straight through, and a connection they used is given up rather than guessed about.
 */
#include "traffic.h"

#include "clock.h"
#include "pool.h"
#include "readable.h"
#include "tracer.h"

#include <errno.h>
#include <stdatomic.h>

int *__errno_location(void);

/* Failures that end a connection. Others (EAGAIN, EINTR, EINVAL, ...) say nothing about it. */
static bool ends_connection(int error_number)
{
    switch (error_number) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case ECONNABORTED:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case EIO:
        return true;
    }
    return false;
}

/* Still the connection that the call began on? */
static bool is_same(const struct call *call)
{
    return fdtable_get(call->fd) == call->connection && call->connection->generation == call->generation;
}

static bool enter(const struct call *call, enum direction direction)
{
    if (!tracer_enter()) {
        if (!thread.vfork_depth)
            atomic_store_explicit(&call->connection->reentered, true, memory_order_relaxed);
        return false;
    }
    if (connection_enter(call->connection, direction)) {
        if (is_same(call))
            return true;
        connection_leave(call->connection, direction);
    }
    thread_leave();
    return false;
}

static void leave(const struct call *call, enum direction direction)
{
    connection_leave(call->connection, direction);
    thread_leave();
}

struct call traffic_sending(struct call call)
{
    call.since_ns = connection_may_ask(call.connection) ? clock_ns() : 0;
    return call;
}

/* The caller's bytes are its own again when the call has returned, and in a program of several threads another one may
 * have given them back by then: the answer can be there before our code is. So what must be looked at is copied before:
 * all of a short write, and of a long one what a look ahead at the framing says. After the call only the copies are read. */
#define COPY_MAX 4096
#define COPIES_MAX 17     /* of one call: a head of 64 kB. What lies behind them is not seen. */
#define SKIP_WORTH 256    /* bytes that may pass unseen and are worth it; fewer are copied with their neighbours */

struct sent_copy {
    struct pool_block block;
    uint32_t len;
    struct sent_copy *next;
    uint64_t skipped; /* bytes that pass unseen before these */
    char bytes[COPY_MAX];
};

static struct pool copies = {.block_size = (sizeof(struct sent_copy) + 15) / 16 * 16, .blocks_per_chunk = 16, .max_chunks = 256};

const char *libc_single_threaded;

static bool is_single_threaded(void)
{
    return libc_single_threaded && *libc_single_threaded;
}

/* Copies of what a call sends, being made. */
struct copying {
    struct sent_copy *first;
    struct sent_copy **next; /* where the next one is hung in */
    struct sent_copy *last;  /* the one that is filled; or NULL */
    unsigned count;
    uint32_t taken;          /* bytes of the last one that the look ahead has understood */
    uint64_t skipped;        /* before the next one */
    bool looks_ahead;
    struct ahead ahead;
    uintptr_t known_vector, known; /* readable.h */
};

static bool copy_begin(struct copying *copying)
{
    struct sent_copy *copy = copying->count < COPIES_MAX ? pool_take(&copies) : NULL;
    if (!copy)
        return false;
    copy->len = 0;
    copy->next = NULL;
    copy->skipped = copying->skipped;
    *copying->next = copy;
    copying->next = &copy->next;
    copying->last = copy;
    copying->count++;
    copying->taken = 0;
    copying->skipped = 0;
    return true;
}

/* How many of the next `len` bytes pass unseen. */
static size_t copy_skip(struct copying *copying, size_t len)
{
    struct ahead *ahead = &copying->ahead;
    bool is_understood = !copying->last || copying->taken == copying->last->len;
    if (!copying->looks_ahead || ahead->blind || !is_understood || ahead->stream.skip < SKIP_WORTH || len < SKIP_WORTH)
        return 0;
    size_t n = len < ahead->stream.skip ? len : (size_t)ahead->stream.skip;
    ahead_skip(ahead, n);
    copying->skipped += n;
    copying->last = NULL;
    return n;
}

/* One element of a vector. False when there is no more room, or it cannot be read. */
static bool copy_element(struct copying *copying, const char *base, size_t len)
{
    while (len) {
        size_t n = copy_skip(copying, len);
        if (!n) {
            if ((!copying->last || copying->last->len == COPY_MAX) && !copy_begin(copying))
                return false;
            struct sent_copy *copy = copying->last;
            n = COPY_MAX - copy->len < len ? COPY_MAX - copy->len : len;
            if (copying->looks_ahead && n > SKIP_WORTH)
                n = SKIP_WORTH; /* what follows may not be worth it */
            if (!readable(&copying->known, base, n))
                return false;
            memcpy(copy->bytes + copy->len, base, n);
            copy->len += (uint32_t)n;
            if (copying->looks_ahead)
                copying->taken += (uint32_t)ahead_take(&copying->ahead, (struct slice){copy->bytes + copying->taken, copy->len - copying->taken});
            if (copying->looks_ahead && copy->len == COPY_MAX && copying->taken < COPY_MAX)
                copying->ahead.blind = true; /* a unit that is larger than a copy */
        }
        base += n;
        len -= n;
    }
    return true;
}

#define VECTOR_MAX 1024 /* IOV_MAX: a vector that is longer is not sent */

static bool copy_vector(struct copying *copying, const struct iovec *iov, size_t count)
{
    if (count > VECTOR_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!readable(&copying->known_vector, &iov[i], sizeof *iov) || !copy_element(copying, iov[i].iov_base, iov[i].iov_len))
            return false;
    return true;
}

/* The bytes of a vector, as far as it can be read. */
static uint64_t length_of(struct copying *copying, const struct iovec *iov, size_t count)
{
    uint64_t length = 0;
    for (size_t i = 0; i < count && count <= VECTOR_MAX && readable(&copying->known_vector, &iov[i], sizeof *iov); i++)
        length += iov[i].iov_len;
    return length;
}

struct sending {
    const struct mmsghdr *messages; /* or one vector */
    const struct iovec *iov;
    size_t count;
    bool is_ours; /* the vector is our own hook's */
};

/* The vector of each message in turn. */
static bool next_vector(struct copying *copying, const struct sending *sending, size_t *at, const struct iovec **iov, size_t *count)
{
    if (*at >= (sending->messages ? sending->count : 1))
        return false;
    if (sending->messages && !readable(&copying->known_vector, &sending->messages[*at], sizeof *sending->messages))
        return false;
    *iov = sending->messages ? sending->messages[*at].msg_hdr.msg_iov : sending->iov;
    *count = sending->messages ? sending->messages[*at].msg_hdr.msg_iovlen : sending->count;
    (*at)++;
    return true;
}

static void copy_all(struct call *call, const struct sending *sending)
{
    struct copying copying = {.next = &copying.first};
    const struct iovec *iov;
    uint64_t length = 0, unseen = connection_sent_unseen(call->connection);
    size_t count;
    call->was_looked_at = true;
    if (sending->is_ours)
        copying.known_vector = (uintptr_t)sending->iov & -(uintptr_t)4096;
    for (size_t at = 0; unseen != SKIP_UNTIL_CLOSE && next_vector(&copying, sending, &at, &iov, &count);)
        length += length_of(&copying, iov, count);
    if (length <= unseen)
        return;
    if (length > COPY_MAX || unseen) {
        if (!enter(call, DIRECTION_SENT))
            return;
        connection_look_ahead(call->connection, &copying.ahead);
        copying.looks_ahead = true;
    }
    for (size_t at = 0; next_vector(&copying, sending, &at, &iov, &count) && copy_vector(&copying, iov, count);)
        ;
    if (copying.looks_ahead)
        leave(call, DIRECTION_SENT);
    call->copy = copying.first;
}

struct call traffic_sending_bytes(struct call call, const void *bytes, size_t len)
{
    call = traffic_sending(call);
    if (!is_single_threaded())
        copy_all(&call, &(struct sending){.iov = &(struct iovec){(void *)(uintptr_t)bytes, len}, .count = 1, .is_ours = true});
    return call;
}

struct call traffic_sending_vector(struct call call, const struct iovec *iov, size_t count)
{
    call = traffic_sending(call);
    if (!is_single_threaded())
        copy_all(&call, &(struct sending){.iov = iov, .count = count});
    return call;
}

struct call traffic_sending_message(struct call call, const struct msghdr *message)
{
    uintptr_t known = 0;
    call = traffic_sending(call);
    if (!is_single_threaded() && readable(&known, message, sizeof *message))
        copy_all(&call, &(struct sending){.iov = message->msg_iov, .count = message->msg_iovlen});
    return call;
}

struct call traffic_sending_messages(struct call call, const struct mmsghdr *messages, unsigned count)
{
    call = traffic_sending(call);
    if (!is_single_threaded())
        copy_all(&call, &(struct sending){.messages = messages, .count = count < VECTOR_MAX ? count : VECTOR_MAX});
    return call;
}

static void failed(const struct call *call, enum direction direction, int error_number)
{
    if (!ends_connection(error_number))
        return;
    /* Whoever ends requests must own the direction of responses; a client that cannot send only remembers it. */
    bool is_client = call->connection->role == ROLE_CLIENT;
    enum direction of_responses = is_client ? DIRECTION_RECEIVED : DIRECTION_SENT;
    enum direction entered = is_client && direction == DIRECTION_SENT ? DIRECTION_SENT : of_responses;
    if (!enter(call, entered))
        return;
    connection_failed(call->connection, direction, error_number);
    leave(call, entered);
}

static bool is_empty(const struct iovec *iov, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (iov[i].iov_len)
            return false;
    return true;
}

/* `length` bytes of the vector. */
static void feed(const struct call *call, enum direction direction, const struct iovec *iov, size_t count, size_t length)
{
    for (size_t i = 0; i < count && length; i++) {
        size_t n = iov[i].iov_len < length ? iov[i].iov_len : length;
        if (n)
            connection_bytes(call->connection, direction, (struct slice){iov[i].iov_base, n}, call->since_ns);
        length -= n;
    }
}

static uint64_t shorter(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* From the copies; what they do not hold was found not to matter, or is given up if it does. */
static void feed_copies(const struct call *call, uint64_t length)
{
    for (const struct sent_copy *copy = call->copy; copy && length; copy = copy->next) {
        uint64_t skipped = shorter(copy->skipped, length), n = shorter(copy->len, length - skipped);
        if (skipped)
            connection_unseen(call->connection, DIRECTION_SENT, skipped);
        if (n)
            connection_bytes(call->connection, DIRECTION_SENT, (struct slice){copy->bytes, (size_t)n}, call->since_ns);
        length -= skipped + n;
    }
    if (length)
        connection_unseen(call->connection, DIRECTION_SENT, length);
}

static void feed_sent(const struct call *call, const struct iovec *iov, size_t count, size_t length)
{
    if (call->was_looked_at)
        feed_copies(call, length);
    else
        feed(call, DIRECTION_SENT, iov, count, length);
}

void traffic_received(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE))
        return; /* not a step in the stream */
    if (length < 0) {
        failed(call, DIRECTION_RECEIVED, *__errno_location());
        return;
    }
    if ((length == 0 && is_empty(iov, count)) || !enter(call, DIRECTION_RECEIVED))
        return;
    if (length == 0)
        connection_peer_closed(call->connection);
    else if (flags & MSG_TRUNC) /* on a stream socket: thrown away unseen, tcp(7) */
        connection_unseen(call->connection, DIRECTION_RECEIVED, (uint64_t)length);
    else
        feed(call, DIRECTION_RECEIVED, iov, count, (size_t)length);
    leave(call, DIRECTION_RECEIVED);
}

static void sent(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (flags & MSG_OOB)
        return;
    if (length < 0) {
        failed(call, DIRECTION_SENT, *__errno_location());
        return;
    }
    if (length == 0 || !enter(call, DIRECTION_SENT))
        return;
    feed_sent(call, iov, count, (size_t)length);
    leave(call, DIRECTION_SENT);
}

static void give_copies(const struct call *call)
{
    for (struct sent_copy *copy = call->copy, *next; copy; copy = next) {
        next = copy->next;
        pool_give(&copies, copy);
    }
}

void traffic_sent(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    sent(call, iov, count, length, flags);
    give_copies(call);
}

void traffic_sent_messages(const struct call *call, const struct mmsghdr *messages, int rc, int flags)
{
    ssize_t length = 0;
    for (int i = 0; i < rc; i++) {
        length += messages[i].msg_len;
        if (!call->was_looked_at)
            sent(call, messages[i].msg_hdr.msg_iov, messages[i].msg_hdr.msg_iovlen, messages[i].msg_len, flags);
    }
    if (call->was_looked_at || rc < 0)
        sent(call, NULL, 0, rc < 0 ? -1 : length, flags);
    give_copies(call);
}

static void passed_unseen(const struct call *call, enum direction direction, ssize_t length)
{
    if (length < 0) {
        failed(call, direction, *__errno_location());
        return;
    }
    if (length == 0 || !enter(call, direction))
        return;
    connection_unseen(call->connection, direction, (uint64_t)length);
    leave(call, direction);
}

void traffic_received_unseen(const struct call *call, ssize_t length)
{
    passed_unseen(call, DIRECTION_RECEIVED, length);
}

void traffic_sent_unseen(const struct call *call, ssize_t length)
{
    passed_unseen(call, DIRECTION_SENT, length);
}

/* Descriptors that travel in a message (unix(7), SCM_RIGHTS). */
static void each_right(const struct msghdr *message, void visit(int fd))
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;) {
        if (part->cmsg_len < sizeof *part)
            return;
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < count; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
                visit(fd);
            }
        }
        /* CMSG_NXTHDR is a function of libc's in some versions; this is what it does. */
        char *next = (char *)part + CMSG_ALIGN(part->cmsg_len);
        char *end = (char *)message->msg_control + message->msg_controllen;
        part = end - next >= (ptrdiff_t)sizeof *part ? (struct cmsghdr *)next : NULL;
    }
}

static void received_right(int fd)
{
    descriptor_handed_to_us(fd, ROLE_UNKNOWN);
}

void traffic_received_rights(const struct msghdr *message)
{
    each_right(message, received_right);
}

void traffic_sends_rights(const struct msghdr *message)
{
    each_right(message, descriptor_handed_over);
}
