/*
 * svg.h - what the pictures of the page are drawn with.
 *
 * Across, places are percent (axis.h); down, they are pixels. Colours are classes, which page_style.c knows: light or
 * dark, a picture follows its page. A variant has a mark of its own, so that nobody has to tell colours apart.
 */
#ifndef SVG_H
#define SVG_H

#include "axis.h"
#include "buffer.h"
#include "comparison.h"

/* Whoever begins one writes what it shows behind this, as HTML, and then svg_described(). */
void svg_begin(struct buffer *page, const char *class, int height);
void svg_described(struct buffer *page);
void svg_end(struct buffer *page);

/* From one place to another, whichever is left; never thinner than a pixel. */
void svg_bar(struct buffer *page, const char *class, double from, double to, double top, double height);
void svg_upright(struct buffer *page, const char *class, double place, double top, double bottom);
void svg_mark(struct buffer *page, enum variant variant, double place, double middle);

/* Markup of text that stands on the line `bottom`, centred below or above a place, but within the picture. */
void svg_text_begin(struct buffer *page, const char *class, double place, double bottom);
void svg_text_end(struct buffer *page);

/* "base", "again", "with": the class of a variant. */
const char *svg_class(enum variant variant);

#endif
