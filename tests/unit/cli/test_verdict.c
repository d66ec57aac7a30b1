/* test_verdict.c - what is said of a comparison, whose samples are made up: no more than they carry. */
#include <criterion/criterion.h>

#include "reports.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum { ROUNDS_MOST = 12 };

/* One measure, wall time, of 100 without the library, 100 again, and these percent more with it; NaN ends them. */
static void wall_add(struct comparison *comparison, double again, const double *more)
{
    struct measure *wall = comparison_add_measure(comparison, "wall", "wall time", UNIT_NS);
    for (size_t i = 0; i < ROUNDS_MOST && !isnan(more[i]); i++) {
        measure_add(wall, BASELINE, 100);
        measure_add(wall, BASELINE_AGAIN, 100 + again);
        measure_add(wall, INSTRUMENTED, 100 + more[i]);
        comparison->rounds++;
    }
}

static struct comparison compared(double again, const double *more, double limit)
{
    struct comparison comparison;
    comparison_init(&comparison);
    comparison.spans.made = 1;
    wall_add(&comparison, again, more);
    comparison_work_out(&comparison, "wall", limit);
    return comparison;
}

static bool is_said(const struct comparison *comparison, const char *sentence)
{
    for (size_t i = 0; i < comparison->verdict_count; i++)
        if (strcmp(comparison->verdicts[i], sentence) == 0)
            return true;
    return false;
}

static void expect_said(const struct comparison *comparison, const char *sentence, size_t row)
{
    if (is_said(comparison, sentence))
        return;
    cr_expect_fail("row %zu lacks: %s", row, sentence);
    for (size_t i = 0; i < comparison->verdict_count; i++)
        cr_log_warn("row %zu says: %s", row, comparison->verdicts[i]);
}

Test(verdict, fewer_rounds_than_six_claim_no_difference)
{
    static const struct {
        double more[ROUNDS_MOST];
        bool is_different;
        const char *sentence;
    } rows[] = {
        {{14, NAN}, false, "wall time: 1.140 times; one round tells nothing about noise"},
        {{12, 16, NAN}, false,
         "wall time: 14.0 % more with the library in 2 rounds, which is too few to tell (50 % sure that it is 12.0 % to 16.0 %; it "
         "takes 6 to be 95 % sure)"},
        {{-14, -14, -14, -14, -14, NAN}, false,
         "wall time: 14.0 % less with the library in 5 rounds, which is too few to tell (93 % sure that it is 14.0 % to 14.0 %; it "
         "takes 6 to be 95 % sure)"},
        {{-1, 0, 2, NAN}, false,
         "wall time: 0 % more with the library in 3 rounds, which is too few to tell (75 % sure that it is -1.0 % to 2.0 %; it "
         "takes 6 to be 95 % sure)"},
        {{12, 16, 14, 14, 14, 14, NAN}, true,
         "wall time: 14.0 % more with the library (12.0 % to 16.0 %, 96 % sure, 6 rounds); the baseline differed from itself by 0 %"},
        {{-1, 2, 0, 0, 0, 0, NAN}, false, "wall time: no difference larger than 2.0 % could be seen in 6 rounds"},
        {{0.004, 0.004, 0.004, 0.004, 0.004, 0.004, NAN}, true,
         "wall time: less than 0.01 % more with the library (less than 0.01 % to less than 0.01 %, 96 % sure, 6 rounds); the "
         "baseline differed from itself by 0 %"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct comparison comparison = compared(0, rows[i].more, NAN);
        cr_expect_eq(measure_is_different(&comparison.measures[0]), rows[i].is_different, "row %zu", i);
        expect_said(&comparison, rows[i].sentence, i);
        comparison_finish(&comparison);
    }
}

Test(verdict, what_grew_from_nothing_is_told_without_a_percentage)
{
    static const struct {
        size_t rounds;
        double with_it;
        const char *sentence;
    } rows[] = {
        {6, 5, "processor time: something with the library, nothing without (any % to any %, 96 % sure, 6 rounds); the baseline differed "
               "from itself by 0 %"},
        {1, 5, "processor time: something with the library, nothing without; one round tells nothing about noise"},
        {6, 0, "processor time: no difference larger than 0 % could be seen in 6 rounds"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct comparison comparison;
        comparison_init(&comparison);
        struct measure *cpu = comparison_add_measure(&comparison, "cpu", "processor time", UNIT_NS);
        for (size_t round = 0; round < rows[i].rounds; round++)
            for (int variant = 0; variant < VARIANT_COUNT; variant++)
                measure_add(cpu, variant, variant == INSTRUMENTED ? rows[i].with_it : 0);
        comparison_work_out(&comparison, "cpu", NAN);
        expect_said(&comparison, rows[i].sentence, i);
        comparison_finish(&comparison);
    }
}

Test(verdict, a_limit_is_exceeded_only_where_that_is_established)
{
    static const struct {
        double again, more[ROUNDS_MOST];
        bool is_over, may_be_over;
        const char *sentence;
    } rows[] = {
        {0, {15, 15, 12, 20, 14, 16, NAN}, true, false, "wall time: the limit of 10.0 % is exceeded"},
        {0, {15, 15, 7.4, 30, 14, 16, NAN}, false, true,
         "wall time: the limit of 10.0 % may be exceeded: 15.0 % is the middle of the rounds, but 7.4 % cannot be excluded; more "
         "rounds would tell"},
        {0, {15, 15, -3, 30, 14, 16, NAN}, false, true,
         "wall time: the limit of 10.0 % may be exceeded: 15.0 % is the middle of the rounds, but no difference cannot be excluded; "
         "more rounds would tell"},
        {5, {15, 15, 12, 20, 14, 16, NAN}, false, true,
         "wall time: the limit of 10.0 % may be exceeded: 15.0 % is the middle of the rounds, but the baseline differed from itself "
         "by 5.0 %"},
        {0, {5, 5, 4, 11, 5, 6, NAN}, false, false,
         "wall time: the limit of 10.0 % is not shown to be exceeded; up to 11.0 % cannot be excluded, more rounds would tell"},
        {0, {5, 5, 4, 9, 5, 6, NAN}, false, false, "wall time: the limit of 10.0 % is kept"},
        {0, {50, NAN}, false, true,
         "wall time: the limit of 10.0 % may be exceeded, but 1 round cannot establish anything: it takes 6 to be 95 % sure"},
        {0, {50, 50, 50, 50, 50, NAN}, false, true,
         "wall time: the limit of 10.0 % may be exceeded, but 5 rounds cannot establish anything: it takes 6 to be 95 % sure"},
        {0, {5, 5, NAN}, false, false,
         "wall time: the limit of 10.0 % is not shown to be exceeded, but 2 rounds cannot establish anything: it takes 6 to be 95 % "
         "sure"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct comparison comparison = compared(rows[i].again, rows[i].more, 0.10);
        cr_expect_eq(comparison.is_over_limit, rows[i].is_over, "row %zu", i);
        cr_expect_eq(comparison.may_be_over_limit, rows[i].may_be_over, "row %zu", i);
        cr_expect_eq(comparison_exit_status(&comparison), rows[i].is_over, "row %zu", i);
        expect_said(&comparison, rows[i].sentence, i);
        comparison_finish(&comparison);
    }
}

/* The lines at the end of a coloured table, the verdicts, as they are coloured. */
static char *verdicts_coloured(const struct comparison *comparison)
{
    struct buffer table = {0};
    report_table(&table, comparison, &(struct terminal){.has_colour = true, .width = 100});
    char *verdicts = memory_copy_text(strstr(table.bytes, comparison->verdicts[0]) - strlen("\033[31m"));
    buffer_finish(&table);
    return verdicts;
}

Test(verdict, what_fails_comes_first_and_is_red)
{
    static const double more[ROUNDS_MOST] = {15, 15, 12, 20, 14, 16, NAN};
    struct comparison comparison;
    comparison_init(&comparison);
    comparison.command = memory_copy_text("true");
    comparison.machine = memory_copy_text("a machine");
    comparison.spans.made = 1;
    wall_add(&comparison, 0, more);
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        comparison.outcomes[i].is_looked_at = i != OUTCOME_FILES;
        comparison.outcomes[i].difference = (struct difference){.kind = i == OUTCOME_STDOUT ? DIFFERENT : SAME, .runs = 6, .runs_different = 6};
    }
    comparison_work_out(&comparison, "wall", 0.20);
    cr_expect_eq(comparison.failing_count, 1);
    char *verdicts = verdicts_coloured(&comparison);
    cr_expect_str_eq(verdicts, "\033[31mstandard output: different in 6 of 6 runs with the library\033[0m\n"
                               "wall time: 15.0 % more with the library (12.0 % to 20.0 %, 96 % sure, 6 rounds); the baseline differed "
                               "from itself by 0 %\n"
                               "wall time: the limit of 20.0 % is kept\n"
                               "exit status, standard error: the same in 6 runs with the library\n");
    free(verdicts);
    comparison_finish(&comparison);
}

Test(verdict, what_fails_nothing_is_not_red)
{
    static const double more[ROUNDS_MOST] = {15, 15, 12, 20, 14, 16, NAN};
    struct comparison comparison = compared(0, more, NAN);
    comparison.command = memory_copy_text("true");
    comparison.machine = memory_copy_text("a machine");
    cr_expect_eq(comparison.failing_count, 0);
    char *verdicts = verdicts_coloured(&comparison);
    cr_expect_eq(strncmp(verdicts + 1, "\033[1mwall time: 15.0 % more", strlen("\033[1mwall time: 15.0 % more")), 0, "%s", verdicts);
    cr_expect_null(strstr(verdicts, "\033[31m"));
    free(verdicts);
    comparison_finish(&comparison);
}

Test(verdict, a_difference_that_may_be_chance_is_told_to_be_and_fails_all_the_same)
{
    static const double more[ROUNDS_MOST] = {0, NAN};
    static const struct {
        size_t runs, runs_different;
        const char *sentence;
    } rows[] = {
        {20, 1, "files: different in 1 of 20 runs with the library (1 of 20 against 0 of 40 may be chance)"},
        {20, 2, "files: different in 2 of 20 runs with the library (2 of 20 against 0 of 40 may be chance)"},
        {20, 3, "files: different in 3 of 20 runs with the library"},
        {3, 3, "files: different in 3 of 3 runs with the library"},
        {2, 2, "files: different in 2 of 2 runs with the library (2 of 2 against 0 of 4 may be chance)"},
        {1, 1, "files: different in 1 of 1 runs with the library (1 of 1 against 0 of 2 may be chance)"},
        {10000, 10000, "files: different in 10000 of 10000 runs with the library"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct comparison comparison;
        comparison_init(&comparison);
        wall_add(&comparison, 0, more);
        struct outcome *files = &comparison.outcomes[OUTCOME_FILES];
        files->is_looked_at = true;
        files->difference = (struct difference){.kind = DIFFERENT, .runs = rows[i].runs, .runs_different = rows[i].runs_different};
        comparison_work_out(&comparison, "wall", NAN);
        expect_said(&comparison, rows[i].sentence, i);
        cr_expect_eq(comparison_exit_status(&comparison), 1);
        comparison_finish(&comparison);
    }
}
