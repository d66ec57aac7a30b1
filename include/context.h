/* context.h - what is handed on from one span to the next: W3C Trace Context and Baggage, in memory.
 *
 * Memory: the texts belong to whoever filled the struct; they are as they stood on the wire, and nobody has looked into them.
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "slice.h"
#include "trace_context.h"

struct context {
    struct trace_context ids; /* `parent_id` is the id of the span that is handed on */
    struct slice tracestate;  /* ptr NULL: none */
    struct slice baggage;     /* ptr NULL: none */
};

#endif
