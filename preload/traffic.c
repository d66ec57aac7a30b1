/* traffic.c - what passed a descriptor, told to its connection. See traffic.h.
 *
 * Here, and only here, our code is entered and left (thread_enter): between the two a signal handler's calls on the
 * same thread pass straight through, and a connection they used is given up rather than guessed about.
 */
#include "traffic.h"

#include "altered.h"
#include "clock.h"
#include "conversation.h"
#include "outgoing.h"
#include "readable.h"
#include "system.h"
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
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

/* The kernel reads the pages of such a call later, or does not put it into the stream. */
static bool may_be_altered(int flags)
{
    return !(flags & (MSG_OOB | MSG_ZEROCOPY));
}

/* The answer may reach another thread before the call has returned in this one; and a head must name its span before it goes. */
static void announce(struct call *call, int flags)
{
    struct sent_copy *copy = call->copy;
    struct outgoing_bytes bytes;
    copy->ahead = 0;
    if (atomic_load_explicit(&call->connection->role, memory_order_relaxed) != ROLE_CLIENT || flags & MSG_OOB || !enter(call, DIRECTION_SENT))
        return;
    if (!call->altered && connection_may_propagate(call->connection) && may_be_altered(flags))
        call->altered = altered_take();
    struct altered *altered = call->altered;
    outgoing_bytes(copy, &bytes);
    copy->ahead = announced_begin(call->connection, &bytes, call->since_ns, altered ? &altered->changes : NULL,
                                      altered && altered->has_lineage ? &altered->lineage : NULL, &copy->announced);
    leave(call, DIRECTION_SENT);
}

/* Before the call: what must be seen of it (outgoing.h). */
static void copy_ahead(struct call *call, const struct outgoing *outgoing, uint64_t length, int flags)
{
    struct ahead ahead;
    uint64_t unseen = connection_sent_unseen(call->connection);
    if (length <= unseen)
        return;
    if (length <= OUTGOING_COPY && !unseen) {
        call->copy = outgoing_copy(outgoing, NULL);
    } else if (enter(call, DIRECTION_SENT)) {
        ahead_begin(call->connection, &ahead);
        call->copy = outgoing_copy(outgoing, &ahead);
        leave(call, DIRECTION_SENT);
    }
    if (call->copy)
        announce(call, flags);
}

/* A part of its changes has gone. */
static bool has_begun(const struct altered *altered)
{
    return altered->kept || altered->has_lineage;
}

/* The caller's bytes go as they are; what is owed of an earlier call stays owed. */
static void leave_as_it_is(struct call *call)
{
    struct altered *altered = call->altered;
    call->altered = NULL;
    altered_keep(altered, altered->kept);
    if (has_begun(altered))
        connection_put_pending(call->connection, altered);
    else
        altered_give(altered);
}

static void look_at(struct call *call, const struct outgoing *outgoing, int flags)
{
    uint64_t length = connection_sent_unseen(call->connection) == SKIP_UNTIL_CLOSE ? 0 : outgoing_length(outgoing);
    call->was_looked_at = true;
    copy_ahead(call, outgoing, length, flags);
}

/* One vector, before the call. A head that has begun to leave goes on leaving with its changes: where there are too many pieces
 * the kernel is given those that there are, and the caller is told that it has taken less. */
static void sending(struct call *call, const struct iovec *iov, size_t count, int flags)
{
    const struct outgoing outgoing = {.iov = iov, .count = count};
    traffic_sending(call);
    call->altered = connection_take_pending(call->connection);
    if (!process_has_one_thread() || call->altered || connection_may_propagate(call->connection))
        look_at(call, &outgoing, flags);
    if (call->altered && (!(call->altered->changes.count || call->altered->has_lineage) || !may_be_altered(flags) || !outgoing_length(&outgoing) ||
                          (!altered_build(call->altered, iov, count) && !has_begun(call->altered))))
        leave_as_it_is(call);
}

void traffic_sending_bytes(struct call *call, const void *bytes, size_t len, int flags)
{
    sending(call, &(struct iovec){(void *)(uintptr_t)bytes, len}, 1, flags);
}

void traffic_sending_vector(struct call *call, const struct iovec *iov, size_t count)
{
    sending(call, iov, count, 0);
}

void traffic_sending_message(struct call *call, const struct msghdr *message, int flags)
{
    if (readable(message, sizeof *message))
        sending(call, message->msg_iov, message->msg_iovlen, flags);
}

void traffic_sending_messages(struct call *call, const struct mmsghdr *messages, unsigned count)
{
    traffic_sending(call);
    if (!process_has_one_thread())
        look_at(call, &(struct outgoing){.messages = messages, .count = count}, 0);
}

/* --- what the kernel is given ------------------------------------------------------------------------------- */

const struct iovec *traffic_pieces(const struct call *call)
{
    return call->altered->pieces;
}

int traffic_piece_count(const struct call *call)
{
    return (int)call->altered->count;
}

struct msghdr traffic_message(const struct call *call, const struct msghdr *message)
{
    struct msghdr altered = *message;
    altered.msg_iov = call->altered->pieces;
    altered.msg_iovlen = call->altered->count;
    return altered;
}

static bool would_wait(int fd, int flags)
{
    struct timeval limit = {0};
    socklen_t len = sizeof limit;
    return !(flags & MSG_DONTWAIT) && !(system(fcntl, fd, F_GETFL, 0) & O_NONBLOCK) &&
           !(system(getsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &len) == 0 && (limit.tv_sec || limit.tv_usec));
}

/* The rest of a line that has left in part. False: the kernel does not take it yet. */
static bool send_owed(struct altered *altered, int fd, int flags)
{
    for (struct slice owed; (owed = altered_owed(altered)).len;) {
        long sent = system(sendto, fd, owed.ptr, owed.len, MSG_NOSIGNAL | flags, NULL, 0);
        if (sent <= 0)
            return false;
        altered_sent(altered, (size_t)sent);
    }
    return true;
}

/* The kernel has taken only bytes of ours. The caller is told what it would have been told if it had taken none: that it is to
 * try again, as after a signal where it would have waited (send(2)). */
static ssize_t nothing_of_the_callers(struct call *call, int flags)
{
    send_owed(call->altered, call->fd, MSG_DONTWAIT);
    *__errno_location() = would_wait(call->fd, flags) ? EINTR : EAGAIN;
    return -1;
}

static ssize_t callers_share(struct call *call, ssize_t sent, int flags)
{
    if (sent <= 0)
        return sent;
    size_t callers = altered_sent(call->altered, (size_t)sent);
    return callers ? (ssize_t)callers : nothing_of_the_callers(call, flags);
}

void traffic_sending_unseen(struct call *call)
{
    traffic_sending(call);
    struct altered *pending = connection_take_pending(call->connection);
    if (!pending)
        return;
    call->must_wait = !send_owed(pending, call->fd, 0);
    connection_put_pending(call->connection, pending);
}

ssize_t traffic_waits(void)
{
    *__errno_location() = EAGAIN;
    return -1;
}

/* --- after the call ----------------------------------------------------------------------------------------- */

static bool has_gone_in_part(const struct altered *altered, const struct announced_head *head)
{
    for (unsigned i = head->first_change; i < head->changes_behind; i++)
        if (altered->change[i].sent)
            return true;
    return false;
}

/* Of the heads that have not gone whole: what has gone of one stays what it is, the others will be looked at again. */
static void keep_changes(struct altered *altered, const struct announced *announced, size_t length)
{
    unsigned cut = 0;
    bool is_resumed = altered->has_lineage && announced->is_gathered;
    while (cut < announced->count && announced->head[cut].end <= length)
        cut++;
    if (is_resumed && cut)
        altered->has_lineage = false;
    if (cut == announced->count)
        return;
    const struct announced_head *head = &announced->head[cut];
    if (is_resumed && !cut) {
        altered_keep(altered, altered->kept);
    } else if (has_gone_in_part(altered, head)) {
        announced_keep_lineage(head->exchange, &altered->lineage);
        altered->has_lineage = true;
        altered_keep(altered, head->changes_behind);
    } else {
        altered_keep(altered, head->first_change);
    }
}

static void put_back(struct call *call, size_t length)
{
    struct altered *altered = call->altered;
    altered_advance(altered, length);
    if (is_same(call))
        connection_put_pending(call->connection, altered);
    else
        altered_give(altered);
}

/* What was announced, and how much of it has gone. */
static void settle(struct call *call, size_t length)
{
    struct sent_copy *copy = call->copy;
    if (call->altered)
        keep_changes(call->altered, &copy->announced, length);
    if ((length >= copy->ahead && !copy->announced.is_gathered) || !enter(call, DIRECTION_SENT))
        return;
    copy->ahead = announced_settle(call->connection, &copy->announced, copy->ahead, length);
    leave(call, DIRECTION_SENT);
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
static void feed(const struct call *call, const struct iovec *iov, size_t count, size_t length)
{
    for (size_t i = 0; i < count && length; i++) {
        size_t n = iov[i].iov_len < length ? iov[i].iov_len : length;
        if (n)
            conversation_passed(call->connection, DIRECTION_SENT, (struct slice){iov[i].iov_base, n}, call->since_ns, NULL);
        length -= n;
    }
}

/* The same of what was received: there may be room behind it. Returns how many bytes were put in. */
static size_t feed_received(const struct call *call, const struct iovec *iov, size_t count, size_t length)
{
    struct room room = {.end = NULL};
    for (size_t i = 0; i < count && length; i++) {
        size_t n = iov[i].iov_len < length ? iov[i].iov_len : length;
        length -= n;
        room = (struct room){.end = (char *)iov[i].iov_base + n, .left = length ? 0 : iov[i].iov_len - n};
        if (n)
            conversation_passed(call->connection, DIRECTION_RECEIVED, (struct slice){iov[i].iov_base, n}, 0, &room);
    }
    return room.added;
}

static uint64_t shorter(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* From the copies; what they do not hold was found not to matter, or is given up if it does. */
static void feed_copies(const struct call *call, uint64_t length)
{
    const uint64_t ahead = call->copy ? call->copy->ahead : 0;
    uint64_t at = 0;
    for (const struct sent_copy *copy = call->copy; copy && at < length; copy = copy->next) {
        uint64_t skipped = shorter(copy->skipped, length - at);
        if (skipped && at >= ahead)
            conversation_passed_unseen(call->connection, DIRECTION_SENT, skipped);
        at += skipped;
        uint64_t n = shorter(copy->len, length - at), known = at < ahead ? shorter(ahead - at, n) : 0;
        if (n > known)
            conversation_passed(call->connection, DIRECTION_SENT, (struct slice){copy->bytes + known, (size_t)(n - known)}, call->since_ns, NULL);
        at += n;
    }
    if (at < length)
        conversation_passed_unseen(call->connection, DIRECTION_SENT, length - at);
}

static void feed_sent(const struct call *call, const struct iovec *iov, size_t count, size_t length)
{
    if (call->was_looked_at)
        feed_copies(call, length);
    else
        feed(call, iov, count, length);
}

/* The kernel has given all that it was shown room for, and no line of ours has taken the rest: what more there is comes in
 * now, as it would have. Asked for first, since a read that finds nothing may find an error, and take it away. */
static size_t fill_up(const struct call *call, char *at, size_t left)
{
    int waiting = 0;
    if (!left || system(ioctl, call->fd, FIONREAD, &waiting) != 0 || waiting <= 0)
        return 0;
    long n = system(recvfrom, call->fd, at, left, MSG_DONTWAIT, NULL, NULL);
    return n > 0 ? (size_t)n : 0;
}

static bool is_full(const struct call *call, const struct iovec *iov, ssize_t length)
{
    return call->reserve && length > 0 && (size_t)length == iov->iov_len - call->reserve;
}

static ssize_t feed_reserved(const struct call *call, const struct iovec *iov, size_t length)
{
    size_t got = length + feed_received(call, iov, 1, length);
    size_t more = is_full(call, iov, (ssize_t)length) ? fill_up(call, (char *)iov->iov_base + got, iov->iov_len - got) : 0;
    if (more)
        more += feed_received(call, &(struct iovec){(char *)iov->iov_base + got, iov->iov_len - got}, 1, more);
    return (ssize_t)(got + more);
}

static uint64_t length_of(const struct iovec *iov, size_t count)
{
    uint64_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += iov[i].iov_len;
    return length;
}

ssize_t traffic_received(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE))
        return length; /* not a step in the stream */
    if (length < 0) {
        failed(call, DIRECTION_RECEIVED, *__errno_location());
        return length;
    }
    if (length == 0 && is_empty(iov, count))
        return length;
    if (!enter(call, DIRECTION_RECEIVED)) /* not ours to look at, and the caller's all the same */
        return length + (is_full(call, iov, length) ? (ssize_t)fill_up(call, (char *)iov->iov_base + length, call->reserve) : 0);
    if (length == 0)
        connection_peer_closed(call->connection);
    else if (flags & MSG_TRUNC) /* on a stream socket: thrown away unseen, tcp(7) */
        conversation_passed_unseen(call->connection, DIRECTION_RECEIVED, (uint64_t)length);
    else if (call->reserve)
        length = feed_reserved(call, iov, (size_t)length);
    else
        length += (ssize_t)feed_received(call, iov, count, (size_t)length);
    connection_read_into(call->connection, length > 0 && (uint64_t)length == length_of(iov, count));
    leave(call, DIRECTION_RECEIVED);
    return length;
}

static void sent(struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (call->copy && call->copy->ahead)
        settle(call, length < 0 || flags & MSG_OOB ? 0 : (size_t)length);
    if (flags & MSG_OOB)
        return;
    if (length < 0) {
        failed(call, DIRECTION_SENT, *__errno_location());
        return;
    }
    bool is_known = call->copy && (size_t)length <= call->copy->ahead; /* all of it, since before the call */
    if (length == 0 || is_known || !enter(call, DIRECTION_SENT))
        return;
    feed_sent(call, iov, count, (size_t)length);
    leave(call, DIRECTION_SENT);
}

ssize_t traffic_sent(struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (call->altered)
        length = callers_share(call, length, flags);
    sent(call, iov, count, length, flags);
    if (call->altered)
        put_back(call, length < 0 ? 0 : (size_t)length);
    outgoing_give(call->copy);
    return length;
}

void traffic_sent_messages(struct call *call, const struct mmsghdr *messages, int rc, int flags)
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
    conversation_passed_unseen(call->connection, direction, (uint64_t)length);
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
