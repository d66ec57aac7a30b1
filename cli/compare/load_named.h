/*
 * load_named.h - reads lines `name: number`, which any program may print; load_report.h says which.
 */
#ifndef LOAD_NAMED_H
#define LOAD_NAMED_H

#include "load_figures.h"

/* Puts the figure of such a line; any other line is nothing. */
void load_named_read_line(struct reading *reading, const char *line);

#endif
