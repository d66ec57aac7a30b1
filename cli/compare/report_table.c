/*
 * report_table.c - a comparison as a table for a terminal, or a log.
 *
 * The verdict stands last: that is where one looks after a command has ended.
 */
#include "reports.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 30, VALUE_WIDTH = 12, RATIO_WIDTH = 9, INTERVAL_WIDTH = 18, CALLS_SHOWN = 12 };

/* System calls whose number differs by less are not shown: per request, one in a hundred requests. */
static const double change_least = 0.01;

struct table {
    struct buffer *text;
    const struct comparison *comparison;
    const struct terminal *terminal;
};

static const char bold[] = "1", red[] = "31", faint[] = "2";

/* ---- cells ---- */

static void coloured_append(const struct table *table, const char *text, const char *colour)
{
    bool is_coloured = table->terminal->has_colour && colour != NULL;
    if (is_coloured)
        buffer_append_format(table->text, "\033[%sm", colour);
    buffer_append_text(table->text, text);
    if (is_coloured)
        buffer_append_text(table->text, "\033[0m");
}

/* At least `width` columns, and a blank before it where it is too long; to the left if width is negative. */
static void cell_append(const struct table *table, const char *text, int width, const char *colour)
{
    int blanks = abs(width) - text_width(text);
    if (width > 0)
        buffer_append_format(table->text, "%*s", blanks > 0 ? blanks : 1, "");
    coloured_append(table, text, colour);
    if (width < 0)
        buffer_append_format(table->text, "%*s", blanks > 0 ? blanks : 1, "");
}

static void value_append(const struct table *table, enum unit unit, double value)
{
    struct buffer text = {0};
    unit_append(&text, unit, value, table->terminal->has_unicode);
    cell_append(table, text.bytes, VALUE_WIDTH, NULL);
    buffer_finish(&text);
}

static void ratio_append(const struct table *table, double ratio)
{
    struct buffer text = {0};
    ratio_text_append(&text, ratio);
    cell_append(table, text.bytes, RATIO_WIDTH, NULL);
    buffer_finish(&text);
}

static void interval_append(const struct table *table, const struct estimate *ratio, double confidence_wanted)
{
    struct buffer text = {0};
    ratio_text_append(&text, ratio->count > 1 ? ratio->low : NAN);
    if (ratio->count > 1 && isfinite(ratio->low)) {
        buffer_append_text(&text, " to ");
        ratio_text_append(&text, ratio->high);
        if (ratio->confidence < confidence_wanted)
            buffer_append_format(&text, " (%.0f %%)", floor(ratio->confidence * 100));
    }
    cell_append(table, text.bytes, INTERVAL_WIDTH, NULL);
    buffer_finish(&text);
}

static void line_end(const struct table *table)
{
    while (table->text->len > 0 && table->text->bytes[table->text->len - 1] == ' ')
        table->text->len--;
    buffer_append_text(table->text, "\n");
}

/* ---- sections ---- */

static void header_paint(const struct table *table)
{
    const struct comparison *comparison = table->comparison;
    char *command = text_escape(comparison->command, table->terminal->has_unicode);
    coloured_append(table, command, bold);
    buffer_append_text(table->text, "\n");
    if (comparison->load_command != NULL) {
        char *load = text_escape(comparison->load_command, table->terminal->has_unicode);
        buffer_append_format(table->text, "under load: %s (read as %s)\n", load, comparison->load_tool ? comparison->load_tool : "?");
        free(load);
    }
    buffer_append_format(table->text, "%zu round%s, each without the library, again without, and with it; %s\n\n", comparison->rounds,
                         comparison->rounds == 1 ? "" : "s", comparison->machine);
    free(command);
}

static void measures_head_paint(const struct table *table)
{
    static const char *const heads[] = {"without", "with", "ratio", "95 % interval", "noise"};
    static const int widths[] = {VALUE_WIDTH, VALUE_WIDTH, RATIO_WIDTH, INTERVAL_WIDTH, RATIO_WIDTH};
    buffer_append_format(table->text, "%*s", NAME_WIDTH, "");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cell_append(table, heads[i], widths[i], faint);
    line_end(table);
}

static void best_paint(const struct table *table, const struct measure *measure)
{
    cell_append(table, measure->more_is_better ? "  most" : "  least", -NAME_WIDTH, faint);
    value_append(table, measure->unit, measure->best[BASELINE]);
    value_append(table, measure->unit, measure->best[INSTRUMENTED]);
    ratio_append(table, measure->best[INSTRUMENTED] / measure->best[BASELINE]);
    line_end(table);
}

static void measure_paint(const struct table *table, const struct measure *measure)
{
    struct buffer name = {0};
    buffer_append_format(&name, "%s%s", measure->is_part ? "  " : "", measure->name);
    cell_append(table, name.bytes, -NAME_WIDTH, NULL);
    buffer_finish(&name);
    value_append(table, measure->unit, measure->median[BASELINE]);
    value_append(table, measure->unit, measure->median[INSTRUMENTED]);
    ratio_append(table, measure->ratio.value);
    interval_append(table, &measure->ratio, CONFIDENCE_WANTED);
    ratio_append(table, measure->noise.value);
    line_end(table);
    bool has_best = measure == table->comparison->gate_measure || strcmp(measure->key, "cpu") == 0;
    if (has_best && measure->ratio.count > 1)
        best_paint(table, measure);
}

/* Errors are told in words where there are some. */
static void measures_paint(const struct table *table)
{
    const struct comparison *comparison = table->comparison;
    measures_head_paint(table);
    for (size_t i = 0; i < comparison->measure_count; i++)
        if (strcmp(comparison->measures[i].key, "errors") != 0)
            measure_paint(table, &comparison->measures[i]);
    buffer_append_text(table->text, "\n");
}

static double call_change(const struct call_row *row)
{
    return row->count[INSTRUMENTED] - row->count[BASELINE];
}

static int by_change(const void *one, const void *other)
{
    double changes[] = {fabs(call_change(*(struct call_row *const *)one)), fabs(call_change(*(struct call_row *const *)other))};
    return (changes[0] < changes[1]) - (changes[0] > changes[1]);
}

static void call_paint(const struct table *table, const char *name, double without, double with_it)
{
    struct buffer change = {0};
    cell_append(table, name, -NAME_WIDTH, NULL);
    value_append(table, UNIT_COUNT, without);
    value_append(table, UNIT_COUNT, with_it);
    buffer_append_text(&change, with_it > without ? "+" : "");
    unit_append(&change, UNIT_COUNT, with_it - without, table->terminal->has_unicode);
    cell_append(table, change.bytes, RATIO_WIDTH, NULL);
    buffer_finish(&change);
    line_end(table);
}

/* The total, and those that differ most. */
static void calls_paint(const struct table *table)
{
    const struct calls *calls = &table->comparison->calls;
    if (calls->count == 0)
        return;
    const struct call_row **rows = memory_get(calls->count * sizeof *rows);
    for (size_t i = 0; i < calls->count; i++)
        rows[i] = &calls->rows[i];
    qsort(rows, calls->count, sizeof *rows, by_change);
    call_paint(table, table->comparison->load_command ? "system calls per request" : "system calls", calls->total[BASELINE],
               calls->total[INSTRUMENTED]);
    for (size_t i = 0; i < calls->count && i < CALLS_SHOWN && fabs(call_change(rows[i])) >= change_least; i++) {
        struct buffer name = {0};
        buffer_append_format(&name, "  %s", rows[i]->name);
        call_paint(table, name.bytes, rows[i]->count[BASELINE], rows[i]->count[INSTRUMENTED]);
        buffer_finish(&name);
    }
    free(rows);
    buffer_append_text(table->text, "\n");
}

static void outcome_words_append(struct buffer *text, const struct outcome *outcome)
{
    const struct difference *difference = &outcome->difference;
    if (difference->kind == SAME)
        buffer_append_format(text, "%s in %zu run%s", outcome_is_one_text(outcome) ? "the same" : "nothing new",
                             difference->runs, difference->runs == 1 ? "" : "s");
    else if (difference->kind == DIFFERENT && difference->runs_without > 0)
        difference_append_frequency(text, difference);
    else if (difference->kind == DIFFERENT)
        buffer_append_format(text, "different in %zu of %zu runs", difference->runs_different, difference->runs);
    else
        buffer_append_text(text, "changes without the library too, not compared");
    if (difference->kind != VARIES && difference->lines_varying > 0)
        buffer_append_format(text, "; %zu of %zu lines change without the library too: left out", difference->lines_varying,
                             difference->lines);
}

static void outcome_paint(const struct table *table, const struct outcome *outcome)
{
    struct buffer words = {0};
    cell_append(table, outcome->name, -NAME_WIDTH, NULL);
    cell_append(table, outcome->text[BASELINE] ? outcome->text[BASELINE] : "-", VALUE_WIDTH, NULL);
    cell_append(table, outcome->text[INSTRUMENTED] ? outcome->text[INSTRUMENTED] : "-", VALUE_WIDTH, NULL);
    outcome_words_append(&words, outcome);
    buffer_append_text(table->text, "   ");
    coloured_append(table, words.bytes, outcome->difference.kind == DIFFERENT ? red : NULL);
    line_end(table);
    if (outcome->difference.diff != NULL)
        buffer_append_text(table->text, outcome->difference.diff);
    buffer_finish(&words);
}

static void number_words_append(struct buffer *text, double value, const char *words)
{
    unit_append(text, UNIT_COUNT, value, true);
    buffer_append_text(text, words);
}

static void spans_paint(const struct table *table)
{
    const struct span_accounts *spans = &table->comparison->spans;
    struct buffer words = {0};
    cell_append(table, "spans", -NAME_WIDTH, NULL);
    number_words_append(&words, 0, "");
    cell_append(table, words.bytes, VALUE_WIDTH, NULL);
    buffer_clear(&words);
    number_words_append(&words, spans_of_a_run(spans), "");
    cell_append(table, words.bytes, VALUE_WIDTH, NULL);
    buffer_clear(&words);
    if (isnan(spans->made)) {
        buffer_append_text(&words, "no accounts");
    } else {
        number_words_append(&words, spans->exported, " exported, ");
        number_words_append(&words, spans->dropped, " dropped");
    }
    if (spans->dropped_why != NULL)
        buffer_append_format(&words, " (%s)", spans->dropped_why);
    if (spans->sampled_out > 0) {
        buffer_append_text(&words, ", ");
        number_words_append(&words, spans->sampled_out, " sampled out");
    }
    buffer_append_text(&words, "; ");
    number_words_append(&words, spans->arrived, " arrived");
    if (table->comparison->load_command != NULL ? spans->arrived > spans->exported : spans->exported == 0 && spans->arrived > 0)
        buffer_append_text(&words, " (not every process gave its accounts)");
    if (table->comparison->load_command == NULL)
        buffer_append_format(&words, " in %zu run%s", spans->runs, spans->runs == 1 ? "" : "s");
    if (!isnan(spans->requests)) {
        buffer_append_text(&words, ", for ");
        number_words_append(&words, spans->requests, " requests");
    }
    buffer_append_format(table->text, "   %s", words.bytes);
    buffer_finish(&words);
    line_end(table);
}

static void outcomes_paint(const struct table *table)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (table->comparison->outcomes[i].is_looked_at)
            outcome_paint(table, &table->comparison->outcomes[i]);
    spans_paint(table);
}

static void left_out_paint(const struct table *table)
{
    if (table->comparison->load_command != NULL)
        buffer_append_text(table->text, "\nleft out: output and files of the servers: they depend on how many requests came\n");
    const struct comparison *comparison = table->comparison;
    if (comparison->left_out_count > 0 || comparison->calls.left_out != NULL)
        buffer_append_text(table->text, "\n");
    if (comparison->calls.left_out != NULL)
        buffer_append_format(table->text, "left out: %s\n", comparison->calls.left_out);
    for (size_t i = 0; i < comparison->left_out_count; i++)
        buffer_append_format(table->text, "left out: %s\n", comparison->left_out[i]);
}

void report_table(struct buffer *text, const struct comparison *comparison, const struct terminal *terminal)
{
    struct table table = {text, comparison, terminal};
    header_paint(&table);
    measures_paint(&table);
    calls_paint(&table);
    outcomes_paint(&table);
    left_out_paint(&table);
    buffer_append_text(text, "\n");
    for (size_t i = 0; i < comparison->verdict_count; i++) {
        coloured_append(&table, comparison->verdicts[i], i < comparison->failing_count ? red : i == 0 ? bold : NULL);
        buffer_append_text(text, "\n");
    }
}
