/*
 * page_spans.c - what became of the spans, and the first traces that arrived, as a waterfall.
 *
 * The list is flat, and only the first cell of a row is indented: the bars of a trace then share one axis of time.
 * family.c says who is whose child.
 */
#include "page.h"

#include "axis.h"
#include "family.h"
#include "html.h"
#include "svg.h"
#include "text.h"

#include <math.h>
#include <string.h>

enum { TRACES_MOST = 3, SPANS_MOST = 40, INDENT_MOST = 10, BAR_HEIGHT = 14, TEXT_MOST = 100 };

/* ---- accounts ---- */

static void account_append(struct buffer *page, const char *name, double value, const char *note, bool is_bad)
{
    if (isnan(value) && note == NULL)
        return;
    buffer_append_format(page, "<div%s><dt>%s</dt><dd>", is_bad ? " class=\"bad\"" : "", name);
    html_append_value(page, UNIT_COUNT, value);
    if (note != NULL) {
        buffer_append_text(page, " <small>");
        html_append(page, note);
        buffer_append_text(page, "</small>");
    }
    buffer_append_text(page, "</dd></div>\n");
}

static void accounts_append(struct buffer *page, const struct comparison *comparison)
{
    const struct span_accounts *spans = &comparison->spans;
    const char *no_account = isnan(spans->made) ? "the library gave no account" : NULL;
    buffer_append_format(page, "<p class=\"quiet\">%s</p>\n<dl class=\"accounts\">\n",
                         comparison->load_command ? "In the whole life of the server with the library."
                                                  : "Of one run with the library; arrivals are those of all runs.");
    account_append(page, "requests answered", spans->requests, NULL, false);
    account_append(page, "spans made", spans->made, no_account, false);
    account_append(page, "exported", spans->exported, NULL, false);
    account_append(page, "dropped", spans->dropped, spans->dropped > 0 ? spans->dropped_why : NULL, spans->dropped > 0);
    if (spans->sampled_out > 0)
        account_append(page, "sampled out", spans->sampled_out, NULL, false);
    struct buffer runs = {0};
    buffer_append_format(&runs, "in %zu run%s", spans->runs, spans->runs == 1 ? "" : "s");
    account_append(page, "arrived", spans->arrived, comparison->load_command ? NULL : runs.bytes, false);
    buffer_finish(&runs);
    buffer_append_text(page, "</dl>\n");
}

/* ---- a trace ---- */

/* The time that its spans take up; both 0 if no span tells. */
struct period {
    uint64_t start_ns, end_ns;
};

static uint64_t span_end(const struct span *span)
{
    return span->end_ns > span->start_ns ? span->end_ns : span->start_ns;
}

static struct period trace_period(const struct trace *trace)
{
    struct period period = {0};
    for (const struct span *span = trace->first; span != NULL; span = span->next) {
        if (span->start_ns == 0)
            continue;
        if (period.start_ns == 0 || span->start_ns < period.start_ns)
            period.start_ns = span->start_ns;
        if (span_end(span) > period.end_ns)
            period.end_ns = span_end(span);
    }
    return period;
}

static void duration_append(struct buffer *page, const struct span *span)
{
    if (span->start_ns > 0 && span->end_ns >= span->start_ns)
        text_append_duration(page, span->end_ns - span->start_ns, true);
    else
        buffer_append_text(page, "?");
}

static const char *kind_name(enum span_kind kind)
{
    static const char *const names[] = {"internal", "internal", "server", "client", "producer", "consumer"};
    return names[kind];
}

static void what_append(struct buffer *page, const struct branch *branch)
{
    const struct span *span = branch->span;
    buffer_append_format(page, "<span class=\"what\" style=\"--depth:%d\"><span class=\"hidden\">level %d: </span>",
                         branch->depth < INDENT_MOST ? branch->depth : INDENT_MOST, branch->depth + 1);
    if (branch->parent_is_unseen)
        buffer_append_text(page, "<small>↑ parent not seen</small> ");
    html_append_elided(page, span->service, TEXT_MOST / 2);
    buffer_append_format(page, " <small class=\"kind\">%s</small> <strong>", kind_name(span->kind));
    html_append_elided(page, span->name, TEXT_MOST);
    buffer_append_text(page, "</strong> <span class=\"target\">");
    html_append_elided(page, span->target, TEXT_MOST);
    buffer_append_text(page, "</span></span>\n");
}

static void bar_append(struct buffer *page, const struct span *span, const struct period *period)
{
    struct axis axis = {0, fmax((double)(period->end_ns - period->start_ns), 1)};
    double from = span->start_ns > 0 ? (double)(span->start_ns - period->start_ns) : 0;
    double to = span->start_ns > 0 ? (double)(span_end(span) - period->start_ns) : 0;
    svg_begin(page, "picture", BAR_HEIGHT);
    buffer_append_text(page, "begins at ");
    text_append_duration(page, (uint64_t)from, true);
    buffer_append_text(page, ", takes ");
    duration_append(page, span);
    svg_described(page);
    svg_bar(page, "track", 0, 100, BAR_HEIGHT / 2.0 - 0.5, 1);
    if (span->start_ns > 0)
        svg_bar(page,
                span->has_failed            ? "span failed"
                : span->kind == KIND_SERVER ? "span"
                                            : "span asked",
                axis_place(&axis, from), fmax(axis_place(&axis, to), axis_place(&axis, from) + 0.8), 2, BAR_HEIGHT - 4);
    svg_end(page);
}

static void answer_append(struct buffer *page, const struct span *span)
{
    bool has_error = span->has_failed || span->error[0] != '\0';
    buffer_append_format(page, "<span class=\"answer%s\">", has_error ? " failed" : "");
    html_append_elided(page, span->answer, 24);
    if (has_error && strcmp(span->answer, span->error) != 0) {
        buffer_append_text(page, span->answer[0] ? " ✗ " : "✗ ");
        html_append_elided(page, span->error[0] ? span->error : "error", 40);
    } else if (has_error) {
        buffer_append_text(page, " ✗ error");
    }
    buffer_append_text(page, "</span>\n");
}

static void trace_heading(struct buffer *page, const struct trace *trace, size_t count, const struct period *period)
{
    buffer_append_text(page, "<h3>trace <code>");
    html_append_len(page, trace->id, strnlen(trace->id, 8));
    buffer_append_text(page, "</code> <small>");
    html_append_count(page, count, "span");
    buffer_append_text(page, ", ");
    text_append_duration(page, period->end_ns - period->start_ns, true);
    buffer_append_text(page, "</small></h3>\n<ol class=\"spans\">\n");
}

/* Returns the number of spans that were drawn, `most` at most. */
static size_t trace_append(struct buffer *page, const struct trace *trace, size_t most)
{
    struct family family = family_of(trace);
    struct period period = trace_period(trace);
    size_t drawn = 0;
    trace_heading(page, trace, family.count, &period);
    for (struct branch *branch = family.first_root; branch != NULL && drawn < most; branch = family_next(branch), drawn++) {
        buffer_append_text(page, "<li>");
        what_append(page, branch);
        bar_append(page, branch->span, &period);
        answer_append(page, branch->span);
        buffer_append_text(page, "<span class=\"took\">");
        duration_append(page, branch->span);
        buffer_append_text(page, "</span></li>\n");
    }
    buffer_append_text(page, "</ol>\n");
    if (drawn < family.count)
        buffer_append_format(page, "<p class=\"quiet\">%zu more spans of this trace are not shown.</p>\n", family.count - drawn);
    family_finish(&family);
    return drawn;
}

static void sample_append(struct buffer *page, const struct span_store *sample)
{
    const struct trace *trace = sample ? span_store_quietest(sample) : NULL;
    if (trace == NULL)
        return;
    size_t left = SPANS_MOST;
    for (int count = 0; trace != NULL && count < TRACES_MOST && left > 0; trace = trace->livelier, count++)
        left -= trace_append(page, trace, left);
    if (trace != NULL)
        buffer_append_text(page, "<p class=\"quiet\">More traces arrived than are shown.</p>\n");
}

void page_spans(struct buffer *page, const struct comparison *comparison)
{
    const struct span_accounts *spans = &comparison->spans;
    page_section_begin(page, "spans", "Spans");
    accounts_append(page, comparison);
    if (spans->sample == NULL || span_store_quietest(spans->sample) == NULL)
        buffer_append_text(page, "<p>No span arrived.</p>\n");
    else
        sample_append(page, spans->sample);
    page_section_end(page);
}
