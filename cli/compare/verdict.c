/*
 * verdict.c - what may be said of a comparison, in sentences.
 *
 * A sentence claims no more than its interval carries. What is not established as a difference is "no difference larger than", with the
 * end of the interval that is farthest off, or the noise if that is larger.
 */
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
        percent_append(text, measure_noise(measure), false);
    }
}

static void no_difference_append(struct buffer *text, const struct measure *measure)
{
    const struct estimate *ratio = &measure->ratio;
    double largest = fmax(measure_noise(measure), fmax(fabs(ratio->low - 1), fabs(ratio->high - 1)));
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

void verdicts_tell(struct comparison *comparison)
{
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
