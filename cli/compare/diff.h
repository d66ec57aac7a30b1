/*
 * diff.h - where two contents part, in a few lines for people.
 *
 * "@@ line 7 @@", then "-" and "+" lines: escaped, the long ones without their middle or their beginning, so that the place
 * where they part is seen. It is shown, not proved: lines that vary anyway are left out, and what is between them is
 * not aligned as diff(1) does.
 */
#ifndef DIFF_H
#define DIFF_H

#include "content.h"

#include <stdbool.h>

/* `lines` are those of `without`. `unicode`: whether escaping may leave what is not ASCII. Ends with a newline. The caller
 * frees it. */
char *diff_show(const struct lines *lines, struct view without, struct view with, bool unicode);

/* One line, counted from 0, of which the first `skip` bytes are left out. */
char *diff_show_line(size_t line, struct view without, struct view with, size_t skip, bool unicode);

/* The same where they part behind what is kept of both. */
char *diff_show_beyond(size_t len_kept, size_t len_without, size_t len_with);

#endif
