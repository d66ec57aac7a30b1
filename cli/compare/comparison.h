/*
 * comparison.h - what a comparison found: filled by runs.c or load.c, read by the reports.
 *
 * Every round has three runs: without the library, without it once more, and with it. The second one tells the
 * noise of this machine in this hour: what differs between the two is not the library's.
 *
 * Threads: one. Memory: the comparison owns all its texts and samples.
 */
#ifndef COMPARISON_H
#define COMPARISON_H

#include "difference.h"
#include "span_store.h"
#include "statistics.h"
#include "units.h"

#include <stdbool.h>
#include <stdint.h>

enum variant { BASELINE, BASELINE_AGAIN, INSTRUMENTED, VARIANT_COUNT };

/* One thing that was measured in each round, of each variant. */
struct measure {
    char key[24];                          /* its name in JSON: "wall", "cpu", "cpu_user", "latency_p99" */
    char *name;                            /* in words: "wall time" */
    enum unit unit;
    bool more_is_better;                   /* requests a second */
    bool is_part;                          /* of the one before it that is none: user time is of processor time */
    bool is_of_process;                    /* one sample for a server's whole life: there are no rounds of it */
    double *samples[VARIANT_COUNT];        /* by round; NaN where it could not be measured */
    size_t count[VARIANT_COUNT];

    /* Worked out by comparison_work_out(). */
    double median[VARIANT_COUNT];
    double best[VARIANT_COUNT];            /* the least, or the most where more is better */
    struct estimate ratio;                 /* instrumented / baseline */
    struct estimate noise;                 /* baseline again / baseline */
};

/* How often a system call was made; per request if the comparison is one of servers. */
struct call_row {
    char *name;
    double count[VARIANT_COUNT];           /* the median of the passes; BASELINE_AGAIN is not used */
    double least[VARIANT_COUNT], most[VARIANT_COUNT];
};

struct calls {
    char *left_out;                        /* why there are none, or NULL */
    struct call_row *rows;                 /* by name */
    size_t count;
    size_t passes;
    double total[VARIANT_COUNT];
    struct estimate ratio;                 /* of the totals; low and high are the extremes of the passes */
};

/* Something that came out of the runs and has to be the same: exit status, stdout, stderr, files. */
enum outcome_id { OUTCOME_EXIT, OUTCOME_STDOUT, OUTCOME_STDERR, OUTCOME_FILES, OUTCOME_COUNT };

struct outcome {
    const char *key;                       /* "exit", "stdout", "stderr", "files" */
    const char *name;                      /* "exit status" */
    char *text[VARIANT_COUNT];             /* what it was, in short: "0", "1,024 bytes"; BASELINE_AGAIN is not used */
    double bytes[VARIANT_COUNT];           /* the median of the runs; NaN for the exit status */
    bool is_looked_at;                     /* false: not asked for, or not comparable here */
    struct difference difference;          /* of what is looked at */
};

/* Spans of the instrumented runs. `made` and the reasons are the library's own accounts. */
struct span_accounts {
    double made, exported, dropped;        /* of one run, or of all of a server's life; NaN: it gave no accounts */
    double sampled_out;                    /* made and not wanted: neither exported nor dropped */
    bool is_disabled;                      /* the environment has the library do nothing: OTEL_SDK_DISABLED */
    char *dropped_why;                     /* "queue_full 12, timeout 3", or NULL */
    double arrived;                        /* at the receiver, of all runs that count, or of all of a server's life */
    size_t runs;                           /* that `arrived` is of; 1: one server */
    double requests;                       /* that the load generator had answers to; NaN without a load */
    struct span_store *sample;             /* the first that arrived, for a picture; may be empty */
};

/* Made in one run, or all of a server's life. A process whose standard error leads elsewhere gives its accounts to nobody: then as
 * many as arrived. */
double spans_of_a_run(const struct span_accounts *spans);

enum { MEASURES_MOST = 24, LEFT_OUT_MOST = 16 };

struct comparison {
    char *command;                         /* what was compared, as one types it */
    char *load_command;                    /* NULL: runs of a program; else both were servers, under this load */
    char *load_tool;                       /* what its output was read as: "wrk"; NULL without a load */
    size_t rounds;
    uint64_t began_ns;                     /* since 1970 */
    char *machine;                         /* "AMD EPYC, 2 processors, Linux 6.1" */

    struct measure measures[MEASURES_MOST];
    size_t measure_count;
    struct calls calls;
    struct outcome outcomes[OUTCOME_COUNT];
    struct span_accounts spans;
    char *left_out[LEFT_OUT_MOST];         /* what could not be looked at and why, a sentence each */
    size_t left_out_count;

    /* The gate: --max-overhead. */
    const struct measure *gate_measure;    /* never NULL once worked out: the one that the first verdict is about, after those that fail */
    double gate_limit;                     /* 0.03; NaN: none was given */
    bool is_over_limit;                    /* that is established */
    bool may_be_over_limit;                /* the middle of the rounds is, but that is not established */
    bool has_different_outcome;            /* output, files, exit status, or answers that failed under load */
    char *fault;                           /* how the server with the library failed, which ended the rounds; NULL: it did not */
    char *verdicts[12];                    /* in words, the most important first */
    size_t verdict_count;
    size_t failing_count;                  /* the first so many of them are why the exit status is 1 */
};

/* It is the same, and both texts are: else one of those seen without the library. */
bool outcome_is_one_text(const struct outcome *outcome);

void comparison_init(struct comparison *comparison);
void comparison_finish(struct comparison *comparison);

/* A new thing that is measured. Key and name are copied. NULL: there are MEASURES_MOST already. */
struct measure *comparison_add_measure(struct comparison *comparison, const char *key, const char *name, enum unit unit);
/* The one of that key, or NULL. */
struct measure *comparison_measure(struct comparison *comparison, const char *key);
void measure_add(struct measure *measure, enum variant variant, double sample);

/* What and why, as printf(3). */
void comparison_leave_out(struct comparison *comparison, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From samples to medians, ratios, verdicts and the gate. `gate_key` is a measure's. */
void comparison_work_out(struct comparison *comparison, const char *gate_key, double gate_limit);

/* How much dearer the instrumented one is, as a part of the baseline: 0.03 is 3 % more time, or 3 % fewer requests a
 * second. *low and *high, if not NULL, become the ends of the interval. */
double measure_overhead(const struct measure *measure, double *low, double *high);

/* What of it is established: the lower end of its interval, less what the baseline differed from itself. No number, and so no more
 * than anything, with too few rounds. */
double measure_overhead_established(const struct measure *measure);

/* By how much the baseline differed from itself, as a part of it; 0 if that is not known. */
double measure_noise(const struct measure *measure);

/* A difference is established: there are rounds enough, and the interval excludes none, also after what the baseline differed from itself. */
bool measure_is_different(const struct measure *measure);

/* The exit status: 0, or 1 over the limit or with a different outcome. */
int comparison_exit_status(const struct comparison *comparison);

#endif
