/* receiving.c - bytes that have been received. See receiving.h. */
#include "receiving.h"

#include "conversation.h"
#include "system.h"

#include <sys/ioctl.h>

int *__errno_location(void);

static bool is_empty(const struct iovec *iov, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (iov[i].iov_len)
            return false;
    return true;
}

/* `length` bytes of the vector; there may be room behind them. Returns how many bytes were put in. */
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

ssize_t receiving_done(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags)
{
    if (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE))
        return length; /* not a step in the stream */
    if (length < 0) {
        call_failed(call, DIRECTION_RECEIVED, *__errno_location());
        return length;
    }
    if (length == 0 && is_empty(iov, count))
        return length;
    if (!call_enter(call, DIRECTION_RECEIVED)) /* not ours to look at, and the caller's all the same */
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
    call_leave(call, DIRECTION_RECEIVED);
    return length;
}
