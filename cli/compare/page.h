/*
 * page.h - the sections of the page, in the order in which they stand on it. Each is told in the file of its name.
 *
 * All of them only read the comparison, and leave themselves out where it has nothing for them.
 */
#ifndef PAGE_H
#define PAGE_H

#include "buffer.h"
#include "comparison.h"

extern const char page_style[];

/* page_measures.c: the table, and the ratios as a picture; page_samples.c: each round as a dot. */
void page_measures(struct buffer *page, const struct comparison *comparison);
void page_ratios(struct buffer *page, const struct comparison *comparison);
void page_samples(struct buffer *page, const struct comparison *comparison);
void page_calls(struct buffer *page, const struct comparison *comparison);
void page_outcomes(struct buffer *page, const struct comparison *comparison);
void page_spans(struct buffer *page, const struct comparison *comparison);

/* report_html.c. A section begins with its heading, of which `id` is the name within the page. */
void page_section_begin(struct buffer *page, const char *id, const char *heading);
void page_section_end(struct buffer *page);

#endif
