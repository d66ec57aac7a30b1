/*
 * span.h - a received span, reduced to what a tree shows of it.
 *
 * Made by otlp.c, held by span_store.c, drawn by tree.c. Strings are as received: escaping is the
 * painter's work, because what is harmless depends on where it is painted.
 *
 * Memory: one allocation per span; the strings lie behind the struct. span_destroy() is free().
 */
#ifndef SPAN_H
#define SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRACE_ID_DIGITS = 32, SPAN_ID_DIGITS = 16 };

/* SpanKind of opentelemetry.proto.trace.v1. */
enum span_kind { KIND_UNSPECIFIED, KIND_INTERNAL, KIND_SERVER, KIND_CLIENT, KIND_PRODUCER, KIND_CONSUMER };

struct span {
    char trace_id[TRACE_ID_DIGITS + 1];        /* lower-case hex */
    char span_id[SPAN_ID_DIGITS + 1];
    char parent_id[SPAN_ID_DIGITS + 1];        /* "" for the root of a trace */
    enum span_kind kind;
    bool has_failed;                           /* status code ERROR */
    uint64_t start_ns;                         /* since 1970 */
    uint64_t end_ns;                           /* not after start_ns: unknown */
    const char *service;                       /* never NULL, as the next four; "" where absent */
    const char *name;
    const char *target;                        /* what was asked for, where the name does not say it */
    const char *answer;                        /* the protocol's status: "200" */
    const char *error;                         /* error.type, else the status message */
    size_t size;                               /* bytes of this allocation */

    struct span *next;                         /* in arrival order, within span_store.c */
};

void span_destroy(struct span *span);

#endif
