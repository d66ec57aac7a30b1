/*
 * statistics.h - what paired samples say, and how surely.
 *
 * A round runs every variant once, so its samples belong together: what slows the machine for a second slows
 * them all. A ratio is therefore the median of the rounds' ratios, not the ratio of two medians.
 *
 * The interval is that of the sign test: with n independent rounds, the true median lies between the k-th
 * smallest and the k-th largest value unless k-1 coins or fewer of n show heads, or tails. That is exact for any
 * distribution whatever, which timings, with their long tails, need (H. A. David and H. N. Nagaraja, Order
 * Statistics, section 7.1). It is never better than the rounds allow: fewer than 6 cannot give 95 %, and what they
 * give instead is told in `confidence`.
 *
 * Threads: any; pure but for memory. NaN samples are rounds in which the thing was not measured: left out.
 */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stddef.h>

/* The confidence that is aimed at. */
#define CONFIDENCE_WANTED 0.95

/* The least number of rounds that can have it. */
enum { ROUNDS_WANTED = 6 };

struct estimate {
    double value;              /* NaN: nothing was measured; infinite: a ratio to nothing */
    double low, high;          /* value itself if count is 1; either may be infinite */
    double confidence;         /* that the interval covers the true median, at least: 0 to 1; 0: there is no interval */
    size_t count;              /* rounds it comes from */
};

/* The middle one, or the mean of the two middle ones; NaN if there is none. */
double median_of(const double *values, size_t count);

/* The k for an interval from the k-th smallest to the k-th largest of `count` values: the largest that still has
 * CONFIDENCE_WANTED, else 1; 0 with fewer than two values. Its confidence goes into *confidence. */
size_t interval_rank(size_t count, double *confidence);

/* The median of the values, with its interval. */
struct estimate estimate_median(const double *values, size_t count);

/* The median of others[i] / bases[i], none of them negative, with its interval. Rounds without both are left out; 0/0 is 1, and more
 * than 0 to 0 is infinite. */
struct estimate estimate_ratio(const double *bases, const double *others, size_t count);

/* Fisher's exact test, one-sided: the probability that of all that have it, this many or more are among the `runs`, if having it
 * has nothing to do with being among them. Small: it has. 1 if nobody is there who has it. */
double chance_of_more(size_t having, size_t runs, size_t others_having, size_t others);

#endif
