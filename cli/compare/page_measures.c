/*
 * page_measures.c - what was measured: as a table, and its ratios side by side as a picture.
 *
 * On a narrow screen the table's rows become cards, each cell below a label of its own. That takes their roles from the
 * elements (CSS display does), so the roles are spelled out.
 */
#include "page.h"

#include "axis.h"
#include "html.h"
#include "svg.h"

#include <math.h>
#include <stdlib.h>

/* ---- the table ---- */

static bool is_less_sure(const struct measure *measure)
{
    return measure->ratio.confidence > 0 && measure->ratio.confidence < CONFIDENCE_WANTED;
}

static void cell_begin(struct buffer *page, const char *class, const char *label)
{
    buffer_append_format(page, "<td role=\"cell\" class=\"%s\" data-label=\"%s\">", class, label);
}

static void value_cell(struct buffer *page, const struct measure *measure, enum variant variant, const char *label)
{
    cell_begin(page, svg_class(variant), label);
    html_append_value(page, measure->unit, measure->median[variant]);
    buffer_append_text(page, "</td>");
}

static void judgement_append(struct buffer *page, const struct measure *measure)
{
    if (!measure_is_different(measure))
        return;
    double overhead = measure_overhead(measure, NULL, NULL);
    buffer_append_format(page, " <span class=\"tag\">%s</span>", overhead > 0 ? "costs more" : "costs less");
}

static void interval_append(struct buffer *page, const struct measure *measure)
{
    html_append_interval(page, &measure->ratio);
    if (is_less_sure(measure))
        buffer_append_format(page, " <small>(%.0f&nbsp;%%&nbsp;sure)</small>", floor(measure->ratio.confidence * 100));
}

static void noise_append(struct buffer *page, const struct measure *measure)
{
    html_append_ratio(page, measure->noise.value);
    if (measure->noise.confidence <= 0)
        return;
    buffer_append_text(page, " <small>(");
    html_append_interval(page, &measure->noise);
    buffer_append_text(page, ")</small>");
}

static void row_append(struct buffer *page, const struct measure *measure)
{
    buffer_append_format(page, "<tr role=\"row\"%s><th role=\"rowheader\" scope=\"row\">",
                         measure->is_part ? " class=\"part\"" : "");
    html_append(page, measure->name);
    buffer_append_format(page, "%s</th>", measure->more_is_better ? " <small>(more is better)</small>" : "");
    value_cell(page, measure, BASELINE, "without");
    value_cell(page, measure, INSTRUMENTED, "with");
    cell_begin(page, "ratio", "ratio");
    html_append_ratio(page, measure->ratio.value);
    judgement_append(page, measure);
    buffer_append_text(page, "</td>");
    cell_begin(page, "interval", "95 % interval");
    interval_append(page, measure);
    buffer_append_text(page, "</td>");
    cell_begin(page, "noise", "noise");
    noise_append(page, measure);
    buffer_append_text(page, "</td></tr>\n");
}

void page_measures(struct buffer *page, const struct comparison *comparison)
{
    static const char *const columns[] = {"measure", "without", "with", "ratio", "95&nbsp;% interval", "baseline against itself"};
    page_section_begin(page, "measures", "What was measured");
    buffer_append_text(page, "<p class=\"quiet\">Medians of the rounds. A ratio is with the library / without.</p>\n"
                             "<table class=\"measures\" role=\"table\" aria-label=\"What was measured\">\n"
                             "<thead role=\"rowgroup\"><tr role=\"row\">");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        buffer_append_format(page, "<th role=\"columnheader\" scope=\"col\">%s</th>", columns[i]);
    buffer_append_text(page, "</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for (size_t i = 0; i < comparison->measure_count; i++)
        row_append(page, &comparison->measures[i]);
    buffer_append_text(page, "</tbody></table>\n");
    page_section_end(page);
}

/* ---- the ratios ---- */

enum { ROW_HEIGHT = 32, RATIO_MIDDLE = 11, NOISE_MIDDLE = 24, TICKS_HEIGHT = 20, TICK_STEPS = 7 };

/* A reach this many times as long as that of the measure in the middle leaves the picture: else nothing is seen of it. */
static const double farthest = 5, least_reach = 0.01;

static double estimate_reach(const struct estimate *estimate)
{
    if (!isfinite(estimate->value))
        return 0;
    double low = fabs(fmin(estimate->low, estimate->value) - 1), high = fabs(fmax(estimate->high, estimate->value) - 1);
    double reach = fmax(low, high);
    return isfinite(reach) ? reach : 0;
}

static bool measure_has_ratio(const struct measure *measure)
{
    return isfinite(measure->ratio.value) || isfinite(measure->noise.value);
}

/* Parts, which often are small and noisy, do not decide how wide the picture is. */
static struct axis ratios_axis(const struct comparison *comparison)
{
    double reaches[MEASURES_MOST], low = 1, high = 1;
    size_t count = 0;
    for (size_t i = 0; i < comparison->measure_count; i++) {
        const struct measure *measure = &comparison->measures[i];
        if (measure_has_ratio(measure) && !measure->is_part)
            reaches[count++] = fmax(estimate_reach(&measure->ratio), estimate_reach(&measure->noise));
    }
    double limit = count > 0 ? fmax(median_of(reaches, count), least_reach) * farthest : HUGE_VAL;
    for (size_t i = 0; i < comparison->measure_count * 2; i++) {
        const struct measure *measure = &comparison->measures[i / 2];
        const struct estimate *estimate = i % 2 == 0 ? &measure->ratio : &measure->noise;
        if (!isfinite(estimate->value))
            continue;
        low = fmin(low, fmax(fmin(estimate->low, estimate->value), 1 - limit));
        high = fmax(high, fmin(fmax(estimate->high, estimate->value), 1 + limit));
    }
    return axis_over(low, high, 2 * least_reach);
}

static void grid_append(struct buffer *page, const struct axis *axis, int height)
{
    double ticks[TICKS_MOST], step;
    size_t count = axis_ticks(axis, TICK_STEPS, ticks, &step);
    for (size_t i = 0; i < count; i++)
        svg_upright(page, "grid", axis_place(axis, ticks[i]), 0, height);
    svg_upright(page, "one", axis_place(axis, 1), 0, height);
}

/* The interval as a bar, its middle as a mark; what is beyond the picture has an arrow instead. */
static void estimate_draw(struct buffer *page, const struct axis *axis, const struct estimate *estimate, enum variant variant,
                          double middle)
{
    if (isnan(estimate->value))
        return;
    double height = variant == INSTRUMENTED ? 6 : 3;
    if (estimate->confidence > 0 && estimate->low <= axis->high && estimate->high >= axis->low) {
        buffer_append_format(page, "<g class=\"interval %s\">", svg_class(variant));
        svg_bar(page, "bar", axis_place(axis, estimate->low), axis_place(axis, estimate->high), middle - height / 2, height);
        buffer_append_text(page, "</g>");
    }
    if (axis_shows(axis, estimate->value)) {
        svg_mark(page, variant, axis_place(axis, estimate->value), middle);
        return;
    }
    svg_text_begin(page, svg_class(variant), estimate->value > 1 ? 100 : 0, middle + 4);
    buffer_append_text(page, estimate->value > 1 ? "▸" : "◂");
    svg_text_end(page);
}

static void ratio_append(struct buffer *page, const struct axis *axis, const struct measure *measure)
{
    buffer_append_format(page, "<li class=\"row%s\"><span class=\"label\">", measure->is_part ? " part" : "");
    html_append(page, measure->name);
    buffer_append_text(page, measure->more_is_better ? " <small>(more is better)</small>" : "");
    buffer_append_text(page, "</span><span class=\"figure\">");
    html_append_ratio(page, measure->ratio.value);
    buffer_append_text(page, "</span>\n");
    svg_begin(page, "picture", ROW_HEIGHT);
    html_append(page, measure->name);
    buffer_append_text(page, ": ratio ");
    html_append_ratio(page, measure->ratio.value);
    buffer_append_text(page, ", interval ");
    html_append_interval(page, &measure->ratio);
    buffer_append_text(page, "; baseline against itself ");
    html_append_ratio(page, measure->noise.value);
    buffer_append_text(page, ", interval ");
    html_append_interval(page, &measure->noise);
    svg_described(page);
    grid_append(page, axis, ROW_HEIGHT);
    estimate_draw(page, axis, &measure->noise, BASELINE_AGAIN, NOISE_MIDDLE);
    estimate_draw(page, axis, &measure->ratio, INSTRUMENTED, RATIO_MIDDLE);
    svg_end(page);
    buffer_append_text(page, "</li>\n");
}

static void ratio_ticks_append(struct buffer *page, const struct axis *axis)
{
    double ticks[TICKS_MOST], step;
    size_t count = axis_ticks(axis, TICK_STEPS, ticks, &step);
    int digits = step < 0.01 ? 3 : step < 0.1 ? 2 : step < 1 ? 1 : 0;
    buffer_append_text(page, "<li class=\"row ticks\">");
    svg_begin(page, "picture", TICKS_HEIGHT);
    buffer_append_text(page, "the axis of the ratios");
    svg_described(page);
    for (size_t i = 0; i < count; i++) {
        svg_text_begin(page, "tick", axis_place(axis, ticks[i]), 14);
        buffer_append_format(page, "%.*f", digits, fabs(ticks[i]));
        svg_text_end(page);
    }
    svg_end(page);
    buffer_append_text(page, "</li>\n");
}

void page_ratios(struct buffer *page, const struct comparison *comparison)
{
    struct axis axis = ratios_axis(comparison);
    bool has_any = false;
    for (size_t i = 0; i < comparison->measure_count; i++)
        has_any |= measure_has_ratio(&comparison->measures[i]);
    if (!has_any)
        return;
    page_section_begin(page, "ratios", "Ratios");
    buffer_append_text(page, "<p class=\"quiet\"><span class=\"key with\">◆</span> with the library / without, on its interval; "
                             "<span class=\"key again\">○</span> the baseline against itself: a difference that is no wider "
                             "than this one is the machine’s. The strong line is 1, no difference; an arrow points beyond the "
                             "picture.</p>\n<ul class=\"rows\">\n");
    for (size_t i = 0; i < comparison->measure_count; i++)
        if (measure_has_ratio(&comparison->measures[i]))
            ratio_append(page, &axis, &comparison->measures[i]);
    ratio_ticks_append(page, &axis);
    buffer_append_text(page, "</ul>\n");
    page_section_end(page);
}
