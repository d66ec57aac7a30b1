/*
 * load_report.c - reads what a load generator printed: wrk, ab, hey, redis-benchmark, pgbench, or lines `name: number`.
 *
 * Each tool is a row: what tells its output from others', and what reads a line of it. A line yields figures; where
 * they are put, several reports in one output become one. One more tool is one more row and its reader.
 *
 * Lines are read one at a time from a copy of a fixed size: figures stand on short lines, and the text may be long.
 * Numbers are read as in the C locale, which LC_NUMERIC stays in.
 */
#include "load_report.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 512, COLUMNS_MOST = 16 };

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const double ms_ns = 1e6, second_ns = 1e9;

/* The latencies first: they count as places in a report. */
enum figure { MEAN, P50, P75, P90, P95, P99, P999, MAX, REQUESTS, SECONDS, RATE, ERRORS, NOTHING };

static const char *const latency_keys[LATENCIES_MOST] = {
    [MEAN] = "mean", [P50] = "p50", [P75] = "p75",    [P90] = "p90",
    [P95] = "p95",   [P99] = "p99", [P999] = "p99.9", [MAX] = "max",
};

/* What names a figure where it is called by a name: in lines `name: number` and at the head of a column. */
static const struct {
    const char *name;
    enum figure figure;
} names[] = {
    {"mean", MEAN}, {"average", MEAN}, {"avg", MEAN}, {"latency", MEAN},
    {"p50", P50}, {"p75", P75}, {"p90", P90}, {"p95", P95}, {"p99", P99}, {"p99.9", P999}, {"max", MAX},
    {"requests", REQUESTS},
    {"seconds", SECONDS}, {"time", SECONDS}, {"duration", SECONDS},
    {"rate", RATE}, {"requests/sec", RATE}, {"requests/s", RATE}, {"requests_per_second", RATE}, {"throughput", RATE},
    {"rps", RATE}, {"qps", RATE}, {"tps", RATE},
    {"errors", ERRORS}, {"failed", ERRORS},
};

static const struct {
    const char *name;
    double ns;
} units_of_time[] = {
    {"ns", 1}, {"us", 1e3}, {"\u00b5s", 1e3}, {"\u03bcs", 1e3}, {"usec", 1e3},       /* micro sign, mu */
    {"ms", 1e6}, {"msec", 1e6}, {"milliseconds", 1e6},
    {"s", 1e9}, {"sec", 1e9}, {"secs", 1e9}, {"second", 1e9}, {"seconds", 1e9},
    {"m", 60e9}, {"min", 60e9}, {"h", 3600e9},
};

/* One report of possibly several; NaN: not told. */
struct part {
    double requests, seconds, rate;
};

struct reading {
    struct load_report *report;
    struct part part;                      /* the one that is being read */
    double rated_count, rated_requests, rated_seconds, inverse_rates;      /* of those before it */
    double latency_sum[LATENCIES_MOST], latency_count[LATENCIES_MOST];
    double wrong_lengths;                  /* ab: answers of another length than the first one */
    enum figure columns[COLUMNS_MOST];     /* redis-benchmark: what stands below its headings */
    size_t column_count;
};

/* --- words and numbers ------------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* Reads a plain number that is not negative. Returns what follows it, or NULL. */
static const char *number_read(const char *text, double *number)
{
    text = skip_blanks(text);
    if (!isdigit((unsigned char)text[0]) || tolower((unsigned char)text[1]) == 'x')
        return NULL;
    char *end;
    *number = strtod(text, &end);
    return end;
}

/* What follows `prefix`, blanks before it left out; NULL if the line does not begin so. */
static const char *prefix_skip(const char *line, const char *prefix)
{
    line = skip_blanks(line);
    size_t len = strlen(prefix);
    return strncmp(line, prefix, len) == 0 ? line + len : NULL;
}

/* The unit that is the whole of the first `len` bytes, in nanoseconds, or NaN. */
static double unit_ns(const char *text, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(units_of_time); i++)
        if (strlen(units_of_time[i].name) == len && strncasecmp(units_of_time[i].name, text, len) == 0)
            return units_of_time[i].ns;
    return NAN;
}

/* Reads a number with a unit of time behind it. Returns what follows, or NULL. */
static const char *duration_read(const char *text, double *ns)
{
    double number;
    text = number_read(text, &number);
    if (text == NULL)
        return NULL;
    text = skip_blanks(text);
    size_t len = strcspn(text, " \t,;()[]");
    *ns = number * unit_ns(text, len);
    return isnan(*ns) ? NULL : text + len;
}

/* Reads "99%", "99.900%" or "99%%", as some builds of hey write it. Returns what follows, or NULL. */
static const char *percent_read(const char *line, enum figure *figure)
{
    static const struct {
        double percent;
        enum figure figure;
    } rows[] = {{50, P50}, {75, P75}, {90, P90}, {95, P95}, {99, P99}, {99.9, P999}, {100, MAX}};
    double percent;
    line = number_read(line, &percent);
    if (line == NULL || *line != '%')
        return NULL;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (percent == rows[i].percent) {
            *figure = rows[i].figure;
            return line + strspn(line, "%");
        }
    return NULL;
}

static enum figure figure_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].figure;
    return NOTHING;
}

/* --- figures ----------------------------------------------------------------------------------------------------- */

static double sum_of_told(double sum, double value)
{
    return isnan(sum) ? value : isnan(value) ? sum : sum + value;
}

static void part_end(struct reading *reading)
{
    struct part part = reading->part;
    reading->part = (struct part){NAN, NAN, NAN};
    reading->report->requests = sum_of_told(reading->report->requests, part.requests);
    reading->report->seconds = sum_of_told(reading->report->seconds, part.seconds);
    if (isnan(part.rate) && part.seconds > 0)
        part.rate = part.requests / part.seconds;
    if (isnan(part.rate))
        return;
    reading->report->rate = part.rate;
    reading->rated_count++;
    reading->inverse_rates += 1 / part.rate;
    reading->rated_requests += part.requests;
    /* Not as told: redis-benchmark rounds 0.217 seconds to 0.22, but not the rate. */
    reading->rated_seconds += part.requests > 0 && part.rate > 0 ? part.requests / part.rate : part.seconds;
}

/* Latencies in nanoseconds; what is no number, or beyond all, is left out. A figure that the part already has begins the next one. */
static void figure_put(struct reading *reading, enum figure figure, double value)
{
    if (!isfinite(value))
        return;
    if (figure <= MAX) {
        reading->latency_sum[figure] += value;
        reading->latency_count[figure]++;
        return;
    }
    if (figure == ERRORS)
        reading->report->errors += value;
    if (figure >= ERRORS)
        return;
    struct part *part = &reading->part;
    double *place = figure == REQUESTS ? &part->requests : figure == SECONDS ? &part->seconds : &part->rate;
    if (!isnan(*place))
        part_end(reading);
    *place = value;
}

static void reading_end(struct reading *reading)
{
    struct load_report *report = reading->report;
    part_end(reading);
    if (reading->rated_count > 1)
        report->rate = reading->rated_seconds > 0 && isfinite(reading->rated_requests)
                     ? reading->rated_requests / reading->rated_seconds : reading->rated_count / reading->inverse_rates;
    for (size_t i = 0; i < LATENCIES_MOST; i++) {
        if (reading->latency_count[i] == 0)
            continue;
        size_t at = report->latency_count++;
        snprintf(report->latencies[at].key, sizeof report->latencies[at].key, "latency_%s", latency_keys[i]);
        report->latencies[at].ns = reading->latency_sum[i] / reading->latency_count[i];
    }
}

/* --- the tools --------------------------------------------------------------------------------------------------- */

/* A line that is a fixed text and a number. */
struct line_row {
    const char *prefix;
    enum figure figure;
    double scale;
};

static bool line_rows_read(struct reading *reading, const struct line_row *rows, size_t count, const char *line)
{
    for (size_t i = 0; i < count; i++) {
        const char *rest = prefix_skip(line, rows[i].prefix);
        double number;
        if (rest == NULL || number_read(rest, &number) == NULL)
            continue;
        figure_put(reading, rows[i].figure, number * rows[i].scale);
        return true;
    }
    return false;
}

/* "  Latency   189.11us  311.79us   4.33ms   96.45%": average, deviation, most. */
static void wrk_read_latency(struct reading *reading, const char *rest)
{
    double average, deviation, most;
    if ((rest = duration_read(rest, &average)) == NULL)
        return;
    figure_put(reading, MEAN, average);
    if ((rest = duration_read(rest, &deviation)) != NULL && duration_read(rest, &most) != NULL)
        figure_put(reading, MAX, most);
}

/* "connect 0, read 5916, write 0, timeout 0" */
static void wrk_read_socket_errors(struct reading *reading, const char *rest)
{
    double count;
    for (rest = strpbrk(rest, "0123456789"); rest != NULL; rest = strpbrk(rest, "0123456789")) {
        if ((rest = number_read(rest, &count)) == NULL)
            return;
        figure_put(reading, ERRORS, count);
    }
}

static void wrk_read_line(struct reading *reading, const char *line)
{
    static const struct line_row rows[] = {{"Requests/sec:", RATE, 1}, {"Non-2xx or 3xx responses:", ERRORS, 1}};
    double number, ns;
    enum figure figure;
    const char *rest;
    if (line_rows_read(reading, rows, COUNT_OF(rows), line))
        return;
    if ((rest = prefix_skip(line, "Latency ")) != NULL)
        wrk_read_latency(reading, rest);
    else if ((rest = prefix_skip(line, "Socket errors:")) != NULL)
        wrk_read_socket_errors(reading, rest);
    else if ((rest = percent_read(line, &figure)) != NULL) {
        if (figure != MAX && duration_read(rest, &ns) != NULL)         /* wrk2 has the most twice, once rounded up */
            figure_put(reading, figure, ns);
    } else if ((rest = number_read(line, &number)) != NULL && (rest = prefix_skip(rest, "requests in ")) != NULL
               && duration_read(rest, &ns) != NULL) {
        figure_put(reading, REQUESTS, number);
        figure_put(reading, SECONDS, ns / second_ns);
    }
}

/* Failed requests include answers of another length than the first, and those are often the very ones that are
 * counted as "Non-2xx" too: of the two only the greater is sure. */
static bool ab_read_errors(struct reading *reading, const char *line)
{
    double number;
    const char *rest;
    if ((rest = prefix_skip(line, "Failed requests:")) != NULL && number_read(rest, &number) != NULL) {
        figure_put(reading, ERRORS, number);
        reading->wrong_lengths = 0;
    } else if (prefix_skip(line, "(Connect:") != NULL && (rest = strstr(line, "Length:")) != NULL) {
        number_read(rest + strlen("Length:"), &reading->wrong_lengths);
    } else if ((rest = prefix_skip(line, "Non-2xx responses:")) != NULL && number_read(rest, &number) != NULL) {
        if (number > reading->wrong_lengths)
            figure_put(reading, ERRORS, number - reading->wrong_lengths);
    } else {
        return false;
    }
    return true;
}

static void ab_read_line(struct reading *reading, const char *line)
{
    static const struct line_row rows[] = {
        {"Time taken for tests:", SECONDS, 1}, {"Complete requests:", REQUESTS, 1}, {"Requests per second:", RATE, 1}};
    double number;
    enum figure figure;
    const char *rest;
    if (line_rows_read(reading, rows, COUNT_OF(rows), line) || ab_read_errors(reading, line))
        return;
    if ((rest = prefix_skip(line, "Time per request:")) != NULL) {
        /* The other line of that name divides by the concurrency: no request took that long. */
        if (number_read(rest, &number) != NULL && strstr(rest, "[ms] (mean)") != NULL)
            figure_put(reading, MEAN, number * ms_ns);
    } else if ((rest = percent_read(line, &figure)) != NULL && number_read(rest, &number) != NULL) {
        figure_put(reading, figure, number * ms_ns);
    }
}

/* "[200]  2000 responses", and below another heading "[7]  Get "http://...": EOF" */
static void hey_read_bracket(struct reading *reading, const char *rest)
{
    double code, count;
    if ((rest = number_read(rest, &code)) == NULL || *rest != ']')
        return;
    const char *after = number_read(rest + 1, &count);
    if (after == NULL || prefix_skip(after, "responses") == NULL) {
        figure_put(reading, ERRORS, code);
        return;
    }
    reading->part.requests = sum_of_told(reading->part.requests, count);
    if (code < 200 || code >= 400)
        figure_put(reading, ERRORS, count);
}

static void hey_read_line(struct reading *reading, const char *line)
{
    static const struct line_row rows[] = {
        {"Total:", SECONDS, 1}, {"Average:", MEAN, 1e9}, {"Slowest:", MAX, 1e9}, {"Requests/sec:", RATE, 1}};
    double ns;
    enum figure figure;
    const char *rest;
    if (line_rows_read(reading, rows, COUNT_OF(rows), line))
        return;
    if ((rest = prefix_skip(line, "[")) != NULL)
        hey_read_bracket(reading, rest);
    else if ((rest = percent_read(line, &figure)) != NULL && (rest = prefix_skip(rest, "in ")) != NULL
             && duration_read(rest, &ns) != NULL)
        figure_put(reading, figure, ns);
}

/* "avg  min  p50 ... max", or the head of --csv: "test","rps","avg_latency_ms",... */
static void columns_read(struct reading *reading, const char *line, const char *separators)
{
    char words[LINE_SIZE], *state = NULL;
    snprintf(words, sizeof words, "%s", line);
    reading->column_count = 0;
    for (char *word = strtok_r(words, separators, &state); word != NULL; word = strtok_r(NULL, separators, &state)) {
        char *suffix = strstr(word, "_latency_ms");
        if (suffix != NULL)
            *suffix = '\0';
        if (reading->column_count < COLUMNS_MOST)
            reading->columns[reading->column_count++] = figure_named(word);
    }
}

static void columns_put(struct reading *reading, const char *line, const char *separators)
{
    char words[LINE_SIZE], *state = NULL, *word;
    snprintf(words, sizeof words, "%s", line);
    word = strtok_r(words, separators, &state);
    for (size_t i = 0; i < reading->column_count && word != NULL; i++, word = strtok_r(NULL, separators, &state)) {
        double number;
        if (number_read(word, &number) != NULL)
            figure_put(reading, reading->columns[i], reading->columns[i] <= MAX ? number * ms_ns : number);
    }
}

/* "SET: 92592.59 requests per second, p50=0.279 msec"; "throughput summary: 89686.09 requests per second"; before
 * version 6.2 only the number. */
static void redis_read_rate(struct reading *reading, const char *line, const char *after)
{
    const char *number_at = after;
    double number, ns;
    while (number_at > line && number_at[-1] != ' ')
        number_at--;
    if (number_read(number_at, &number) == after)
        figure_put(reading, RATE, number);
    const char *median = strstr(after, "p50=");
    if (median != NULL && duration_read(median + strlen("p50="), &ns) != NULL)
        figure_put(reading, P50, ns);
}

static void redis_read_line(struct reading *reading, const char *line)
{
    double number, ns;
    const char *rest;
    if ((rest = strstr(line, " requests per second")) != NULL)
        redis_read_rate(reading, line, rest);
    else if ((rest = number_read(line, &number)) != NULL
             && (rest = prefix_skip(rest, "requests completed in ")) != NULL && duration_read(rest, &ns) != NULL) {
        figure_put(reading, REQUESTS, number);
        figure_put(reading, SECONDS, ns / second_ns);
    } else if (prefix_skip(line, "avg ") != NULL) {
        columns_read(reading, line, " ");
    } else if (prefix_skip(line, "\"test\",") != NULL) {
        columns_read(reading, line, ",\"");
    } else if (line[0] == '"') {
        columns_put(reading, line, ",\"");
    } else if (reading->column_count > 0 && reading->columns[0] == MEAN) {
        columns_put(reading, line, " ");
        reading->column_count = 0;
    }
}

static void pgbench_read_line(struct reading *reading, const char *line)
{
    static const struct line_row rows[] = {{"number of transactions actually processed:", REQUESTS, 1},
                                           {"number of failed transactions:", ERRORS, 1},
                                           {"latency average =", MEAN, 1e6},
                                           {"tps =", RATE, 1}};
    if (strstr(line, "(including connections establishing)") == NULL)      /* before version 14 there are two rates */
        line_rows_read(reading, rows, COUNT_OF(rows), line);
}

/* --- name: number ------------------------------------------------------------------------------------------------ */

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
    const char *word = skip_blanks(rest);
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
    if (*skip_blanks(rest) == '\0')
        return number * name_ns;
    return duration_read(text, &ns) != NULL ? ns : NAN;
}

static void named_read_line(struct reading *reading, const char *line)
{
    char name[32];
    line = skip_blanks(line);
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
        double ns = named_time(value, figure == SECONDS && isnan(name_ns) ? second_ns : name_ns);
        figure_put(reading, figure, figure == SECONDS ? ns / second_ns : ns);
    } else if ((rest = number_read(value, &number)) != NULL && unit_counts(figure, rest)) {
        figure_put(reading, figure, number);
    }
}

/* --- which one --------------------------------------------------------------------------------------------------- */

static const struct tool {
    const char *name;
    const char *signs[3];                  /* any of them */
    void (*read_line)(struct reading *reading, const char *line);
    const char *missing;
} tools[] = {
    {"wrk", {"Thread Stats   Avg"}, wrk_read_line, "wrk printed no line \"Requests/sec:\""},
    {"ab", {"This is ApacheBench"}, ab_read_line, "ab printed no line \"Requests per second:\""},
    {"hey", {"Response time histogram:"}, hey_read_line, "hey printed no line \"Requests/sec:\""},
    {"redis-benchmark",
     {" requests completed in ", " requests per second, p50=", "\"test\",\"rps\""},
     redis_read_line,
     "redis-benchmark printed no requests per second"},
    {"pgbench", {"number of transactions actually processed:"}, pgbench_read_line, "pgbench printed no line \"tps =\""},
};

static const struct tool any_tool = {
    .name = "name: number",
    .read_line = named_read_line,
    .missing = "the output is none of wrk, ab, hey, redis-benchmark or pgbench, and has no line \"rate: NUMBER\"",
};

static const struct tool *tool_of(const char *text)
{
    for (size_t i = 0; i < COUNT_OF(tools); i++)
        for (size_t sign = 0; sign < COUNT_OF(tools[i].signs) && tools[i].signs[sign] != NULL; sign++)
            if (strstr(text, tools[i].signs[sign]) != NULL)
                return &tools[i];
    return &any_tool;
}

/* Copies the next line, or what of it fits. A progress line that is written over ends at its \r. Returns the rest. */
static const char *line_take(const char *text, char line[LINE_SIZE])
{
    size_t len = strcspn(text, "\r\n"), kept = len < LINE_SIZE ? len : LINE_SIZE - 1;
    memcpy(line, text, kept);
    line[kept] = '\0';
    return text[len] == '\0' ? text + len : text + len + 1;
}

const char *load_report_read(const char *text, struct load_report *report)
{
    const struct tool *tool = tool_of(text);
    char line[LINE_SIZE];
    *report = (struct load_report){.tool = tool->name, .requests = NAN, .seconds = NAN, .rate = NAN};
    struct reading reading = {.report = report, .part = {NAN, NAN, NAN}};
    while (*text != '\0') {
        text = line_take(text, line);
        tool->read_line(&reading, line);
    }
    reading_end(&reading);
    return isnan(report->rate) ? tool->missing : NULL;
}
