/* waits.h - calls that wait for descriptors: which of them are a thread's return to its loop (causality.h).
 *
 * A loop waits for a listener, or for connections of clients: those whose work it may take up next. A wait for the answer to a
 * request of one's own, for a child's output or for the end of a time is a part of the work that is being done. What an epoll
 * descriptor waits for is not known; programs that use them do so for loops.
 *
 * Threads: any of the application's.
 */
#ifndef WAITS_H
#define WAITS_H

#include <poll.h>
#include <stdbool.h>
#include <sys/select.h>

/* Before the call: whether it is such a return. */
bool waits_in_loop(void);
bool waits_polls(const struct pollfd *fds, nfds_t count);
bool waits_selects(int count, const fd_set *readable, const fd_set *writable);

/* After it. */
void waits_ended(bool is_loop);

/* The verbs of hooks.def. */
#define call_waits() bool is_loop = waits_in_loop()
#define call_polls(fds, count) bool is_loop = waits_polls((fds), (count))
#define call_selects(count, readable, writable) bool is_loop = waits_selects((count), (readable), (writable))
#define call_waited() waits_ended(is_loop)

#endif
