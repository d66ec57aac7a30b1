/* test_retry_after.c - Retry-After in both its forms, and what is neither. */
#include <criterion/criterion.h>

#include "retry_after.h"
#include "support_preload.h"

#include <time.h>

#define NOW 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7 */
#define DAY_MS (UINT64_C(24) * 60 * 60 * 1000)

Test(retry_after, reads_seconds_and_dates)
{
    enum { INVALID = -1 };
    static const struct {
        const char *value;
        int64_t delay_ms;
    } rows[] = {
        {"0", 0},
        {"1", 1000},
        {"120", 120000},
        {" 30\t", 30000},
        {"0030", 30000},
        {"86400", DAY_MS},
        {"86401", DAY_MS},
        {"9223372036854775807", DAY_MS},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 08:49:38 GMT", 1000},
        {"Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {"Sun, 06 Nov 1994 08:49:36 GMT", 0},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Mon, 07 Nov 1994 08:49:37 GMT", DAY_MS},
        {"Mon, 07 Nov 1994 08:49:36 GMT", DAY_MS - 1000},
        {"Fri, 31 Dec 9999 23:59:60 GMT", DAY_MS},
        {"", INVALID},
        {" ", INVALID},
        {"-1", INVALID},
        {"+1", INVALID},
        {"1.5", INVALID},
        {"5s", INVALID},
        {"0x10", INVALID},
        {"soon", INVALID},
        {"99999999999999999999999", INVALID},
        {"Sunday, 06-Nov-94 08:49:37 GMT", INVALID},
        {"Sun Nov  6 08:49:37 1994", INVALID},
        {"Sun, 06 Nov 1994 08:49:37", INVALID},
        {"Sun, 06 Nov 1994 08:49:37 UTC", INVALID},
        {"Sun, 06 Foo 1994 08:49:37 GMT", INVALID},
        {"Sun, 00 Nov 1994 08:49:37 GMT", INVALID},
        {"Sun, 32 Nov 1994 08:49:37 GMT", INVALID},
        {"Sun, 06 Nov 1994 24:49:37 GMT", INVALID},
        {"Sun, 06 Nov 1994 08:60:37 GMT", INVALID},
        {"Sun, 06 Nov 1994 08:49:61 GMT", INVALID},
        {"Sun, x6 Nov 1994 08:49:37 GMT", INVALID},
        {"Sun, 06 Nov 1994 08:49:37 GMTx", INVALID},
        {"Sun; 06 Nov 1994 08:49:37 GMT", INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t delay_ms = 0;
        bool is_valid = retry_after_read(guarded(slice_of(rows[i].value), false), NOW, &delay_ms);
        cr_expect_eq(is_valid, rows[i].delay_ms != INVALID, "\"%s\"", rows[i].value);
        if (is_valid)
            cr_expect_eq((int64_t)delay_ms, rows[i].delay_ms, "\"%s\": %lld", rows[i].value, (long long)delay_ms);
    }
}

/* Every day of four hundred years, written by libc. */
Test(retry_after, knows_the_calendar)
{
    for (time_t day = 0; day < 400 * 366; day++) {
        time_t date = day * 86400 + day % 86400;
        char text[64];
        uint64_t delay_ms = 0;
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&date));
        cr_assert(retry_after_read(slice_of(text), date - 17, &delay_ms), "%s", text);
        cr_assert_eq(delay_ms, 17000, "%s: %llu", text, (unsigned long long)delay_ms);
    }
}
