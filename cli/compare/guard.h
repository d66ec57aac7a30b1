/*
 * guard.h - does the work in a child, and is there when that has ended, however it has.
 *
 * What the child starts is below it, and what was below this process before is not: a shell that has become this command
 * has children that are none of its own. The child ends with this process, by SIGTERM, so that it can end what it has started.
 *
 * Threads: one. Signals are blocked already (signals.h).
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>

/* Runs work(context) in a child and returns its exit status: 128+n if signal n ended it. Signals that come are passed on. */
int guard_run(int (*work)(void *), void *context);

/* In the child: the process that waits for it was killed, and will not clean up. */
bool guard_is_gone(void);

#endif
