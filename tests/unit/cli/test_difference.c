/* test_difference.c - what the library changed is told from what changes anyway. */
#include <criterion/criterion.h>

#include "buffer.h"
#include "difference.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

enum { RUNS_MOST = 6 };

static int content_of(const char *bytes, size_t len)
{
    int fd = memfd_create("content", 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    return fd;
}

static struct difference compared(bool masks, const char *const *without, const char *const *with)
{
    struct contents *contents = contents_create(masks);
    for (size_t i = 0; i < RUNS_MOST; i++) {
        if (without[i] != NULL)
            contents_add_text(contents, false, without[i]);
        if (with[i] != NULL)
            contents_add_text(contents, true, with[i]);
    }
    struct difference difference = contents_compare(contents, false);
    contents_destroy(contents);
    return difference;
}

static size_t descriptors_count(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* Contents without and with the library, in the order in which they come; then what is said of them. */
Test(difference, tells_the_same_from_different_and_from_what_varies_anyway)
{
    static const struct {
        const char *without[RUNS_MOST], *with[RUNS_MOST];
        enum difference_kind kind;
        size_t runs_different, lines, lines_varying;
    } rows[] = {
        {{"a\nb\n"}, {"a\nb\n"}, SAME, 0, 2, 0},
        {{""}, {""}, SAME, 0, 0, 0},
        {{"a\nb\n", "a\nb\n"}, {"a\nc\n", "a\nb\n"}, DIFFERENT, 1, 2, 0},
        {{"a\nb\n"}, {"a\nc\n", "a\nc\n", "a\nb\n"}, DIFFERENT, 2, 2, 0},
        {{"a\nb\n"}, {"a\nc\n", "a\nd\n"}, DIFFERENT, 2, 2, 0},
        {{"a"}, {"b"}, DIFFERENT, 1, 1, 0},
        {{"a\n"}, {"a"}, DIFFERENT, 1, 1, 0},
        {{"a"}, {"a\n"}, DIFFERENT, 1, 1, 0},
        {{""}, {"a\n"}, DIFFERENT, 1, 0, 0},
        {{"a\n"}, {""}, DIFFERENT, 1, 1, 0},
        {{""}, {"\n"}, DIFFERENT, 1, 0, 0},
        /* a clock in line 2 */
        {{"a\n1\nb\n", "a\n2\nb\n"}, {"a\n3\nb\n", "a\n2\nb\n"}, SAME, 0, 3, 1},
        {{"a\n1\nb\n", "a\n2\nb\n"}, {"a\n3\nc\n", "a\n4\nb\n"}, DIFFERENT, 1, 3, 1},
        {{"a\n1\nb\n", "a\n2\nb\n"}, {"a\n3\nb\nc\n"}, DIFFERENT, 1, 3, 1},
        {{"a\n1\nb\n", "a\n2\nb\n"}, {"a\n3\n"}, DIFFERENT, 1, 3, 1},
        {{"a\n1\nb\n", "a\n2\nb\n"}, {""}, DIFFERENT, 1, 3, 1},
        {{"a\n1\nb\n", "a\n2\nb\n"}, {"a\n3\nb"}, DIFFERENT, 1, 3, 1},
        /* that it varies is seen only after the library's */
        {{"a\n1\n", "a\n1\n", "a\n2\n"}, {"a\n3\n", "a\n4\n", "a\n5\n"}, SAME, 0, 2, 1},
        {{"a\n1\n", "a\n1\n", "b\n2\n"}, {"a\n1\n", "c\n4\n"}, VARIES, 1, 2, 2},
        /* all of it is a clock: nothing is left to compare */
        {{"took 1234 ms", "took 1235 ms"}, {"FATAL"}, VARIES, 1, 1, 1},
        {{"1", "2"}, {"3", "3", "2"}, VARIES, 2, 1, 1},
        {{"1", "2"}, {"3\n"}, VARIES, 1, 1, 1},
        {{"1\n2\n", "3\n4\n"}, {"5\n6\n"}, VARIES, 1, 2, 2},
        {{"1\n2\n", "3\n4\n"}, {"1\n4\n"}, VARIES, 1, 2, 2},
        {{"1", "2"}, {"2", "1", "1"}, SAME, 0, 1, 0},
        {{"1\n", "2\n", "3\n"}, {NULL, NULL, "3\n"}, SAME, 0, 1, 0},
        {{"1\n", "2\n", "2\n", "4\n"}, {"3\n", NULL, "4\n", "3\n"}, VARIES, 2, 1, 1},
        {{"1\n", "2\n", "2\n", "3\n"}, {NULL, NULL, "3\n"}, SAME, 0, 1, 0},
        /* but not how many lines there are */
        {{"1", "2"}, {"3\n4"}, DIFFERENT, 1, 1, 1},
        {{"1", "2"}, {"3", "", "3\n4", "2"}, DIFFERENT, 2, 1, 1},
        /* seen without it too, if only once */
        {{"a\n", "a\n", "a\n", "b\nc\n"}, {"b\nc\n", "a\n"}, SAME, 0, 1, 0},
        {{"a\n", "", "a\n"}, {"", "", ""}, SAME, 0, 1, 0},
        {{"a\n", "a\nb\n"}, {"a\nb\n", "a\n"}, SAME, 0, 1, 0},
        /* not even the number of lines is the same */
        {{"a\n", "a\nb\n"}, {"a\nb\n", "a\nc\n"}, VARIES, 1, 1, 1},
        {{"a\n", "a\nb\n"}, {"b\n"}, VARIES, 1, 1, 1},
        {{"a\nb\n", ""}, {"c\n"}, VARIES, 1, 2, 2},
        /* excused by a line that varies, until that is seen */
        {{"1\n", "2\n", "2\n3\n"}, {NULL, "4\n"}, VARIES, 1, 1, 1},
        {{"1\n", "2\n", "2\n3\n"}, {NULL, "2\n"}, SAME, 0, 1, 0},
        {{"1\n", "2\n", "2\n3\n", "4\n"}, {NULL, "4\n"}, SAME, 0, 1, 0},
        /* nothing to compare */
        {{NULL}, {NULL}, SAME, 0, 0, 0},
        {{"a\n"}, {NULL}, SAME, 0, 0, 0},
        {{NULL}, {"a\n"}, SAME, 0, 0, 0},
    };
    size_t descriptors = descriptors_count();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct difference difference = compared(true, rows[i].without, rows[i].with);
        cr_expect_eq(difference.kind, rows[i].kind, "row %zu: %d", i, difference.kind);
        cr_expect_eq(difference.runs_different, rows[i].runs_different, "row %zu: %zu runs", i, difference.runs_different);
        cr_expect_eq(difference.lines, rows[i].lines, "row %zu: %zu lines", i, difference.lines);
        cr_expect_eq(difference.lines_varying, rows[i].lines_varying, "row %zu: %zu vary", i, difference.lines_varying);
        cr_expect_eq(difference.diff != NULL, difference.kind == DIFFERENT, "row %zu: a diff goes with it", i);
        free(difference.diff);
    }
    cr_expect_eq(descriptors_count(), descriptors, "all descriptors are closed");
}

/* Exit statuses: what is not to be masked. */
Test(difference, what_is_not_masked_was_seen_or_is_different)
{
    static const struct {
        const char *without[RUNS_MOST], *with[RUNS_MOST];
        size_t runs_different;
        const char *diff;                  /* NULL: the same */
    } rows[] = {
        {{"0", "0"}, {"0", "0"}, 0, NULL},
        {{"0", "1"}, {"1", "0"}, 0, NULL},
        {{"0", "0", "1"}, {"1", "1", "1"}, 0, NULL},
        {{"0\n", "0\n"}, {"0\n", "signal 11\n"}, 1, "@@ line 1 @@\n-0\n+signal 11\n"},
        {{"0\n", "1\n"}, {"signal 11\n", "1\n"}, 1, "@@ line 1 @@\n-0\n+signal 11\n"},
        {{"0\n", "1\n", "2\n"}, {NULL, "2\n", "3\n", "4\n"}, 2, "@@ line 1 @@\n-0\n+3\n"},
        {{"0\n", "", "1\n2\n"}, {NULL, NULL, "3\n"}, 1, "@@ line 1 @@\n-0\n+3\n"},
        {{"a\n1\n", "a\n2\n"}, {"a\n3\n"}, 1, "@@ line 2 @@\n-1\n+3\n"},
        {{"0"}, {NULL}, 0, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct difference difference = compared(false, rows[i].without, rows[i].with);
        cr_expect_eq(difference.kind, rows[i].diff ? DIFFERENT : SAME, "row %zu: %d", i, difference.kind);
        cr_expect_eq(difference.runs_different, rows[i].runs_different, "row %zu: %zu runs", i, difference.runs_different);
        cr_expect_eq(difference.lines_varying, 0, "row %zu", i);
        cr_assert_eq(difference.diff != NULL, rows[i].diff != NULL, "row %zu", i);
        if (rows[i].diff != NULL)
            cr_expect_str_eq(difference.diff, rows[i].diff, "row %zu:\n%s", i, difference.diff);
        free(difference.diff);
    }
}

#define TEN(x) x x x x x x x x x x

/* The diff, beside its two sides. */
Test(difference, a_diff_shows_where_they_part)
{
    static const struct {
        const char *without[RUNS_MOST], *with[RUNS_MOST];
        const char *diff;
    } rows[] = {
        {{"a\nb\nc\n"}, {"a\nB\nc\n"}, "@@ line 2 @@\n-b\n+B\n"},
        {{"a\nb\nc\nd\n"}, {"A\nb\nC\nD\n"}, "@@ line 1 @@\n-a\n+A\n@@ line 3 @@\n-c\n-d\n+C\n+D\n"},
        {{"a\nb\n"}, {"a\nb"}, "@@ line 2 @@\n-b\n+b\n\\ no newline at the end\n"},
        {{"a"}, {"b"}, "@@ line 1 @@\n-a\n\\ no newline at the end\n+b\n\\ no newline at the end\n"},
        {{"a\nb\n"}, {"a\nwarning\nb\n"}, "@@ line 2 @@\n+warning\n"},
        {{"a\nb\nc\n"}, {"a\nc\n"}, "@@ line 2 @@\n-b\n"},
        {{"a\na\n"}, {"a\na\na\n"}, "@@ line 3 @@\n+a\n"},
        {{""}, {"a\n\n"}, "@@ line 1 @@\n+a\n+\n"},
        {{"a\n"}, {""}, "@@ line 1 @@\n-a\n"},
        {{"1\n2\n3\n4\n5\n6\n7\n8\n"}, {""}, "@@ line 1 @@\n-1\n-2\n-3\n-4\n-5\n-6\n... 2 more lines\n"},
        {{"1\n2\n3\n4\n5\n6\n7\n"}, {"a\nb\nc\nd\ne\nf\ng\n"},
         "@@ line 1 @@\n-1\n-2\n-3\n-4\n-5\n-6\n... 1 more line\n+a\n+b\n+c\n+d\n+e\n+f\n... 1 more line\n"},
        {{"1\n-\n2\n-\n3\n-\n4\n-\n5\n-\n6\n-\n7\n-\n8\n"}, {"a\n-\nb\n-\nc\n-\nd\n-\ne\n-\nf\n-\ng\n-\nh\n"},
         "@@ line 1 @@\n-1\n+a\n@@ line 3 @@\n-2\n+b\n@@ line 5 @@\n-3\n+c\n@@ line 7 @@\n-4\n+d\n@@ line 9 @@\n-5\n+e\n"
         "@@ line 11 @@\n-6\n+f\n... 2 more lines that differ\n"},
        /* what varies anyway is no difference */
        {{"at 10:00\nb\n", "at 10:01\nb\n"}, {"at 10:02\nB\n"}, "@@ line 2 @@\n-b\n+B\n"},
        {{"a\n1\nb\nc\n", "a\n2\nb\nc\n"}, {"A\n3\nB\nc\n"}, "@@ line 1 @@\n-a\n+A\n@@ line 3 @@\n-b\n+B\n"},
        {{"a\nat 10:00\nb\n", "a\nat 10:01\nb\n"}, {"a\nwarning\nat 10:02\nb\n"}, "@@ line 2 @@\n+warning\n"},
        {{"a\nat 10:00\nb\n", "a\nat 10:01\nb\n"}, {"a\nat 10:02\nwarning\nb\n"}, "@@ line 3 @@\n+warning\n"},
        /* what a terminal would obey */
        {{"a\n"}, {"\x1b]0;x\a\t\r\n"}, "@@ line 1 @@\n-a\n+\\x1b]0;x\\x07\\t\\r\n"},
        {{"a\n"}, {"\xe2\x80\xae\xff\n"}, "@@ line 1 @@\n-a\n+\\u202e\\xff\n"},
        /* lines wider than a terminal: the place where they part is seen */
        {{TEN(TEN("x")) TEN(TEN("y")) "b" TEN(TEN("z")) TEN(TEN("z")) "\n"},
         {TEN(TEN("x")) TEN(TEN("y")) "B" TEN(TEN("z")) TEN(TEN("z")) "\n"},
         "@@ line 1 @@\n"
         "-...yyyyyyyyyyyyyyyyb" TEN("zzzzz") "zzzzzzzzz" "..." TEN("zzzzzzz") "zzzzzzzz" "\n"
         "+...yyyyyyyyyyyyyyyyB" TEN("zzzzz") "zzzzzzzzz" "..." TEN("zzzzzzz") "zzzzzzzz" "\n"},
        {{TEN("\xc3\xa9\xc3\xa9\xc3\xa9") "zb\n"},
         {TEN("\xc3\xa9\xc3\xa9\xc3\xa9") "zB\n"},
         "@@ line 1 @@\n"
         "-..." "\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9" "zb\n"
         "+..." "\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9" "zB\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct difference difference = compared(true, rows[i].without, rows[i].with);
        cr_assert_not_null(difference.diff, "row %zu", i);
        cr_expect_str_eq(difference.diff, rows[i].diff, "row %zu:\n%s", i, difference.diff);
        free(difference.diff);
    }
}

Test(difference, a_long_line_is_cut_to_a_width_whatever_is_in_it)
{
    enum { LEN = 100000 };
    char *line = malloc(LEN);
    for (int byte = 0; byte < 256; byte++) {
        struct contents *contents = contents_create(true);
        memset(line, byte, LEN);
        contents_add_text(contents, false, "");
        contents_add(contents, true, content_of(line, LEN));
        struct difference difference = contents_compare(contents, false);
        cr_assert_not_null(difference.diff);
        char *escape = strchr(difference.diff, '\x1b');
        cr_expect(strlen(difference.diff) < 300 && escape == NULL, "byte %d:\n%s", byte, difference.diff);
        free(difference.diff);
        contents_destroy(contents);
    }
    free(line);
}

Test(difference, a_nul_is_a_byte_like_any_other)
{
    static const char without[] = "a\0b\0\n\0\n", with[] = "a\0c\0\n\0\n";
    struct contents *contents = contents_create(true);
    contents_add(contents, false, content_of(without, sizeof without));
    contents_add(contents, true, content_of(without, sizeof without));
    struct difference difference = contents_compare(contents, false);
    cr_expect_eq(difference.kind, SAME);
    contents_add(contents, true, content_of(with, sizeof with));
    difference = contents_compare(contents, false);
    cr_expect(difference.kind == DIFFERENT && difference.runs == 2 && difference.runs_different == 1);
    cr_expect_str_eq(difference.diff, "@@ line 1 @@\n-a\\x00b\\x00\n+a\\x00c\\x00\n", "%s", difference.diff);
    free(difference.diff);
    contents_destroy(contents);
}

Test(difference, the_offset_of_a_descriptor_means_nothing)
{
    struct contents *contents = contents_create(true);
    int fd = content_of("abc\n", 4);
    lseek(fd, 1, SEEK_SET);
    contents_add(contents, false, fd);
    contents_add_text(contents, true, "abc\n");
    cr_expect_eq(contents_compare(contents, false).kind, SAME);
    contents_destroy(contents);
}

Test(difference, lengths_are_of_runs_not_of_distinct_contents)
{
    struct contents *contents = contents_create(true);
    cr_expect(isnan(contents_median_len(contents, false)) && isnan(contents_median_len(contents, true)));
    contents_add_text(contents, false, "1");
    contents_add_text(contents, false, "1");
    contents_add_text(contents, false, "12345");
    contents_add_text(contents, true, "");
    contents_add_text(contents, true, "123");
    cr_expect_eq(contents_median_len(contents, false), 1);
    cr_expect_eq(contents_median_len(contents, true), 1.5);
    contents_destroy(contents);
    contents_destroy(NULL);
}

/* More unlike contents than are kept: `format` gets the number of the run, which is not the same on both sides. */
static struct difference many_compared(const char *format, const char *format_with, size_t runs, size_t *descriptors)
{
    struct contents *contents = contents_create(true);
    size_t before = descriptors_count();
    for (size_t run = 0; run < runs; run++) {
        char text[64];
        snprintf(text, sizeof text, format, 1000 + (int)run);
        contents_add_text(contents, false, text);
        snprintf(text, sizeof text, run + 1 < runs ? format : format_with, 5000 + (int)run);
        contents_add_text(contents, true, text);
    }
    *descriptors = descriptors_count() - before;
    struct difference difference = contents_compare(contents, false);
    contents_destroy(contents);
    return difference;
}

Test(difference, hundreds_of_unlike_contents_are_judged_all_the_same)
{
    static const struct {
        const char *format, *format_of_the_last;
        enum difference_kind kind;
        size_t runs_different;
    } rows[] = {
        {"begin\n%d\nend\n", "begin\n%d\nend\n", SAME, 0},
        {"begin\n%d\nend\n", "begin\n%d\nEND\n", DIFFERENT, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t descriptors;
        struct difference difference = many_compared(rows[i].format, rows[i].format_of_the_last, 300, &descriptors);
        cr_expect_eq(difference.kind, rows[i].kind, "row %zu: %d", i, difference.kind);
        cr_expect_eq(difference.runs, 300);
        cr_expect_eq(difference.runs_different, rows[i].runs_different, "row %zu: %zu", i, difference.runs_different);
        cr_expect_eq(difference.lines_varying, 1);
        cr_expect_leq(descriptors, 10, "row %zu: %zu descriptors", i, descriptors);
        free(difference.diff);
    }
}

Test(difference, hundreds_that_only_the_library_makes_are_all_different)
{
    struct contents *contents = contents_create(true);
    size_t before = descriptors_count();
    contents_add_text(contents, false, "a\n");
    for (int run = 0; run < 300; run++) {
        char text[16];
        snprintf(text, sizeof text, "%d\n", run);
        contents_add_text(contents, true, text);
    }
    cr_expect_leq(descriptors_count() - before, 9);
    struct difference difference = contents_compare(contents, false);
    cr_expect(difference.kind == DIFFERENT && difference.runs == 300 && difference.runs_different == 300);
    cr_expect_str_eq(difference.diff, "@@ line 1 @@\n-a\n+0\n");
    free(difference.diff);
    contents_destroy(contents);
}

Test(difference, that_an_unmasked_content_was_seen_is_known_although_it_was_not_kept)
{
    struct contents *contents = contents_create(false);
    for (int run = 0; run < 200; run++) {
        char text[16];
        snprintf(text, sizeof text, "%d", run);
        contents_add_text(contents, false, text);
        snprintf(text, sizeof text, "%d", 199 - run);
        contents_add_text(contents, true, text);
    }
    cr_expect_eq(contents_compare(contents, false).kind, SAME);
    contents_add_text(contents, true, "signal 11");
    struct difference difference = contents_compare(contents, false);
    cr_expect(difference.kind == DIFFERENT && difference.runs_different == 1);
    cr_expect_not_null(difference.diff);
    free(difference.diff);
    contents_destroy(contents);
}

/* Beyond what is looked at by lines. A sparse file: zeros but for what is written at the end. */
static int large_content(size_t len, const char *ending)
{
    int fd = memfd_create("large", 0);
    cr_assert_eq(ftruncate(fd, (off_t)len), 0);
    cr_assert_eq(pwrite(fd, ending, strlen(ending), (off_t)(len - strlen(ending))), (ssize_t)strlen(ending));
    return fd;
}

Test(difference, what_is_large_is_the_same_or_not)
{
    enum { LEN = 70 * 1024 * 1024 };
    struct contents *contents = contents_create(true);
    contents_add(contents, false, large_content(LEN, "the end\n"));
    contents_add(contents, false, large_content(LEN, "the end\n"));
    contents_add(contents, true, large_content(LEN, "the end\n"));
    struct difference difference = contents_compare(contents, false);
    cr_expect(difference.kind == SAME && difference.lines == 1 && difference.lines_varying == 0);

    contents_add(contents, true, large_content(LEN, "the END\n"));
    difference = contents_compare(contents, false);
    cr_expect(difference.kind == DIFFERENT && difference.runs == 2 && difference.runs_different == 1);
    cr_expect_str_eq(difference.diff,
                     "@@ byte 73400317 @@\n"
                     "-" "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00the end\\n\n"
                     "+" "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00the END\\n\n",
                     "%s", difference.diff);
    free(difference.diff);

    contents_add(contents, false, large_content(LEN, "the eND\n"));
    difference = contents_compare(contents, false);
    cr_expect(difference.kind == VARIES && difference.runs_different == 1 && difference.diff == NULL);
    contents_add(contents, false, large_content(LEN, "the END\n"));
    cr_expect_eq(contents_compare(contents, false).kind, SAME, "seen without the library too");
    contents_destroy(contents);
}

Test(difference, what_is_large_even_once_is_not_looked_at_by_lines)
{
    enum { LEN = 70 * 1024 * 1024 };
    struct contents *contents = contents_create(true);
    contents_add_text(contents, false, "x");
    contents_add(contents, false, large_content(LEN, "x"));
    contents_add_text(contents, true, "y");
    cr_expect_eq(contents_compare(contents, false).kind, VARIES);
    contents_destroy(contents);
}

Test(difference, what_is_large_may_also_end_early)
{
    enum { LEN = 70 * 1024 * 1024 };
    struct contents *contents = contents_create(true);
    contents_add(contents, false, large_content(LEN, "x"));
    contents_add_text(contents, true, "");
    struct difference difference = contents_compare(contents, false);
    cr_expect_eq(difference.kind, DIFFERENT);
    cr_expect_eq(strncmp(difference.diff, "@@ byte 1 @@\n-\\x00\\x00", 22), 0, "%s", difference.diff);
    cr_expect_not_null(strstr(difference.diff, "\n+\n\\ it ends here\n"), "%s", difference.diff);
    free(difference.diff);
    contents_destroy(contents);
}

/* Only those that are kept cost memory. */
Test(difference, a_side_keeps_a_quarter_of_a_gigabyte)
{
    enum { MIB = 1024 * 1024, RUNS = 20 };
    struct contents *contents = contents_create(true);
    size_t before = descriptors_count();
    contents_add(contents, false, large_content(40 * MIB, "\n1st\n"));
    for (int run = 0; run < RUNS; run++) {
        char ending[16];
        snprintf(ending, sizeof ending, "\n%03d\n", run);
        contents_add(contents, true, large_content(40 * MIB, ending));
    }
    cr_expect_eq(descriptors_count() - before, 1 + 256 / 40);
    struct difference difference = contents_compare(contents, false);
    cr_expect(difference.kind == DIFFERENT && difference.runs == RUNS && difference.runs_different == RUNS);
    cr_expect_str_eq(difference.diff, "@@ line 2 @@\n-1st\n+000\n", "%s", difference.diff);
    free(difference.diff);

    contents_add(contents, false, large_content(40 * MIB, "\n2nd\n"));
    cr_expect_eq(contents_compare(contents, false).kind, SAME, "a line that varies: all that were kept are excused");
    contents_destroy(contents);
}

Test(difference, what_was_too_large_to_be_kept_is_judged_all_the_same)
{
    enum { LEN = 300 * 1024 * 1024 };
    struct contents *contents = contents_create(false);
    size_t before = descriptors_count();
    contents_add_text(contents, false, "a");
    contents_add(contents, true, large_content(LEN, "b"));
    contents_add(contents, true, large_content(LEN, "c"));
    contents_add(contents, false, large_content(LEN, "b"));
    cr_expect_eq(descriptors_count() - before, 2, "one of each side");
    struct difference difference = contents_compare(contents, false);
    cr_expect(difference.kind == DIFFERENT && difference.runs == 2 && difference.runs_different == 1);
    cr_expect_str_eq(difference.diff, "@@ too much to be kept and shown @@\n");
    free(difference.diff);
    contents_add(contents, false, large_content(LEN, "c"));
    cr_expect_eq(contents_compare(contents, false).kind, SAME);
    contents_destroy(contents);
}

Test(difference, a_hole_is_as_good_as_zeros)
{
    static const size_t lens[] = {1, 8, 15, 4096, 70000, 3 * 65536 + 5};
    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        char *zeros = calloc(1, lens[i]);
        struct contents *contents = contents_create(false);
        int fd = memfd_create("hole", 0);
        cr_assert_eq(ftruncate(fd, (off_t)lens[i]), 0);
        contents_add(contents, false, content_of(zeros, lens[i]));
        contents_add(contents, true, fd);
        cr_expect_eq(contents_compare(contents, false).kind, SAME, "%zu", lens[i]);
        zeros[lens[i] - 1] = 1;
        contents_add(contents, true, large_content(lens[i], "\1"));
        contents_add(contents, false, content_of(zeros, lens[i]));
        cr_expect_eq(contents_compare(contents, false).kind, SAME, "%zu", lens[i]);
        free(zeros);
        contents_destroy(contents);
    }
}

/* `common` is what most runs give; `rare` comes `rare_runs` times without the library, last, and `with_runs` times with it. A %d is another
 * number each time. */
struct shares {
    const char *common, *rare;
    size_t runs, rare_runs, runs_with, with_runs;
};

static void share_add(struct contents *contents, bool is_instrumented, const char *format, size_t run)
{
    char text[128];
    snprintf(text, sizeof text, format, (int)(1000 + 2 * run + is_instrumented));
    contents_add_text(contents, is_instrumented, text);
}

static struct difference shares_compared(bool masks, const struct shares *shares)
{
    struct contents *contents = contents_create(masks);
    for (size_t run = 0; run < shares->runs; run++) {
        share_add(contents, false, run + shares->rare_runs < shares->runs ? shares->common : shares->rare, run);
        if (run < shares->runs_with)
            share_add(contents, true, run < shares->with_runs ? shares->rare : shares->common, run);
    }
    struct difference difference = contents_compare(contents, false);
    contents_destroy(contents);
    return difference;
}

Test(difference, what_chance_does_not_make_so_frequent_is_different_though_it_was_seen_without_the_library)
{
    static const struct {
        bool masks;
        struct shares shares;
        const char *words, *diff;          /* NULL: nothing is said */
    } rows[] = {
        /* exit statuses */
        {false, {"0", "7", 12, 1, 6, 6}, "7 in 6 of 6 runs with the library, in 1 of 12 without",
         "@@ line 1 @@\n-0\n\\ no newline at the end\n+7\n\\ no newline at the end\n"},
        {false, {"0", "7", 12, 1, 6, 1}, NULL, NULL},
        {false, {"0", "7", 12, 6, 6, 6}, NULL, NULL},
        {false, {"0", "7", 12, 11, 6, 0}, "0 in 6 of 6 runs with the library, in 1 of 12 without",
         "@@ line 1 @@\n-7\n\\ no newline at the end\n+0\n\\ no newline at the end\n"},
        {false, {"0", "7", 4, 1, 2, 2}, NULL, NULL},
        /* the whole output is a line */
        {true, {"OK\n", "ERROR\n", 40, 1, 20, 20}, "line 1: ERROR in 20 of 20 runs with the library, in 1 of 40 without",
         "@@ line 1 @@\n-OK\n+ERROR\n"},
        {true, {"OK\n", "ERROR\n", 40, 39, 20, 0}, "line 1: OK in 20 of 20 runs with the library, in 1 of 40 without",
         "@@ line 1 @@\n-ERROR\n+OK\n"},
        {true, {"1\n", "2\n", 40, 1, 20, 20}, "line 1: 2 in 20 of 20 runs with the library, in 1 of 40 without",
         "@@ line 1 @@\n-1\n+2\n"},
        {true, {"OK\n", "ERROR\n", 40, 12, 20, 8}, NULL, NULL},
        /* beside a clock */
        {true, {"at %d\nOK\n", "at %d\nERROR\n", 40, 1, 20, 20}, "line 2: ERROR in 20 of 20 runs with the library, in 1 of 40 without",
         "@@ line 2 @@\n-OK\n+ERROR\n"},
        /* with another number of lines */
        {true, {"OK\n", "no\nOK\n", 40, 1, 20, 20}, "one value in 20 of 20 runs with the library, in 1 of 40 without", "@@ line 1 @@\n+no\n"},
        {true, {"OK\n", "no\nOK\n", 40, 4, 20, 2}, NULL, NULL},
        /* measurements */
        {true, {"took 3 ms\n", "took 14 ms\n", 40, 20, 20, 20}, NULL, NULL},
        {true, {"took 3 ms\n", "too slow\n", 40, 20, 20, 20}, "line 1: too slow, digits aside, in 20 of 20 runs with the library, in 20 of 40 without",
         "@@ line 1 @@\n-took 3 ms\n+too slow\n"},
        {true, {"%d\nend\n", "%d\nend\n", 40, 1, 20, 20}, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct difference difference = shares_compared(rows[i].masks, &rows[i].shares);
        struct buffer words = {0};
        cr_expect_eq(difference.kind == DIFFERENT, rows[i].words != NULL, "row %zu: %d", i, difference.kind);
        cr_expect_eq(difference.runs_without > 0, rows[i].words != NULL, "row %zu", i);
        if (difference.kind == DIFFERENT && rows[i].words != NULL) {
            difference_append_frequency(&words, &difference);
            cr_expect_str_eq(words.bytes, rows[i].words, "row %zu: %s", i, words.bytes);
            cr_expect_str_eq(difference.diff, rows[i].diff, "row %zu: %s", i, difference.diff);
        }
        buffer_finish(&words);
        free(difference.value);
        free(difference.diff);
    }
}

/* A line that varied once is no place for anything. */
Test(difference, what_was_never_in_a_line_that_varied_once_is_different)
{
    struct contents *contents = contents_create(true);
    for (int run = 0; run < 40; run++)
        contents_add_text(contents, false, run == 9 ? "begin\nstatus: late\n" : "begin\nstatus: OK\n");
    for (int run = 0; run < 20; run++)
        contents_add_text(contents, true, "begin\nstatus: FAILED\n");
    struct difference difference = contents_compare(contents, false);
    cr_expect(difference.kind == DIFFERENT && difference.line == 2 && difference.runs_different == 20 && difference.runs_without_alike == 0);
    cr_expect_str_eq(difference.value, "status: FAILED");
    cr_expect_str_eq(difference.diff, "@@ line 2 @@\n-status: OK\n+status: FAILED\n");
    free(difference.value);
    free(difference.diff);
    contents_destroy(contents);
}

/* Ten lines, each a coin: 1 in 100 is for all of them together. */
Test(difference, coins_are_seldom_taken_for_a_difference)
{
    enum { TRIALS = 300, RUNS = 40, LINES = 10 };
    unsigned short seed[3] = {20, 24, 7};
    int different = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct contents *contents = contents_create(true);
        for (int run = 0; run < RUNS * 3 / 2; run++) {
            char text[2 * LINES + 1] = "";
            for (int line = 0; line < LINES; line++)
                strcat(text, erand48(seed) < 0.5 ? "a\n" : "b\n");
            contents_add_text(contents, run % 3 == 2, text);
        }
        struct difference difference = contents_compare(contents, false);
        different += difference.kind == DIFFERENT;
        free(difference.value);
        free(difference.diff);
        contents_destroy(contents);
    }
    cr_expect_leq(different, TRIALS * 3 / 100, "%d of %d", different, TRIALS);
}
