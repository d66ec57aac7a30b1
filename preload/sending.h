/* sending.h - bytes that are sent, told to their connection: before the call, where an answer may overtake it or a head must name
 * its span, and after it.
 *
 * Every way of sending is brought to one shape here.
 *
 * Threads: any of the application's. Memory: what is copied comes from a pool and goes back with sending_done.
 */
#ifndef SENDING_H
#define SENDING_H

#include "call.h"

#include <sys/socket.h>
#include <sys/uio.h>

/* Before the call. `flags` are its MSG_ flags. */
void sending_bytes(struct call *call, const void *bytes, size_t len, int flags);
void sending_vector(struct call *call, const struct iovec *iov, size_t count);
void sending_message(struct call *call, const struct msghdr *message, int flags);
void sending_messages(struct call *call, const struct mmsghdr *messages, unsigned count);
void sending_unseen(struct call *call);

/* In the place of libc's call with the caller's bytes: what is to be sent, as a vector or in the caller's message. */
const struct iovec *sending_pieces(const struct call *call);
int sending_piece_count(const struct call *call);
struct msghdr sending_altered(const struct call *call, const struct msghdr *message);
ssize_t sending_waits(void);

/* After the call. `length` is its rc. Returns what the caller is told: only its own bytes count. */
ssize_t sending_done(struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags);
void sending_messages_done(struct call *call, const struct mmsghdr *messages, int rc, int flags);

#endif
