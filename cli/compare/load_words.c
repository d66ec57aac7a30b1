/*
 * load_words.c - the words, numbers and times that lines of load generators are made of.
 *
 * What any of them means is not known here: load_tools.c and load_named.c put them together.
 */
#include "load_words.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    double ns;
} units_of_time[] = {
    {"ns", 1}, {"us", 1e3}, {"\u00b5s", 1e3}, {"\u03bcs", 1e3}, {"usec", 1e3},       /* micro sign, mu */
    {"ms", 1e6}, {"msec", 1e6}, {"milliseconds", 1e6},
    {"s", 1e9}, {"sec", 1e9}, {"secs", 1e9}, {"second", 1e9}, {"seconds", 1e9},
    {"m", 60e9}, {"min", 60e9}, {"h", 3600e9},
};

const char *blanks_skip(const char *text)
{
    return text + strspn(text, " \t");
}

const char *number_read(const char *text, double *number)
{
    text = blanks_skip(text);
    if (!isdigit((unsigned char)text[0]) || tolower((unsigned char)text[1]) == 'x')
        return NULL;
    char *end;
    *number = strtod(text, &end);
    return end;
}

const char *prefix_skip(const char *line, const char *prefix)
{
    line = blanks_skip(line);
    size_t len = strlen(prefix);
    return strncmp(line, prefix, len) == 0 ? line + len : NULL;
}

double unit_ns(const char *text, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(units_of_time); i++)
        if (strlen(units_of_time[i].name) == len && strncasecmp(units_of_time[i].name, text, len) == 0)
            return units_of_time[i].ns;
    return NAN;
}

const char *duration_read(const char *text, double *ns)
{
    double number;
    text = number_read(text, &number);
    if (text == NULL)
        return NULL;
    text = blanks_skip(text);
    size_t len = strcspn(text, " \t,;()[]");
    *ns = number * unit_ns(text, len);
    return isnan(*ns) ? NULL : text + len;
}
