/*
 * load_words.h - the words, numbers and times that lines of load generators are made of.
 *
 * Readers take a line from its left: each returns what follows what it has read, or NULL if that is not there. Blanks
 * before it are left out. Numbers are read as in the C locale, which LC_NUMERIC stays in.
 */
#ifndef LOAD_WORDS_H
#define LOAD_WORDS_H

#include <stddef.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum { MS_NS = 1000000, SECOND_NS = 1000000000 };

const char *blanks_skip(const char *text);

/* What follows `prefix`; NULL if the line does not begin so. */
const char *prefix_skip(const char *line, const char *prefix);

/* Reads a plain number that is not negative. */
const char *number_read(const char *text, double *number);

/* Reads a number with a unit of time behind it. */
const char *duration_read(const char *text, double *ns);

/* The unit of time that is the whole of the first `len` bytes, in nanoseconds, or NaN. */
double unit_ns(const char *text, size_t len);

#endif
