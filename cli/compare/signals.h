/*
 * signals.h - the signals that end this command, held back so that they are looked at between two waits.
 *
 * Threads: one.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "launch.h"

#include <signal.h>

/* Once: blocks SIGCHLD and those of SIGINT, SIGTERM, SIGHUP and SIGQUIT that are not ignored (nohup(1), a shell's background), and ignores
 * SIGPIPE and SIGXFSZ: a report that cannot be written is told, and ends nothing halfway. Inherited by fork. */
void signals_block(void);

/* What sigtimedwait(2) is to wait for. */
const sigset_t *signals_awaited(void);

/* As everything was before signals_block(): what programs begin with. */
const struct launch_signals *signals_inherited(void);

#endif
