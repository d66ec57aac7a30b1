/*
 * load_named.c - reads lines `name: number`, which any program may print.
 *
 * Nobody promised what stands there, so it is strict: a figure is taken only with a name that is known whole and a unit that
 * fits it. A rate in MB/s, or a latency without a unit, would be a wrong number; it had better be missing.
 */
#include "load_named.h"

#include "load_words.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Makes of "Latency P99_ms " "p99" and *unit_ns 1e6. */
static enum figure name_read(char *name, double *ns)
{
    char *end = name + strlen(name);
    while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    for (char *c = name; *c != '\0'; c++)
        *c = *c == ' ' || *c == '\t' ? '_' : (char)tolower((unsigned char)*c);
    enum figure figure = figure_named(name);
    if (figure != NOTHING)
        return figure;
    char *suffix = strrchr(name, '_');
    double suffix_ns = suffix != NULL ? unit_ns(suffix + 1, strlen(suffix + 1)) : NAN;
    if (!isnan(suffix_ns)) {
        *suffix = '\0';
        *ns = suffix_ns;
    }
    const char *latency = prefix_skip(name, "latency_");
    figure = figure_named(latency != NULL ? latency : name);
    bool is_time = figure <= MAX || (figure == SECONDS && latency == NULL);
    return is_time || (latency == NULL && isnan(suffix_ns)) ? figure : NOTHING;
}

/* Whether what stands behind a number of requests, or of requests a second, leaves it that. */
static bool unit_counts(enum figure figure, const char *rest)
{
    static const char *const units[] = {"/s", "/sec", "1/s", "req/s", "reqs/s", "requests/s", "requests/sec", "ops/s", "ops/sec",
                                        "rps", "qps", "tps", "hz", "req", "requests", "transactions", "operations", "per"};
    const char *word = blanks_skip(rest);
    size_t len = strcspn(word, " \t,;()");
    if (*rest == ',' && isdigit((unsigned char)rest[1]))               /* thousands */
        return false;
    if (figure != RATE)
        return len == 0 || (len > 1 && word > rest && isalpha((unsigned char)*word));
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (strlen(units[i]) == len && strncasecmp(units[i], word, len) == 0)
            return true;
    return len == 0;
}

/* In nanoseconds: a number with its unit behind it, or with the one in its name; NaN without either. */
static double named_time(const char *text, double name_ns)
{
    double number, ns;
    const char *rest = number_read(text, &number);
    if (rest == NULL)
        return NAN;
    if (*blanks_skip(rest) == '\0')
        return number * name_ns;
    return duration_read(text, &ns) != NULL ? ns : NAN;
}

void load_named_read_line(struct reading *reading, const char *line)
{
    char name[32];
    line = blanks_skip(line);
    size_t len = strcspn(line, ":=");
    if (line[len] == '\0' || len >= sizeof name)
        return;
    memcpy(name, line, len);
    name[len] = '\0';
    const char *value = line + len + 1, *rest;
    double number, name_ns = NAN;
    enum figure figure = name_read(name, &name_ns);
    if (figure == NOTHING)
        return;
    if (figure <= MAX || figure == SECONDS) {
        double ns = named_time(value, figure == SECONDS && isnan(name_ns) ? SECOND_NS : name_ns);
        figure_put(reading, figure, figure == SECONDS ? ns / SECOND_NS : ns);
    } else if ((rest = number_read(value, &number)) != NULL && unit_counts(figure, rest)) {
        figure_put(reading, figure, number);
    }
}
