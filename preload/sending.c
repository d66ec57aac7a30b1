/* sending.c - bytes that are sent, looked at before the call and settled after it. See sending.h. */
#include "sending.h"

#include "altered.h"
#include "clock.h"
#include "conversation.h"
#include "outgoing.h"
#include "process.h"
#include "readable.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>

int *__errno_location(void);

const char *libc_single_threaded;

/* For a request that may be about to be sent. */
static void read_clock(struct call *call)
{
    if (connection_may_ask(call->connection))
        call->since_ns = clock_ns();
}

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
    if (connection_role(call->connection) != ROLE_CLIENT || flags & MSG_OOB || !call_enter(call, DIRECTION_SENT))
        return;
    if (!call->altered && connection_may_propagate(call->connection) && may_be_altered(flags))
        call->altered = altered_take();
    struct altered *altered = call->altered;
    outgoing_bytes(copy, &bytes);
    copy->ahead = announced_begin(call->connection, &bytes, call->since_ns, altered ? &altered->changes : NULL,
                                  altered && altered->has_lineage ? &altered->lineage : NULL, &copy->announced);
    call_leave(call, DIRECTION_SENT);
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
    } else if (call_enter(call, DIRECTION_SENT)) {
        ahead_begin(call->connection, &ahead);
        call->copy = outgoing_copy(outgoing, &ahead);
        call_leave(call, DIRECTION_SENT);
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
    read_clock(call);
    call->altered = connection_take_pending(call->connection);
    if (!process_has_one_thread() || call->altered || connection_may_propagate(call->connection))
        look_at(call, &outgoing, flags);
    if (call->altered && (!(call->altered->changes.count || call->altered->has_lineage) || !may_be_altered(flags) || !outgoing_length(&outgoing) ||
                          (!altered_build(call->altered, iov, count) && !has_begun(call->altered))))
        leave_as_it_is(call);
}

void sending_bytes(struct call *call, const void *bytes, size_t len, int flags)
{
    sending(call, &(struct iovec){(void *)(uintptr_t)bytes, len}, 1, flags);
}

void sending_vector(struct call *call, const struct iovec *iov, size_t count)
{
    sending(call, iov, count, 0);
}

void sending_message(struct call *call, const struct msghdr *message, int flags)
{
    if (readable(message, sizeof *message))
        sending(call, message->msg_iov, message->msg_iovlen, flags);
}

void sending_messages(struct call *call, const struct mmsghdr *messages, unsigned count)
{
    read_clock(call);
    if (!process_has_one_thread())
        look_at(call, &(struct outgoing){.messages = messages, .count = count}, 0);
}

/* --- what the kernel is given ------------------------------------------------------------------------------- */

const struct iovec *sending_pieces(const struct call *call)
{
    return call->altered->pieces;
}

int sending_piece_count(const struct call *call)
{
    return (int)call->altered->count;
}

struct msghdr sending_altered(const struct call *call, const struct msghdr *message)
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

void sending_unseen(struct call *call)
{
    read_clock(call);
    struct altered *pending = connection_take_pending(call->connection);
    if (!pending)
        return;
    call->must_wait = !send_owed(pending, call->fd, 0);
    connection_put_pending(call->connection, pending);
}

ssize_t sending_waits(void)
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
    if (call_is_on_same(call))
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
    if ((length >= copy->ahead && !copy->announced.is_gathered) || !call_enter(call, DIRECTION_SENT))
        return;
    copy->ahead = announced_settle(call->connection, &copy->announced, copy->ahead, length);
    call_leave(call, DIRECTION_SENT);
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

static void sent(struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (call->copy && call->copy->ahead)
        settle(call, length < 0 || flags & MSG_OOB ? 0 : (size_t)length);
    if (flags & MSG_OOB)
        return;
    if (length < 0) {
        call_failed(call, DIRECTION_SENT, *__errno_location());
        return;
    }
    bool is_known = call->copy && (size_t)length <= call->copy->ahead; /* all of it, since before the call */
    if (length == 0 || is_known || !call_enter(call, DIRECTION_SENT))
        return;
    feed_sent(call, iov, count, (size_t)length);
    call_leave(call, DIRECTION_SENT);
}

ssize_t sending_done(struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (call->altered)
        length = callers_share(call, length, flags);
    sent(call, iov, count, length, flags);
    if (call->altered)
        put_back(call, length < 0 ? 0 : (size_t)length);
    outgoing_give(call->copy);
    return length;
}

void sending_messages_done(struct call *call, const struct mmsghdr *messages, int rc, int flags)
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
