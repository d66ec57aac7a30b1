/* exporter_thread.h - our thread, seen from the application's: starting it, waking it, waiting for it.
 *
 * Threads: any of the application's. Only exporter_thread_flush and _pause wait, for a bounded time, and only the
 * process's end, exec, fork and a change of credentials call them.
 */
#ifndef EXPORTER_THREAD_H
#define EXPORTER_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Before a span goes into the queue: opens the queue and starts the thread at the first span. False when there can be
 * none: no memory, a refused clone, or a seccomp filter that came after us. */
bool exporter_thread_prepare(void);

/* After a span went into the queue: wakes the thread if it is time to. */
void exporter_thread_notify(void);

/* Everything in the queue out, or until the budget (SPANLOAD_EXIT_TIMEOUT_MS) is used up. */
void exporter_thread_flush(void);

/* Our thread ends and does not come back until the same number of _resume: before calls that change what belongs to
 * each thread, or that need a process of one thread (design, section 2). */
void exporter_thread_pause(void);
void exporter_thread_resume(void);

/* As _resume, but nothing is started before the next span. */
void exporter_thread_unpause(void);

/* This thread has paused it and was perhaps taken out of that by a longjmp: then its mark is taken away. */
void exporter_thread_recover(void);

/* As _pause, but false, and nothing to resume, where the thread could not be started again: for calls that it can live with. */
bool exporter_thread_pause_if_not_last(void);

/* Before a limit changes. A server that allows itself no more threads (RLIMIT_NPROC 0; haproxy does so when all of its own
 * are there) gets ours now: at its first span it could not be had. */
void exporter_thread_limit(pid_t process_id, int resource, const struct rlimit *limit);

/* Never again: a seccomp filter that we did not grow up with may kill the process for a call of ours. */
void exporter_thread_forbid(void);

/* In the child of a fork: there is no such thread here. */
void exporter_thread_forget(void);

#endif
