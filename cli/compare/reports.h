/*
 * reports.h - a comparison that has been worked out, as a table, as JSON and as a page.
 *
 * All three say the same; none of them decides anything.
 */
#ifndef REPORTS_H
#define REPORTS_H

#include "buffer.h"
#include "comparison.h"
#include "terminal.h"

void report_table(struct buffer *text, const struct comparison *comparison, const struct terminal *terminal);
void report_json(struct buffer *text, const struct comparison *comparison);

/* One page that loads nothing from anywhere: HTML, CSS and SVG, no script. */
void report_html(struct buffer *text, const struct comparison *comparison);

#endif
