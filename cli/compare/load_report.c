/*
 * load_report.c - reads what a load generator printed: wrk, ab, hey, redis-benchmark, pgbench, or lines `name: number`.
 *
 * Picks who reads (load_tools.c, else load_named.c) and hands out the lines, one at a time from a copy of a fixed size:
 * figures stand on short lines, and the text may be long. load_figures.c collects what is found.
 */
#include "load_report.h"

#include "load_figures.h"
#include "load_named.h"
#include "load_tools.h"

#include <math.h>
#include <string.h>

static const struct load_tool any_tool = {
    .name = "name: number",
    .read_line = load_named_read_line,
    .missing = "the output is none of wrk, ab, hey, redis-benchmark or pgbench, and has no line \"rate: NUMBER\"",
};

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
    const struct load_tool *tool = load_tool_of(text);
    if (tool == NULL)
        tool = &any_tool;
    char line[LINE_SIZE];
    struct reading reading = reading_begin(report);
    report->tool = tool->name;
    while (*text != '\0') {
        text = line_take(text, line);
        tool->read_line(&reading, line);
    }
    reading_end(&reading);
    return isnan(report->rate) ? tool->missing : NULL;
}
