/*
 * axis.h - a stretch of numbers, laid over the width of a picture.
 *
 * Places are in percent of that width, not in pixels: a picture then is as wide as the page lets it be, while its
 * letters and marks keep their size, on a telephone too. Whatever the number, a place is finite and within the picture.
 */
#ifndef AXIS_H
#define AXIS_H

#include <stdbool.h>
#include <stddef.h>

struct axis {
    double low, high; /* finite, low < high */
};

enum { TICKS_MOST = 8 };

/* From low to high and a little more; `least` is the least width, of which both sides get their part. */
struct axis axis_over(double low, double high, double least);

double axis_place(const struct axis *axis, double value);
bool axis_shows(const struct axis *axis, double value);

/* Round numbers, lowest first, with at most `most` steps between them; *step becomes the distance. */
size_t axis_ticks(const struct axis *axis, int most, double ticks[TICKS_MOST], double *step);

#endif
