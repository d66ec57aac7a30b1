/*
 * verdict.c - what may be said of a comparison, in sentences.
 *
 * A sentence claims no more than its interval carries, and too few rounds for one of 95 % carry no claim. What is not established
 * as a difference is "no difference larger than", with the end of the interval that is farthest off, or the noise if that is larger.
 */
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS_SUMMED = 10000 };

/* Of errors that are told: a sum of them stays finite. */
static const double ERRORS_MOST = 1e300;

static void signed_percent_append(struct buffer *text, double part)
{
    bool is_none = part < 0 && part > -0.00005;            /* "-less than 0.01 %" would be a riddle */
    buffer_append_text(text, part < 0 && !is_none ? "-" : "");
    percent_append(text, is_none ? 0 : part, false);
}

static void rounds_append(struct buffer *text, const struct measure *measure)
{
    size_t count = measure->ratio.count;
    buffer_append_format(text, "%zu round%s", count, count == 1 ? "" : "s");
}

static void change_append(struct buffer *text, const struct estimate *ratio)
{
    if (isinf(ratio->value)) {
        buffer_append_text(text, "something with the library, nothing without");
        return;
    }
    percent_append(text, ratio->value - 1, false);
    buffer_append_format(text, " %s with the library", ratio->value >= 1 ? "more" : "less");
}

static void times_append(struct buffer *text, const struct estimate *ratio)
{
    if (isinf(ratio->value)) {
        change_append(text, ratio);
        return;
    }
    ratio_text_append(text, ratio->value);
    buffer_append_text(text, " times");
}

/* The interval's ends, those of the overhead or of the gain. */
static void ends_append(struct buffer *text, const struct estimate *ratio)
{
    bool is_more = ratio->value >= 1;
    signed_percent_append(text, is_more ? ratio->low - 1 : 1 - ratio->high);
    buffer_append_text(text, " to ");
    signed_percent_append(text, is_more ? ratio->high - 1 : 1 - ratio->low);
}

/* "19.9 % more with the library (18.7 % to 21.2 %, 95 % sure, 20 rounds)" */
static void difference_append(struct buffer *text, const struct measure *measure)
{
    const struct estimate *ratio = &measure->ratio;
    change_append(text, ratio);
    buffer_append_text(text, " (");
    ends_append(text, ratio);
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
    buffer_append_text(text, isinf(largest) ? "whether there is a difference could not be seen in " : "no difference larger than ");
    if (!isinf(largest)) {
        percent_append(text, largest, true);
        buffer_append_text(text, " could be seen in ");
    }
    rounds_append(text, measure);
}

/* What was seen, and that it tells nothing. */
static void few_rounds_append(struct buffer *text, const struct measure *measure)
{
    const struct estimate *ratio = &measure->ratio;
    if (ratio->count == 1) {
        times_append(text, ratio);
        buffer_append_text(text, "; one round tells nothing about noise");
        return;
    }
    change_append(text, ratio);
    buffer_append_text(text, " in ");
    rounds_append(text, measure);
    buffer_append_format(text, ", which is too few to tell (%.0f %% sure that it is ", floor(ratio->confidence * 100));
    ends_append(text, ratio);
    buffer_append_format(text, "; it takes %d to be 95 %% sure)", ROUNDS_WANTED);
}

/* "11.20 MB without, 11.25 MB again without, 11.30 MB with the library (one server of each: ...)" */
static void servers_append(struct buffer *text, const struct measure *measure)
{
    static const char *const words[] = {" without, ", " again without, ", " with the library"};
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        unit_append(text, measure->unit, measure->median[variant], true);
        buffer_append_text(text, words[variant]);
    }
    buffer_append_text(text, " (one server of each: what of that is noise is not known)");
}

static char *measure_verdict(const struct measure *measure)
{
    struct buffer text = {0};
    buffer_append_format(&text, "%s: ", measure->name);
    if (isnan(measure->ratio.value))
        buffer_append_text(&text, "could not be measured");
    else if (measure->is_of_process)
        servers_append(&text, measure);
    else if (measure->ratio.confidence < CONFIDENCE_WANTED)
        few_rounds_append(&text, measure);
    else if (measure_is_different(measure))
        difference_append(&text, measure);
    else
        no_difference_append(&text, measure);
    return text.bytes;
}

static void outcome_append(struct buffer *text, const struct outcome *outcome)
{
    const struct difference *difference = &outcome->difference;
    size_t runs = difference->runs, different = difference->runs_different;
    buffer_append_format(text, "%s: ", outcome->name);
    if (difference->kind != DIFFERENT) {
        buffer_append_text(text, "changes from run to run without the library too, nothing can be said");
    } else if (difference->runs_without > 0) {
        difference_append_frequency(text, difference);
    } else {
        buffer_append_format(text, "different in %zu of %zu runs with the library", different, runs);
        if (chance_of_more(different, runs, 0, 2 * runs) > 1 - CONFIDENCE_WANTED)
            buffer_append_format(text, " (%zu of %zu against 0 of %zu may be chance)", different, runs, 2 * runs);
    }
}

static void verdict_add(struct comparison *comparison, char *text)
{
    if (comparison->verdict_count < sizeof comparison->verdicts / sizeof *comparison->verdicts)
        comparison->verdicts[comparison->verdict_count++] = text;
    else
        free(text);
}

/* Behind those that have failed, before all others: why the command ends with 1 is the first that one wants to know. */
static void verdict_add_failing(struct comparison *comparison, char *text)
{
    size_t most = sizeof comparison->verdicts / sizeof *comparison->verdicts, place = comparison->failing_count;
    if (comparison->verdict_count == most)
        free(comparison->verdicts[--comparison->verdict_count]);
    memmove(&comparison->verdicts[place + 1], &comparison->verdicts[place],
            (comparison->verdict_count - place) * sizeof *comparison->verdicts);
    comparison->verdicts[place] = text;
    comparison->verdict_count++;
    comparison->failing_count++;
}

/* "standard output (but for 2 lines that change anyway)" */
static void same_append(struct buffer *same, const struct outcome *outcome)
{
    size_t varying = outcome->difference.lines_varying;
    buffer_append_format(same, "%s%s", same->len > 0 ? ", " : "", outcome->name);
    if (varying == 0 && !outcome_is_one_text(outcome))
        buffer_append_text(same, " (changing as it does without)");
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
        bool is_different = outcome->difference.kind == DIFFERENT;
        comparison->has_different_outcome |= is_different;
        outcome_append(&text, outcome);
        (is_different ? verdict_add_failing : verdict_add)(comparison, text.bytes);
    }
    if (same.len > 0) {
        buffer_append_format(&same, ": the same in %zu run%s with the library", runs, runs == 1 ? "" : "s");
        verdict_add(comparison, same.bytes);
    }
}

/* The probability that of `count` things, each of which falls to it with `part`, one side has `most` or more. Exact while that takes
 * no time; the normal distribution beyond, where the two cannot be told apart. */
static double binomial_tail(double count, double most, double part)
{
    double tail = 0, terms = count - most;
    if (count > TRIALS_SUMMED)
        return 0.5 * erfc((most - 0.5 - count * part) / sqrt(2 * count * part * (1 - part)));
    for (double i = 0; i <= terms; i++)
        tail += exp(lgamma(count + 1) - lgamma(most + i + 1) - lgamma(terms - i + 1) + (most + i) * log(part) + (terms - i) * log(1 - part));
    return tail;
}

/* Errors by round and in all. */
struct error_count {
    double total[VARIANT_COUNT];
    double worst;                          /* turn without the library */
    size_t rounds, more, fewer;            /* rounds: all, with more errors with the library than in either turn without, with fewer */
    size_t above_worst;                    /* with more than in any turn without */
};

static struct error_count errors_count(const struct measure *errors)
{
    struct error_count count = {.rounds = errors->count[INSTRUMENTED]};
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        for (size_t i = 0; i < errors->count[variant]; i++) {
            double sample = errors->samples[variant][i];
            count.total[variant] = fmin(count.total[variant] + sample, ERRORS_MOST);
            count.worst = variant != INSTRUMENTED ? fmax(count.worst, sample) : count.worst;
        }
    for (size_t i = 0; i < count.rounds && i < errors->count[BASELINE] && i < errors->count[BASELINE_AGAIN]; i++) {
        double without = fmax(errors->samples[BASELINE][i], errors->samples[BASELINE_AGAIN][i]);
        double with_it = errors->samples[INSTRUMENTED][i];
        count.more += with_it > without;
        count.fewer += with_it < without;
        count.above_worst += with_it > count.worst;
    }
    return count;
}

/* Not to be had by chance. One restart of something brings a thousand errors in one turn, whose turn that is is chance: so the errors
 * have to be too many for coins, and the rounds as well. Of three turns alike each has the most in one round of three; fewer than six
 * rounds could say little by that, so in two of them there have to be more than without the library in any. */
static bool errors_are_more(const struct error_count *count)
{
    double without = fmax(count->total[BASELINE], count->total[BASELINE_AGAIN]), with_it = count->total[INSTRUMENTED];
    double by_chance = 1 - CONFIDENCE_WANTED, more = (double)count->more;
    if (with_it <= without || binomial_tail(without + with_it, with_it, 0.5) >= by_chance)
        return false;
    if (count->rounds >= ROUNDS_WANTED)
        return binomial_tail(more + (double)count->fewer, more, 1 / 3.0) < by_chance;
    return count->above_worst >= 2 || count->rounds == 1;
}

static void errors_tell(struct comparison *comparison)
{
    static const char *const words[] = {" without the library, ", " again without, ", " with it"};
    const struct measure *errors = comparison_measure(comparison, "errors");
    struct error_count count = errors != NULL ? errors_count(errors) : (struct error_count){0};
    double without = fmax(count.total[BASELINE], count.total[BASELINE_AGAIN]), with_it = count.total[INSTRUMENTED];
    if (without + with_it == 0)
        return;
    struct buffer text = {0};
    bool is_different = errors_are_more(&count);
    buffer_append_format(&text, "errors under load%s: ", is_different ? ", more with the library" : "");
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        unit_append(&text, UNIT_COUNT, count.total[variant], true);
        buffer_append_text(&text, words[variant]);
    }
    if (with_it > without && !is_different)
        buffer_append_format(&text, ", more in %zu of %zu round%s: that may be chance", count.more, count.rounds, count.rounds == 1 ? "" : "s");
    comparison->has_different_outcome |= is_different;
    (is_different ? verdict_add_failing : verdict_add)(comparison, text.bytes);
}

/* Why a limit that the middle of the rounds is over is not called exceeded. */
static void doubt_append(struct buffer *text, const struct comparison *comparison)
{
    const struct measure *gate = comparison->gate_measure;
    double low, overhead = measure_overhead(gate, &low, NULL), established = measure_overhead_established(gate);
    buffer_append_text(text, " may be exceeded: ");
    percent_append(text, overhead, false);
    buffer_append_text(text, " is the middle of the rounds, but ");
    if (low > comparison->gate_limit) {
        buffer_append_text(text, "the baseline differed from itself by ");
        percent_append(text, measure_noise(gate), false);
        return;
    }
    if (established > 0)
        percent_append(text, established, false);
    else
        buffer_append_text(text, "no difference");
    buffer_append_text(text, " cannot be excluded; more rounds would tell");
}

static void few_rounds_gate_append(struct buffer *text, const struct comparison *comparison)
{
    buffer_append_text(text, comparison->may_be_over_limit ? " may be exceeded, but " : " is not shown to be exceeded, but ");
    rounds_append(text, comparison->gate_measure);
    buffer_append_format(text, " cannot establish anything: it takes %d to be 95 %% sure", ROUNDS_WANTED);
}

static void gate_append(struct buffer *text, const struct comparison *comparison)
{
    const struct measure *gate = comparison->gate_measure;
    double high, limit = comparison->gate_limit, overhead = measure_overhead(gate, NULL, &high);
    buffer_append_format(text, "%s: the limit of ", gate->name);
    percent_append(text, limit, false);
    if (isnan(overhead)) {
        buffer_append_text(text, " cannot be looked at");
    } else if (comparison->is_over_limit) {
        buffer_append_text(text, " is exceeded");
    } else if (gate->ratio.confidence < CONFIDENCE_WANTED) {
        few_rounds_gate_append(text, comparison);
    } else if (comparison->may_be_over_limit) {
        doubt_append(text, comparison);
    } else if (high <= limit) {
        buffer_append_text(text, " is kept");
    } else {
        buffer_append_text(text, " is not shown to be exceeded; up to ");
        percent_append(text, high, true);
        buffer_append_text(text, " cannot be excluded, more rounds would tell");
    }
}

/* The gate closes where it is established that there is more than allowed: a pipeline that fails now and then without a reason is
 * soon one that nobody looks at. */
static void gate_tell(struct comparison *comparison)
{
    const struct measure *gate = comparison->gate_measure;
    struct buffer text = {0};
    if (isnan(comparison->gate_limit))
        return;
    comparison->is_over_limit = measure_overhead_established(gate) > comparison->gate_limit;
    comparison->may_be_over_limit = !comparison->is_over_limit && measure_overhead(gate, NULL, NULL) > comparison->gate_limit;
    gate_append(&text, comparison);
    (comparison->is_over_limit ? verdict_add_failing : verdict_add)(comparison, text.bytes);
}

/* Whoever compares a program that the library is not loaded into learns nothing about it. */
static void absence_tell(struct comparison *comparison)
{
    const struct span_accounts *spans = &comparison->spans;
    if (isnan(spans->made) && spans->arrived == 0 && spans->is_disabled)
        verdict_add(comparison, memory_copy_text("spans: none, because OTEL_SDK_DISABLED is true: the library does nothing"));
    else if (isnan(spans->made) && spans->arrived == 0)
        verdict_add(comparison, memory_copy_text("spans: no sign of the library in the program: it may not be loaded (spanload check "
                                                 "tells), or standard error was closed or led elsewhere"));
}

/* Its first line: what the program said stands behind it. */
static void fault_tell(struct comparison *comparison)
{
    struct buffer text = {0};
    if (comparison->fault == NULL)
        return;
    size_t len = strcspn(comparison->fault, "\n");
    buffer_append(&text, comparison->fault, len - (len > 0 && comparison->fault[len] == '\n' && comparison->fault[len - 1] == ':'));
    comparison->has_different_outcome = true;
    verdict_add_failing(comparison, text.bytes);
}

void verdicts_tell(struct comparison *comparison)
{
    verdict_add(comparison, measure_verdict(comparison->gate_measure));
    fault_tell(comparison);
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
