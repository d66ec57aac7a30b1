/*
 * load_figures.h - where readers put the figures they find, and how several reports in one output become one.
 *
 * Requests, seconds or a rate that the report being read already has begin the next one. How they become one report is
 * promised in load_report.h.
 */
#ifndef LOAD_FIGURES_H
#define LOAD_FIGURES_H

#include "load_report.h"

#include <stddef.h>

enum { COLUMNS_MOST = 16 };

/* The latencies first: they count as places in a report. */
enum figure { MEAN, P50, P75, P90, P95, P99, P999, MAX, REQUESTS, SECONDS, RATE, ERRORS, NOTHING };

/* One report of possibly several; NaN: not told. */
struct part {
    double requests, seconds, rate;
};

struct reading {
    struct load_report *report;
    struct part part;                      /* the one that is being read */
    double rated_count, rated_requests, rated_seconds, inverse_rates;      /* of those before it */
    double latency_sum[LATENCIES_MOST], latency_count[LATENCIES_MOST];
    /* What a reader keeps from line to line: */
    double wrong_lengths;                  /* ab: answers of another length than the first one */
    enum figure columns[COLUMNS_MOST];     /* redis-benchmark: what stands below its headings */
    size_t column_count;
};

/* The figure of that name, in lines `name: number` and at the head of a column, or NOTHING. */
enum figure figure_named(const char *name);

/* A report without figures; whatever is put goes there, some of it when the reading ends. */
struct reading reading_begin(struct load_report *report);
void reading_end(struct reading *reading);

/* Latencies in nanoseconds; what is no number, or beyond all, is left out. NOTHING is put nowhere. */
void figure_put(struct reading *reading, enum figure figure, double value);

/* For requests that are told in portions within one report. */
void figure_add_requests(struct reading *reading, double count);

/* The requests that this report told of were made, and none of them was answered. */
void figure_unanswered(struct reading *reading);

#endif
