/* traffic.h - the verbs of hooks.def: what a libc call did, said to the connection it did it to.
 *
 * A call on a descriptor that is not ours costs the look-up in `call_*s`; all else is out of line, in sending.c, receiving.c and
 * rights.c.
 *
 * Threads: any of the application's.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "call.h"
#include "descriptors.h"
#include "receiving.h"
#include "rights.h"
#include "sending.h"

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
    sending_unseen(&call)
#define call_sends_bytes(fd, buf, len, flags) \
    call_receives(fd);                        \
    sending_bytes(&call, (buf), (len), (flags))
#define call_sends_vector(fd, iov, count) \
    call_receives(fd);                    \
    sending_vector(&call, (iov), (count) > 0 ? (size_t)(count) : 0)
#define call_sends_message(fd, message, flags) \
    struct call call;                          \
    if (call_begins_on(&call, (fd)))           \
    sending_message(&call, (message), (flags))
#define call_sends_messages(fd, messages, count) \
    struct call call;                            \
    if (call_begins_on(&call, (fd)))             \
    sending_messages(&call, (messages), (count))
#define call_sends_to(fd, buf, len, flags, to, to_len)   \
    descriptor_connects_by_sending(fd, flags, to, to_len); \
    call_sends_bytes(fd, buf, len, flags)
#define call_received(buf, len, flags) rc = receiving_done(&call, &(struct iovec){(void *)(buf), (len) + call.reserve}, 1, rc, (flags))
#define call_received_vector(iov, count, flags) rc = receiving_done(&call, (iov), (size_t)(count), rc, (flags))
#define call_received_message(message, flags)     \
    do {                                          \
        if (call.connection)                      \
            rc = receiving_done(&call, rc < 0 ? NULL : (message)->msg_iov, rc < 0 ? 0 : (message)->msg_iovlen, rc, (flags)); \
        if (rc >= 0 && (message)->msg_controllen) \
            rights_received(message);             \
    } while (0)
#define call_received_messages(messages, flags)                                                        \
    do {                                                                                               \
        for (int i = 0; i < rc; i++) {                                                                 \
            if (call.connection)                                                                       \
                (messages)[i].msg_len = (unsigned)receiving_done(&call, (messages)[i].msg_hdr.msg_iov, \
                                                                   (messages)[i].msg_hdr.msg_iovlen,   \
                                                                   (messages)[i].msg_len, (flags));    \
            if ((messages)[i].msg_hdr.msg_controllen)                                                  \
                rights_received(&(messages)[i].msg_hdr);                                               \
        }                                                                                              \
    } while (0)
#define call_sent(buf, flags) rc = sending_done(&call, &(struct iovec){(void *)(uintptr_t)(buf), rc > 0 ? (size_t)rc : 0}, 1, rc, (flags))
#define call_sent_vector(iov, count, flags) rc = sending_done(&call, (iov), (size_t)(count), rc, (flags))
#define call_sent_message(message, flags)         \
    do {                                          \
        if (call.connection)                      \
            rc = sending_done(&call, rc < 0 ? NULL : (message)->msg_iov, rc < 0 ? 0 : (message)->msg_iovlen, rc, (flags)); \
        if (rc >= 0 && (message)->msg_controllen) \
            rights_sent(message);                 \
    } while (0)
#define call_sent_messages(messages, flags)                        \
    do {                                                           \
        if (call.connection)                                       \
            sending_messages_done(&call, (messages), rc, (flags)); \
        for (int i = 0; i < rc; i++) {                             \
            if ((messages)[i].msg_hdr.msg_controllen)              \
                rights_sent(&(messages)[i].msg_hdr);               \
        }                                                          \
    } while (0)
#define call_sent_unseen() call_passed_unseen(&call, DIRECTION_SENT, rc)

/* In the place of libc's call, where what is sent has changes in it. */
#define call_is_altered() (__builtin_expect(call.altered != NULL || call.must_wait, 0))
#define call_pieces(function, fd) NEXT(function)((fd), sending_pieces(&call), sending_piece_count(&call))
#define call_pieces_at(function, fd, offset, flags) \
    NEXT(function)((fd), sending_pieces(&call), sending_piece_count(&call), (offset), (flags))
#define call_message(fd, message, flags) NEXT(sendmsg)((fd), &(struct msghdr[]){sending_altered(&call, (message))}[0], (flags))

#endif
