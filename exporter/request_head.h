/* request_head.h - the head of our POST, written once: everything but its length.
 *
 * OTLP specification, "OTLP/HTTP Request" and "User Agent"; OTEL_EXPORTER_OTLP_HEADERS. */
#ifndef REQUEST_HEAD_H
#define REQUEST_HEAD_H

#include "endpoint.h"
#include "text.h"

/* Appends the head up to `Content-Length: `. Header settings that cannot be sent give a notice without their value. */
void request_head_write(struct text *out, const struct endpoint *endpoint);

/* Appends the length and the empty line. */
void request_head_finish(struct text *out, size_t body_len);

#endif
