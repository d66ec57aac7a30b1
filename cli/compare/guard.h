/*
 * guard.h - does the work in a process of its own, and is there when that has ended, however it has.
 *
 * What the work starts is below it, and what was below this process before is not: a shell that has become this command
 * has children that are none of its own. It ends with this process, by SIGTERM, so that it can end what it has started; and if it is
 * killed, what it has started is ended all the same.
 *
 * Threads: one. Signals are blocked already (signals.h).
 */
#ifndef GUARD_H
#define GUARD_H

struct guarded {
    int (*work)(void *context);            /* returns an exit status */
    void (*tidy)(void *context);           /* once, when everything has ended; in another process than the work */
    void *context;
};

/* Does the work, then tidies. Returns the exit status of the work: 128+n if signal n ended it. Signals that come are passed on. */
int guard_run(const struct guarded *guarded);

#endif
