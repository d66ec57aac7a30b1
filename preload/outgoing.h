/* outgoing.h - what must be seen of what a call sends, copied before the call.
 *
 * The caller's bytes are its own again when the call has returned, and in a program of several threads another one may
 * have given them back by then: the answer can be there before our code is. So what must be looked at is copied before:
 * all of a short write, and of a long one what a look ahead at the framing says. After the call only the copies are read,
 * as far as the call says that bytes were sent.
 *
 * Threads: one call's own. Memory: copies come from a pool and go back to it with outgoing_give; with none left, what is
 * not copied is not seen, and the framing says whether that matters. Of the caller's memory only what can be read is
 * (readable.h).
 */
#ifndef OUTGOING_H
#define OUTGOING_H

#include "ahead.h"
#include "announced.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define OUTGOING_COPY 4096

struct sent_copy {
    struct pool_block block;
    uint32_t len;
    struct sent_copy *next;
    uint64_t skipped; /* bytes that pass unseen before these */
    size_t ahead;     /* of the first one: how many of the call's bytes were understood before the call */
    struct announced announced;
    char bytes[OUTGOING_COPY];
};

/* What is about to be sent: one vector, or the vectors of several messages. */
struct outgoing {
    const struct mmsghdr *messages; /* NULL: one vector */
    const struct iovec *iov;
    size_t count;
};

/* Its bytes in all, as far as it can be read. */
uint64_t outgoing_length(const struct outgoing *outgoing);

/* The copies, NULL for none. `ahead` of ahead_begin leaves out what may pass unseen; NULL: all is copied. */
struct sent_copy *outgoing_copy(const struct outgoing *outgoing, struct ahead *ahead);

void outgoing_give(struct sent_copy *copy);

/* The copies as announced_begin wants them: as far as they follow each other without a gap. */
void outgoing_bytes(const struct sent_copy *copy, struct outgoing_bytes *bytes);

#endif
