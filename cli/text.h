/*
 * text.h - strings of strangers, made fit to print: no control characters, a known width.
 *
 * Span names come from the network; a name that holds ESC ]0; or a carriage return must not reach the
 * terminal as such. First text_escape(), then everything else: what it returns is printable, and its
 * width is what text_width() says.
 */
#ifndef TEXT_H
#define TEXT_H

#include "buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* A fresh copy of `text` with whatever a terminal could obey, hide or turn around written as \n, \x1b or
 * \u202e. Bytes that are not UTF-8 become \xNN; without `unicode` so does all that is not ASCII. The
 * caller frees it. */
char *text_escape(const char *text, bool unicode);

/* Columns that escaped text takes. */
int text_width(const char *text);

/* Appends escaped text, at most `width` columns of it: what is too long loses its middle to an ellipsis.
 * Returns the columns used. */
int text_append_elided(struct buffer *buffer, const char *text, int width, bool unicode);

/* Appends a time span as people say it: 312 µs, 4.2 ms, 1.31 s, 2m 05s. */
void text_append_duration(struct buffer *buffer, uint64_t ns, bool unicode);

#endif
