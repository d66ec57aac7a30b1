/*
 * intake.h - the sidecar of a comparison: takes traces in a process of its own, counts spans, keeps the first few.
 *
 * In a process of its own, so that what measures does nothing but wait. It answers as a Collector that takes everything.
 *
 * Threads: one. One intake at a time.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "span_store.h"

#include <stdbool.h>
#include <stdint.h>

/* Starts it, as a child of child.h. The port of 127.0.0.1 that it listens on, or -errno. */
int intake_start(void);

/* It was killed, or failed: spans cannot arrive any more. */
bool intake_has_ended(void);

/* Spans that have arrived so far. */
uint64_t intake_span_count(void);

/* Requests that were refused: another encoding than JSON, another path. */
uint64_t intake_refusal_count(void);

/* Reads the first requests that arrived, up to a megabyte of them, into the store. */
void intake_sample(struct span_store *store);

#endif
