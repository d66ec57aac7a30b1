/*
 * report_html.c - a comparison as one page: what was compared, the verdicts, and what they rest on.
 *
 * The page is one file that loads nothing and runs nothing, so that it can be sent, kept and opened anywhere; a content
 * security policy of its own says so to the browser too. It is UTF-8 with figures as English writes them, whatever the
 * terminal's locale is. Who reads it is sceptical: the verdict comes first, the noise stands beside each figure, and what
 * was left out is told.
 */
#include "reports.h"

#include "html.h"
#include "page.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void page_section_begin(struct buffer *page, const char *id, const char *heading)
{
    buffer_append_format(page, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id, id, heading);
}

void page_section_end(struct buffer *page)
{
    buffer_append_text(page, "</section>\n\n");
}

static void head_append(struct buffer *page, const struct comparison *comparison)
{
    buffer_append_text(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                             "<meta http-equiv=\"Content-Security-Policy\" "
                             "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
                             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                             "<meta name=\"color-scheme\" content=\"light dark\">\n<title>spanload compare: ");
    html_append_elided(page, comparison->command, 60);
    buffer_append_text(page, "</title>\n<style>\n");
    buffer_append_text(page, page_style);
    buffer_append_text(page, "</style>\n</head>\n<body>\n");
}

static void command_append(struct buffer *page, const struct comparison *comparison)
{
    buffer_append_text(page, "<header>\n<p class=\"quiet\">spanload compare</p>\n<h1><code>");
    html_append(page, comparison->command);
    buffer_append_text(page, "</code></h1>\n");
    if (comparison->load_command != NULL) {
        buffer_append_text(page, "<p>a server, under the load of <code>");
        html_append(page, comparison->load_command);
        buffer_append_text(page, "</code></p>\n");
    }
    buffer_append_text(page, "</header>\n\n");
}

/* ---- verdicts ---- */

/* Passed or failed, and why; nothing if nothing was asked and nothing is wrong. */
static void badge_append(struct buffer *page, const struct comparison *comparison)
{
    bool has_failed = comparison_exit_status(comparison) != 0, has_gate = isfinite(comparison->gate_limit);
    if (!has_failed && !has_gate)
        return;
    buffer_append_format(page, "<p class=\"badge\"><strong>%s</strong> ", has_failed ? "✗ Failed" : "✓ Passed");
    if (comparison->has_different_outcome)
        buffer_append_format(page, "what comes out is different%s", comparison->is_over_limit ? ", and " : "");
    if (has_gate && (comparison->is_over_limit || !has_failed)) {
        buffer_append_format(page, "%s of %g&nbsp;%%: ", comparison->is_over_limit ? "over the limit" : "the limit",
                             comparison->gate_limit * 100);
        html_append(page, comparison->gate_measure->name);
        buffer_append_text(page, comparison->may_be_over_limit ? ", which may be exceeded" : "");
    }
    buffer_append_text(page, "</p>\n");
}

/* The number and its sign stay on one line. */
static void sentence_append(struct buffer *page, const char *sentence, size_t len)
{
    const char *end = sentence + len, *sign;
    while ((sign = memmem(sentence, (size_t)(end - sentence), " %", 2)) != NULL) {
        html_append_len(page, sentence, (size_t)(sign - sentence));
        buffer_append_text(page, "&nbsp;%");
        sentence = sign + 2;
    }
    html_append_len(page, sentence, (size_t)(end - sentence));
}

/* Large; how sure it is stands smaller behind it. */
static void first_verdict_append(struct buffer *page, const char *verdict)
{
    size_t len = strlen(verdict);
    const char *details = strstr(verdict, " (");
    size_t head = details ? (size_t)(details - verdict) : len;
    buffer_append_text(page, "<p class=\"first\">");
    sentence_append(page, verdict, head);
    if (details != NULL) {
        buffer_append_text(page, " <span>");
        sentence_append(page, details + 1, len - head - 1);
        buffer_append_text(page, "</span>");
    }
    buffer_append_text(page, "</p>\n");
}

static void verdicts_append(struct buffer *page, const struct comparison *comparison)
{
    bool has_failed = comparison_exit_status(comparison) != 0;
    buffer_append_format(page, "<section class=\"verdict%s\" aria-label=\"Verdict\">\n", has_failed ? " failed" : "");
    badge_append(page, comparison);
    if (comparison->verdict_count > 0)
        first_verdict_append(page, comparison->verdicts[0]);
    for (size_t i = 1; i < comparison->verdict_count; i++) {
        buffer_append_text(page, i == 1 ? "<ul>\n<li>" : "<li>");
        sentence_append(page, comparison->verdicts[i], strlen(comparison->verdicts[i]));
        buffer_append_text(page, "</li>\n");
    }
    buffer_append_text(page, comparison->verdict_count > 1 ? "</ul>\n</section>\n\n" : "</section>\n\n");
}

/* ---- facts ---- */

static void fact_append(struct buffer *page, const char *name, const char *text)
{
    if (text == NULL)
        return;
    buffer_append_format(page, "<div><dt>%s</dt><dd>", name);
    html_append(page, text);
    buffer_append_text(page, "</dd></div>\n");
}

static void facts_append(struct buffer *page, const struct comparison *comparison)
{
    char date[64] = "";
    time_t began = (time_t)(comparison->began_ns / 1000000000);
    struct tm utc;
    struct buffer rounds = {0};
    if (gmtime_r(&began, &utc) != NULL)
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &utc);
    html_append_count(&rounds, comparison->rounds, "round");
    buffer_append_text(&rounds, " of without, without again, with");
    buffer_append_text(page, "<dl class=\"facts\">\n");
    fact_append(page, "rounds", rounds.bytes);
    fact_append(page, "machine", comparison->machine);
    fact_append(page, "began", date);
    fact_append(page, "load read as that of", comparison->load_tool);
    buffer_append_text(page, "</dl>\n\n");
    buffer_finish(&rounds);
}

/* ---- the end ---- */

static void left_out_append(struct buffer *page, const struct comparison *comparison)
{
    if (comparison->left_out_count == 0)
        return;
    page_section_begin(page, "left-out", "What was left out");
    buffer_append_text(page, "<ul>\n");
    for (size_t i = 0; i < comparison->left_out_count; i++) {
        buffer_append_text(page, "<li>");
        html_append(page, comparison->left_out[i]);
        buffer_append_text(page, "</li>\n");
    }
    buffer_append_text(page, "</ul>\n");
    page_section_end(page);
}

static void explanation_append(struct buffer *page)
{
    page_section_begin(page, "reading", "How to read this");
    buffer_append_text(
        page,
        "<dl class=\"reading\">\n"
        "<dt>Round</dt><dd>Each round takes three turns: without the library, without it once more, and with it. What slows the "
        "machine for a while slows all three, so they are compared within their round.</dd>\n"
        "<dt>Ratio</dt><dd>With the library / without. It is the median of the rounds’ ratios, which need not be the ratio of "
        "the "
        "two medians beside it: 1 is no difference, 1.05 is 5&nbsp;% more.</dd>\n"
        "<dt>Interval</dt><dd>Where the true ratio lies, 95&nbsp;% sure (sign test: it assumes nothing of how times are spread, "
        "only "
        "that rounds do not influence each other). Fewer than 6 rounds cannot be that sure; what they can is told.</dd>\n"
        "<dt>Noise: the baseline against itself</dt><dd>The same ratio of two turns that both went without the library. How far "
        "it is "
        "from 1 is what this machine does by itself. “Costs more” and “costs less” stand only where the interval excludes 1 by "
        "more "
        "than that.</dd>\n"
        "<dt>The same</dt><dd>As without the library, every time. Lines that change from run to run without the library too, as "
        "clocks and process ids do, are left out, and that is told.</dd>\n</dl>\n");
    page_section_end(page);
}

static void sections_append(struct buffer *page, const struct comparison *comparison)
{
    head_append(page, comparison);
    command_append(page, comparison);
    buffer_append_text(page, "<main>\n");
    verdicts_append(page, comparison);
    facts_append(page, comparison);
    page_measures(page, comparison);
    page_ratios(page, comparison);
    page_samples(page, comparison);
    page_calls(page, comparison);
    page_outcomes(page, comparison);
    page_spans(page, comparison);
    left_out_append(page, comparison);
    explanation_append(page);
    buffer_append_text(page, "</main>\n</body>\n</html>\n");
}

void report_html(struct buffer *text, const struct comparison *comparison)
{
    locale_t utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    sections_append(text, comparison);
    if (utf8 == (locale_t)0)
        return;
    uselocale(before);
    freelocale(utf8);
}
