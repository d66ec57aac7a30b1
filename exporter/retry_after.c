/* retry_after.c - how long a Collector asks us to wait. See retry_after.h. */
#include "retry_after.h"

#define DELAY_MAX_S (24 * 60 * 60) /* longer than any export may take */

/* Days from 1970-01-01 in the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool read_part(struct slice s, size_t at, size_t len, unsigned max, unsigned *number)
{
    unsigned long long n;
    if (!slice_to_number((struct slice){s.ptr + at, len}, max, &n))
        return false;
    *number = (unsigned)n;
    return true;
}

static unsigned read_month(struct slice s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12; i++)
        if (memcmp(s.ptr + 8, months + 3 * i, 3) == 0)
            return i + 1;
    return 0;
}

/* `Sun, 06 Nov 1994 08:49:37 GMT` */
static bool read_date(struct slice s, int64_t *seconds)
{
    unsigned day, year, hour, minute, second, month;
    if (s.len != 29 || s.ptr[3] != ',' || s.ptr[19] != ':' || s.ptr[22] != ':' || memcmp(s.ptr + 25, " GMT", 4) != 0)
        return false;
    month = read_month(s);
    if (!month || !read_part(s, 5, 2, 31, &day) || !read_part(s, 12, 4, 9999, &year) || !read_part(s, 17, 2, 23, &hour) ||
        !read_part(s, 20, 2, 59, &minute) || !read_part(s, 23, 2, 60, &second) || day == 0)
        return false;
    *seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

bool retry_after_read(struct slice value, int64_t now_s, uint64_t *delay_ms)
{
    unsigned long long delay_s;
    int64_t date_s;
    value = slice_trim(value);
    if (!slice_to_number(value, INT64_MAX, &delay_s)) {
        if (!read_date(value, &date_s))
            return false;
        delay_s = date_s > now_s ? (unsigned long long)(date_s - now_s) : 0;
    }
    *delay_ms = (delay_s < DELAY_MAX_S ? delay_s : DELAY_MAX_S) * 1000;
    return true;
}
