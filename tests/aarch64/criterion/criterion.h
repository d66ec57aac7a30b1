/* criterion.h - as much of Criterion as tests/unit uses, for machines that Criterion is not packaged for.
 *
 * Each test registers itself before main, which runs each in a child of its own, with its suite's .init and .fini and its
 * time limit, and prints `not ok SUITE/NAME` for each that failed and at the end how many passed.
 */
#ifndef CRITERION_H
#define CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct criterion_options {
    void (*init)(void);
    void (*fini)(void);
    double timeout;
    int signal;
    int exit_code;
    bool disabled;
    const char *description;
};

struct criterion_test {
    const char *suite;
    const char *name; /* NULL: the options of the whole suite */
    void (*body)(void);
    struct criterion_options options;
    struct criterion_test *next;
};

void criterion_register(struct criterion_test *test);

#define Test(suite, name, ...)                                                                             \
    static void suite##_##name##_body(void);                                                               \
    __attribute__((constructor)) static void suite##_##name##_register(void)                               \
    {                                                                                                      \
        static struct criterion_test test = {#suite, #name, suite##_##name##_body, {__VA_ARGS__}, NULL}; \
        criterion_register(&test);                                                                         \
    }                                                                                                      \
    static void suite##_##name##_body(void)

#define TestSuite(suite, ...)                                                         \
    __attribute__((constructor)) static void suite##_suite_register(void)             \
    {                                                                                 \
        static struct criterion_test test = {#suite, NULL, NULL, {__VA_ARGS__}, NULL}; \
        criterion_register(&test);                                                    \
    }                                                                                 \
    struct criterion_test

/* Says what failed and where; `fatal` ends the test. */
void criterion_failed(bool fatal, const char *file, int line, const char *what, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void criterion_skip(void) __attribute__((noreturn));

#define CRITERION_CHECK(fatal, holds, what, ...)                                        \
    do {                                                                                \
        if (!(holds))                                                                   \
            criterion_failed(fatal, __FILE__, __LINE__, what, "" __VA_ARGS__);          \
    } while (0)

#define cr_skip(...) criterion_skip()
#define cr_skip_test(...) criterion_skip()
#define cr_fatal(...) CRITERION_CHECK(true, false, "fatal", __VA_ARGS__)
#define cr_fail(...) CRITERION_CHECK(false, false, "fail", __VA_ARGS__)
#define cr_assert_fail(...) CRITERION_CHECK(true, false, "fail", __VA_ARGS__)
#define cr_expect_fail(...) CRITERION_CHECK(false, false, "fail", __VA_ARGS__)

#define CRITERION_IS_EMPTY(string) (!(string)[0])
#define CRITERION_STR_EQ(a, b) (strcmp((a), (b)) == 0)

#define cr_assert(a, ...) CRITERION_CHECK(true, (a), #a, __VA_ARGS__)
#define cr_assert_not(a, ...) CRITERION_CHECK(true, !(a), "not " #a, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) CRITERION_CHECK(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) CRITERION_CHECK(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) CRITERION_CHECK(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) CRITERION_CHECK(true, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) CRITERION_CHECK(true, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) CRITERION_CHECK(true, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...) CRITERION_CHECK(true, (a) == NULL, #a " is null", __VA_ARGS__)
#define cr_assert_not_null(a, ...) CRITERION_CHECK(true, (a) != NULL, #a " is not null", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) CRITERION_CHECK(true, CRITERION_STR_EQ(a, b), #a " is " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) CRITERION_CHECK(true, !CRITERION_STR_EQ(a, b), #a " is not " #b, __VA_ARGS__)
#define cr_assert_str_empty(a, ...) CRITERION_CHECK(true, CRITERION_IS_EMPTY(a), #a " is empty", __VA_ARGS__)
#define cr_assert_str_not_empty(a, ...) CRITERION_CHECK(true, !CRITERION_IS_EMPTY(a), #a " is not empty", __VA_ARGS__)
#define cr_assert_arr_eq(a, b, size, ...) CRITERION_CHECK(true, memcmp((a), (b), (size)) == 0, #a " is " #b, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, size, ...) CRITERION_CHECK(true, memcmp((a), (b), (size)) != 0, #a " is not " #b, __VA_ARGS__)

#define cr_expect(a, ...) CRITERION_CHECK(false, (a), #a, __VA_ARGS__)
#define cr_expect_not(a, ...) CRITERION_CHECK(false, !(a), "not " #a, __VA_ARGS__)
#define cr_expect_eq(a, b, ...) CRITERION_CHECK(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) CRITERION_CHECK(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) CRITERION_CHECK(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) CRITERION_CHECK(false, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) CRITERION_CHECK(false, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) CRITERION_CHECK(false, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_null(a, ...) CRITERION_CHECK(false, (a) == NULL, #a " is null", __VA_ARGS__)
#define cr_expect_not_null(a, ...) CRITERION_CHECK(false, (a) != NULL, #a " is not null", __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) CRITERION_CHECK(false, CRITERION_STR_EQ(a, b), #a " is " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) CRITERION_CHECK(false, !CRITERION_STR_EQ(a, b), #a " is not " #b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) CRITERION_CHECK(false, CRITERION_IS_EMPTY(a), #a " is empty", __VA_ARGS__)
#define cr_expect_str_not_empty(a, ...) CRITERION_CHECK(false, !CRITERION_IS_EMPTY(a), #a " is not empty", __VA_ARGS__)
#define cr_expect_arr_eq(a, b, size, ...) CRITERION_CHECK(false, memcmp((a), (b), (size)) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_arr_neq(a, b, size, ...) CRITERION_CHECK(false, memcmp((a), (b), (size)) != 0, #a " is not " #b, __VA_ARGS__)

#endif
