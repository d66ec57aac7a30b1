/*
 * load_report.h - reads what a load generator printed: wrk, ab, hey, redis-benchmark, pgbench, or lines `name: number`.
 *
 * Pure: text in, figures out. What it cannot read it leaves NaN; the one figure it works out is a rate that is not told
 * where requests and seconds are, because that is what a rate is. Where one output holds several reports (the tests of
 * redis-benchmark, a script that calls wrk twice), requests, seconds and errors add up, the rate is that of all the
 * requests, and a latency is the mean of the reports' latencies of that key.
 *
 * Lines `name: number`, or `name = number`, name in any case, words joined by blanks or underscores:
 *     requests, seconds (time, duration), errors (failed),
 *     rate (throughput, requests/sec, requests_per_second, rps, qps, tps),
 *     latency (mean, average, avg), p50, p75, p90, p95, p99, p99.9 and max, these with or without "latency_".
 * A time has its unit behind the number (ns, us, ms, s, m, h) or the name (p99_ms); seconds may do without, a latency
 * may not. A number in any other unit (MB/s, %) is not the figure.
 */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include <stddef.h>

enum { LATENCIES_MOST = 8 };

struct load_report {
    const char *tool;                      /* "wrk", "ab", "hey", "redis-benchmark", "pgbench", "name: number" */
    double requests;                       /* that were answered; NaN: not told */
    double seconds;                        /* that the load took, as the tool says; NaN: not told */
    double rate;                           /* requests (operations) a second; NaN: not told */
    double errors;                         /* answers that were errors, and connections that failed; 0 if none are told */
    struct {
        char key[24];                      /* "latency_mean", "latency_p50", ..., "latency_p99.9", "latency_max", in this order */
        double ns;
    } latencies[LATENCIES_MOST];
    size_t latency_count;
};

/* Returns NULL, or a sentence that says what was not found (static text): then no rate could be read. */
const char *load_report_read(const char *text, struct load_report *report);

#endif
