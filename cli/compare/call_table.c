/*
 * call_table.c - from counts of single runs to a table of system calls.
 *
 * A few runs of each: how often a program waits depends on the hour, so the least and the most that was seen are kept
 * beside the median.
 */
#include "call_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MOST = 8, OTHERS = SYSTEM_CALLS_MOST, NUMBERS };

struct call_table {
    double counts[VARIANT_COUNT][RUNS_MOST][NUMBERS];
    size_t runs[VARIANT_COUNT];
};

struct call_table *call_table_create(void)
{
    return memory_get(sizeof(struct call_table));
}

void call_table_add(struct call_table *table, enum variant variant, const struct system_call_counts *counts, double per)
{
    if (table->runs[variant] == RUNS_MOST)
        return;
    double *row = table->counts[variant][table->runs[variant]++];
    for (size_t i = 0; i < SYSTEM_CALLS_MOST; i++)
        row[i] = (double)counts->of[i] / per;
    row[OTHERS] = (double)counts->others / per;
}

/* The counts of one number in all runs of a variant; how many there are. */
static size_t column_read(const struct call_table *table, int variant, size_t number, double *column)
{
    for (size_t i = 0; i < table->runs[variant]; i++)
        column[i] = table->counts[variant][i][number];
    return table->runs[variant];
}

static double extreme_of(const double *values, size_t count, bool is_most)
{
    double extreme = values[0];
    for (size_t i = 1; i < count; i++)
        extreme = is_most ? fmax(extreme, values[i]) : fmin(extreme, values[i]);
    return extreme;
}

static bool row_make(const struct call_table *table, size_t number, struct call_row *row)
{
    static const int traced[] = {BASELINE, INSTRUMENTED};
    double column[RUNS_MOST], most = 0;
    for (size_t i = 0; i < 2; i++) {
        size_t count = column_read(table, traced[i], number, column);
        row->count[traced[i]] = median_of(column, count);
        row->least[traced[i]] = extreme_of(column, count, false);
        row->most[traced[i]] = extreme_of(column, count, true);
        most = fmax(most, row->most[traced[i]]);
    }
    if (most > 0)
        row->name = memory_copy_text(number == OTHERS ? "of another architecture" : system_call_name(number));
    return most > 0;
}

static int by_name(const void *one, const void *other)
{
    return strcmp(((const struct call_row *)one)->name, ((const struct call_row *)other)->name);
}

/* Of the sums over all calls; the ends are the least with against the most without, and the reverse. */
static void totals_make(const struct call_table *table, struct calls *calls)
{
    double totals[VARIANT_COUNT][RUNS_MOST] = {{0}};
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        for (size_t run = 0; run < table->runs[variant]; run++)
            for (size_t i = 0; i < NUMBERS; i++)
                totals[variant][run] += table->counts[variant][run][i];
        calls->total[variant] = median_of(totals[variant], table->runs[variant]);
    }
    size_t without = table->runs[BASELINE], with_it = table->runs[INSTRUMENTED];
    calls->ratio = (struct estimate){
        .value = calls->total[INSTRUMENTED] / calls->total[BASELINE],
        .low = extreme_of(totals[INSTRUMENTED], with_it, false) / extreme_of(totals[BASELINE], without, true),
        .high = extreme_of(totals[INSTRUMENTED], with_it, true) / extreme_of(totals[BASELINE], without, false),
        .count = without,
    };
}

char *calls_reason(int error)
{
    struct buffer text = {0};
    if (error == 0)
        return NULL;
    if (error == EPERM || error == EACCES)
        buffer_append_format(&text, "system calls: ptrace is not permitted here (%s)", strerror(error));
    else if (error == ENOSYS)
        buffer_append_text(&text, "system calls: counting them needs ptrace of Linux 5.3 or later");
    else if (error == ETIMEDOUT)
        buffer_append_text(&text, "system calls: the program did not end while it was traced");
    else
        buffer_append_format(&text, "system calls: %s", strerror(error));
    return text.bytes;
}

void call_table_finish(struct call_table *table, char *reason, struct calls *calls)
{
    if (reason != NULL || table->runs[BASELINE] == 0 || table->runs[INSTRUMENTED] == 0) {
        calls->left_out = reason != NULL ? reason : memory_copy_text("system calls: not counted");
    } else {
        calls->rows = memory_get(NUMBERS * sizeof *calls->rows);
        for (size_t number = 0; number < NUMBERS; number++)
            calls->count += row_make(table, number, &calls->rows[calls->count]);
        qsort(calls->rows, calls->count, sizeof *calls->rows, by_name);
        calls->passes = table->runs[BASELINE];
        totals_make(table, calls);
    }
    free(table);
}
