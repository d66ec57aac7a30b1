/* lineage.h - whose child a span that begins is, and what it is if that was decided before: found out by causality.c, made
 * into a span by tracer.c. */
#ifndef LINEAGE_H
#define LINEAGE_H

#include "context.h"
#include "live.h"

#include <stdbool.h>

struct lineage {
    struct trace_context parent; /* valid with has_parent; with has_decision only its flags */
    bool has_parent;
    bool parent_is_remote;
    bool has_decision; /* no parent, and yet a sampler has decided (B3 without ids) */
    bool is_undecided; /* a parent, and no sampler has decided (B3 without a decision) */
    bool is_debug;     /* B3: to be sampled, whatever the sampler says */
    bool is_named;     /* the request itself names the parent */
    bool is_silent;    /* to be followed, for the sake of the framing, and to be no span: an SDK makes one of it */
    bool has_identity; /* the span's ids are on the wire already */
    uint8_t identity_flags;
    uint8_t trace_id[16];
    uint8_t span_id[8];
    struct live request;     /* the parent, if it is an open server request of this process */
    struct slice tracestate; /* of the parent, where the request brings none */
    struct slice baggage;
};

#endif
