/* test_units.c - figures are told by a few digits, whatever they are. */
#include <criterion/criterion.h>

#include "units.h"

#include <math.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

Test(units, a_figure_has_a_few_digits_and_its_unit)
{
    static const struct {
        enum unit unit;
        double value;
        const char *text;
    } rows[] = {
        {UNIT_COUNT, 17, "17"},
        {UNIT_COUNT, 1234567, "1,234,567"},
        {UNIT_COUNT, 0, "0"},
        {UNIT_COUNT, 0.01234, "0.012"},
        {UNIT_COUNT, 1e300, "1e+300"},
        {UNIT_COUNT, 0.00001234, "1.23e-05"},
        {UNIT_COUNT, INFINITY, "-"},
        {UNIT_COUNT, NAN, "-"},
        {UNIT_PER_SECOND, 71070, "71,070/s"},
        {UNIT_PER_SECOND, 1e-300, "1e-300/s"},
        {UNIT_BYTES, 4200000, "4.20 MB"},
        {UNIT_BYTES, 1e300, "1e+291 GB"},
        {UNIT_NS, 1240000, "1.24 ms"},
        {UNIT_NS, 0, "0 ns"},
        {UNIT_NS, 1e-300, "1e-300 ns"},
        {UNIT_NS, 1e300, "1e+291 s"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer text = {0};
        unit_append(&text, rows[i].unit, rows[i].value, false);
        cr_expect_str_eq(text.bytes, rows[i].text, "row %zu: %.80s", i, text.bytes);
        buffer_finish(&text);
    }
}

Test(units, a_percentage_is_not_0_where_there_is_something)
{
    static const struct {
        double part;
        bool rounds_up;
        const char *text;
    } rows[] = {
        {0, false, "0 %"},         {0, true, "0 %"},          {0.00004, false, "less than 0.01 %"}, {0.00004, true, "0.01 %"},
        {1e-300, true, "0.01 %"},  {0.0035, false, "0.35 %"}, {-0.199, false, "19.9 %"},            {0.1991, true, "20.0 %"},
        {1.4, false, "140 %"},     {9999, false, "999900 %"}, {1e150, false, "1e+152 %"},           {1.7e308, false, "any %"},
        {INFINITY, true, "any %"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer text = {0};
        percent_append(&text, rows[i].part, rows[i].rounds_up);
        cr_expect_str_eq(text.bytes, rows[i].text, "row %zu: %.80s", i, text.bytes);
        buffer_finish(&text);
    }
}

Test(units, a_ratio_has_at_most_nine_columns)
{
    static const struct {
        double ratio;
        const char *text;
    } rows[] = {
        {1, "1.000"},       {0, "0.000"},      {0.0006, "0.001"},  {1e-5, "1e-05"},      {140.2, "140"}, {999999, "999999"},
        {1e6, "1e+06"},     {1e250, "1e+250"}, {1e-250, "1e-250"}, {1.23e250, "1.23e+250"}, {NAN, "-"},  {INFINITY, "-"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer text = {0};
        ratio_text_append(&text, rows[i].ratio);
        cr_expect_str_eq(text.bytes, rows[i].text, "row %zu: %.80s", i, text.bytes);
        buffer_finish(&text);
    }
}
