/* trace_context.h - the traceparent of W3C Trace Context, read and written.
 *
 * Level 2 (https://www.w3.org/TR/trace-context-2/), section 3.2: what is not exactly as written there is no parent.
 */
#ifndef TRACE_CONTEXT_H
#define TRACE_CONTEXT_H

#include "slice.h"

#include <stdint.h>

#define TRACE_FLAG_SAMPLED 0x01
#define TRACE_FLAG_RANDOM 0x02

struct trace_context {
    uint8_t trace_id[16];
    uint8_t parent_id[8];
    uint8_t flags; /* the known ones */
};

/* False when the value is invalid; then *context is undefined and a new trace begins. */
bool trace_context_read(struct slice value, struct trace_context *context);

/* The lengths of a value, and of an id in it. */
#define TRACEPARENT_LENGTH 55
#define TRACEPARENT_ID_AT 36
#define TRACEPARENT_FLAGS_AT 53

/* Lower-case digits, without an end: TRACEPARENT_LENGTH of them; 16 for an id of 8 bytes, 32 for one of 16. */
void trace_context_write(char *at, const struct trace_context *context);
void trace_context_write_id(char *at, const uint8_t *id, size_t size);

#endif
