/*
 * otlp.h - reads an ExportTraceServiceRequest in OTLP's JSON encoding.
 *
 * Knows the encoding (opentelemetry-proto, "JSON Protobuf Encoding") and which attributes a reader of a
 * tree wants to see; knows nothing of HTTP and of what becomes of the spans.
 */
#ifndef OTLP_H
#define OTLP_H

#include "span.h"

/* What a request held: its spans in order, linked by `next`, which now belong to the caller. */
struct otlp_spans {
    struct span *first;
    struct span *last;
    size_t count;
};

/* Reads the JSON in body[0..len), which a NUL follows. Returns NULL and the spans, or a text that says
 * what is wrong and no span: as a Collector does, one bad id refuses the whole request. */
const char *otlp_read(const char *body, size_t len, struct otlp_spans *spans);

void otlp_spans_finish(struct otlp_spans *spans);

#endif
