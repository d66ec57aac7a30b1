/* call.c - calls on connections: our code entered and left, and what a failure says. See call.h.
 *
 * Here, and only here, our code is entered and left (tracer_enter): between the two a signal handler's calls on the same thread
 * pass straight through, and a connection they used is given up rather than guessed about.
 */
#include "call.h"

#include "conversation.h"
#include "tracer.h"

#include <errno.h>

int *__errno_location(void);

/* Failures that end a connection. Others (EAGAIN, EINTR, EINVAL, ...) say nothing about it. */
static bool ends_connection(int error_number)
{
    switch (error_number) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case ECONNABORTED:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case EIO:
        return true;
    }
    return false;
}

bool call_enter(const struct call *call, enum direction direction)
{
    if (!tracer_enter()) {
        if (!thread.vfork_depth)
            atomic_store_explicit(&call->connection->reentered, true, memory_order_relaxed);
        return false;
    }
    if (connection_enter(call->connection, direction)) {
        if (call_is_on_same(call))
            return true;
        connection_leave(call->connection, direction);
    }
    thread_leave();
    return false;
}

void call_leave(const struct call *call, enum direction direction)
{
    connection_leave(call->connection, direction);
    thread_leave();
}

void call_failed(const struct call *call, enum direction direction, int error_number)
{
    if (!ends_connection(error_number))
        return;
    /* Whoever ends requests must own the direction of responses; a client that cannot send only remembers it. */
    bool is_client = call->connection->role == ROLE_CLIENT;
    enum direction of_responses = is_client ? DIRECTION_RECEIVED : DIRECTION_SENT;
    enum direction entered = is_client && direction == DIRECTION_SENT ? DIRECTION_SENT : of_responses;
    if (!call_enter(call, entered))
        return;
    connection_failed(call->connection, direction, error_number);
    call_leave(call, entered);
}

void call_passed_unseen(const struct call *call, enum direction direction, ssize_t length)
{
    if (length < 0) {
        call_failed(call, direction, *__errno_location());
        return;
    }
    if (length == 0 || !call_enter(call, direction))
        return;
    conversation_passed_unseen(call->connection, direction, (uint64_t)length);
    call_leave(call, direction);
}
