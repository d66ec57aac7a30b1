/* output.h - the program's stdout and stderr, when they still are what they were.
 *
 * Threads: any of the application's, unless said otherwise.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "slice.h"

/* Remembers which file descriptor 2 is: at start, and when the program puts another there by dup2 or freopen, which is
 * to say: let this be stderr (nginx does so with its log). A file that merely got the number is not. */
void output_stderr_is(void);

/* Remembers descriptor 1. Once, at start. */
void output_stdout_is(void);

/* Whether descriptor 1 is the file it was at start, for what is written there on the program's behalf. Threads: any, with the
 * program's descriptors. */
bool output_stdout_is_same(void);

/* Writes whole lines, if descriptor 2 is that file and takes them at once;
 * else they are lost. */
void output_stderr(struct slice lines);

#endif
