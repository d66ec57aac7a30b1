/* test_mem.c - our own memcpy and its kin against libc's, at every length and alignment, at the edge of a page. */
#include <criterion/criterion.h>

#include <string.h>

#include "support_preload.h"

void *our_memcpy(void *restrict to, const void *restrict from, size_t n);
void *our_memmove(void *to, const void *from, size_t n);
void *our_memset(void *to, int value, size_t n);
int our_memcmp(const void *a, const void *b, size_t n);
void *our_memchr(const void *from, int value, size_t n);
size_t our_strlen(const char *string);

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define memchr our_memchr
#define strlen our_strlen
#include "../../preload/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen

#define LONGEST 600 /* beyond LONG_COPY */
#define ROOM (LONGEST + 64)

static unsigned char source[ROOM], ours[ROOM], theirs[ROOM];

static void fill(void)
{
    for (size_t i = 0; i < ROOM; i++) {
        source[i] = (unsigned char)(i * 7 + 3);
        ours[i] = theirs[i] = (unsigned char)(i ^ 0x5a);
    }
}

static void check(const char *what, size_t n)
{
    cr_assert(memcmp(ours, theirs, ROOM) == 0, "%s of %zu bytes", what, n);
}

Test(mem, copies_and_nothing_around)
{
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t to = 0; to < 9; to += 4)
            for (size_t from = 0; from < 9; from++) {
                fill();
                cr_assert_eq(our_memcpy(ours + to, source + from, n), ours + to);
                memcpy(theirs + to, source + from, n);
                check("memcpy", n);
            }
}

Test(mem, moves_within_itself)
{
    for (size_t n = 0; n <= 300; n++)
        for (size_t to = 0; to < 24; to++)
            for (size_t from = 0; from < 24; from += 3) {
                fill();
                cr_assert_eq(our_memmove(ours + to, ours + from, n), ours + to);
                memmove(theirs + to, theirs + from, n);
                check("memmove", n);
            }
}

Test(mem, sets_and_nothing_around)
{
    static const int values[] = {0, 1, 0xff, 0x80, -1, 0x141};
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t to = 0; to < 9; to++) {
            int value = values[(n + to) % 6];
            fill();
            cr_assert_eq(our_memset(ours + to, value, n), ours + to);
            memset(theirs + to, value, n);
            check("memset", n);
        }
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

Test(mem, compares_as_unsigned_bytes)
{
    fill();
    for (size_t n = 0; n < 100; n++)
        for (size_t at = 0; at <= n; at++) {
            memcpy(ours, source, n + 1);
            ours[at] = (unsigned char)(ours[at] + 0x80);
            cr_assert_eq(sign(our_memcmp(ours, source, n)), sign(memcmp(ours, source, n)), "%zu bytes, differing at %zu", n, at);
            cr_assert_eq(our_memcmp(source, source, n), 0);
        }
    cr_expect_gt(our_memcmp("\x80", "\x7f", 1), 0);
}

Test(mem, finds_the_first_and_looks_no_further)
{
    static char text[80];
    for (size_t n = 0; n <= 70; n++) /* what is wanted stands in front and behind, too */
        for (int at_front = 0; at_front < 2; at_front++)
            for (size_t at = 0; at <= n; at++) {
                memset(text, 'x', sizeof text);
                text[0] = text[1 + at] = text[1 + n] = '\xff';
                struct slice s = slice_after(guarded((struct slice){text, n + 1}, at_front), 1);
                const char *expected = at < n ? s.ptr + at : NULL;
                cr_assert_eq((const char *)our_memchr(s.ptr, 0xff, n), expected, "at %zu of %zu", at, n);
                cr_assert_eq((const char *)our_memchr(s.ptr, 0x1ff, n), expected, "as unsigned char");
                cr_assert_null(our_memchr(s.ptr, 'y', n));
            }
}

Test(mem, measures_strings)
{
    for (size_t n = 0; n < 70; n++) {
        char text[80];
        memset(text, 'x', n);
        text[n] = '\0';
        cr_assert_eq(our_strlen(guarded((struct slice){text, n + 1}, false).ptr), n);
    }
}

Test(mem, reads_nothing_beyond)
{
    static const char text[ROOM];
    for (size_t n = 0; n <= LONGEST; n++) {
        struct slice s = guarded((struct slice){text, n}, false);
        our_memcpy(ours, s.ptr, n);
        our_memmove(ours, s.ptr, n);
        our_memset((void *)(uintptr_t)s.ptr, 0, n);
        cr_assert_eq(our_memcmp(s.ptr, text, n), 0);
    }
}
