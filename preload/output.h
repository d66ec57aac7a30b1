/* output.h - the program's stderr, when it still is what it was.
 *
 * Threads: any of the application's.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "slice.h"

/* Remembers which file descriptor 2 is. Once, at start. */
void output_start(void);

/* Writes whole lines, if stderr is the file it was at start (programs put other files there) and takes them at once;
 * else they are lost. */
void output_stderr(struct slice lines);

#endif
