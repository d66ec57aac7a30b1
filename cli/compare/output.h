/*
 * output.h - what a program prints: a pipe, which is emptied into a file in memory while children are waited for.
 *
 * A pipe, because that is what a program has at a shell or in CI: one that opens /dev/stderr anew truncates a file and writes
 * over what was there, and a pipe it only joins.
 *
 * What is kept is bounded. Of an output that is compared the beginning is kept, and of what is beyond it the length and a sum;
 * of a log the last lines, and the accounts of the library wherever they were.
 *
 * Threads: one. At most 16 at a time. Memory: whoever begins one finishes it or discards it.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "content.h"

enum output_kind { OUTPUT_COMPARED, OUTPUT_LOG };

enum {
    OUTPUT_LEN_KEPT = 64 * 1024 * 1024,    /* of one that is compared; a multiple of 8 */
    LOG_LEN_KEPT = 1024 * 1024,            /* of a log, at least, if it is as long; and at most three times as much */
};

struct output {
    int write_fd;                          /* the program's; -1 once it is handed over */
    int read_fd;
    int file_fd;
    enum output_kind kind;
    bool is_at_end;                        /* nobody can write to it any more */
    size_t len;                            /* of the file */
    struct beyond beyond;
};

/* NULL with errno. */
struct output *output_begin(enum output_kind kind);

/* The program has it now: from here on its end is seen. */
void output_hand_over(struct output *output);

/* Takes what is in the pipe and no more: somebody unknown may hold its other end for good. Then the file is the caller's, *beyond
 * stands for what is not in it, and the output is no more. */
int output_finish(struct output *output, struct beyond *beyond);

/* The same, and nobody wants it. NULL is fine. */
void output_discard(struct output *output);

/* All that was printed until now and is kept, with a NUL behind it. */
char *output_text(struct output *output);

/* Empties the pipes until `fd` is readable, at most so long. False when the time is over. */
bool outputs_empty_until(int fd, int timeout_ms);

#endif
