/*
 * page_samples.c - each round as a mark: three rows on one axis, for each measure that is not a part of another.
 *
 * The axis spans what lies within three interquartile ranges of the quartiles, of any row (J. W. Tukey's "far out" begins
 * there); what lies farther off is told in words, for one stray round must not press all others into one point. Marks that
 * would hide each other are stacked; where there are too many for that, columns show how many there are.
 */
#include "page.h"

#include "axis.h"
#include "html.h"
#include "svg.h"

#include <math.h>
#include <stdlib.h>

enum {
    ROW_HEIGHT = 52,
    NAME_BOTTOM = 14,
    MARKS_MIDDLE = 33,
    MARKS_TOP = 20,
    MARKS_BOTTOM = 46,
    AXIS_HEIGHT = 22,
    MARKS_MOST = 60, /* in a row; more become columns */
    COLUMNS = 64,
    LEVELS = 5,
    LEVEL_HEIGHT = 5, /* that marks are stacked on */
    TICK_STEPS = 5,
};

static const double mark_width = 2.3; /* percent, on a narrow screen */
static const double far_out = 3, least_spread = 0.01, least_width = 0.04;

/* The finite samples of one variant, sorted; those from `first` to before `last` are shown. */
struct series {
    double *values;
    size_t count, first, last;
    double median;
};

struct strip {
    const struct measure *measure;
    struct series rows[VARIANT_COUNT];
    struct axis axis;
    double precision;                      /* to which medians are told */
};

/* ---- what is shown ---- */

static int compare_values(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double quantile(const struct series *series, double part)
{
    double at = part * (double)(series->count - 1);
    size_t below = (size_t)at, above = below + 1 < series->count ? below + 1 : below;
    return series->values[below] + (at - (double)below) * (series->values[above] - series->values[below]);
}

static void series_find_far_out(struct series *series)
{
    double lower = quantile(series, 0.25), upper = quantile(series, 0.75);
    double reach = far_out * fmax(upper - lower, least_spread * fabs(series->median));
    series->first = 0;
    series->last = series->count;
    while (series->values[series->first] < lower - reach)
        series->first++;
    while (series->values[series->last - 1] > upper + reach)
        series->last--;
}

/* What is far out of its own row may be in the midst of another's: then the axis has room for it. */
static void series_show_within(struct series *series, double low, double high)
{
    while (series->first > 0 && series->values[series->first - 1] >= low)
        series->first--;
    while (series->last < series->count && series->values[series->last] <= high)
        series->last++;
}

static struct series series_of(const struct measure *measure, enum variant variant)
{
    struct series series = {.values = memory_get(measure->count[variant] * sizeof(double))};
    for (size_t i = 0; i < measure->count[variant]; i++)
        if (isfinite(measure->samples[variant][i]))
            series.values[series.count++] = measure->samples[variant][i];
    qsort(series.values, series.count, sizeof *series.values, compare_values);
    if (series.count == 0)
        return series;
    series.median = median_of(series.values, series.count);
    series_find_far_out(&series);
    return series;
}

/* One digit more than the ticks have, and three at least of the least median. */
static double strip_precision(const struct strip *strip)
{
    double ticks[TICKS_MOST], step;
    axis_ticks(&strip->axis, TICK_STEPS, ticks, &step);
    step /= 10;
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        if (strip->rows[variant].count > 0 && strip->rows[variant].median > 0)
            step = fmin(step, pow(10, floor(log10(strip->rows[variant].median)) - 2));
    return step;
}

static struct strip strip_of(const struct measure *measure)
{
    struct strip strip = {.measure = measure};
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        struct series *series = &strip.rows[variant];
        *series = series_of(measure, variant);
        if (series->count == 0)
            continue;
        low = fmin(low, series->values[series->first]);
        high = fmax(high, series->values[series->last - 1]);
    }
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        series_show_within(&strip.rows[variant], low, high);
    strip.axis = axis_over(low, high, least_width * fabs(high));
    if (low >= 0)
        strip.axis.low = fmax(strip.axis.low, 0);
    strip.precision = strip_precision(&strip);
    return strip;
}

static void strip_finish(struct strip *strip)
{
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        free(strip->rows[variant].values);
}

/* ---- words ---- */

static const char *variant_name(enum variant variant)
{
    static const char *const names[] = {"without", "without, again", "with"};
    return names[variant];
}

/* As many digits as the step of the axis needs, all in one unit: 1.24 ms and 1.25 ms, never 1.2 ms twice. */
static void precise_append(struct buffer *page, enum unit unit, double value, double step, double largest)
{
    static const struct {
        double size;
        const char *name;
    } scales[2][4] = {{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}}, {{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}}};
    bool has_scale = unit == UNIT_NS || unit == UNIT_BYTES;
    if (!has_scale && (step >= 1 || value == floor(value))) {
        html_append_value(page, unit, value);
        return;
    }
    size_t kind = unit == UNIT_BYTES, i = 0;
    while (i < 3 && largest < scales[kind][i].size)
        i++;
    double size = has_scale ? scales[kind][i].size : 1;
    if (value != 0 && (fabs(value) / size >= 1e12 || fabs(value) / size < 1e-6)) {    /* no sensible number of digits */
        html_append_value(page, unit, value);
        return;
    }
    int digits = step < size ? (int)fmin(ceil(-log10(step / size) - 1e-9), 6) : 0;
    buffer_append_format(page, "%.*f", digits, value / size);
    if (has_scale)
        buffer_append_format(page, " %s", scales[kind][i].name);
    else if (unit == UNIT_PER_SECOND)
        buffer_append_text(page, "/s");
}

static void median_append(struct buffer *page, const struct strip *strip, enum variant variant)
{
    const struct series *series = &strip->rows[variant];
    if (series->count > 0)
        precise_append(page, strip->measure->unit, series->median, strip->precision, strip->axis.high);
    else
        buffer_append_text(page, "not measured");
}

static void description_append(struct buffer *page, const struct strip *strip)
{
    html_append(page, strip->measure->name);
    buffer_append_text(page, " of each round. Medians:");
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        buffer_append_format(page, "%s %s ", variant > 0 ? ";" : "", variant_name(variant));
        median_append(page, strip, variant);
    }
}

static size_t far_out_count(const struct series *series)
{
    return series->first + (series->count - series->last);
}

/* "without: 1 at 340 ms", "with: 3 from 2 ms to 340 ms" */
static void far_out_append(struct buffer *page, const struct series *series, enum variant variant, enum unit unit)
{
    bool is_below = series->first > 0, is_above = series->last < series->count;
    double low = series->values[is_below ? 0 : series->last];
    double high = series->values[is_above ? series->count - 1 : series->first - 1];
    buffer_append_format(page, "%s: %zu %s ", variant_name(variant), far_out_count(series), low < high ? "from" : "at");
    html_append_value(page, unit, low);
    if (low == high)
        return;
    buffer_append_text(page, " to ");
    html_append_value(page, unit, high);
}

static void all_far_out_append(struct buffer *page, const struct strip *strip)
{
    const char *before = "<p class=\"quiet\">Beyond the axis – ";
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        if (far_out_count(&strip->rows[variant]) == 0)
            continue;
        buffer_append_text(page, before);
        far_out_append(page, &strip->rows[variant], variant, strip->measure->unit);
        before = "; ";
    }
    if (*before == ';')
        buffer_append_text(page, ".</p>\n");
}

/* ---- the picture ---- */

/* Levels are 0, -1, 1, -2, 2: the first on which the mark before is far enough to the left. */
static void marks_draw(struct buffer *page, const struct strip *strip, enum variant variant, double middle)
{
    const struct series *series = &strip->rows[variant];
    double ends[LEVELS];
    for (size_t i = 0; i < LEVELS; i++)
        ends[i] = -HUGE_VAL;
    for (size_t i = series->first; i < series->last; i++) {
        double place = axis_place(&strip->axis, series->values[i]);
        int level = 0, best = 0;
        for (; level < LEVELS && ends[level] > place; level++)
            if (ends[level] < ends[best])
                best = level;
        level = level < LEVELS ? level : best;
        ends[level] = place + mark_width;
        svg_mark(page, variant, place, middle + (level % 2 == 1 ? -1 : 1) * ((level + 1) / 2) * LEVEL_HEIGHT);
    }
}

static void columns_draw(struct buffer *page, const struct strip *strip, enum variant variant, double bottom)
{
    const struct series *series = &strip->rows[variant];
    size_t counts[COLUMNS] = {0}, most = 1;
    double width = 100.0 / COLUMNS;
    for (size_t i = series->first; i < series->last; i++) {
        size_t *count = &counts[(size_t)fmin(axis_place(&strip->axis, series->values[i]) / width, COLUMNS - 1)];
        if (++*count > most)
            most = *count;
    }
    buffer_append_format(page, "<g class=\"columns %s\">", svg_class(variant));
    for (int i = 0; i < COLUMNS; i++) {
        double height = (double)counts[i] / (double)most * (MARKS_BOTTOM - MARKS_TOP);
        if (counts[i] > 0)
            svg_bar(page, "bar", i * width, (i + 1) * width - 0.2, bottom - fmax(height, 1), fmax(height, 1));
    }
    buffer_append_text(page, "</g>");
}

static void row_name_append(struct buffer *page, const struct strip *strip, enum variant variant, int top)
{
    static const char *const signs[] = {"●", "○", "◆"};
    size_t count = far_out_count(&strip->rows[variant]);
    svg_text_begin(page, svg_class(variant), 0, top + NAME_BOTTOM);
    buffer_append_format(page, "%s %s", signs[variant], variant_name(variant));
    svg_text_end(page);
    svg_text_begin(page, "note", 100, top + NAME_BOTTOM);
    buffer_append_text(page, strip->rows[variant].count > 0 ? "median " : "");
    median_append(page, strip, variant);
    if (count > 0)
        buffer_append_format(page, ", %zu beyond", count);
    svg_text_end(page);
}

static void row_draw(struct buffer *page, const struct strip *strip, enum variant variant)
{
    const struct series *series = &strip->rows[variant];
    int top = (int)variant * ROW_HEIGHT;
    row_name_append(page, strip, variant, top);
    if (series->count == 0)
        return;
    if (series->count > MARKS_MOST)
        columns_draw(page, strip, variant, top + MARKS_BOTTOM);
    else
        marks_draw(page, strip, variant, top + MARKS_MIDDLE);
    buffer_append_format(page, "<g class=\"median %s\">", svg_class(variant));
    svg_upright(page, "tall", axis_place(&strip->axis, series->median), top + MARKS_TOP - 1, top + MARKS_BOTTOM + 1);
    buffer_append_text(page, "</g>\n");
}

static void strip_axis_draw(struct buffer *page, const struct strip *strip)
{
    double ticks[TICKS_MOST], step;
    size_t count = axis_ticks(&strip->axis, TICK_STEPS, ticks, &step);
    int bottom = VARIANT_COUNT * ROW_HEIGHT;
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        for (size_t i = 0; i < count; i++)
            svg_upright(page, "grid", axis_place(&strip->axis, ticks[i]), variant * ROW_HEIGHT + MARKS_TOP - 1,
                        variant * ROW_HEIGHT + MARKS_BOTTOM + 1);
    for (size_t i = 0; i < count; i++) {
        svg_text_begin(page, "tick", axis_place(&strip->axis, ticks[i]), bottom + AXIS_HEIGHT - 7);
        precise_append(page, strip->measure->unit, ticks[i], step, strip->axis.high);
        svg_text_end(page);
    }
}

static void strip_append(struct buffer *page, const struct strip *strip)
{
    buffer_append_text(page, "<figure>\n<figcaption>");
    html_append(page, strip->measure->name);
    buffer_append_text(page, strip->measure->more_is_better ? " <small>(more is better)</small>" : "");
    buffer_append_text(page, "</figcaption>\n");
    svg_begin(page, "picture strip", VARIANT_COUNT * ROW_HEIGHT + AXIS_HEIGHT);
    description_append(page, strip);
    svg_described(page);
    strip_axis_draw(page, strip);
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        row_draw(page, strip, variant);
    svg_end(page);
    all_far_out_append(page, strip);
    buffer_append_text(page, "</figure>\n");
}

static bool measure_is_shown(const struct measure *measure)
{
    return !measure->is_part && !measure->is_of_process && measure->count[BASELINE] + measure->count[BASELINE_AGAIN] + measure->count[INSTRUMENTED] > 0;
}

void page_samples(struct buffer *page, const struct comparison *comparison)
{
    size_t count = 0;
    for (size_t i = 0; i < comparison->measure_count; i++)
        count += measure_is_shown(&comparison->measures[i]);
    if (count == 0)
        return;
    page_section_begin(page, "rounds", "Every round");
    buffer_append_format(
        page, "<p class=\"quiet\">%s The line is the median. An axis need not begin at 0.</p>\n<div class=\"strips\">\n",
        comparison->rounds > MARKS_MOST ? "The taller a column, the more rounds." : "A mark is a round.");
    for (size_t i = 0; i < comparison->measure_count; i++) {
        if (!measure_is_shown(&comparison->measures[i]))
            continue;
        struct strip strip = strip_of(&comparison->measures[i]);
        strip_append(page, &strip);
        strip_finish(&strip);
    }
    buffer_append_text(page, "</div>\n");
    page_section_end(page);
}
