/* traffic.c - what passed a descriptor, told to its connection. See traffic.h.
 *
 * Here, and only here, our code is entered and left (thread_enter): between the two a signal handler's calls on the
 * same thread pass straight through, and a connection they used is given up rather than guessed about.
 */
#include "traffic.h"

#include "clock.h"
#include "outgoing.h"
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

const char *libc_single_threaded;

static bool is_single_threaded(void)
{
    return libc_single_threaded && *libc_single_threaded;
}

/* The answer may reach another thread before the call has returned in this one. */
static void announce(const struct call *call)
{
    struct sent_copy *copy = call->copy;
    copy->ahead = 0;
    if (copy->skipped || !connection_may_ask(call->connection) || !enter(call, DIRECTION_SENT))
        return;
    copy->ahead = (uint32_t)connection_announce(call->connection, (struct slice){copy->bytes, copy->len}, call->since_ns, &copy->announced);
    leave(call, DIRECTION_SENT);
}

/* Less than what was announced has gone. */
static void retract(const struct call *call)
{
    if (!enter(call, DIRECTION_SENT))
        return;
    connection_retract(call->connection, &call->copy->announced);
    call->copy->ahead = 0;
    leave(call, DIRECTION_SENT);
}

/* Before the call, in a program of several threads (outgoing.h). */
static void look_at(struct call *call, const struct outgoing *outgoing)
{
    struct ahead ahead;
    uint64_t unseen = connection_sent_unseen(call->connection);
    uint64_t length = unseen == SKIP_UNTIL_CLOSE ? 0 : outgoing_length(outgoing);
    call->was_looked_at = true;
    if (length <= unseen)
        return;
    if (length <= OUTGOING_COPY && !unseen) {
        call->copy = outgoing_copy(outgoing, NULL);
    } else if (enter(call, DIRECTION_SENT)) {
        connection_look_ahead(call->connection, &ahead);
        call->copy = outgoing_copy(outgoing, &ahead);
        leave(call, DIRECTION_SENT);
    }
    if (call->copy)
        announce(call);
}

void traffic_sending_bytes(struct call *call, const void *bytes, size_t len)
{
    traffic_sending(call);
    if (!is_single_threaded())
        look_at(call, &(struct outgoing){.iov = &(struct iovec){(void *)(uintptr_t)bytes, len}, .count = 1});
}

void traffic_sending_vector(struct call *call, const struct iovec *iov, size_t count)
{
    traffic_sending(call);
    if (!is_single_threaded())
        look_at(call, &(struct outgoing){.iov = iov, .count = count});
}

void traffic_sending_message(struct call *call, const struct msghdr *message)
{
    traffic_sending(call);
    if (!is_single_threaded() && readable(message, sizeof *message))
        look_at(call, &(struct outgoing){.iov = message->msg_iov, .count = message->msg_iovlen});
}

void traffic_sending_messages(struct call *call, const struct mmsghdr *messages, unsigned count)
{
    traffic_sending(call);
    if (!is_single_threaded())
        look_at(call, &(struct outgoing){.messages = messages, .count = count});
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
    size_t ahead = call->copy ? call->copy->ahead : 0;
    for (const struct sent_copy *copy = call->copy; copy && length; copy = copy->next, ahead = 0) {
        uint64_t skipped = shorter(copy->skipped, length), n = shorter(copy->len, length - skipped);
        if (skipped)
            connection_unseen(call->connection, DIRECTION_SENT, skipped);
        if (n > ahead)
            connection_bytes(call->connection, DIRECTION_SENT, (struct slice){copy->bytes + ahead, (size_t)n - ahead}, call->since_ns);
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
    if (call->copy && call->copy->ahead && (flags & MSG_OOB || length < (ssize_t)call->copy->ahead))
        retract(call);
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

void traffic_sent(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    sent(call, iov, count, length, flags);
    outgoing_give(call->copy);
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
    outgoing_give(call->copy);
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
    const char *end = (const char *)message->msg_control + message->msg_controllen;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;) {
        if (part->cmsg_len < sizeof *part || part->cmsg_len > (size_t)(end - (const char *)part))
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
