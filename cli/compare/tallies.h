/*
 * tallies.h - how often each value of a line was seen, without the library and with it.
 *
 * A line that varies is left out of the comparison, and once it varied anything could stand in it: OK in 39 of 40 runs without the
 * library and ERROR in all with it. So where it has few values they are counted, and one that is more frequent with the
 * library than can be had by chance is a difference. A line that has another value nearly each time is a clock or a number
 * of a process, and nothing is said of it.
 *
 * Values that differ in digits alone are one value, unless one of them is nearly always there: "took 3 ms" and "took 4 ms" are
 * a measurement, which the library may make longer.
 *
 * Memory: a fixed table, shared memory: what this process has of its own is in the peak memory of its children. Of lines
 *         beyond LINES_JUDGED nothing is known.
 */
#ifndef TALLIES_H
#define TALLIES_H

#include "content.h"

enum { LINES_JUDGED = 384 };

struct tallies {
    struct line_tally *lines;              /* NULL until a line differs */
    size_t lines_count;
    size_t runs[2];                        /* without the library, with it */
};

/* One value that is too frequent with the library. */
struct excess {
    size_t line;                           /* from 0 */
    size_t runs[2];                        /* in which it was seen */
    struct view without, with;             /* what is there most often without the library, and this value: where they part */
    bool is_digits_aside;                  /* it, or what differs from it in numbers alone */
    bool is_cut;                           /* both without their beginning, but for a byte */
};

/* A content with as many lines as the reference. */
void tallies_add(struct tallies *tallies, bool is_instrumented, struct view reference, struct view view);

/* The least probable of all, if it is improbable. It points into the tallies and the reference. */
bool tallies_judge(const struct tallies *tallies, struct view reference, struct excess *excess);

void tallies_finish(struct tallies *tallies);

/* A probability that is too small to be chance, where so many were looked at. */
bool is_beyond_chance(double probability, size_t looked_at);

#endif
