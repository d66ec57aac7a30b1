/* walk.h - one direction of a conversation, taken through a protocol without a connection: each unit that it found.
 *
 * What conversation.c does, in a few lines and in no hurry: what is not complete is looked at again with more behind it,
 * what may be skipped is skipped. Every look is at a copy that ends, or begins, where memory that may not be touched does.
 */
#ifndef WALK_H
#define WALK_H

#include "protocol.h"

#define WALK_MAX (16 * 1024) /* bytes of a direction; no unit is shorter than one */

struct unit {
    uint64_t at;   /* where it begins */
    uint64_t len;
    uint64_t skip; /* what may pass unseen behind it */
    uint64_t facts; /* a hash of what they say */
    uint32_t method_len, target_at, target_len; /* of a request, from where the unit begins */
    uint32_t fact_count, facts_dropped;
    uint16_t status;
    uint8_t kind, ends, tunnel, last, hint, version_minor;
};

enum walk_end {
    WALK_OUT_OF_BYTES,
    WALK_IN_BODY,    /* as many bytes as `left` are missing; SKIP_UNTIL_CLOSE: none */
    WALK_INCOMPLETE, /* the last unit is not */
    WALK_REFUSED,
    WALK_TOO_LARGE,
    WALK_TUNNEL,
};

struct walk {
    struct unit units[WALK_MAX];
    size_t count;
    enum walk_end end;
    uint64_t at;   /* where it ended */
    uint64_t left;
};

/* What the walk must know of the other direction: the hint for the response that comes next, after `answers` of them. */
typedef uint8_t walk_hint(const void *context, size_t answers);

struct walk_how {
    const struct protocol *protocol;
    enum party sender;
    walk_hint *hint;
    const void *context;
    uint32_t pieces; /* 0: all in one piece; 1: byte by byte; else the seed of pieces of any size */
    bool at_front;
};

void walk(struct walk *walk, const struct walk_how *how, struct slice bytes);

/* What must hold of any unit, and of the state behind it. Ends the run where it does not. */
void walk_check_unit(const struct walk_how *how, struct slice in, ssize_t n, const struct stream *stream,
                     const struct message *message);

#endif
