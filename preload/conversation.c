/* conversation.c - bytes that have passed become units. See conversation.h.
 *
 * Skips what may be skipped without being seen, and gathers a unit that came in pieces; what a unit means is unit.c's.
 */
#include "conversation.h"

#include "causality.h"
#include "gather.h"
#include "thread.h"
#include "unit.h"

#define GATHER_STEP 2048

static void refuse(struct connection *connection, ssize_t answer)
{
    if (answer == PARSE_TOO_LARGE)
        connection_stop_watching(connection, COUNT_given_up_head_too_large);
    else
        connection_stop_watching(connection, connection->protocol ? COUNT_given_up_malformed : COUNT_other_protocol);
}

/* Keeps an incomplete unit until more of it comes. */
static void gather(struct event *event, struct slice in)
{
    struct connection *connection = event->connection;
    struct gather *gather = gather_take();
    if (!gather || in.len > GATHER_MAX) {
        gather_give(gather);
        connection_stop_watching(connection, gather ? COUNT_given_up_head_too_large : COUNT_given_up_memory);
        return;
    }
    gather->since_ns = event->since_ns ? event->since_ns : event_now(event);
    gather->len = (uint32_t)in.len;
    memcpy(gather->bytes, in.ptr, in.len);
    connection->gathered[event->sender] = gather;
}

static void feed(struct event *event, struct slice in);
static void feed_rest(struct event *event, size_t done);

/* Adds to a gathered unit, a little at a time, until it is complete. Returns how much of `in` belonged to it. */
static size_t gather_more(struct event *event, struct slice in)
{
    struct connection *connection = event->connection;
    struct gather *gather = connection->gathered[event->sender];
    size_t used = 0;
    while (used < in.len) {
        size_t before = gather->len, step = in.len - used < GATHER_STEP ? in.len - used : GATHER_STEP;
        if (step > GATHER_MAX - before)
            step = GATHER_MAX - before;
        memcpy(gather->bytes + before, in.ptr + used, step);
        gather->len += (uint32_t)step;
        event->since_ns = gather->since_ns;
        ssize_t n = step ? unit_read(event, (struct slice){gather->bytes, gather->len}) : PARSE_TOO_LARGE;
        if (n < 0)
            refuse(connection, n);
        if (n > 0 && (size_t)n < before) {
            feed_rest(event, (size_t)n);
            return used + step;
        }
        if (n != PARSE_MORE) {
            gather_drop(&connection->gathered[event->sender]);
            return n > 0 ? used + ((size_t)n - before) : in.len;
        }
        used += step;
    }
    return used;
}

/* Several units were gathered before the protocol was known (an empty line and a request): the others are fed like
 * bytes that have just come. */
static void feed_rest(struct event *event, size_t done)
{
    struct gather *gather = event->connection->gathered[event->sender];
    struct room *room = event->room;
    event->connection->gathered[event->sender] = NULL;
    event->room = NULL; /* the program has these bytes already */
    feed(event, (struct slice){gather->bytes + done, gather->len - done});
    event->room = room;
    gather_give(gather);
}

/* Who sent the bytes, in the conversation; on a connection of unknown role the first to send is the client. */
static enum party sender_of(struct connection *connection, enum direction direction)
{
    if (connection_role(connection) == ROLE_UNKNOWN)
        atomic_store_explicit(&connection->role, direction == DIRECTION_SENT ? ROLE_CLIENT : ROLE_SERVER, memory_order_relaxed);
    return (connection_role(connection) == ROLE_CLIENT) == (direction == DIRECTION_SENT) ? PARTY_CLIENT : PARTY_SERVER;
}

/* Goes on behind the first `n` bytes, and behind what was put in between them. */
static struct slice feed_after(struct event *event, struct slice in, size_t n)
{
    size_t added = event->room ? event->room->added : 0;
    in = slice_after(in, n);
    if (event->room)
        event->room->added = 0, event->added += added;
    return (struct slice){in.ptr + added, in.len};
}

static void feed(struct event *event, struct slice in)
{
    struct connection *connection = event->connection;
    struct stream *stream = &connection->streams[event->sender];
    const uint64_t since_ns = event->since_ns;
    while (in.len && !connection_is_left(connection)) {
        struct gather *gathered = connection->gathered[event->sender];
        event->gone = gathered ? gathered->len : 0;
        event->writable = (char *)(uintptr_t)in.ptr - event->gone;
        if (stream->skip) {
            in = slice_after(in, unit_skip(event, in.len));
        } else if (gathered) {
            in = feed_after(event, in, gather_more(event, in));
            event->since_ns = since_ns;
        } else {
            ssize_t n = unit_read(event, in);
            if (n < 0)
                refuse(connection, n);
            else if (n == PARSE_MORE)
                gather(event, in);
            if (n <= 0)
                return;
            in = feed_after(event, in, (size_t)n);
        }
    }
}

/* By whoever has the direction, for whoever closes. */
static void count_received(struct connection *connection, uint64_t bytes)
{
    uint64_t before = atomic_load_explicit(&connection->received, memory_order_relaxed);
    atomic_store_explicit(&connection->received, before + bytes, memory_order_relaxed);
}

/* What the thread works on now (causality.h). */
static void tell_causality(struct connection *connection, enum direction direction)
{
    bool is_server = connection_role(connection) == ROLE_SERVER;
    if (is_server && direction == DIRECTION_RECEIVED) {
        if (open_requests_count(&connection->open) == 1)
            causality_touches(connection->newest);
        return;
    }
    struct exchange *exchange = is_server == (direction == DIRECTION_SENT) ? open_requests_oldest(&connection->open) : NULL;
    if (exchange && is_server)
        causality_touches(live_of(exchange));
    else if (exchange)
        causality_answer_read(exchange);
}

void conversation_passed(struct connection *connection, enum direction direction, struct slice in, uint64_t since_ns, struct room *room)
{
    struct event event = {.connection = connection, .sender = sender_of(connection, direction), .since_ns = since_ns, .room = room};
    if (direction == DIRECTION_RECEIVED)
        count_received(connection, in.len);
    tell_causality(connection, direction);
    feed(&event, in);
    if (room)
        room->added = event.added;
}

void conversation_passed_unseen(struct connection *connection, enum direction direction, uint64_t bytes)
{
    struct event event = {.connection = connection, .sender = sender_of(connection, direction)};
    if (direction == DIRECTION_RECEIVED)
        count_received(connection, bytes);
    tell_causality(connection, direction);
    if (connection->streams[event.sender].skip >= bytes)
        unit_skip(&event, bytes);
    else
        connection_stop_watching(connection, connection->protocol ? COUNT_given_up_unseen_bytes : COUNT_other_protocol);
}
