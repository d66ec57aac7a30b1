/*
 * svg.c - what the pictures of the page are drawn with.
 */
#include "svg.h"

#include <math.h>

enum { EDGE = 5 }; /* percent: text that is nearer to a side begins, or ends, there */

const char *svg_class(enum variant variant)
{
    static const char *const classes[] = {"base", "again", "with"};
    return classes[variant];
}

void svg_begin(struct buffer *page, const char *class, int height)
{
    buffer_append_format(page, "<svg class=\"%s\" role=\"img\" width=\"100%%\" height=\"%d\"><title>", class, height);
}

void svg_described(struct buffer *page)
{
    buffer_append_text(page, "</title>");
}

void svg_end(struct buffer *page)
{
    buffer_append_text(page, "</svg>\n");
}

void svg_bar(struct buffer *page, const char *class, double from, double to, double top, double height)
{
    double left = fmin(from, to), width = fmax(fabs(to - from), 0.3);
    buffer_append_format(page, "<rect class=\"%s\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%g\" height=\"%.2f\"/>", class, left, width,
                         top, height);
}

void svg_upright(struct buffer *page, const char *class, double place, double top, double bottom)
{
    buffer_append_format(page, "<line class=\"%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%g\" y2=\"%g\"/>", class, place, place, top,
                         bottom);
}

/* The square is turned and moved onto its place by the style sheet, which alone can mix percent and pixels. */
void svg_mark(struct buffer *page, enum variant variant, double place, double middle)
{
    if (variant == INSTRUMENTED)
        buffer_append_format(page, "<rect class=\"mark with\" x=\"%.2f%%\" y=\"%g\" width=\"6\" height=\"6\"/>", place,
                             middle - 3);
    else
        buffer_append_format(page, "<circle class=\"mark %s\" cx=\"%.2f%%\" cy=\"%g\" r=\"3\"/>", svg_class(variant), place,
                             middle);
}

void svg_text_begin(struct buffer *page, const char *class, double place, double bottom)
{
    const char *anchor = place < EDGE ? "start" : place > 100 - EDGE ? "end" : "middle";
    double at = place < EDGE ? 0 : place > 100 - EDGE ? 100 : place;
    buffer_append_format(page, "<text class=\"%s\" x=\"%.2f%%\" y=\"%g\" text-anchor=\"%s\">", class, at, bottom, anchor);
}

void svg_text_end(struct buffer *page)
{
    buffer_append_text(page, "</text>");
}
