/* utc_time.c - a point in time as people and ISO 8601 write it.
 *
 * libc's gmtime has state and locks. The calendar repeats every 400 years of 146097 days; counted from the first of
 * March, the leap day is the last of its year and the months have lengths that a line fits.
 */
#include "utc_time.h"

enum { MS_PER_DAY = 86400000, DAYS_TO_1970 = 719468 /* from 0000-03-01 */, DAYS_PER_ERA = 146097 };

static void append_padded(struct text *out, unsigned number, unsigned digits)
{
    unsigned unit = 1;
    while (--digits)
        unit *= 10;
    for (; unit; unit /= 10)
        text_char(out, (char)('0' + number / unit % 10));
}

static void append_date(struct text *out, uint64_t days_since_1970)
{
    uint64_t days = days_since_1970 + DAYS_TO_1970;
    unsigned day_of_era = (unsigned)(days % DAYS_PER_ERA);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */
    unsigned year = (unsigned)(days / DAYS_PER_ERA) * 400 + year_of_era + (month >= 10);
    append_padded(out, year, 4);
    text_char(out, '-');
    append_padded(out, month < 10 ? month + 3 : month - 9, 2);
    text_char(out, '-');
    append_padded(out, day_of_year - (153 * month + 2) / 5 + 1, 2);
}

void utc_time_append(struct text *out, uint64_t unix_ns)
{
    uint64_t unix_ms = unix_ns / 1000000;
    unsigned ms = (unsigned)(unix_ms % MS_PER_DAY);
    append_date(out, unix_ms / MS_PER_DAY);
    text_char(out, 'T');
    append_padded(out, ms / 3600000, 2);
    text_char(out, ':');
    append_padded(out, ms / 60000 % 60, 2);
    text_char(out, ':');
    append_padded(out, ms / 1000 % 60, 2);
    text_char(out, '.');
    append_padded(out, ms % 1000, 3);
    text_char(out, 'Z');
}
