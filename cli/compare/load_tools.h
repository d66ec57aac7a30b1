/*
 * load_tools.h - the load generators whose reports are read: wrk, ab, hey, redis-benchmark, pgbench.
 *
 * Each tool is a row: its name, what tells its output from others', and what reads a line of it.
 */
#ifndef LOAD_TOOLS_H
#define LOAD_TOOLS_H

#include "load_figures.h"

enum { LINE_SIZE = 512 };                  /* the most that is handed to a reader, with the NUL */

struct load_tool {
    const char *name;
    const char *signs[3];                  /* what its output holds, any of them */
    void (*read_line)(struct reading *reading, const char *line);
    const char *missing;                   /* a sentence, for an output that has its sign but no rate */
};

/* The tool that printed `text`, or NULL. */
const struct load_tool *load_tool_of(const char *text);

#endif
