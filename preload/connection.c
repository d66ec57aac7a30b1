/* connection.c - a connection's life: who uses it, what is watched of it, and how its open requests end. See connection.h.
 *
 * What passes it is conversation.c's. Whenever something does not add up, connection_stop_watching counts why, and no more is
 * looked at.
 */
#include "connection.h"

#include "altered.h"
#include "causality.h"
#include "clock.h"
#include "config.h"
#include "gather.h"
#include "process.h"
#include "thread.h"
#include "tracer.h"

#define DESCRIPTOR_ONE (UINT32_C(1) << 16)

static uint32_t direction_one(enum direction direction)
{
    return direction == DIRECTION_SENT ? UINT32_C(1) << 8 : 1;
}

struct unix_path {
    struct pool_block block;
    uint16_t len;
    char path[108];
};

static struct pool connections = {.block_size = 256, .blocks_per_chunk = 1024, .max_chunks = 1024};
static struct pool unix_paths = {.block_size = 128, .blocks_per_chunk = 64, .max_chunks = 1024};

_Static_assert(sizeof(struct connection) <= 256, "a connection is one block");
_Static_assert(offsetof(struct connection, unix_path) <= 128, "what each call needs is in two cache lines");
_Static_assert(sizeof(struct unix_path) <= 128, "a unix path is one block");

void connection_stop_watching(struct connection *connection, enum counter why)
{
    const struct altered *pending = atomic_load_explicit(&connection->pending, memory_order_relaxed);
    uint8_t state = pending && altered_owed(pending).len ? CONNECTION_OWES : CONNECTION_LEFT;
    if (atomic_exchange_explicit(&connection->state, state, memory_order_relaxed) < CONNECTION_LEFT)
        thread_count(why);
}

struct connection *connection_create(enum role role, const struct address *peer, struct slice unix_path)
{
    struct connection *connection = pool_take(&connections);
    if (!connection) {
        thread_count(COUNT_given_up_memory);
        return NULL;
    }
    struct pool_block block = {.index = connection->block.index};
    uint32_t generation = connection->generation + 1;
    memset(connection, 0, sizeof *connection);
    connection->block = block;
    connection->generation = generation;
    connection->role = (uint8_t)role;
    connection->peer = *peer;
    if (unix_path.len && unix_path.len <= sizeof connection->unix_path->path) {
        connection->unix_path = pool_take(&unix_paths);
        if (connection->unix_path) {
            connection->unix_path->len = (uint16_t)unix_path.len;
            memcpy(connection->unix_path->path, unix_path.ptr, unix_path.len);
        }
    }
    /* Release: pairs with the acquire in connection_enter. */
    atomic_store_explicit(&connection->users, DESCRIPTOR_ONE, memory_order_release);
    thread_count(COUNT_connections);
    return connection;
}

struct slice connection_unix_path(const struct connection *connection)
{
    const struct unix_path *of = connection->unix_path;
    return of ? (struct slice){of->path, of->len} : (struct slice){NULL, 0};
}

void connection_is_new(struct connection *connection)
{
    connection->is_whole = true;
    connection->generation_of_process = process.generation;
    if (connection_role(connection) == ROLE_CLIENT)
        connection->opener = causality_opener();
}

bool connection_may_propagate(const struct connection *connection)
{
    return config.propagates && connection->is_whole && connection_role(connection) == ROLE_CLIENT &&
           connection->generation_of_process == process.generation;
}

/* So small a buffer is for a part of a head. */
#define RESERVE_FROM 512

uint16_t connection_reserve(const struct connection *connection, size_t len, int flags)
{
    const struct stream *stream = &connection->streams[PARTY_CLIENT];
    bool may_begin = connection_role(connection) == ROLE_SERVER && !stream->skip && !stream->step && config.propagates && connection->is_whole;
    return may_begin && len >= RESERVE_FROM && !flags ? (uint16_t)propagate_lines() : 0;
}

struct altered *connection_take_pending(struct connection *connection)
{
    if (!atomic_load_explicit(&connection->pending, memory_order_relaxed))
        return NULL;
    return atomic_exchange_explicit(&connection->pending, NULL, memory_order_acquire);
}

/* Release: pairs with the acquire above. */
void connection_put_pending(struct connection *connection, struct altered *pending)
{
    bool owes = altered_owed(pending).len, is_left = connection_is_left(connection);
    if (owes || (pending->has_lineage && !is_left))
        altered_give(atomic_exchange_explicit(&connection->pending, pending, memory_order_release));
    else
        altered_give(pending);
    if (is_left)
        atomic_store_explicit(&connection->state, owes ? CONNECTION_OWES : CONNECTION_LEFT, memory_order_relaxed);
}

void connection_read_into(struct connection *connection, bool is_full)
{
    connection->was_full = is_full;
    connection->full_at = thread.work.waits;
}

bool connection_awaits_answer(struct connection *connection)
{
    return connection_role(connection) == ROLE_CLIENT && open_requests_count(&connection->open) &&
           atomic_load_explicit(&connection->state, memory_order_relaxed) == CONNECTION_WATCHED;
}

void connection_was_read_unseen(struct connection *connection)
{
    connection_stop_watching(connection, COUNT_given_up_unseen_bytes);
}

void connection_hand_over(struct connection *connection)
{
    atomic_store_explicit(&connection->handed_over, true, memory_order_relaxed);
}

void connection_is_standard(struct connection *connection)
{
    atomic_store_explicit(&connection->standard, true, memory_order_relaxed);
}

void connection_leave_to_stdio(struct connection *connection)
{
    connection_stop_watching(connection, COUNT_given_up_stdio);
}

uint64_t connection_sent_unseen(const struct connection *connection)
{
    enum party sender = connection_role(connection) == ROLE_SERVER ? PARTY_SERVER : PARTY_CLIENT;
    bool is_left = connection_is_left(connection);
    return is_left ? SKIP_UNTIL_CLOSE : connection->streams[sender].skip;
}

/* --- endings ---------------------------------------------------------------------------------------------- */

/* The rest of a response whose request has ended already, by an error, is not the next one's. */
void connection_finish_oldest(struct connection *connection, uint64_t end_ns)
{
    struct exchange *exchange = open_requests_oldest(&connection->open);
    if (exchange && exchange->answered)
        tracer_finish(open_requests_pop(&connection->open), end_ns, SPAN_ERROR_NONE, 0);
}

/* A response without a length ends with its connection (RFC 9112 section 6.3 rule 8). */
static bool ends_with_connection(const struct connection *connection, const struct exchange *exchange)
{
    return exchange->answered && connection->streams[PARTY_SERVER].skip == SKIP_UNTIL_CLOSE;
}

/* All open requests end now, because the connection did. */
static void finish_all(struct connection *connection, enum span_error error, int error_number)
{
    struct exchange *exchange = open_requests_oldest(&connection->open);
    if (exchange && error == SPAN_ERROR_CONNECTION_CLOSED && ends_with_connection(connection, exchange))
        connection_finish_oldest(connection, exchange->last_ns);
    uint64_t now_ns = 0;
    while ((exchange = open_requests_pop(&connection->open)) != NULL) {
        if (!now_ns)
            now_ns = clock_ns();
        tracer_finish(exchange, now_ns, error, error_number);
    }
}

/* Why a request that is still open ends when this program closes the connection. */
static enum span_error reason_of_close(const struct connection *connection)
{
    if (connection->send_error)
        return SPAN_ERROR_ERRNO;
    return connection->peer_closed ? SPAN_ERROR_CONNECTION_CLOSED : SPAN_ERROR_CANCELLED;
}

/* libc's stdout is the connection, and nothing of an answer was seen. */
static bool may_be_printed(const struct connection *connection, const struct exchange *exchange)
{
    return atomic_load_explicit(&connection->standard, memory_order_relaxed) && !exchange->answered;
}

/* The descriptor is gone. A client that has the head of its response and does not want the rest cancelled nothing
 * (semconv, HTTP: the span may end after the response headers); what goes on in a child is not over. */
static void finish_on_close(struct connection *connection, enum span_error error)
{
    for (struct exchange *exchange; (exchange = open_requests_pop(&connection->open)) != NULL;) {
        bool is_complete = ends_with_connection(connection, exchange) ||
                           (exchange->answered && connection_role(connection) == ROLE_CLIENT);
        if (connection_is_left(connection) || may_be_printed(connection, exchange))
            tracer_drop(exchange, COUNT_dropped_framing);
        else if (is_complete)
            tracer_finish(exchange, exchange->last_ns, SPAN_ERROR_NONE, 0);
        else if (exchange->forks != process.forks || connection->handed_over)
            tracer_drop(exchange, COUNT_dropped_handed_over);
        else
            tracer_finish(exchange, clock_ns(), error, connection->send_error);
    }
}

/* By the last user, who is alone with it. */
static void connection_end(struct connection *connection)
{
    finish_on_close(connection, reason_of_close(connection));
    gather_drop(&connection->gathered[PARTY_CLIENT]);
    gather_drop(&connection->gathered[PARTY_SERVER]);
    altered_give(connection_take_pending(connection));
    if (connection->unix_path)
        pool_give(&unix_paths, connection->unix_path);
    pool_give(&connections, connection);
}

void connection_peer_closed(struct connection *connection)
{
    connection->peer_closed = true;
    if (connection_role(connection) != ROLE_CLIENT)
        return; /* a client may end its direction and still read the answer */
    finish_all(connection, SPAN_ERROR_CONNECTION_CLOSED, 0);
}

void connection_failed(struct connection *connection, enum direction direction, int error_number)
{
    if (connection_role(connection) == ROLE_CLIENT && direction == DIRECTION_SENT)
        connection->send_error = (uint16_t)error_number; /* an answer may have come all the same: reading tells */
    else
        finish_all(connection, SPAN_ERROR_ERRNO, error_number);
}

void connection_finished_sending(struct connection *connection)
{
    struct exchange *exchange = connection_role(connection) == ROLE_SERVER ? open_requests_oldest(&connection->open) : NULL;
    if (exchange && ends_with_connection(connection, exchange))
        connection_finish_oldest(connection, exchange->last_ns);
}

/* --- users ------------------------------------------------------------------------------------------------- */

bool connection_share(struct connection *connection)
{
    uint32_t users = atomic_load_explicit(&connection->users, memory_order_relaxed);
    do {
        if (users < DESCRIPTOR_ONE || users > UINT32_MAX - DESCRIPTOR_ONE)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&connection->users, &users, users + DESCRIPTOR_ONE, memory_order_acquire,
                                                    memory_order_relaxed));
    return true;
}

/* Acquire and release: the last user sees what the others did. */
static void drop_use(struct connection *connection, uint32_t use)
{
    if (atomic_fetch_sub_explicit(&connection->users, use, memory_order_acq_rel) - use == 0)
        connection_end(connection);
}

void connection_release(struct connection *connection)
{
    drop_use(connection, DESCRIPTOR_ONE);
}

void connection_process_exit(struct connection *connection)
{
    const uint32_t both = direction_one(DIRECTION_SENT) + direction_one(DIRECTION_RECEIVED);
    uint32_t users = atomic_load_explicit(&connection->users, memory_order_relaxed);
    if (users % DESCRIPTOR_ONE || users < DESCRIPTOR_ONE) /* somebody is at it, or it is gone */
        return;
    if (!atomic_compare_exchange_strong_explicit(&connection->users, &users, users + both, memory_order_acquire, memory_order_relaxed))
        return;
    finish_on_close(connection, connection->send_error ? SPAN_ERROR_ERRNO : SPAN_ERROR_PROCESS_EXIT);
    drop_use(connection, both);
}

bool connection_enter(struct connection *connection, enum direction direction)
{
    uint32_t one = direction_one(direction), mask = one * 0xff;
    if (connection_is_left(connection))
        return false;
    uint32_t users = atomic_load_explicit(&connection->users, memory_order_relaxed);
    do {
        if (users < DESCRIPTOR_ONE || (users & mask) == mask) /* closed meanwhile; or absurdly busy */
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&connection->users, &users, users + one, memory_order_acquire, memory_order_relaxed));
    if (users & mask)
        connection_stop_watching(connection, COUNT_given_up_contended);
    else if (atomic_load_explicit(&connection->reentered, memory_order_relaxed))
        connection_stop_watching(connection, COUNT_given_up_reentered);
    else if (!connection_is_left(connection))
        return true;
    drop_use(connection, one);
    return false;
}

void connection_leave(struct connection *connection, enum direction direction)
{
    drop_use(connection, direction_one(direction));
}
