/*
 * load_figures.c - where readers put the figures they find, and how several reports in one output become one.
 *
 * Who printed them is not known here. load_report.c begins and ends a reading, its readers put the figures.
 */
#include "load_figures.h"

#include "load_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const latency_keys[LATENCIES_MOST] = {
    [MEAN] = "mean", [P50] = "p50", [P75] = "p75",    [P90] = "p90",
    [P95] = "p95",   [P99] = "p99", [P999] = "p99.9", [MAX] = "max",
};

/* What names a figure where it is called by a name: in lines `name: number` and at the head of a column. */
static const struct {
    const char *name;
    enum figure figure;
} names[] = {
    {"mean", MEAN}, {"average", MEAN}, {"avg", MEAN}, {"latency", MEAN},
    {"p50", P50}, {"p75", P75}, {"p90", P90}, {"p95", P95}, {"p99", P99}, {"p99.9", P999}, {"max", MAX},
    {"requests", REQUESTS},
    {"seconds", SECONDS}, {"time", SECONDS}, {"duration", SECONDS},
    {"rate", RATE}, {"requests/sec", RATE}, {"requests/s", RATE}, {"requests_per_second", RATE}, {"throughput", RATE},
    {"rps", RATE}, {"qps", RATE}, {"tps", RATE},
    {"errors", ERRORS}, {"failed", ERRORS},
};

enum figure figure_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].figure;
    return NOTHING;
}

/* --- reports ----------------------------------------------------------------------------------------------------- */

static double sum_of_told(double sum, double value)
{
    return isnan(sum) ? value : isnan(value) ? sum : sum + value;
}

static void part_end(struct reading *reading)
{
    struct part part = reading->part;
    reading->part = (struct part){NAN, NAN, NAN};
    reading->report->requests = sum_of_told(reading->report->requests, part.requests);
    reading->report->seconds = sum_of_told(reading->report->seconds, part.seconds);
    if (isnan(part.rate) && part.seconds > 0)
        part.rate = part.requests / part.seconds;
    if (isnan(part.rate))
        return;
    reading->report->rate = part.rate;
    reading->rated_count++;
    reading->inverse_rates += 1 / part.rate;
    reading->rated_requests += part.requests;
    /* Not as told: redis-benchmark rounds 0.217 seconds to 0.22, but not the rate. */
    reading->rated_seconds += part.requests > 0 && part.rate > 0 ? part.requests / part.rate : part.seconds;
}

struct reading reading_begin(struct load_report *report)
{
    *report = (struct load_report){.requests = NAN, .seconds = NAN, .rate = NAN};
    return (struct reading){.report = report, .part = {NAN, NAN, NAN}};
}

void figure_put(struct reading *reading, enum figure figure, double value)
{
    if (!isfinite(value))
        return;
    if (figure <= MAX) {
        reading->latency_sum[figure] += value;
        reading->latency_count[figure]++;
        return;
    }
    if (figure == ERRORS)
        reading->report->errors += value;
    if (figure >= ERRORS)
        return;
    struct part *part = &reading->part;
    double *place = figure == REQUESTS ? &part->requests : figure == SECONDS ? &part->seconds : &part->rate;
    if (!isnan(*place))
        part_end(reading);
    *place = value;
}

void figure_add_requests(struct reading *reading, double count)
{
    reading->part.requests = sum_of_told(reading->part.requests, count);
}

void figure_unanswered(struct reading *reading)
{
    reading->part.requests = 0;
}

void reading_end(struct reading *reading)
{
    struct load_report *report = reading->report;
    part_end(reading);
    if (reading->rated_count > 1)
        report->rate = reading->rated_seconds > 0 && isfinite(reading->rated_requests)
                     ? reading->rated_requests / reading->rated_seconds : reading->rated_count / reading->inverse_rates;
    for (size_t i = 0; i < LATENCIES_MOST; i++) {
        if (reading->latency_count[i] == 0)
            continue;
        size_t at = report->latency_count++;
        snprintf(report->latencies[at].key, sizeof report->latencies[at].key, "latency_%s", latency_keys[i]);
        report->latencies[at].ns = reading->latency_sum[i] / reading->latency_count[i];
    }
}
