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
bool waits_in_loop(bool is_endless);
bool waits_polls(const struct pollfd *fds, nfds_t count, bool is_endless);
bool waits_selects(int count, const fd_set *readable, const fd_set *writable, bool is_endless);

/* After it. */
void waits_ended(int events);

/* The verbs of hooks.def. */
#define call_waits(is_endless) bool is_loop = waits_in_loop(is_endless)
#define call_polls(fds, count, is_endless) bool is_loop = waits_polls((fds), (count), (is_endless))
#define call_selects(count, readable, writable, is_endless) bool is_loop = waits_selects((count), (readable), (writable), (is_endless))
#define call_waited()    \
    do {                 \
        if (is_loop)     \
            waits_ended(rc); \
    } while (0)

#endif
