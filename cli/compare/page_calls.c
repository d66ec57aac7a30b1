/*
 * page_calls.c - the system calls: what is made more often, or less, as bars to both sides; all of them in a table.
 */
#include "page.h"

#include "axis.h"
#include "html.h"
#include "svg.h"

#include <math.h>
#include <stdlib.h>

enum { BARS_MOST = 20, BAR_HEIGHT = 18 };

static double row_difference(const struct call_row *row)
{
    return row->count[INSTRUMENTED] - row->count[BASELINE];
}

/* From pass to pass the number changes by more than the library makes of it. */
static bool row_is_unsure(const struct call_row *row)
{
    return row->least[INSTRUMENTED] <= row->most[BASELINE] && row->least[BASELINE] <= row->most[INSTRUMENTED];
}

static int compare_differences(const void *left, const void *right)
{
    double a = fabs(row_difference(*(const struct call_row *const *)left));
    double b = fabs(row_difference(*(const struct call_row *const *)right));
    return (a < b) - (a > b);
}

/* Those that differ, the largest difference first, into `rows`, which has room for all. */
static size_t differing_rows(const struct calls *calls, const struct call_row **rows)
{
    size_t count = 0;
    for (size_t i = 0; i < calls->count; i++) {
        double difference = row_difference(&calls->rows[i]);
        if (isfinite(difference) && difference != 0)
            rows[count++] = &calls->rows[i];
    }
    qsort(rows, count, sizeof *rows, compare_differences);
    return count;
}

static void bar_append(struct buffer *page, const struct call_row *row, const struct axis *axis)
{
    double difference = row_difference(row);
    bool is_unsure = row_is_unsure(row);
    buffer_append_text(page, "<li class=\"row\"><span class=\"label\"><code>");
    html_append(page, row->name);
    buffer_append_format(page, "</code>%s</span><span class=\"figure\">", is_unsure ? " <small>(varies)</small>" : "");
    html_append_difference(page, UNIT_COUNT, difference);
    buffer_append_text(page, "</span>\n");
    svg_begin(page, "picture", BAR_HEIGHT);
    html_append(page, row->name);
    buffer_append_text(page, ": ");
    html_append_value(page, UNIT_COUNT, row->count[BASELINE]);
    buffer_append_text(page, " without, ");
    html_append_value(page, UNIT_COUNT, row->count[INSTRUMENTED]);
    buffer_append_text(page, " with");
    svg_described(page);
    buffer_append_format(page, "<g class=\"change %s\">", is_unsure ? "unsure" : difference > 0 ? "more" : "less");
    svg_bar(page, "bar", axis_place(axis, 0), axis_place(axis, difference), 4, 10);
    buffer_append_text(page, "</g>");
    svg_upright(page, "one", axis_place(axis, 0), 0, BAR_HEIGHT);
    svg_end(page);
    buffer_append_text(page, "</li>\n");
}

static void differing_append(struct buffer *page, const struct calls *calls)
{
    const struct call_row **rows = memory_get(calls->count * sizeof *rows);
    size_t count = differing_rows(calls, rows);
    if (count == 0)
        buffer_append_text(page, "<p>Every call is made as often with the library as without.</p>\n");
    else {
        double most = fabs(row_difference(rows[0]));
        struct axis axis = axis_over(-most, most, most);
        buffer_append_text(page, "<p class=\"quiet\">To the right: more often with the library; to the left: less often.</p>\n"
                                 "<ul class=\"rows calls\">\n");
        for (size_t i = 0; i < count && i < BARS_MOST; i++)
            bar_append(page, rows[i], &axis);
        buffer_append_text(page, "</ul>\n");
    }
    if (count > BARS_MOST)
        buffer_append_format(page, "<p class=\"quiet\">%zu more differ by less.</p>\n", count - BARS_MOST);
    free(rows);
}

/* "8", or "8 (7 to 9)" where the passes differ. */
static void count_cell(struct buffer *page, const struct call_row *row, enum variant variant)
{
    buffer_append_format(page, "<td class=\"%s\">", svg_class(variant));
    html_append_value(page, UNIT_COUNT, row->count[variant]);
    if (row->least[variant] < row->most[variant]) {
        buffer_append_text(page, " <small>(");
        html_append_value(page, UNIT_COUNT, row->least[variant]);
        buffer_append_text(page, " to ");
        html_append_value(page, UNIT_COUNT, row->most[variant]);
        buffer_append_text(page, ")</small>");
    }
    buffer_append_text(page, "</td>");
}

static void table_append(struct buffer *page, const struct calls *calls)
{
    buffer_append_format(
        page,
        "<details><summary>All %zu system calls</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"All system calls\"><table>\n<thead><tr><th scope=\"col\">call</th><th scope=\"col\">without</th>"
        "<th scope=\"col\">with</th><th scope=\"col\">difference</th></tr></thead>\n<tbody>\n",
        calls->count);
    for (size_t i = 0; i < calls->count; i++) {
        const struct call_row *row = &calls->rows[i];
        buffer_append_text(page, "<tr><th scope=\"row\"><code>");
        html_append(page, row->name);
        buffer_append_text(page, "</code></th>");
        count_cell(page, row, BASELINE);
        count_cell(page, row, INSTRUMENTED);
        buffer_append_text(page, "<td>");
        html_append_difference(page, UNIT_COUNT, row_difference(row));
        buffer_append_text(page, "</td></tr>\n");
    }
    buffer_append_text(page, "</tbody></table></div></details>\n");
}

static void total_append(struct buffer *page, const struct calls *calls, bool is_per_request)
{
    buffer_append_text(page, "<p><strong>");
    html_append_value(page, UNIT_COUNT, calls->total[BASELINE]);
    buffer_append_text(page, "</strong> without, <strong>");
    html_append_value(page, UNIT_COUNT, calls->total[INSTRUMENTED]);
    buffer_append_format(page, "</strong> with the library%s: %s of ", is_per_request ? ", for each request" : "",
                         calls->passes > 1 ? "the medians" : "the counts");
    buffer_append_format(page, "%zu pass%s, the ratio is ", calls->passes, calls->passes == 1 ? "" : "es");
    html_append_ratio(page, calls->ratio.value);
    if (calls->ratio.low < calls->ratio.high) {
        buffer_append_text(page, " (");
        html_append_ratio(page, calls->ratio.low);
        buffer_append_text(page, " to ");
        html_append_ratio(page, calls->ratio.high);
        buffer_append_text(page, ")");
    }
    buffer_append_text(page, ".</p>\n");
}

void page_calls(struct buffer *page, const struct comparison *comparison)
{
    const struct calls *calls = &comparison->calls;
    page_section_begin(page, "calls", "System calls");
    if (calls->left_out != NULL) {
        buffer_append_text(page, "<p>Left out: ");
        html_append(page, calls->left_out);
        buffer_append_text(page, "</p>\n");
    } else if (calls->count == 0) {
        buffer_append_text(page, "<p>None were counted.</p>\n");
    } else {
        total_append(page, calls, comparison->load_command != NULL);
        differing_append(page, calls);
        table_append(page, calls);
    }
    page_section_end(page);
}
