/* transport.h - one HTTP/1.1 connection to the Collector: POST, answer, keep-alive (RFC 9112).
 *
 * Non-blocking, without allocation. It carries bytes and reports what came back; what an answer means is batch.c's.
 *
 * Threads: ours. Memory: static; one connection.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "endpoint.h"
#include "patience.h"
#include "slice.h"

struct answer {
    uint16_t status;
    bool has_retry_after;
    uint64_t retry_after_ms;
    struct slice body;   /* the beginning of it, valid until the next post */
};

/* Sends head and body and reads the answer. 0, or -errno: nothing of use came back (-EINTR: interrupted, -ETIMEDOUT: the
 * deadline, -EMSGSIZE: an answer larger than 4 MiB, -EPROTO: not HTTP, others: of the connection). A kept connection
 * that the Collector closed meanwhile is replaced without being a failure. */
int transport_post(const struct endpoint *endpoint, struct slice head, struct slice body, const struct patience *patience,
                   struct answer *answer);

/* Closes the connection; or only forgets it, since it went with the descriptor table of an earlier thread. */
void transport_close(void);
void transport_forget(void);

#endif
