/* test_fdtable.c - entries for every number that a descriptor may have, and for those it may not. */
#include <criterion/criterion.h>

#include "fdtable.h"

#include <limits.h>

static uintptr_t set(int fd, uintptr_t entry)
{
    bool stored;
    uintptr_t before = fdtable_set(fd, entry, &stored);
    cr_assert(stored, "%d", fd);
    return before;
}

Test(fdtable, has_nothing_at_first)
{
    static const int fds[] = {0, 1, 1023, 1024, 1048576, FDTABLE_PAGE * FDTABLE_PAGES - 1, FDTABLE_PAGE * FDTABLE_PAGES, INT_MAX, -1, INT_MIN};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        cr_expect_eq(fdtable_entry(fds[i]), 0, "%d", fds[i]);
        cr_expect_null(fdtable_get(fds[i]));
        cr_expect_eq(fdtable_take(fds[i]), 0);
    }
    cr_expect_eq(fdtable_next(0, UINT_MAX), -1);
}

Test(fdtable, keeps_an_entry_for_each_number)
{
    static const int fds[] = {0, 3, 1023, 1024, 1025, 65535, 1000000, FDTABLE_PAGE * FDTABLE_PAGES - 1};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        cr_expect_eq(set(fds[i], 0x1000 + i * 16), 0);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        cr_expect_eq(fdtable_entry(fds[i]), 0x1000 + i * 16);
        cr_expect_eq((uintptr_t)fdtable_get(fds[i]), 0x1000 + i * 16);
        cr_expect_eq(fdtable_entry(fds[i] ^ 2), 0, "the neighbour of %d has none", fds[i]);
    }
}

Test(fdtable, returns_what_was_replaced)
{
    cr_expect_eq(set(5, 0x100), 0);
    cr_expect_eq(set(5, 0x200), 0x100);
    cr_expect_eq(fdtable_take(5), 0x200);
    cr_expect_eq(fdtable_take(5), 0);
    cr_expect_eq(fdtable_entry(5), 0);
}

Test(fdtable, stores_nothing_out_of_range)
{
    static const int fds[] = {-1, INT_MIN, INT_MAX, FDTABLE_PAGE * FDTABLE_PAGES};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        bool stored = true;
        cr_expect_eq(fdtable_set(fds[i], 0x100, &stored), 0);
        cr_expect_not(stored);
        cr_expect_eq(fdtable_entry(fds[i]), 0);
    }
}

Test(fdtable, a_stream_that_is_not_connected_is_no_connection)
{
    set(4, FDTABLE_STREAM);
    cr_expect_eq(fdtable_entry(4), FDTABLE_STREAM);
    cr_expect_null(fdtable_get(4));
    cr_expect_eq(fdtable_take(4), FDTABLE_STREAM);
}

Test(fdtable, finds_the_next_entry_of_a_range)
{
    static const struct {
        unsigned first, last;
        int found;
    } rows[] = {
        {0, UINT_MAX, 3},
        {3, 3, 3},
        {4, UINT_MAX, 1023},
        {4, 1022, -1},
        {4, 1023, 1023},
        {1024, UINT_MAX, 5000},
        {1024, 4999, -1},
        {5001, UINT_MAX, FDTABLE_PAGE * FDTABLE_PAGES - 1},
        {5001, 9999999, -1},
        {FDTABLE_PAGE * FDTABLE_PAGES - 1, UINT_MAX, FDTABLE_PAGE * FDTABLE_PAGES - 1},
        {FDTABLE_PAGE * FDTABLE_PAGES, UINT_MAX, -1},
        {UINT_MAX, UINT_MAX, -1},
        {10, 5, -1},
    };
    static const int fds[] = {3, 1023, 5000, FDTABLE_PAGE * FDTABLE_PAGES - 1};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        set(fds[i], 0x100);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(fdtable_next(rows[i].first, rows[i].last), rows[i].found, "row %zu: %d", i,
                     fdtable_next(rows[i].first, rows[i].last));
}

Test(fdtable, passes_over_empty_pages_and_nothing_more)
{
    set(FDTABLE_PAGE, 0x100);
    cr_expect_eq(fdtable_next(0, UINT_MAX), FDTABLE_PAGE);
    fdtable_take(FDTABLE_PAGE);
    set(4 * FDTABLE_PAGE - 1, 0x100);
    cr_expect_eq(fdtable_next(0, UINT_MAX), 4 * FDTABLE_PAGE - 1);
}

Test(fdtable, visits_each_entry_once)
{
    for (int fd = 0; fd < 3000; fd += 7)
        set(fd, 0x100);
    int count = 0;
    for (int fd = fdtable_next(0, UINT_MAX); fd >= 0; fd = fdtable_next((unsigned)fd + 1, UINT_MAX))
        cr_assert_eq(fd, 7 * count++);
    cr_expect_eq(count, 429);
}
