/* ahead.h - what of the bytes about to be sent must be looked at, found out on a copy of the framing.
 *
 * What is sent of them in the end, and whether anything is, only the call will tell: nothing of the connection is changed.
 *
 * Threads: between connection_enter and connection_leave. Memory: the caller's.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include "connection.h"

struct ahead {
    struct stream stream;
    enum party sender;
    const struct protocol *protocol;
    const struct exchange *oldest; /* request that is answered next */
    bool blind;                    /* it cannot be told: all must be looked at */
};

void ahead_begin(struct connection *connection, struct ahead *ahead);

/* How many of `in` have been understood; the rest is to come again with more behind it. What may pass unseen after that
 * is `ahead->stream.skip`. */
size_t ahead_take(struct ahead *ahead, struct slice in);

/* `count` bytes, at most as many as may, pass unseen. */
void ahead_skip(struct ahead *ahead, uint64_t count);

#endif
