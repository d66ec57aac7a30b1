/* http_span.h - the meaning of an HTTP request: name, status and attributes by the stable HTTP conventions
 * (OpenTelemetry semantic conventions 1.44.0, "Semantic conventions for HTTP spans").
 *
 * Threads: ours. Memory: writes into the caller's list and text.
 */
#ifndef HTTP_SPAN_H
#define HTTP_SPAN_H

#include "attributes.h"
#include "facts.h"

/* The span's name: the method, or `HTTP` for one that is not known. */
struct slice http_span_name(const struct facts *facts);

/* Whether the span's status is ERROR. */
bool http_span_is_error(const struct span_record *record);

/* All attributes. */
void http_span_attributes(const struct facts *facts, struct attributes *list);

#endif
