/*
 * load_tools.c - the load generators whose reports are read: wrk, ab, hey, redis-benchmark, pgbench.
 *
 * A reader sees one line at a time and puts the figures it knows on it; what becomes of them is load_figures.c's. One more
 * tool is one more row at the end, and its reader.
 */
#include "load_tools.h"

#include "load_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

/* --- wrk --------------------------------------------------------------------------------------------------------- */

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
        figure_put(reading, SECONDS, ns / SECOND_NS);
    }
}

/* --- ab ---------------------------------------------------------------------------------------------------------- */

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
            figure_put(reading, MEAN, number * MS_NS);
    } else if ((rest = prefix_skip(line, "Total transferred:")) != NULL) {
        if (number_read(rest, &number) != NULL && number == 0)         /* a connection that was closed is complete to it */
            figure_unanswered(reading);
    } else if ((rest = percent_read(line, &figure)) != NULL && number_read(rest, &number) != NULL) {
        figure_put(reading, figure, number * MS_NS);
    }
}

/* --- hey --------------------------------------------------------------------------------------------------------- */

/* "[200]  2000 responses", and below another heading "[7]  Get "http://...": EOF" */
static void hey_read_bracket(struct reading *reading, const char *rest)
{
    double code, count;
    if ((rest = number_read(rest, &code)) == NULL || *rest != ']')
        return;
    const char *after = number_read(rest + 1, &count);
    if (after == NULL || prefix_skip(after, "responses") == NULL) {
        figure_put(reading, ERRORS, code);
        figure_add_requests(reading, 0);   /* its rate is one of requests made: where there are only these, none was answered */
        return;
    }
    figure_add_requests(reading, count);
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

/* --- redis-benchmark --------------------------------------------------------------------------------------------- */

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
            figure_put(reading, reading->columns[i], reading->columns[i] <= MAX ? number * MS_NS : number);
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
        figure_put(reading, SECONDS, ns / SECOND_NS);
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

/* --- pgbench ----------------------------------------------------------------------------------------------------- */

static void pgbench_read_line(struct reading *reading, const char *line)
{
    static const struct line_row rows[] = {{"number of transactions actually processed:", REQUESTS, 1},
                                           {"number of failed transactions:", ERRORS, 1},
                                           {"latency average =", MEAN, 1e6},
                                           {"tps =", RATE, 1}};
    if (strstr(line, "(including connections establishing)") == NULL)      /* before version 14 there are two rates */
        line_rows_read(reading, rows, COUNT_OF(rows), line);
}

/* --- which one --------------------------------------------------------------------------------------------------- */

static const struct load_tool tools[] = {
    {"wrk", {"Thread Stats   Avg"}, wrk_read_line, "wrk printed no line \"Requests/sec:\""},
    {"ab", {"This is ApacheBench"}, ab_read_line, "ab printed no line \"Requests per second:\""},
    {"hey", {"Response time histogram:"}, hey_read_line, "hey printed no line \"Requests/sec:\""},
    {"redis-benchmark",
     {" requests completed in ", " requests per second, p50=", "\"test\",\"rps\""},
     redis_read_line,
     "redis-benchmark printed no requests per second"},
    {"pgbench", {"number of transactions actually processed:"}, pgbench_read_line, "pgbench printed no line \"tps =\""},
};

const struct load_tool *load_tool_of(const char *text)
{
    for (size_t i = 0; i < COUNT_OF(tools); i++)
        for (size_t sign = 0; sign < COUNT_OF(tools[i].signs) && tools[i].signs[sign] != NULL; sign++)
            if (strstr(text, tools[i].signs[sign]) != NULL)
                return &tools[i];
    return NULL;
}
