/* accounts.h - SPANLOAD_LOG=info: where every span went, in one line. */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

/* "spanload: pid=... started=... exported=... sampled_out=... held=... dropped_...=..." on stderr, when a process ends, and
 * before it becomes another program; if that fails and it goes on, again at its end.
 * The child of a fork that saw no traffic prints none. */
void accounts_print(void);

/* In the child of a fork: all begin at zero. */
void accounts_forget(void);

#endif
