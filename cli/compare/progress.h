/*
 * progress.h - tells a person at a terminal how far a comparison is, once it has taken two seconds.
 *
 * A line on standard error that is written over and taken away; nothing where that is no terminal.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stddef.h>

/* `total` steps are to come, as far as is known. It is shown from child.h's waits. */
void progress_begin(size_t total, const char *what);
void progress_step(void);
/* Takes the line away. */
void progress_end(void);

#endif
