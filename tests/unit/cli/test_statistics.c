/* test_statistics.c - medians of paired samples, and intervals that cover as often as they say. */
#include <criterion/criterion.h>

#include "statistics.h"

#include <math.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static bool is_near(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 1e-9 * fabs(b);
}

Test(statistics, a_median_is_the_middle_one_or_the_mean_of_the_two)
{
    static const struct {
        double values[5];
        size_t count;
        double median;
    } rows[] = {
        {{0}, 0, NAN},
        {{7}, 1, 7},
        {{7, 1}, 2, 4},
        {{9, 1, 5}, 3, 5},
        {{4, 1, 3, 2}, 4, 2.5},
        {{5, 4, 3, 2, 1}, 5, 3},
        {{NAN, 4, NAN, 2, NAN}, 5, 3},
        {{NAN, NAN}, 2, NAN},
        {{INFINITY, 1, 2}, 3, 2},
        {{INFINITY, INFINITY}, 2, INFINITY},
        {{1.7e308, 1.7e308}, 2, 1.7e308},
        {{-3, -1}, 2, -2},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double median = median_of(rows[i].values, rows[i].count);
        cr_expect(is_near(median, rows[i].median), "row %zu: %g", i, median);
    }
}

/* The usual table of the sign test; fewer than 6 take the extremes and say how sure that is. */
Test(statistics, ranks_are_those_of_the_sign_test)
{
    static const struct {
        size_t count, rank;
        double confidence;
    } rows[] = {
        {0, 0, 0},
        {1, 0, 0},
        {2, 1, 0.5},
        {3, 1, 0.75},
        {4, 1, 0.875},
        {5, 1, 0.9375},
        {6, 1, 0.96875},
        {8, 1, 0.9921875},
        {9, 2, 0.9609375},
        {10, 2, 0.978515625},
        {20, 6, 0.9586105346679688},
        {30, 10, 0.9572260547429323},
        {50, 18, 0.9671608624357315},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double confidence = NAN;
        size_t rank = interval_rank(rows[i].count, &confidence);
        cr_expect_eq(rank, rows[i].rank, "%zu values: rank %zu", rows[i].count, rank);
        cr_expect(is_near(confidence, rows[i].confidence), "%zu values: %.16f", rows[i].count, confidence);
    }
}

Test(statistics, thousands_of_rounds_neither_overflow_nor_stop_being_sure)
{
    double before = 0;
    for (size_t count = 1000; count <= 10000; count += 500) {
        double confidence = NAN;
        size_t rank = interval_rank(count, &confidence);
        double normal = (double)count / 2 - 1.96 * sqrt((double)count) / 2;
        cr_expect(confidence >= CONFIDENCE_WANTED && confidence < 0.96, "%zu values: %f", count, confidence);
        cr_expect(fabs((double)rank - normal) < 2, "%zu values: rank %zu, by the normal distribution %f", count, rank, normal);
        cr_expect((double)rank > before, "%zu values", count);
        before = (double)rank;
    }
}

Test(statistics, one_value_has_no_interval_and_none_no_value)
{
    static const double one[] = {NAN, 3};
    struct estimate estimate = estimate_median(one, 2);
    cr_expect(estimate.value == 3 && estimate.low == 3 && estimate.high == 3);
    cr_expect(estimate.count == 1 && estimate.confidence == 0);
    estimate = estimate_median(one, 1);
    cr_expect(isnan(estimate.value) && isnan(estimate.low) && isnan(estimate.high));
    cr_expect(estimate.count == 0 && estimate.confidence == 0);
}

Test(statistics, few_values_give_their_extremes)
{
    static const double values[] = {5, 1, NAN, 4, 2, 3};
    struct estimate estimate = estimate_median(values, COUNT_OF(values));
    cr_expect(estimate.value == 3 && estimate.low == 1 && estimate.high == 5);
    cr_expect(estimate.count == 5 && is_near(estimate.confidence, 0.9375));
}

Test(statistics, an_interval_lies_between_the_ranks)
{
    double values[20];
    for (size_t i = 0; i < COUNT_OF(values); i++)
        values[i] = (double)(i * 7 % COUNT_OF(values) + 1);        /* 1 to 20, mixed */
    struct estimate estimate = estimate_median(values, COUNT_OF(values));
    cr_expect(estimate.value == 10.5 && estimate.low == 6 && estimate.high == 15, "%g, %g", estimate.low, estimate.high);
}

Test(statistics, the_order_of_values_does_not_matter)
{
    unsigned short seed[3] = {1, 2, 3};
    double values[31];
    for (size_t i = 0; i < COUNT_OF(values); i++)
        values[i] = erand48(seed);
    struct estimate first = estimate_median(values, COUNT_OF(values));
    for (int round = 0; round < 100; round++) {
        for (size_t i = COUNT_OF(values) - 1; i > 0; i--) {
            size_t other = (size_t)(erand48(seed) * (double)(i + 1));
            double value = values[i];
            values[i] = values[other];
            values[other] = value;
        }
        struct estimate again = estimate_median(values, COUNT_OF(values));
        cr_assert(again.value == first.value && again.low == first.low && again.high == first.high);
    }
}

/* Each row is one round after another; the ratio that its rounds have in the middle, and from how many. */
Test(statistics, a_ratio_is_of_rounds_that_have_both)
{
    static const struct {
        double bases[3], others[3];
        double ratio, low, high;
        size_t count;
    } rows[] = {
        {{1, 2, 4}, {2, 2, 2}, 1, 0.5, 2, 3},
        {{1, 100, 10}, {1.1, 120, 10.1}, 1.1, 1.01, 1.2, 3},       /* the machine slows down: not the ratio of medians */
        {{NAN, 2, 4}, {2, NAN, 2}, 0.5, 0.5, 0.5, 1},
        {{0, 2, 4}, {0, 2, 4}, 1, 1, 1, 3},
        {{0, 2, 4}, {5, 4, 8}, 2, 2, INFINITY, 3},                 /* from nothing to something is more, and counts */
        {{0, 4, 4}, {5, 0, 4}, 1, 0, INFINITY, 3},                 /* as something to nothing is less */
        {{0, 0, 0}, {1, 2, 3}, INFINITY, INFINITY, INFINITY, 3},
        {{0, 0, 1}, {NAN, 2, 1}, INFINITY, 1, INFINITY, 2},        /* of an even number */
        {{0, 0, NAN}, {1, 2, 3}, INFINITY, INFINITY, INFINITY, 2},
        {{2, 2, 2}, {0, 0, 0}, 0, 0, 0, 3},
        {{0, 0, 0}, {NAN, NAN, NAN}, NAN, NAN, NAN, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct estimate estimate = estimate_ratio(rows[i].bases, rows[i].others, 3);
        cr_expect_eq(estimate.count, rows[i].count, "row %zu: %zu", i, estimate.count);
        cr_expect(is_near(estimate.value, rows[i].ratio), "row %zu: %g", i, estimate.value);
        cr_expect(is_near(estimate.low, rows[i].low) && is_near(estimate.high, rows[i].high), "row %zu: %g to %g", i,
                  estimate.low, estimate.high);
    }
}

/* Timings at their worst: exp of an exponential, which has no mean at all; its median is 2. What is exact covers neither
 * less nor more often than it says; three standard errors are left to chance. */
Test(statistics, the_interval_covers_the_true_median_as_often_as_it_says)
{
    enum { TRIALS = 4000, COUNT_MOST = 50 };
    unsigned short seed[3] = {20, 24, 7};
    for (size_t count = 6; count <= COUNT_MOST; count++) {
        int covered = 0;
        double confidence = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            double values[COUNT_MOST];
            for (size_t i = 0; i < count; i++)
                values[i] = exp(-log(1 - erand48(seed)));
            struct estimate estimate = estimate_median(values, count);
            covered += estimate.low <= 2 && 2 <= estimate.high;
            confidence = estimate.confidence;
        }
        double coverage = (double)covered / TRIALS, error = sqrt(confidence * (1 - confidence) / TRIALS);
        cr_expect_geq(confidence, CONFIDENCE_WANTED);
        cr_expect(coverage >= confidence - 3 * error, "%zu values: %f of %f", count, coverage, confidence);
        cr_expect(coverage <= confidence + 3 * error, "%zu values: %f of %f", count, coverage, confidence);
    }
}

/* The third row is Fisher's own: the lady who tasted tea. */
Test(statistics, the_chance_of_more_is_that_of_the_exact_test)
{
    static const struct {
        size_t having, runs, others_having, others;
        double chance;
    } rows[] = {
        {0, 6, 0, 12, 1},
        {6, 6, 12, 12, 1},
        {4, 4, 0, 4, 1.0 / 70},
        {3, 4, 1, 4, 17.0 / 70},
        {6, 6, 1, 12, 12.0 / 31824},
        {1, 6, 1, 12, 87.0 / 153},
        {0, 6, 3, 12, 1},
        {5, 5, 0, 0, 1},
        {1, 1, 0, 1, 0.5},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double chance = chance_of_more(rows[i].having, rows[i].runs, rows[i].others_having, rows[i].others);
        cr_expect(fabs(chance - rows[i].chance) < 1e-9, "row %zu: %.12f", i, chance);
    }
    cr_expect_lt(chance_of_more(10000, 10000, 1, 20000), 1e-300);
}
