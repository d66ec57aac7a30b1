/*
 * statistics.c - what paired samples say, and how surely.
 *
 * Nothing here supposes a distribution: a median and the ranks of the sign test are all there is. A mean with a
 * standard error would call one page fault of a second a difference. Knows nothing of units, rounds or variants; the
 * comparison brings the samples, the reports tell the estimates.
 */
#include "statistics.h"

#include "buffer.h"

#include <math.h>
#include <stdlib.h>

static int compare_values(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* A sorted copy of the values that are numbers; *count becomes how many. The caller frees it. */
static double *sorted_copy(const double *values, size_t *count)
{
    double *sorted = memory_get(*count * sizeof *sorted);
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (!isnan(values[i]))
            sorted[kept++] = values[i];
    qsort(sorted, kept, sizeof *sorted, compare_values);
    *count = kept;
    return sorted;
}

static double sorted_median(const double *sorted, size_t count)
{
    if (count == 0)
        return NAN;
    double lower = sorted[(count - 1) / 2], upper = sorted[count / 2];
    return lower == upper ? lower : lower / 2 + upper / 2;     /* their sum may be more than a double holds */
}

double median_of(const double *values, size_t count)
{
    double *sorted = sorted_copy(values, &count);
    double median = sorted_median(sorted, count);
    free(sorted);
    return median;
}

/* The logarithm of how many ways there are to choose so many of `count`. */
static double ways_log(size_t chosen, size_t count)
{
    int sign;
    return lgamma_r((double)count + 1, &sign) - lgamma_r((double)chosen + 1, &sign) - lgamma_r((double)(count - chosen) + 1, &sign);
}

/* That exactly `heads` of `count` fair coins show heads. By logarithms: 2^-count alone is 0 from 1075 on. */
static double coins_probability(size_t heads, size_t count)
{
    return exp(ways_log(heads, count) - (double)count * M_LN2);
}

size_t interval_rank(size_t count, double *confidence)
{
    *confidence = 0;
    if (count < 2)
        return 0;
    size_t rank = 1;
    double outside = 2 * coins_probability(0, count);
    *confidence = 1 - outside;
    while (rank < (count + 1) / 2) {
        outside += 2 * coins_probability(rank, count);
        if (1 - outside < CONFIDENCE_WANTED)
            break;
        *confidence = 1 - outside;
        rank++;
    }
    return rank;
}

struct estimate estimate_median(const double *values, size_t count)
{
    struct estimate estimate = {.value = NAN, .low = NAN, .high = NAN};
    double *sorted = sorted_copy(values, &count);
    size_t rank = interval_rank(count, &estimate.confidence);
    estimate.count = count;
    estimate.value = sorted_median(sorted, count);
    estimate.low = rank > 0 ? sorted[rank - 1] : estimate.value;
    estimate.high = rank > 0 ? sorted[count - rank] : estimate.value;
    free(sorted);
    return estimate;
}

/* What grew from nothing grew beyond all bounds. To leave it out, and keep what shrank to nothing, would be to look at one side
 * only; a rank does not mind that it is infinite. NaN where something was not measured. */
static double ratio_of(double base, double other)
{
    if (base == 0 && other > 0)
        return INFINITY;
    return base == 0 && other == 0 ? 1 : other / base;
}

struct estimate estimate_ratio(const double *bases, const double *others, size_t count)
{
    double *ratios = memory_get(count * sizeof *ratios);
    for (size_t i = 0; i < count; i++)
        ratios[i] = ratio_of(bases[i], others[i]);
    struct estimate estimate = estimate_median(ratios, count);
    free(ratios);
    return estimate;
}

double chance_of_more(size_t having, size_t runs, size_t others_having, size_t others)
{
    size_t all = having + others_having;
    double chance = 0;
    for (size_t count = having; count <= all && count <= runs; count++)
        if (all - count <= others)
            chance += exp(ways_log(count, runs) + ways_log(all - count, others) - ways_log(all, runs + others));
    return fmin(chance, 1);
}
