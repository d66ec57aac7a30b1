/*
 * report_json.c - a comparison as JSON, for pipelines and for whoever wants to check the statistics.
 *
 * wall, cpu, rss, syscalls, exit, output and spans are always there, each with baseline, instrumented, ratio and interval;
 * null is what was not measured, or has no ratio; the upper end of an interval that has none is null, too. Times are in nanoseconds,
 * memory in bytes. Every sample is in it, and of how many rounds a ratio comes.
 */
#include "reports.h"

#include "text.h"

#include <cjson/cJSON.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void number_add(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

static void text_add(cJSON *object, const char *key, const char *text)
{
    if (text != NULL)
        cJSON_AddStringToObject(object, key, text);
    else
        cJSON_AddNullToObject(object, key);
}

/* Arguments may be no UTF-8, which JSON has to be. */
static void command_add(cJSON *object, const char *key, const char *command)
{
    char *escaped = command != NULL ? text_escape(command, true) : NULL;
    text_add(object, key, escaped);
    free(escaped);
}

static void interval_add(cJSON *object, const char *key, const struct estimate *estimate)
{
    if (estimate->count < 2 || !isfinite(estimate->low)) {
        cJSON_AddNullToObject(object, key);
        return;
    }
    cJSON *interval = cJSON_AddArrayToObject(object, key);
    cJSON_AddItemToArray(interval, cJSON_CreateNumber(estimate->low));
    cJSON_AddItemToArray(interval, isfinite(estimate->high) ? cJSON_CreateNumber(estimate->high) : cJSON_CreateNull());
}

/* The four that every key has. */
static void sides_add(cJSON *object, double baseline, double instrumented, const struct estimate *ratio)
{
    number_add(object, "baseline", baseline);
    number_add(object, "instrumented", instrumented);
    number_add(object, "ratio", ratio->value);
    interval_add(object, "interval", ratio);
}

static void samples_add(cJSON *object, const struct measure *measure)
{
    static const char *const keys[] = {"baseline", "baseline_again", "instrumented"};
    cJSON *samples = cJSON_AddObjectToObject(object, "samples");
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        cJSON *row = cJSON_AddArrayToObject(samples, keys[variant]);
        for (size_t i = 0; i < measure->count[variant]; i++) {
            double sample = measure->samples[variant][i];
            cJSON_AddItemToArray(row, isfinite(sample) ? cJSON_CreateNumber(sample) : cJSON_CreateNull());
        }
    }
}

static void measure_write(cJSON *root, const struct measure *measure)
{
    static const char *const units[] = {"ns", "bytes", "count", "per second"};
    cJSON *object = cJSON_AddObjectToObject(root, measure->key);
    cJSON_AddStringToObject(object, "name", measure->name);
    cJSON_AddStringToObject(object, "unit", units[measure->unit]);
    sides_add(object, measure->median[BASELINE], measure->median[INSTRUMENTED], &measure->ratio);
    number_add(object, "confidence", measure->ratio.confidence);
    number_add(object, "rounds", (double)measure->ratio.count);
    cJSON *best = cJSON_AddObjectToObject(object, "best");
    number_add(best, "baseline", measure->best[BASELINE]);
    number_add(best, "instrumented", measure->best[INSTRUMENTED]);
    number_add(best, "ratio", measure->best[INSTRUMENTED] / measure->best[BASELINE]);
    cJSON *noise = cJSON_AddObjectToObject(object, "noise");
    number_add(noise, "ratio", measure->noise.value);
    interval_add(noise, "interval", &measure->noise);
    cJSON_AddBoolToObject(object, "is_different", measure_is_different(measure));
    samples_add(object, measure);
}

static void calls_write(cJSON *root, const struct calls *calls)
{
    cJSON *object = cJSON_AddObjectToObject(root, "syscalls");
    double missing = calls->count > 0 ? 0 : NAN;
    sides_add(object, calls->total[BASELINE] + missing, calls->total[INSTRUMENTED] + missing, &calls->ratio);
    cJSON_AddNumberToObject(object, "passes", (double)calls->passes);
    text_add(object, "left_out", calls->left_out);
    cJSON *by_name = cJSON_AddObjectToObject(object, "by_name");
    for (size_t i = 0; i < calls->count; i++) {
        const struct call_row *row = &calls->rows[i];
        cJSON *call = cJSON_AddObjectToObject(by_name, row->name);
        number_add(call, "baseline", row->count[BASELINE]);
        number_add(call, "instrumented", row->count[INSTRUMENTED]);
    }
}

static const char *kind_word(const struct outcome *outcome)
{
    static const char *const words[] = {[SAME] = "same", [DIFFERENT] = "different", [VARIES] = "varies"};
    return outcome->is_looked_at ? words[outcome->difference.kind] : "not compared";
}

static void outcome_details_add(cJSON *object, const struct outcome *outcome)
{
    const struct difference *difference = &outcome->difference;
    cJSON_AddStringToObject(object, "result", kind_word(outcome));
    cJSON_AddNumberToObject(object, "runs", (double)difference->runs);
    cJSON_AddNumberToObject(object, "runs_different", (double)difference->runs_different);
    cJSON_AddNumberToObject(object, "lines", (double)difference->lines);
    cJSON_AddNumberToObject(object, "lines_varying", (double)difference->lines_varying);
    if (difference->runs_without > 0) {
        cJSON_AddNumberToObject(object, "baseline_runs", (double)difference->runs_without);
        cJSON_AddNumberToObject(object, "baseline_runs_alike", (double)difference->runs_without_alike);
    }
    text_add(object, "diff", difference->diff);
}

static const struct estimate no_ratio = {.value = NAN};

static void exit_write(cJSON *root, const struct outcome *outcome)
{
    cJSON *object = cJSON_AddObjectToObject(root, "exit");
    text_add(object, "baseline", outcome->text[BASELINE]);
    text_add(object, "instrumented", outcome->text[INSTRUMENTED]);
    number_add(object, "ratio", NAN);
    interval_add(object, "interval", &no_ratio);
    outcome_details_add(object, outcome);
}

/* stdout, stderr and files beneath their sum in bytes. */
static void output_write(cJSON *root, const struct comparison *comparison)
{
    cJSON *object = cJSON_AddObjectToObject(root, "output");
    double sums[VARIANT_COUNT] = {0};
    bool is_looked_at = comparison->outcomes[OUTCOME_STDOUT].is_looked_at;
    for (size_t i = OUTCOME_STDOUT; i < OUTCOME_COUNT; i++)
        for (int variant = 0; variant < VARIANT_COUNT; variant++)
            sums[variant] += comparison->outcomes[i].is_looked_at ? comparison->outcomes[i].bytes[variant] : 0;
    struct estimate ratio = {.value = sums[INSTRUMENTED] / sums[BASELINE]};
    sides_add(object, is_looked_at ? sums[BASELINE] : NAN, is_looked_at ? sums[INSTRUMENTED] : NAN, &ratio);
    for (size_t i = OUTCOME_STDOUT; i < OUTCOME_COUNT; i++) {
        const struct outcome *outcome = &comparison->outcomes[i];
        cJSON *stream = cJSON_AddObjectToObject(object, outcome->key);
        number_add(stream, "baseline", outcome->bytes[BASELINE]);
        number_add(stream, "instrumented", outcome->bytes[INSTRUMENTED]);
        outcome_details_add(stream, outcome);
    }
}

static void spans_write(cJSON *root, const struct span_accounts *spans)
{
    cJSON *object = cJSON_AddObjectToObject(root, "spans");
    sides_add(object, 0, spans_of_a_run(spans), &no_ratio);
    number_add(object, "made", spans->made);
    number_add(object, "exported", spans->exported);
    number_add(object, "dropped", spans->dropped);
    number_add(object, "sampled_out", spans->sampled_out);
    text_add(object, "dropped_why", spans->dropped_why);
    number_add(object, "arrived", spans->arrived);
    cJSON_AddNumberToObject(object, "runs", (double)spans->runs);
    number_add(object, "requests", spans->requests);
}

static void gate_write(cJSON *root, const struct comparison *comparison)
{
    double low, high, overhead = measure_overhead(comparison->gate_measure, &low, &high);
    cJSON *object = cJSON_AddObjectToObject(root, "gate");
    cJSON_AddStringToObject(object, "metric", comparison->gate_measure->key);
    number_add(object, "overhead", overhead);
    number_add(object, "low", low);
    number_add(object, "high", high);
    number_add(object, "limit", comparison->gate_limit);
    number_add(object, "established", measure_overhead_established(comparison->gate_measure));
    cJSON_AddBoolToObject(object, "is_over_limit", comparison->is_over_limit);
    cJSON_AddBoolToObject(object, "may_be_over_limit", comparison->may_be_over_limit);
    cJSON_AddBoolToObject(object, "has_different_outcome", comparison->has_different_outcome);
    cJSON_AddBoolToObject(object, "passed", comparison_exit_status(comparison) == 0);
}

static void texts_write(cJSON *root, const char *key, char *const *texts, size_t count)
{
    cJSON *array = cJSON_AddArrayToObject(root, key);
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(texts[i]));
}

void report_json(struct buffer *text, const struct comparison *comparison)
{
    cJSON *root = cJSON_CreateObject();
    command_add(root, "command", comparison->command);
    command_add(root, "load_command", comparison->load_command);
    text_add(root, "load_tool", comparison->load_tool);
    text_add(root, "machine", comparison->machine);
    number_add(root, "began_ns", (double)comparison->began_ns);
    cJSON_AddNumberToObject(root, "rounds", (double)comparison->rounds);
    texts_write(root, "verdicts", comparison->verdicts, comparison->verdict_count);
    text_add(root, "fault", comparison->fault);
    gate_write(root, comparison);
    for (size_t i = 0; i < comparison->measure_count; i++)
        measure_write(root, &comparison->measures[i]);
    calls_write(root, &comparison->calls);
    exit_write(root, &comparison->outcomes[OUTCOME_EXIT]);
    output_write(root, comparison);
    spans_write(root, &comparison->spans);
    texts_write(root, "left_out", comparison->left_out, comparison->left_out_count);
    char *printed = cJSON_Print(root);
    buffer_append_text(text, printed);
    buffer_append_text(text, "\n");
    cJSON_free(printed);
    cJSON_Delete(root);
}
