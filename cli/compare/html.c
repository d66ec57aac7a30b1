/*
 * html.c - text and figures, made fit for a page.
 */
#include "html.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char dash[] = "–";

static void markup_escape(struct buffer *page, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t plain; *text != '\0'; text++) {
        plain = strcspn(text, special);
        buffer_append(page, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        buffer_append_text(page, entities[strchr(special, *text) - special]);
    }
}

void html_append(struct buffer *page, const char *text)
{
    char *visible = text_escape(text, true);
    markup_escape(page, visible);
    free(visible);
}

void html_append_len(struct buffer *page, const char *text, size_t len)
{
    struct buffer part = {0};
    buffer_append(&part, text, len);
    html_append(page, part.bytes);
    buffer_finish(&part);
}

void html_append_elided(struct buffer *page, const char *text, int width)
{
    struct buffer shorter = {0};
    char *visible = text_escape(text, true);
    text_append_elided(&shorter, visible, width, true);
    markup_escape(page, shorter.len > 0 ? shorter.bytes : "");
    buffer_finish(&shorter);
    free(visible);
}

void html_append_value(struct buffer *page, enum unit unit, double value)
{
    if (isfinite(value))
        unit_append(page, unit, value, true);
    else
        buffer_append_text(page, dash);
}

void html_append_ratio(struct buffer *page, double ratio)
{
    if (isfinite(ratio) && fabs(ratio) >= 1e6)
        buffer_append_format(page, "%.3g", ratio);
    else if (isfinite(ratio))
        buffer_append_format(page, "%.*f", fabs(ratio) < 9.995 ? 3 : fabs(ratio) < 99.5 ? 1 : 0, ratio);
    else
        buffer_append_text(page, dash);
}

void html_append_difference(struct buffer *page, enum unit unit, double difference)
{
    if (isfinite(difference) && difference != 0)
        buffer_append_text(page, difference < 0 ? "−" : "+");
    html_append_value(page, unit, fabs(difference));
}

void html_append_interval(struct buffer *page, const struct estimate *estimate)
{
    if (!isfinite(estimate->value) || estimate->confidence <= 0) {
        buffer_append_text(page, dash);
        return;
    }
    html_append_ratio(page, estimate->low);
    buffer_append_text(page, " to ");
    html_append_ratio(page, estimate->high);
}

void html_append_count(struct buffer *page, size_t count, const char *thing)
{
    unit_append(page, UNIT_COUNT, (double)count, true);
    buffer_append_format(page, " %s%s", thing, count == 1 ? "" : "s");
}
