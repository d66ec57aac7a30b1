/*
 * progress.h - tells a person at a terminal how far a comparison is, once it has taken two seconds.
 *
 * A line on standard error that is written over and taken away; nothing where that is no terminal, or one that cannot (TERM=dumb).
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stddef.h>

/* `total` steps are to come, as far as is known. It is shown after a step and from child.h's waits, four times a second at most. */
void progress_begin(size_t total, const char *what);
void progress_step(void);
/* Takes the line away, and it does not come again: also before a message, which would stand behind it. */
void progress_end(void);

#endif
