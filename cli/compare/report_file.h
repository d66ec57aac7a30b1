/*
 * report_file.h - where a report goes: a file, or standard output.
 *
 * Opened before the work, since minutes of measuring are not to end in "permission denied", and cleared then: a comparison that is not
 * finished leaves no old report behind, which would be read as its own.
 *
 * Processes: the guard opens, clears and closes, its child writes. Memory: the path stays the caller's.
 */
#ifndef REPORT_FILE_H
#define REPORT_FILE_H

#include "buffer.h"

#include <stdbool.h>

struct report_file {
    const char *path;                      /* NULL: not wished for */
    int fd;                                /* -1: not wished for, or not open */
    bool is_stdout;                        /* or the file that standard output is */
    bool is_new;                           /* there was none before */
};

/* Returns 0, or the exit status after a line about it. */
int report_file_open(struct report_file *file, const char *path);

/* What an earlier report left there is gone. */
void report_file_clear(const struct report_file *file);

/* All of it or nothing. Returns as report_file_open does. */
int report_file_write(struct report_file *file, const struct buffer *text);

/* Whether both would be written into the same place. */
bool report_file_is_same(const struct report_file *one, const struct report_file *other);

void report_file_close(struct report_file *file);

#endif
