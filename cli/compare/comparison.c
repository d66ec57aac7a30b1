/*
 * comparison.c - from samples to medians, ratios and words.
 *
 * What may be said is decided here and nowhere else; the reports only print it. A difference is claimed where the
 * interval of the ratio excludes 1, and still does after it was moved towards 1 by as much as the baseline differed from
 * itself: two processes of one program differ by where their memory happens to lie, and rounds cannot average that away.
 * Everything else is "no difference larger than", with the end of the interval that is farthest off.
 */
#include "comparison.h"

#include <math.h>
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
    }
    for (size_t i = 0; i < comparison->left_out_count; i++)
        free(comparison->left_out[i]);
    for (size_t i = 0; i < comparison->verdict_count; i++)
        free(comparison->verdicts[i]);
    for (size_t i = 0; i < comparison->calls.count; i++)
        free(comparison->calls.rows[i].name);
    free(comparison->calls.left_out);
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

void comparison_leave_out(struct comparison *comparison, char *what_and_why)
{
    if (comparison->left_out_count < LEFT_OUT_MOST)
        comparison->left_out[comparison->left_out_count++] = what_and_why;
    else
        free(what_and_why);
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

/* By how much the baseline differed from itself, as a part of it; 0 if that is not known. */
static double noise_of(const struct measure *measure)
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

bool measure_is_different(const struct measure *measure)
{
    double noise = noise_of(measure);
    return measure->ratio.confidence > 0 && (measure->ratio.low > 1 + noise || measure->ratio.high < 1 - noise);
}

/* ---- words ---- */

/* A part as people say it: 0.35 %, 1.2 %, 19.9 %, 140 %. */
static void percent_append(struct buffer *text, double part, bool rounds_up)
{
    double percent = fabs(part) * 100;
    if (percent == 0) {
        buffer_append_text(text, "0 %");
        return;
    }
    double step = percent < 1 ? 0.01 : percent < 100 ? 0.1 : 1;
    double shown = (rounds_up ? ceil(percent / step - 1e-9) : round(percent / step)) * step;
    buffer_append_format(text, "%.*f %%", step < 0.1 ? 2 : step < 1 ? 1 : 0, shown);
}

static void signed_percent_append(struct buffer *text, double part)
{
    buffer_append_text(text, part < 0 ? "-" : "");
    percent_append(text, part, false);
}

static void rounds_append(struct buffer *text, const struct measure *measure)
{
    size_t count = measure->ratio.count;
    buffer_append_format(text, "%zu round%s", count, count == 1 ? "" : "s");
}

/* "19.9 % more (18.7 % to 21.2 %, 95 % sure, 20 rounds)". The interval's ends are those of the overhead or the gain. */
static void difference_append(struct buffer *text, const struct measure *measure)
{
    const struct estimate *ratio = &measure->ratio;
    bool is_more = ratio->value > 1;
    percent_append(text, ratio->value - 1, false);
    buffer_append_format(text, " %s with the library (", is_more ? "more" : "less");
    signed_percent_append(text, is_more ? ratio->low - 1 : 1 - ratio->high);
    buffer_append_text(text, " to ");
    signed_percent_append(text, is_more ? ratio->high - 1 : 1 - ratio->low);
    buffer_append_format(text, ", %.0f %% sure, ", floor(ratio->confidence * 100));
    rounds_append(text, measure);
    buffer_append_text(text, ")");
    if (!isnan(measure->noise.value)) {
        buffer_append_text(text, "; the baseline differed from itself by ");
        percent_append(text, noise_of(measure), false);
    }
}

static void no_difference_append(struct buffer *text, const struct measure *measure)
{
    const struct estimate *ratio = &measure->ratio;
    double largest = fmax(noise_of(measure), fmax(fabs(ratio->low - 1), fabs(ratio->high - 1)));
    buffer_append_text(text, "no difference larger than ");
    percent_append(text, largest, true);
    buffer_append_text(text, " could be seen in ");
    rounds_append(text, measure);
    if (ratio->confidence < CONFIDENCE_WANTED)
        buffer_append_format(text, " (only %.0f %% sure: it takes 6 rounds to be 95 %% sure)", floor(ratio->confidence * 100));
}

static char *measure_verdict(const struct measure *measure)
{
    struct buffer text = {0};
    buffer_append_format(&text, "%s: ", measure->name);
    if (isnan(measure->ratio.value))
        buffer_append_text(&text, "could not be measured");
    else if (measure->ratio.confidence == 0)
        buffer_append_format(&text, "%.3f times; one round tells nothing about noise", measure->ratio.value);
    else if (measure_is_different(measure))
        difference_append(&text, measure);
    else
        no_difference_append(&text, measure);
    return text.bytes;
}

static void outcome_append(struct buffer *text, const struct outcome *outcome)
{
    const struct difference *difference = &outcome->difference;
    if (difference->kind == DIFFERENT)
        buffer_append_format(text, "%s: different in %zu of %zu runs with the library", outcome->name, difference->runs_different,
                             difference->runs);
    else
        buffer_append_format(text, "%s: changes from run to run without the library too, nothing can be said", outcome->name);
}

static void verdict_add(struct comparison *comparison, char *text)
{
    if (comparison->verdict_count < sizeof comparison->verdicts / sizeof *comparison->verdicts)
        comparison->verdicts[comparison->verdict_count++] = text;
    else
        free(text);
}

/* "standard output (but for 2 lines that change anyway)" */
static void same_append(struct buffer *same, const struct outcome *outcome)
{
    size_t varying = outcome->difference.lines_varying;
    buffer_append_format(same, "%s%s", same->len > 0 ? ", " : "", outcome->name);
    if (varying > 0)
        buffer_append_format(same, " (but for %zu line%s that change%s anyway)", varying, varying == 1 ? "" : "s", varying == 1 ? "s" : "");
}

/* One line for each outcome that is not the same, and one for all those that are. */
static void outcomes_tell(struct comparison *comparison)
{
    struct buffer same = {0};
    size_t runs = 0;
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome *outcome = &comparison->outcomes[i];
        struct buffer text = {0};
        if (!outcome->is_looked_at)
            continue;
        if (outcome->difference.kind == SAME) {
            same_append(&same, outcome);
            runs = outcome->difference.runs;
            continue;
        }
        comparison->has_different_outcome |= outcome->difference.kind == DIFFERENT;
        outcome_append(&text, outcome);
        verdict_add(comparison, text.bytes);
    }
    if (same.len > 0) {
        buffer_append_format(&same, ": the same in %zu run%s with the library", runs, runs == 1 ? "" : "s");
        verdict_add(comparison, same.bytes);
    }
}

/* The probability that of `count` errors, each as likely with either of two servers, one server has `most` or more. */
static double binomial_tail(double count, double most)
{
    double tail = 0;
    for (double i = most; i <= count && i < most + 1000; i++)
        tail += exp(lgamma(count + 1) - lgamma(i + 1) - lgamma(count - i + 1) + count * log(0.5));
    return tail;
}

/* Answers that failed: a difference where there are so many more with the library than in the worse of the runs without that it is not
 * to be had by chance. */
static void errors_tell(struct comparison *comparison)
{
    const struct measure *errors = comparison_measure(comparison, "errors");
    double total[VARIANT_COUNT] = {0};
    for (int variant = 0; errors != NULL && variant < VARIANT_COUNT; variant++)
        for (size_t i = 0; i < errors->count[variant]; i++)
            total[variant] += errors->samples[variant][i];
    double without = fmax(total[BASELINE], total[BASELINE_AGAIN]), with_it = total[INSTRUMENTED];
    if (without + with_it == 0)
        return;
    struct buffer text = {0};
    bool is_different = with_it > without && binomial_tail(without + with_it, with_it) < 1 - CONFIDENCE_WANTED;
    buffer_append_format(&text, "errors under load%s: %.0f without the library, %.0f again without, %.0f with it",
                         is_different ? ", more with the library" : "", total[BASELINE], total[BASELINE_AGAIN], with_it);
    comparison->has_different_outcome |= is_different;
    verdict_add(comparison, text.bytes);
}

/* The gate closes where a difference is established and is, as far as anybody can tell, larger than allowed. */
static void gate_tell(struct comparison *comparison)
{
    const struct measure *gate = comparison->gate_measure;
    double limit = comparison->gate_limit, high, overhead = measure_overhead(gate, NULL, &high);
    if (isnan(limit))
        return;
    struct buffer text = {0};
    double confidence = gate->ratio.confidence;
    bool is_established = confidence == 0 || measure_is_different(gate);
    comparison->is_over_limit = is_established && overhead > limit;
    buffer_append_format(&text, "%s: the limit of ", gate->name);
    percent_append(&text, limit, false);
    if (isnan(overhead))
        buffer_append_text(&text, " cannot be looked at");
    else if (comparison->is_over_limit)
        buffer_append_text(&text, " is exceeded");
    else if (confidence > 0 && high <= limit)
        buffer_append_text(&text, " is kept");
    else
        buffer_append_text(&text, " is not shown to be exceeded");
    if (!isnan(overhead) && confidence < CONFIDENCE_WANTED)
        buffer_append_format(&text, ", but that is %.0f %% sure only", floor(confidence * 100));
    if (!comparison->is_over_limit && high > limit) {
        buffer_append_text(&text, "; up to ");
        percent_append(&text, high, true);
        buffer_append_text(&text, " cannot be excluded, more rounds would tell");
    }
    verdict_add(comparison, text.bytes);
}

/* Whoever compares a program that the library is not loaded into learns nothing about it. */
static void absence_tell(struct comparison *comparison)
{
    const struct span_accounts *spans = &comparison->spans;
    if (isnan(spans->made) && spans->arrived == 0)
        verdict_add(comparison, memory_copy_text("spans: no sign of the library in the program: it may not be loaded (spanload check "
                                                 "tells), or standard error was closed or led elsewhere"));
}

void comparison_work_out(struct comparison *comparison, const char *gate_key, double gate_limit)
{
    for (size_t i = 0; i < comparison->measure_count; i++)
        measure_work_out(&comparison->measures[i]);
    comparison->gate_measure = comparison_measure(comparison, gate_key);
    comparison->gate_limit = gate_limit;
    verdict_add(comparison, measure_verdict(comparison->gate_measure));
    gate_tell(comparison);
    errors_tell(comparison);
    absence_tell(comparison);
    outcomes_tell(comparison);
    for (size_t i = 0; i < comparison->measure_count; i++) {
        const struct measure *measure = &comparison->measures[i];
        bool is_main = strcmp(measure->key, "cpu") == 0 || strcmp(measure->key, "rss") == 0 ||
                       strcmp(measure->key, comparison->load_command ? "load" : "wall") == 0;
        if (is_main && measure != comparison->gate_measure)
            verdict_add(comparison, measure_verdict(measure));
    }
}

int comparison_exit_status(const struct comparison *comparison)
{
    return comparison->is_over_limit || comparison->has_different_outcome;
}

/* ---- figures as text ---- */

/* 1234567 as 1,234,567; below 100 with digits after the point where there is something to show. */
static void number_append(struct buffer *text, double value)
{
    char digits[64];
    double size = fabs(value);
    if (size >= 1e15) {
        buffer_append_format(text, "%.3g", value);
        return;
    }
    int places = size >= 100 || value == floor(value) ? 0 : size >= 1 ? 1 : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4;
    int len = snprintf(digits, sizeof digits, "%.*f", places, value);
    int whole = (int)strcspn(digits, "."), first = digits[0] == '-';
    for (int i = 0; i < len; i++) {
        if (i > first && i < whole && (whole - i) % 3 == 0)
            buffer_append_text(text, ",");
        buffer_append(text, &digits[i], 1);
    }
}

static void bytes_append(struct buffer *text, double value)
{
    static const struct {
        double size;
        const char *name;
    } scales[] = {{1e9, "GB"}, {1e6, "MB"}, {1e4, "kB"}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        if (fabs(value) >= scales[i].size) {
            double unit = i == 2 ? 1e3 : scales[i].size;
            buffer_append_format(text, "%.*f %s", fabs(value) / unit < 99.5 ? 2 : 0, value / unit, scales[i].name);
            return;
        }
    number_append(text, value);
    buffer_append_text(text, " B");
}

/* To three digits: 935 µs, 1.32 ms. text_append_duration() has fewer, and goes on to minutes and hours. */
static void time_append(struct buffer *text, double ns, bool unicode)
{
    static const struct {
        double size;
        const char *name, *plain;
    } scales[] = {{1e9, "s", "s"}, {1e6, "ms", "ms"}, {1e3, "µs", "us"}, {1, "ns", "ns"}};
    size_t i = 0;
    while (i < 3 && fabs(ns) < scales[i].size * 0.9995)
        i++;
    double value = ns / scales[i].size, size = fabs(value);
    int digits = i == 3 ? size < 9.95 && value != floor(value) : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    buffer_append_format(text, "%.*f %s", digits, value, unicode ? scales[i].name : scales[i].plain);
}

void unit_append(struct buffer *text, enum unit unit, double value, bool unicode)
{
    if (isnan(value)) {
        buffer_append_text(text, "-");
        return;
    }
    if (unit == UNIT_NS) {
        time_append(text, value, unicode);
    } else if (unit == UNIT_BYTES) {
        bytes_append(text, value);
    } else {
        number_append(text, value);
        buffer_append_text(text, unit == UNIT_PER_SECOND ? "/s" : "");
    }
}
