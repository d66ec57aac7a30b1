/* announced.h - requests that are about to be sent: begun before the call, since their answers may be there before it returns,
 * and since a head must name its span before it goes.
 *
 * After the call it is settled: requests whose heads have not gone are taken back, and the framing with them.
 *
 * Threads: between connection_enter and connection_leave of the sending direction. Memory: the caller's.
 */
#ifndef ANNOUNCED_H
#define ANNOUNCED_H

#include "connection.h"
#include "lineage.h"
#include "propagate.h"

#define ANNOUNCED_MAX 8
#define OUTGOING_PARTS 17

/* The bytes that are about to be sent: `skipped` that pass unseen, and then parts that follow each other. */
struct outgoing_bytes {
    uint64_t skipped;
    unsigned count;
    struct slice part[OUTGOING_PARTS];
};

struct announced {
    unsigned count;
    struct announced_head {
        struct exchange *exchange;
        uint32_t end;                         /* of the head, in the call's bytes */
        unsigned first_change, changes_behind; /* its changes, from the first to before the last */
        bool has_context;
        struct stream after;
    } head[ANNOUNCED_MAX];
    struct stream before, left;
    bool is_gathered; /* the first one's beginning had gone in an earlier call */
};

/* Begins the requests whose heads are whole, and puts the changes that make them name their spans into `changes`, counted in
 * the call's bytes; NULL: they leave as they are. `resumed`: the lineage of a head that has left in part; or NULL. Returns how
 * many of the bytes it has understood. */
size_t announced_begin(struct connection *connection, const struct outgoing_bytes *bytes, uint64_t since_ns, struct changes *changes,
                       const struct lineage *resumed, struct announced *announced);

/* `length` of the `understood` bytes have gone: requests whose heads have not are taken back. Returns how many of the bytes
 * stay understood. */
size_t announced_settle(struct connection *connection, const struct announced *announced, size_t understood, size_t length);

/* What a head that has gone in part must be again, when its rest goes: before announced_settle. */
void announced_keep_lineage(const struct exchange *exchange, struct lineage *lineage);

#endif
