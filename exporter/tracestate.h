/* tracestate.h - the W3C tracestate that came with a request, for the span's `traceState`. */
#ifndef TRACESTATE_H
#define TRACESTATE_H

#include "json.h"
#include "span.h"

/* Appends the members of all FACT_TRACESTATE, as one list without blanks. False, and what was appended is to be taken
 * back, when the list is not valid as a whole (W3C Trace Context level 2, section 3.3). `*count` says how many members
 * there were. */
bool tracestate_append(struct json_string *out, const struct span_record *record, size_t *count);

#endif
