/* support.h - what race tests share: claims, threads that begin together, and a little randomness.
 *
 * A race test is a plain program under ThreadSanitizer (Criterion does not start under it): it prints `ok NAME` or
 * `not ok NAME: why` for each claim and exits with 0 or 1. ThreadSanitizer's own findings make it exit with 66.
 * The sources of both rooms are linked in, apart from the hooks; support.c stands in for what was left out.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

/* Says how a claim ended, with the reason where it failed; the last of them is main's answer. */
void claim(bool holds, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
int claims_status(void);

/* Runs body(index) on `count` threads that begin together; returns when all have ended. */
void on_threads(unsigned count, void body(unsigned index));

/* Seconds since the program started. */
double seconds(void);

/* xorshift, one state for each thread. */
uint32_t random_below(uint32_t limit);

/* A span whose bytes all follow from (producer, number), `text` bytes long behind the fixed part; and whether it is that. */
struct span_record;
uint32_t record_size(uint32_t text);
void record_write(struct span_record *record, uint32_t producer, uint32_t number, uint32_t text);
bool record_is_intact(const struct span_record *record, uint32_t *producer, uint32_t *number);

/* The library as at its start, with OTEL_TRACES_EXPORTER=none: the exporter takes every span and counts it. */
void library_begin(void);

#endif
