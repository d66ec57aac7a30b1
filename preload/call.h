/* call.h - a call of libc's on a connection, while it is under way.
 *
 * Nothing is held across libc's call but `struct call`. errno is never touched: what runs here makes system calls directly.
 *
 * Threads: any of the application's. Memory: the hook's own frame.
 */
#ifndef CALL_H
#define CALL_H

#include "connection.h"
#include "fdtable.h"

#include <sys/types.h>

struct altered;
struct sent_copy;

/* A call on a connection that is under way. `connection` NULL: none of ours. */
struct call {
    struct sent_copy *copy; /* what must be looked at of what is sent, as it was before the call; or NULL */
    struct altered *altered; /* what the kernel is given in the place of the caller's bytes; NULL: just those */
    struct connection *connection;
    uint64_t since_ns;
    uint32_t generation; /* of the connection's block: told apart when it was closed and reused meanwhile */
    int fd;
    bool was_looked_at; /* `copy` is all that there is to see: the caller's memory is not touched after the call */
    uint16_t reserve;   /* bytes of the caller's buffer that the kernel is not shown, so that there is room for a line of ours */
    bool must_wait;     /* the rest of a line of ours must go out first, and cannot yet */
};

/* The connection on this descriptor, unless it is none of ours, or nobody looks at it any more. */
static inline struct connection *watched_connection(int fd)
{
    struct connection *connection = fdtable_get(fd);
    return connection && !connection_is_nothing_to_us(connection) ? connection : NULL;
}

static inline struct call call_on(struct connection *connection, int fd)
{
    return (struct call){.connection = connection, .fd = fd, .generation = connection->generation};
}

/* Whether a call on this descriptor is one on a connection that is watched. */
static inline bool call_begins_on(struct call *call, int fd)
{
    struct connection *connection = watched_connection(fd);
    *call = connection ? call_on(connection, fd) : (struct call){.fd = fd};
    return connection != NULL;
}

/* Our code, entered and left. False: nothing may be looked at, and there is nothing to leave. */
bool call_enter(const struct call *call, enum direction direction);
void call_leave(const struct call *call, enum direction direction);

/* Still the connection that it began on? */
static inline bool call_is_on_same(const struct call *call)
{
    return fdtable_get(call->fd) == call->connection && call->connection->generation == call->generation;
}

/* It has failed. Not between enter and leave. */
void call_failed(const struct call *call, enum direction direction, int error_number);

/* `length`, its result, was of bytes that nobody can show us. Not between enter and leave. */
void call_passed_unseen(const struct call *call, enum direction direction, ssize_t length);

#endif
