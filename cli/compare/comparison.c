/*
 * comparison.c - holds what was measured, and works out medians and ratios.
 *
 * A difference is one where the interval of the ratio, if it is as sure as is wanted, excludes 1, and still does after it was moved
 * towards 1 by as much as the baseline differed from itself: two processes of one program differ by where their memory happens to
 * lie, and rounds cannot average that away. What is said of it is verdict.c's.
 */
#include "comparison.h"

#include "verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_FIRST = 32 };

/* ---- filling ---- */

void comparison_init(struct comparison *comparison)
{
    static const char *const keys[] = {"exit", "stdout", "stderr", "files"};
    static const char *const names[] = {"exit status", "standard output", "standard error", "files"};
    *comparison = (struct comparison){.gate_limit = NAN, .calls = {.ratio = {.value = NAN}}};
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        comparison->outcomes[i] = (struct outcome){.key = keys[i], .name = names[i], .bytes = {NAN, NAN, NAN}};
    comparison->spans = (struct span_accounts){
        .made = NAN, .exported = NAN, .dropped = NAN, .requests = NAN, .runs = 1, .sample = span_store_create()};
}

void comparison_finish(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->measure_count; i++) {
        free(comparison->measures[i].name);
        for (int variant = 0; variant < VARIANT_COUNT; variant++)
            free(comparison->measures[i].samples[variant]);
    }
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        for (int variant = 0; variant < VARIANT_COUNT; variant++)
            free(comparison->outcomes[i].text[variant]);
        free(comparison->outcomes[i].difference.diff);
        free(comparison->outcomes[i].difference.value);
    }
    for (size_t i = 0; i < comparison->left_out_count; i++)
        free(comparison->left_out[i]);
    for (size_t i = 0; i < comparison->verdict_count; i++)
        free(comparison->verdicts[i]);
    for (size_t i = 0; i < comparison->calls.count; i++)
        free(comparison->calls.rows[i].name);
    free(comparison->calls.left_out);
    free(comparison->fault);
    free(comparison->calls.rows);
    free(comparison->spans.dropped_why);
    span_store_destroy(comparison->spans.sample);
    free(comparison->command);
    free(comparison->load_command);
    free(comparison->load_tool);
    free(comparison->machine);
}

struct measure *comparison_measure(struct comparison *comparison, const char *key)
{
    for (size_t i = 0; i < comparison->measure_count; i++)
        if (strcmp(comparison->measures[i].key, key) == 0)
            return &comparison->measures[i];
    return NULL;
}

struct measure *comparison_add_measure(struct comparison *comparison, const char *key, const char *name, enum unit unit)
{
    if (comparison->measure_count == MEASURES_MOST)
        return NULL;
    struct measure *measure = &comparison->measures[comparison->measure_count++];
    *measure = (struct measure){.name = memory_copy_text(name), .unit = unit};
    snprintf(measure->key, sizeof measure->key, "%s", key);
    return measure;
}

void measure_add(struct measure *measure, enum variant variant, double sample)
{
    size_t count = measure->count[variant]++;
    if (count % SAMPLES_FIRST == 0) {
        double *larger = memory_get((count + SAMPLES_FIRST) * sizeof *larger);
        if (count > 0)
            memcpy(larger, measure->samples[variant], count * sizeof *larger);
        free(measure->samples[variant]);
        measure->samples[variant] = larger;
    }
    measure->samples[variant][count] = sample;
}

double spans_of_a_run(const struct span_accounts *spans)
{
    return fmax(spans->made, spans->arrived / (double)spans->runs); /* a NaN is nothing to fmax */
}

bool outcome_is_one_text(const struct outcome *outcome)
{
    const char *without = outcome->text[BASELINE], *with_it = outcome->text[INSTRUMENTED];
    return without == NULL || with_it == NULL || strcmp(without, with_it) == 0;
}

void comparison_leave_out(struct comparison *comparison, const char *format, ...)
{
    va_list arguments;
    char *text;
    if (comparison->left_out_count == LEFT_OUT_MOST)
        return;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) >= 0)
        comparison->left_out[comparison->left_out_count++] = text;
    va_end(arguments);
}

/* ---- figures ---- */

static double best_of(const struct measure *measure, enum variant variant)
{
    double best = NAN;
    for (size_t i = 0; i < measure->count[variant]; i++) {
        double sample = measure->samples[variant][i];
        if (!isnan(sample) && (isnan(best) || (measure->more_is_better ? sample > best : sample < best)))
            best = sample;
    }
    return best;
}

static size_t rounds_of(const struct measure *measure, enum variant variant)
{
    size_t count = measure->count[BASELINE];
    return measure->count[variant] < count ? measure->count[variant] : count;
}

static void measure_work_out(struct measure *measure)
{
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        measure->median[variant] = median_of(measure->samples[variant], measure->count[variant]);
        measure->best[variant] = best_of(measure, variant);
    }
    const double *baseline = measure->samples[BASELINE];
    measure->ratio = estimate_ratio(baseline, measure->samples[INSTRUMENTED], rounds_of(measure, INSTRUMENTED));
    measure->noise = estimate_ratio(baseline, measure->samples[BASELINE_AGAIN], rounds_of(measure, BASELINE_AGAIN));
}

double measure_noise(const struct measure *measure)
{
    return isnan(measure->noise.value) ? 0 : fabs(measure->noise.value - 1);
}

double measure_overhead(const struct measure *measure, double *low, double *high)
{
    const struct estimate *ratio = &measure->ratio;
    bool more = measure->more_is_better;
    if (low != NULL)
        *low = more ? 1 - ratio->high : ratio->low - 1;
    if (high != NULL)
        *high = more ? 1 - ratio->low : ratio->high - 1;
    return more ? 1 - ratio->value : ratio->value - 1;
}

double measure_overhead_established(const struct measure *measure)
{
    double low;
    measure_overhead(measure, &low, NULL);
    return measure->ratio.confidence >= CONFIDENCE_WANTED ? low - measure_noise(measure) : NAN;
}

bool measure_is_different(const struct measure *measure)
{
    double noise = measure_noise(measure);
    return measure->ratio.confidence >= CONFIDENCE_WANTED && (measure->ratio.low > 1 + noise || measure->ratio.high < 1 - noise);
}

void comparison_work_out(struct comparison *comparison, const char *gate_key, double gate_limit)
{
    for (size_t i = 0; i < comparison->measure_count; i++)
        measure_work_out(&comparison->measures[i]);
    comparison->gate_measure = comparison_measure(comparison, gate_key);
    comparison->gate_limit = gate_limit;
    verdicts_tell(comparison);
}

int comparison_exit_status(const struct comparison *comparison)
{
    return comparison->is_over_limit || comparison->has_different_outcome;
}
