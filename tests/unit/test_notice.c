/* test_notice.c - what is wrong, said once, on the stderr that the program had when it started. */
#include <criterion/criterion.h>

#define notice_add notice_add_under_test
#include "../../preload/notice.c"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int file;

/* From here on descriptor 2 is an empty file. */
static void take_stderr(void)
{
    char path[] = "/tmp/test_notice.XXXXXX";
    file = mkstemp(path);
    cr_assert_geq(file, 0);
    unlink(path);
    dup2(file, 2);
    output_stderr_is();
    config.log = LOG_WARN;
}

TestSuite(notice, .init = take_stderr);

static const char *printed_so_far(void)
{
    static char content[8192];
    ssize_t n = pread(file, content, sizeof content - 1, 0);
    content[n > 0 ? n : 0] = '\0';
    return content;
}

Test(notice, is_printed_once)
{
    notice_print();
    cr_expect_str_empty(printed_so_far());
    notice_add("A", SLICE("1"), "one");
    cr_expect_str_empty(printed_so_far(), "not before somebody prints it");
    notice_print();
    notice_print();
    cr_expect_str_eq(printed_so_far(), "spanload: A=1: one\n");
    notice_add("B", (struct slice){NULL, 0}, "two");
    notice_print();
    cr_expect_str_eq(printed_so_far(), "spanload: A=1: one\nspanload: B: two\n");
}

Test(notice, shows_values_short_and_harmless)
{
    char value[200];
    memset(value, 'v', sizeof value);
    notice_add("A", SLICE("a\n\x1b[31m\x7f\0"), "x");
    notice_add("B", (struct slice){value, sizeof value}, "y");
    notice_add("C", SLICE(""), "z");
    notice_print();
    char expected[512];
    snprintf(expected, sizeof expected, "spanload: A=a??[31m??: x\nspanload: B=%.120s: y\nspanload: C=: z\n", value);
    cr_expect_str_eq(printed_so_far(), expected);
}

Test(notice, says_nothing_when_told_so)
{
    config.log = LOG_NONE;
    notice_add("A", SLICE("1"), "one");
    notice_print();
    cr_expect_str_empty(printed_so_far());
}

Test(notice, what_does_not_fit_is_left_out_whole)
{
    for (int i = 0; i < 100; i++)
        notice_add("A", SLICE("0123456789012345678901234567890123456789"), "a problem that takes some words to tell");
    notice_print();
    const char *lines = printed_so_far();
    size_t line = strcspn(lines, "\n") + 1;
    cr_expect_gt(strlen(lines), 3000);
    cr_expect_eq(strlen(lines) % line, 0, "whole lines only");
}

Test(notice, goes_into_no_file_that_merely_got_the_number)
{
    int other = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    if (other < 0)
        return;
    dup2(other, 2);
    notice_add("A", SLICE("1"), "one");
    notice_print();
    cr_expect_eq(lseek(other, 0, SEEK_END), 0);
    cr_expect_str_empty(printed_so_far());
}

Test(notice, is_lost_when_stderr_is_closed_or_full)
{
    int ends[2];
    char byte = 0;
    cr_assert(pipe2(ends, O_NONBLOCK) == 0);
    dup2(ends[1], 2);
    output_stderr_is();
    while (write(2, &byte, 1) == 1)
        ;
    notice_add("A", SLICE("1"), "one");
    notice_print();
    close(2);
    notice_add("B", SLICE("1"), "one");
    notice_print();
}
