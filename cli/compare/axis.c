/*
 * axis.c - a stretch of numbers, laid over the width of a picture.
 */
#include "axis.h"

#include <math.h>

/* Percent left free on both sides: room for half a mark. */
static const double margin = 2;

struct axis axis_over(double low, double high, double least)
{
    if (!isfinite(low) || !isfinite(high) || low > high)
        low = high = 0;
    if (!(least > 0))
        least = 1;
    double lacking = fmax(least - (high - low), 0) / 2, more = fmax(high - low, least) * 0.03;
    return (struct axis){low - lacking - more, high + lacking + more};
}

double axis_place(const struct axis *axis, double value)
{
    double part = (value - axis->low) / (axis->high - axis->low);
    if (isnan(part))
        part = 0;
    return margin + (100 - 2 * margin) * fmin(fmax(part, 0), 1);
}

bool axis_shows(const struct axis *axis, double value)
{
    return value >= axis->low && value <= axis->high;
}

/* The least of 1, 2, 5, 10, 20, ... that is not below. */
static double round_number_from(double least)
{
    double power = pow(10, floor(log10(least)));
    double factor = least / power;
    return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

size_t axis_ticks(const struct axis *axis, int most, double ticks[TICKS_MOST], double *step)
{
    size_t count = 0;
    *step = round_number_from((axis->high - axis->low) / most);
    for (double number = ceil(axis->low / *step); count < TICKS_MOST && number * *step <= axis->high; number++)
        ticks[count++] = number * *step;
    return count;
}
