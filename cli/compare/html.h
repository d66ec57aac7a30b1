/*
 * html.h - text and figures, made fit for a page.
 *
 * Command lines, span names and what programs printed are strangers' texts: nothing of them reaches a page but through
 * html_append(), which first makes visible what hides or is no UTF-8 (text.h) and then escapes what is markup.
 *
 * A figure that there is none of is a dash.
 */
#ifndef HTML_H
#define HTML_H

#include "buffer.h"
#include "comparison.h"

void html_append(struct buffer *page, const char *text);
void html_append_len(struct buffer *page, const char *text, size_t len);
/* In at most `width` columns: what is too long loses its middle. */
void html_append_elided(struct buffer *page, const char *text, int width);

/* As unit_append() says it. */
void html_append_value(struct buffer *page, enum unit unit, double value);
/* "1.048", "12.3" */
void html_append_ratio(struct buffer *page, double ratio);
/* "+12", "−3.5", "0" */
void html_append_difference(struct buffer *page, enum unit unit, double difference);
/* "0.998 to 1.004", or a dash if there is no interval. */
void html_append_interval(struct buffer *page, const struct estimate *estimate);
/* "1 round", "20 rounds" */
void html_append_count(struct buffer *page, size_t count, const char *thing);

#endif
