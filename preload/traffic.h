/* traffic.h - the verbs of hooks.def: what a libc call did, said to the connection it did it to.
 *
 * Every way of sending and receiving is brought to one shape here. A call on a descriptor that is not ours costs
 * the look-up in `call_*s`. Nothing is held across libc's call but the three words of `struct call`.
 * errno is never touched: what runs here makes system calls directly.
 *
 * Threads: any of the application's.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "clock.h"
#include "connection.h"
#include "fdtable.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct altered;
struct sent_copy;

/* A call on a connection that is under way. `connection` NULL: none of ours. */
struct call {
    struct sent_copy *copy; /* what must be looked at of what is sent, as it was before the call; or NULL */
    struct altered *altered; /* what the kernel is given in the place of the caller's bytes; NULL: just those */
    struct connection *connection;
    uint64_t since_ns;
    uint32_t generation; /* of the connection's block: told apart when it was closed and reused meanwhile */
    int fd;
    bool was_looked_at; /* `copy` is all that there is to see: the caller's memory is not touched after the call */
    uint16_t reserve;   /* bytes of the caller's buffer that the kernel is not shown, so that there is room for a line of ours */
    bool must_wait;     /* the rest of a line of ours must go out first, and cannot yet */
};

/* The connection on this descriptor, unless it is none of ours, or nobody looks at it any more. */
static inline struct connection *watched_connection(int fd)
{
    struct connection *connection = fdtable_get(fd);
    return connection && !connection_is_nothing_to_us(connection) ? connection : NULL;
}

static inline struct call call_on(struct connection *connection, int fd)
{
    return (struct call){.connection = connection, .fd = fd, .generation = connection->generation};
}

/* Whether a call on this descriptor is one on a connection that is watched. */
static inline bool call_begins_on(struct call *call, int fd)
{
    struct connection *connection = watched_connection(fd);
    *call = connection ? call_on(connection, fd) : (struct call){.fd = fd};
    return connection != NULL;
}

/* Out of line, for connections only. `length` is rc of the call; `flags` its MSG_ flags. */
void traffic_sending_bytes(struct call *call, const void *bytes, size_t len, int flags);
void traffic_sending_vector(struct call *call, const struct iovec *iov, size_t count);
void traffic_sending_message(struct call *call, const struct msghdr *message, int flags);
void traffic_sending_messages(struct call *call, const struct mmsghdr *messages, unsigned count);
void traffic_sending_unseen(struct call *call);

/* In the place of libc's call with the caller's bytes: what is to be sent, as a vector or in the caller's message. */
const struct iovec *traffic_pieces(const struct call *call);
int traffic_piece_count(const struct call *call);
struct msghdr traffic_message(const struct call *call, const struct msghdr *message);
ssize_t traffic_waits(void);

/* These return what the caller is told: what the program reads may be longer than what came, and of what was sent only its
 * own bytes count. */
ssize_t traffic_received(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags);
ssize_t traffic_sent(struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags);
void traffic_sent_messages(struct call *call, const struct mmsghdr *messages, int rc, int flags);
void traffic_received_unseen(const struct call *call, ssize_t length);
void traffic_sent_unseen(const struct call *call, ssize_t length);
void traffic_received_rights(const struct msghdr *message);
void traffic_sends_rights(const struct msghdr *message);

/* The verbs. `before` declares `call`, and goes `straight` to libc where there is nothing to look at; `after` uses it and `rc`.
 * Messages can hold descriptors, so those calls are looked at on any socket. */
#define call_begins() (void)0
#define call_receives(fd)                                 \
    struct connection *connection = watched_connection(fd); \
    if (!connection)                                      \
        goto straight;                                    \
    struct call call = call_on(connection, (fd))
#define call_receives_bytes(fd, len, flags)                         \
    call_receives(fd);                                              \
    call.reserve = connection_reserve(call.connection, (len), (flags)); \
    len -= call.reserve
#define call_receives_message(fd) \
    struct call call;             \
    call_begins_on(&call, (fd))
#define call_sends(fd) \
    call_receives(fd); \
    traffic_sending_unseen(&call)
#define call_sends_bytes(fd, buf, len, flags) \
    call_receives(fd);                        \
    traffic_sending_bytes(&call, (buf), (len), (flags))
#define call_sends_vector(fd, iov, count) \
    call_receives(fd);                    \
    traffic_sending_vector(&call, (iov), (count) > 0 ? (size_t)(count) : 0)
#define call_sends_message(fd, message, flags) \
    struct call call;                          \
    if (call_begins_on(&call, (fd)))           \
    traffic_sending_message(&call, (message), (flags))
#define call_sends_messages(fd, messages, count) \
    struct call call;                            \
    if (call_begins_on(&call, (fd)))             \
    traffic_sending_messages(&call, (messages), (count))
#define call_sends_to(fd, buf, len, flags, to, to_len)   \
    descriptor_connects_by_sending(fd, flags, to, to_len); \
    call_sends_bytes(fd, buf, len, flags)
#define call_received(buf, len, flags) rc = traffic_received(&call, &(struct iovec){(void *)(buf), (len) + call.reserve}, 1, rc, (flags))
#define call_received_vector(iov, count, flags) rc = traffic_received(&call, (iov), (size_t)(count), rc, (flags))
#define call_received_message(message, flags)                                                           \
    do {                                                                                                \
        if (call.connection)                                                                            \
            rc = traffic_received(&call, rc < 0 ? NULL : (message)->msg_iov, rc < 0 ? 0 : (message)->msg_iovlen, rc, (flags)); \
        if (rc >= 0 && (message)->msg_controllen)                                                       \
            traffic_received_rights(message);                                                           \
    } while (0)
#define call_received_messages(messages, flags)                                                         \
    do {                                                                                                \
        for (int i = 0; i < rc; i++) {                                                                  \
            if (call.connection)                                                                        \
                (messages)[i].msg_len = (unsigned)traffic_received(&call, (messages)[i].msg_hdr.msg_iov, \
                                                                   (messages)[i].msg_hdr.msg_iovlen,    \
                                                                   (messages)[i].msg_len, (flags));     \
            if ((messages)[i].msg_hdr.msg_controllen)                                                   \
                traffic_received_rights(&(messages)[i].msg_hdr);                                        \
        }                                                                                               \
    } while (0)
#define call_sent(buf, flags) rc = traffic_sent(&call, &(struct iovec){(void *)(uintptr_t)(buf), rc > 0 ? (size_t)rc : 0}, 1, rc, (flags))
#define call_sent_vector(iov, count, flags) rc = traffic_sent(&call, (iov), (size_t)(count), rc, (flags))
#define call_sent_message(message, flags)                                                    \
    do {                                                                                     \
        if (call.connection)                                                                 \
            rc = traffic_sent(&call, rc < 0 ? NULL : (message)->msg_iov, rc < 0 ? 0 : (message)->msg_iovlen, rc, (flags)); \
        if (rc >= 0 && (message)->msg_controllen)                                            \
            traffic_sends_rights(message);                                                   \
    } while (0)
#define call_sent_messages(messages, flags)                                                              \
    do {                                                                                                 \
        if (call.connection)                                                                             \
            traffic_sent_messages(&call, (messages), rc, (flags));                                       \
        for (int i = 0; i < rc; i++) {                                                                   \
            if ((messages)[i].msg_hdr.msg_controllen)                                                    \
                traffic_sends_rights(&(messages)[i].msg_hdr);                                            \
        }                                                                                                \
    } while (0)
#define call_sent_unseen() traffic_sent_unseen(&call, rc)

/* In the place of libc's call, where what is sent has changes in it. */
#define call_is_altered() (__builtin_expect(call.altered != NULL || call.must_wait, 0))
#define call_pieces(function, fd) NEXT(function)((fd), traffic_pieces(&call), traffic_piece_count(&call))
#define call_pieces_at(function, fd, offset, flags) \
    NEXT(function)((fd), traffic_pieces(&call), traffic_piece_count(&call), (offset), (flags))
#define call_message(fd, message, flags) NEXT(sendmsg)((fd), &(struct msghdr[]){traffic_message(&call, (message))}[0], (flags))

/* For a request that may be about to be sent. */
static inline void traffic_sending(struct call *call)
{
    if (connection_may_ask(call->connection))
        call->since_ns = clock_ns();
}

/* What happened to a descriptor (descriptors.c). */
void descriptor_made(int fd, int domain, int type);
void descriptor_pair_made(int rc, const int pair[2], int domain, int type);
void descriptor_accepted(int fd, const struct sockaddr *peer, socklen_t len);
void descriptor_connected(int rc, int fd, const struct sockaddr *peer, socklen_t len);
void descriptor_connects_by_sending(int fd, int flags, const struct sockaddr *to, socklen_t len);
void descriptor_shuts(int fd, int how);
void descriptor_closes(int fd);
void descriptor_range_closes(unsigned first, unsigned last);
void descriptor_copied(int copy, int fd);
void descriptor_controlled(int rc, int fd, int command);
void descriptor_opened_as_stream(const void *stream, int fd);
void descriptor_handed_to_us(int fd, enum role role);
void descriptor_handed_over(int fd);
void descriptors_unshared(int rc, int flags);

/* The process ends: every request that is open ends with it. */
void descriptors_process_exit(void);

#endif
