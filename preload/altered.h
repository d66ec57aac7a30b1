/* altered.h - a call's bytes with changes in them: what the kernel is given, and what the caller is told of it.
 *
 * The caller must not notice: of what the kernel took, only the caller's own bytes count. Where the kernel stopped inside a
 * line of ours, the rest of that line is owed, and goes out before anything else on the connection; the ids of a head
 * that has left in part are kept for its rest.
 *
 * Threads: one call's own, or one connection's between two calls. Memory: a block of a pool; with none left nothing is altered.
 */
#ifndef ALTERED_H
#define ALTERED_H

#include "lineage.h"
#include "pool.h"
#include "propagate.h"

#include <sys/uio.h>

#define ALTERED_CHANGES 48
#define ALTERED_TEXT 10240
#define ALTERED_PIECES 1024 /* IOV_MAX */

struct altered {
    struct pool_block block;
    struct changes changes;       /* offsets are in the caller's bytes of the next call */
    unsigned kept;                /* of them, from an earlier call */
    bool has_lineage;             /* of the head that is on its way */
    struct lineage lineage;
    size_t count;                 /* of pieces */
    struct change change[ALTERED_CHANGES];
    struct iovec pieces[ALTERED_PIECES];
    char text[ALTERED_TEXT];
};

struct altered *altered_take(void);
void altered_give(struct altered *altered);

/* Puts the caller's vector and the changes together in `pieces`. False: there are too many. */
bool altered_build(struct altered *altered, const struct iovec *iov, size_t count);

/* How many of the caller's bytes are in the first `sent` of the pieces; notes how far each change has gone. */
size_t altered_sent(struct altered *altered, size_t sent);

/* That many of the caller's bytes are done with: the changes that have gone are forgotten, and the others counted from there. */
void altered_advance(struct altered *altered, size_t callers);

/* Only the first `count` of the changes are kept. */
void altered_keep(struct altered *altered, unsigned count);

/* The rest of a line that has left in part; empty when there is none. */
struct slice altered_owed(const struct altered *altered);

#endif
