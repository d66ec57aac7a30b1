/* extract.h - the context that a request carries, in the formats that the configuration asks for.
 *
 * Of several formats the one that OTEL_PROPAGATORS names last holds (OpenTelemetry specification, "Composite Propagator").
 *
 * Threads: any; pure. Memory: nothing is kept.
 */
#ifndef EXTRACT_H
#define EXTRACT_H

#include "protocol.h"
#include "trace_context.h"

struct extracted {
    struct trace_context ids; /* valid with has_ids; its flags also with has_decision */
    bool has_ids;
    bool has_decision; /* B3: sampled or not, without ids */
    bool is_undecided; /* B3: ids, without a decision */
    bool is_debug;     /* B3 */
};

void extract(const struct message *request, struct extracted *found);

/* Each format alone: false when there is none of it, or an invalid one. */
bool extract_tracecontext(const struct message *request, struct extracted *found);
bool extract_b3(const struct message *request, struct extracted *found);
bool extract_b3multi(const struct message *request, struct extracted *found);

/* The parts of a value of the single header; `ptr` NULL where it has none. False: it is none. */
struct b3_parts {
    struct slice trace_id, span_id, sampled, parent_id;
};
bool extract_b3_parts(struct slice value, struct b3_parts *parts);

#endif
