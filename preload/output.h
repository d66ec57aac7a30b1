/* output.h - the program's stderr, when it still is what it was.
 *
 * Threads: any of the application's.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "slice.h"

/* Remembers which file descriptor 2 is: at start, and when the program puts another there by dup2 or freopen, which is
 * to say: let this be stderr (nginx does so with its log). A file that merely got the number is not. */
void output_stderr_is(void);

/* Writes whole lines, if descriptor 2 is that file and takes them at once;
 * else they are lost. */
void output_stderr(struct slice lines);

#endif
