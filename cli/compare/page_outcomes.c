/*
 * page_outcomes.c - what came out of the runs, and whether it is the same: exit status, output, files.
 */
#include "page.h"

#include "html.h"

#include <string.h>

/* A word, which is never only a colour, and the class of its colour. */
static const struct {
    const char *words, *class;
} judgements[] = {
    [SAME] = {"✓ the same", "same"},
    [DIFFERENT] = {"✗ different", "different"},
    [VARIES] = {"varies anyway", "varies"},
};

static bool outcome_is_compared(const struct outcome *outcome)
{
    return outcome->is_looked_at && outcome->difference.runs > 0;
}

static void texts_append(struct buffer *page, const struct outcome *outcome)
{
    const char *without = outcome->text[BASELINE], *with = outcome->text[INSTRUMENTED];
    if (without == NULL || with == NULL)
        return;
    buffer_append_text(page, "<p>");
    html_append_elided(page, without, 200);
    if (strcmp(without, with) != 0) {
        buffer_append_text(page, " without, ");
        html_append_elided(page, with, 200);
        buffer_append_text(page, " with the library");
    }
    buffer_append_text(page, "</p>\n");
}

static void lines_append(struct buffer *page, const struct difference *difference)
{
    if (difference->kind == DIFFERENT && difference->runs_without > 0) {
        struct buffer words = {0};
        difference_append_frequency(&words, difference);
        buffer_append_text(page, "<p>");
        html_append_len(page, words.bytes, words.len);
        buffer_append_text(page, "</p>\n");
        buffer_finish(&words);
    } else if (difference->kind == DIFFERENT)
        buffer_append_format(page, "<p>Different in %zu of %zu runs with the library.</p>\n", difference->runs_different,
                             difference->runs);
    else if (difference->kind == VARIES)
        buffer_append_text(page, "<p>It changes from run to run without the library too: nothing can be said.</p>\n");
    if (difference->lines_varying > 0)
        buffer_append_format(
            page, "<p class=\"quiet\">%zu of %zu lines change from run to run without the library too: left out.</p>\n",
            difference->lines_varying, difference->lines);
}

/* A line keeps its sign, so that colour says nothing that the text does not. */
static void diff_append(struct buffer *page, const struct outcome *outcome)
{
    if (outcome->difference.diff == NULL)
        return;
    buffer_append_format(
        page,
        "<p class=\"quiet\"><span class=\"key base\">−</span> without, <span class=\"key with\">+</span> with the "
        "library</p>\n<pre class=\"diff\" tabindex=\"0\" role=\"region\" aria-label=\"The difference of %s\"><code>",
        outcome->name);
    for (const char *line = outcome->difference.diff; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *element = *line == '-' ? "del" : *line == '+' ? "ins" : "span";
        buffer_append_format(page, "<%s>", element);
        html_append_len(page, line, len);
        buffer_append_format(page, "\n</%s>", element);
        line += len + (line[len] == '\n');
    }
    buffer_append_text(page, "</code></pre>\n");
}

static void outcome_append(struct buffer *page, const struct outcome *outcome)
{
    enum difference_kind kind = outcome->difference.kind;
    buffer_append_format(page, "<article class=\"outcome\"><h3>%s <span class=\"tag %s\">%s</span></h3>\n", outcome->name,
                         judgements[kind].class, kind == SAME && !outcome_is_one_text(outcome) ? "✓ nothing new" : judgements[kind].words);
    texts_append(page, outcome);
    lines_append(page, &outcome->difference);
    diff_append(page, outcome);
    buffer_append_text(page, "</article>\n");
}

void page_outcomes(struct buffer *page, const struct comparison *comparison)
{
    struct buffer others = {0};
    page_section_begin(page, "outcomes", "What came out");
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome *outcome = &comparison->outcomes[i];
        if (outcome_is_compared(outcome))
            outcome_append(page, outcome);
        else
            buffer_append_format(&others, "%s%s", others.len > 0 ? ", " : "", outcome->name);
    }
    if (others.len > 0)
        buffer_append_format(page, "<p class=\"quiet\">Not compared: %s.</p>\n", others.bytes);
    buffer_finish(&others);
    page_section_end(page);
}
