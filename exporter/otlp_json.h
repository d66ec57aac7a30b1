/* otlp_json.h - spans as OTLP/JSON (opentelemetry-proto, "JSON Protobuf Encoding").
 *
 * A request is: otlp_json_begin, then otlp_json_span for each record, then otlp_json_end. The text's overflow says
 * that it did not fit; otlp_json_span then leaves the text as it was before the span.
 *
 * Threads: ours. Memory: the caller's text.
 */
#ifndef OTLP_JSON_H
#define OTLP_JSON_H

#include "span.h"
#include "text.h"

/* `resource` is what resource_write wrote. */
void otlp_json_begin(struct text *out, struct slice resource);

/* One span; a comma before it unless it is the `first`. `wall_offset_ns` turns CLOCK_MONOTONIC into wall time.
 * False when it does not fit (the text is as before and its `overflowed` is false again). */
bool otlp_json_span(struct text *out, const struct span_record *record, int64_t wall_offset_ns, bool first);

void otlp_json_end(struct text *out);

/* Bytes that otlp_json_end needs; keep them free. */
#define OTLP_JSON_END_SIZE 128

#endif
