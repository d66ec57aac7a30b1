/* connection.c - bytes become messages, messages become spans. See connection.h.
 *
 * Fed by traffic.c with what passed a descriptor; feeds the tracer. It decides nothing about a protocol: it
 * lets the protocol find each unit, skips what may be skipped without being seen, and gathers a unit that came
 * in pieces. Whenever something does not add up it stops watching and counts why.
 */
#include "connection.h"

#include "altered.h"
#include "causality.h"
#include "clock.h"
#include "config.h"
#include "process.h"
#include "thread.h"
#include "tracer.h"

#include <stdatomic.h>

#define DESCRIPTOR_ONE (UINT32_C(1) << 16)

static uint32_t direction_one(enum direction direction)
{
    return direction == DIRECTION_SENT ? UINT32_C(1) << 8 : 1;
}

/* A message head of 64 kB and the line end behind it. */
#define GATHER_MAX (65536 + 256)
#define GATHER_STEP 2048

struct gather {
    struct pool_block block;
    uint32_t len;
    uint64_t since_ns; /* when its first bytes passed */
    char bytes[GATHER_MAX];
};

struct unix_path {
    struct pool_block block;
    uint16_t len;
    char path[108];
};

static struct pool connections = {.block_size = 256, .blocks_per_chunk = 1024, .max_chunks = 1024};
static struct pool gathers = {.block_size = (sizeof(struct gather) + 15) / 16 * 16, .blocks_per_chunk = 8, .max_chunks = 16};
static struct pool unix_paths = {.block_size = 128, .blocks_per_chunk = 64, .max_chunks = 1024};

_Static_assert(sizeof(struct connection) <= 256, "a connection is one block");
_Static_assert(offsetof(struct connection, unix_path) <= 128, "what each call needs is in two cache lines");
_Static_assert(sizeof(struct unix_path) <= 128, "a unix path is one block");

#define PROTOCOL(name) extern const struct protocol name##_protocol;
#include "protocols.def"
#undef PROTOCOL

static const struct protocol *const protocols[] = {
#define PROTOCOL(name) &name##_protocol,
#include "protocols.def"
#undef PROTOCOL
};

/* What a piece of traffic carries with it; the clock is read when somebody asks, once. */
struct event {
    struct connection *connection;
    enum party sender;
    uint64_t since_ns;
    uint64_t now_ns;
    struct exchange *begun; /* by the last unit */
    struct room *room;      /* of what was received; NULL: it may not be changed */
    char *writable;         /* where the unit's first byte would lie in it */
    uint32_t gone;          /* bytes of the unit that the program or the kernel has already */
    uint32_t at;            /* where the unit begins, in what is about to be sent */
    struct changes *changes; /* to what is about to be sent; or NULL */
    const struct lineage *resumed;
    bool has_context;        /* the last head that is about to be sent */
    size_t added;            /* bytes that were put into what was received */
};

static uint64_t event_now(struct event *event)
{
    if (!event->now_ns)
        event->now_ns = clock_ns();
    return event->now_ns;
}

static void count(enum counter counter)
{
    counter_add(thread_stripe(), counter, 1);
}

static void stop_watching(struct connection *connection, enum counter why)
{
    const struct altered *pending = atomic_load_explicit(&connection->pending, memory_order_relaxed);
    uint8_t state = pending && altered_owed(pending).len ? CONNECTION_OWES : CONNECTION_LEFT;
    if (atomic_exchange_explicit(&connection->state, state, memory_order_relaxed) < CONNECTION_LEFT)
        count(why);
}

static enum role role_of(const struct connection *connection)
{
    return (enum role)atomic_load_explicit(&connection->role, memory_order_relaxed);
}

struct connection *connection_create(enum role role, const struct address *peer, struct slice unix_path)
{
    struct connection *connection = pool_take(&connections);
    if (!connection) {
        count(COUNT_given_up_memory);
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
    count(COUNT_connections);
    return connection;
}

void connection_is_new(struct connection *connection)
{
    connection->is_whole = true;
    connection->generation_of_process = process.generation;
    if (role_of(connection) == ROLE_CLIENT)
        connection->opener = causality_opener();
}

bool connection_may_propagate(const struct connection *connection)
{
    return config.propagates && connection->is_whole && role_of(connection) == ROLE_CLIENT &&
           connection->generation_of_process == process.generation;
}

/* So small a buffer is for a part of a head. */
#define RESERVE_FROM 512

uint16_t connection_reserve(const struct connection *connection, size_t len, int flags)
{
    const struct stream *stream = &connection->streams[PARTY_CLIENT];
    bool may_begin = role_of(connection) == ROLE_SERVER && !stream->skip && !stream->step && config.propagates && connection->is_whole;
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

static void drop_gathered(struct connection *connection, enum party sender)
{
    if (connection->gathered[sender])
        pool_give(&gathers, connection->gathered[sender]);
    connection->gathered[sender] = NULL;
}

/* --- requests that are open, oldest first ------------------------------------------------------------------ */

/* A word of one direction's, which whoever has the direction changes. */
static void count_one(_Atomic uint32_t *word, uint32_t one)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + one, memory_order_relaxed);
}

static uint32_t open_requests(const struct connection *connection)
{
    return atomic_load_explicit(&connection->begun, memory_order_relaxed) - atomic_load_explicit(&connection->ended, memory_order_relaxed);
}

/* The direction of requests hands one over. */
static void push_exchange(struct connection *connection, struct exchange *exchange)
{
    struct exchange *before = atomic_load_explicit(&connection->asked, memory_order_relaxed);
    count_one(&connection->begun, 1);
    exchange->next = NULL;
    if (!before) { /* and nobody but us puts one there. Release: pairs with the acquire in oldest_exchange. */
        atomic_store_explicit(&connection->asked, exchange, memory_order_release);
        return;
    }
    do
        exchange->next = before;
    while (!atomic_compare_exchange_weak_explicit(&connection->asked, &before, exchange, memory_order_release, memory_order_relaxed));
}

/* The direction of responses takes all that were asked and turns them around, once it has answered those before. */
static struct exchange *oldest_exchange(struct connection *connection)
{
    if (connection->answering || !atomic_load_explicit(&connection->asked, memory_order_relaxed))
        return connection->answering;
    struct exchange *newest = atomic_exchange_explicit(&connection->asked, NULL, memory_order_acquire);
    while (newest) {
        struct exchange *next = newest->next;
        newest->next = connection->answering;
        connection->answering = newest;
        newest = next;
    }
    return connection->answering;
}

static struct exchange *pop_exchange(struct connection *connection)
{
    struct exchange *exchange = oldest_exchange(connection);
    if (exchange) {
        connection->answering = exchange->next;
        count_one(&connection->ended, 1);
    }
    return exchange;
}

/* --- endings ---------------------------------------------------------------------------------------------- */

/* Its response is complete. The rest of a response whose request has ended already, by an error, is not the next one's. */
static void finish_oldest(struct connection *connection, uint64_t end_ns)
{
    struct exchange *exchange = oldest_exchange(connection);
    if (exchange && exchange->answered)
        tracer_finish(pop_exchange(connection), end_ns, SPAN_ERROR_NONE, 0);
}

/* A response without a length ends with its connection (RFC 9112 section 6.3 rule 8). */
static bool ends_with_connection(const struct connection *connection, const struct exchange *exchange)
{
    return exchange->answered && connection->streams[PARTY_SERVER].skip == SKIP_UNTIL_CLOSE;
}

/* All open requests end now, because the connection did. */
static void finish_all(struct connection *connection, enum span_error error, int error_number)
{
    struct exchange *exchange = oldest_exchange(connection);
    if (exchange && error == SPAN_ERROR_CONNECTION_CLOSED && ends_with_connection(connection, exchange))
        finish_oldest(connection, exchange->last_ns);
    uint64_t now_ns = 0;
    while ((exchange = pop_exchange(connection)) != NULL) {
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
    for (struct exchange *exchange; (exchange = pop_exchange(connection)) != NULL;) {
        bool is_complete = ends_with_connection(connection, exchange) ||
                           (exchange->answered && role_of(connection) == ROLE_CLIENT);
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
    drop_gathered(connection, PARTY_CLIENT);
    drop_gathered(connection, PARTY_SERVER);
    altered_give(connection_take_pending(connection));
    if (connection->unix_path)
        pool_give(&unix_paths, connection->unix_path);
    pool_give(&connections, connection);
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
        stop_watching(connection, COUNT_given_up_contended);
    else if (atomic_load_explicit(&connection->reentered, memory_order_relaxed))
        stop_watching(connection, COUNT_given_up_reentered);
    else if (!connection_is_left(connection))
        return true;
    drop_use(connection, one);
    return false;
}

void connection_leave(struct connection *connection, enum direction direction)
{
    drop_use(connection, direction_one(direction));
}

/* --- bytes -------------------------------------------------------------------------------------------------- */

/* Pipelined requests that one connection may have open: a peer that sends them by the thousand must not use up what
 * all the others need. */
#define OPEN_MAX 256

/* From the last one on, so that the places of those before stay what they are. */
static void apply(struct event *event, const struct changes *changes)
{
    struct room *room = event->room;
    for (unsigned i = changes->count; i-- > 0;) {
        const struct change *change = &changes->of[i];
        char *at = event->writable + change->at;
        if (!change->cut) {
            memmove(at + change->len, at, (size_t)(room->end - at));
            room->end += change->len;
            room->left -= change->len;
            room->added += change->len;
        }
        memcpy(at, change->text, change->len);
    }
}

/* Once the thread has waited it no longer counts. */
static bool may_be_counting(const struct connection *connection)
{
    return connection->was_full && connection->full_at == thread.work.waits;
}

static bool has_room_for(const struct event *event, const struct changes *changes)
{
    size_t more = 0;
    for (unsigned i = 0; i < changes->count; i++)
        more += changes->of[i].cut ? 0 : changes->of[i].len;
    return !more || (more <= event->room->left && !may_be_counting(event->connection));
}

void connection_read_into(struct connection *connection, bool is_full)
{
    connection->was_full = is_full;
    connection->full_at = thread.work.waits;
}

/* What the program reads names our span, so that what it hands on does. (Not a part of its callers' frames.) */
static __attribute__((noinline)) void give_context(struct event *event, const struct message *message, struct slice head, struct exchange *exchange)
{
    struct change change[8];
    char text[320];
    struct changes changes = {.max = sizeof change / sizeof *change, .of = change, .text = text, .size = sizeof text};
    const struct head of = {head, event->gone, message};
    bool is_given = config.propagates && event->connection->is_whole && event->room && propagate(&changes, 0, &of, exchange, NULL) &&
                    has_room_for(event, &changes);
    if (is_given)
        apply(event, &changes);
    if (config.propagates)
        count(is_given ? COUNT_context_in : COUNT_context_in_missed);
    tracer_is_known(exchange, is_given && (config.extract_tracecontext || config.propagate_b3 || config.propagate_b3multi));
}

/* What is about to be sent names it. All of its head's changes are made, or none. */
static void send_context(struct event *event, const struct message *message, struct slice head, const struct exchange *exchange,
                         const struct lineage *lineage)
{
    const struct context onward = {.tracestate = lineage->tracestate, .baggage = lineage->baggage};
    const struct head of = {head, event->gone, message};
    bool is_done = event->resumed != NULL;
    if (!is_done && event->changes) {
        struct changes before = *event->changes;
        is_done = propagate(event->changes, event->at, &of, exchange, &onward);
        /* What is handed on was another request's: it may have ended meanwhile. */
        if (lineage->request.exchange && (onward.tracestate.len || onward.baggage.len) && !live_is_open(lineage->request))
            is_done = false;
        if (!is_done)
            event->changes->count = before.count, event->changes->used = before.used;
    }
    event->has_context = is_done;
    if (config.propagates)
        count(is_done ? COUNT_context_out : COUNT_context_out_missed);
}

static void find_lineage(const struct event *event, const struct message *message, struct lineage *lineage)
{
    const struct connection *connection = event->connection;
    bool is_first = atomic_load_explicit(&connection->begun, memory_order_relaxed) == 0;
    if (event->resumed)
        *lineage = *event->resumed;
    else if (role_of(connection) == ROLE_CLIENT)
        causality_of_client(message, is_first ? connection->opener : (struct live){NULL, 0}, lineage);
    else
        causality_of_server(message, lineage);
}

static __attribute__((noinline)) void request_began(struct event *event, const struct message *message, struct slice head)
{
    struct connection *connection = event->connection;
    bool is_client = role_of(connection) == ROLE_CLIENT;
    struct lineage lineage;
    struct tracer_connection of = {
        .kind = is_client ? SPAN_CLIENT : SPAN_SERVER,
        .protocol = connection->protocol->span_protocol,
        .peer = &connection->peer,
    };
    if (connection->unix_path)
        of.unix_path = (struct slice){connection->unix_path->path, connection->unix_path->len};
    /* The answer to the one before may have been printed: the next that we see would be taken for it. */
    if (connection->standard && open_requests(connection)) {
        stop_watching(connection, COUNT_given_up_stdio);
        return;
    }
    if (open_requests(connection) >= OPEN_MAX) {
        stop_watching(connection, COUNT_given_up_memory);
        return;
    }
    uint64_t start_ns = is_client && event->since_ns ? event->since_ns : event_now(event);
    find_lineage(event, message, &lineage);
    struct exchange *exchange = tracer_begin(message, &of, &lineage, start_ns);
    event->begun = exchange;
    if (!exchange) {
        stop_watching(connection, COUNT_given_up_memory);
        return;
    }
    /* Before it is handed over to whoever answers. */
    if (is_client && !lineage.is_silent)
        send_context(event, message, head, exchange, &lineage);
    if (!is_client && !lineage.is_silent) {
        connection->newest = live_of(exchange);
        causality_request_read(exchange, open_requests(connection) == 0);
        give_context(event, message, head, exchange);
    }
    push_exchange(connection, exchange);
}

static void response_began(struct event *event, const struct message *message)
{
    struct exchange *exchange = oldest_exchange(event->connection);
    if (role_of(event->connection) == ROLE_SERVER && !exchange->answered)
        causality_answers(exchange);
    exchange->answered = true;
    exchange->record.status = message->status;
    exchange->last_ns = event_now(event);
}

static void message_arrived(struct event *event, const struct message *message, struct slice unit)
{
    if (message->kind == MESSAGE_REQUEST)
        request_began(event, message, unit);
    else if (message->kind == MESSAGE_RESPONSE)
        response_began(event, message);
    if (event->sender == PARTY_SERVER && (message->ends || message->tunnel) && message->kind != MESSAGE_INTERIM)
        finish_oldest(event->connection, event_now(event));
    if (message->tunnel)
        stop_watching(event->connection, COUNT_tunnels);
}

/* Bytes that nobody needs to look at. Returns how many of `count` they are. */
static uint64_t skip(struct event *event, uint64_t count)
{
    struct connection *connection = event->connection;
    struct stream *stream = &connection->streams[event->sender];
    uint64_t n = count < stream->skip ? count : stream->skip;
    if (stream->skip != SKIP_UNTIL_CLOSE)
        stream->skip -= n;
    if (event->sender == PARTY_SERVER) {
        struct exchange *exchange = oldest_exchange(connection);
        if (exchange && (stream->skip == SKIP_UNTIL_CLOSE || role_of(connection) == ROLE_CLIENT))
            exchange->last_ns = event_now(event);
        if (stream->last && !stream->skip)
            finish_oldest(connection, event_now(event));
    }
    return n;
}

/* The protocol of a conversation that has just begun. False: not (yet) known. A beginning that comes in many small pieces
 * is looked at again at each line end, and whenever it has doubled. */
#define RECOGNISE_ALWAYS 1024
static bool recognise(struct event *event, struct slice in, ssize_t *answer)
{
    struct connection *connection = event->connection;
    struct stream *stream = &connection->streams[event->sender];
    *answer = PARSE_MORE;
    if (in.len > RECOGNISE_ALWAYS && in.len / 2 < stream->judged && !memchr(in.ptr + stream->judged, '\n', in.len - stream->judged))
        return false;
    stream->judged = (uint32_t)in.len;
    *answer = PARSE_NO;
    for (size_t i = 0; event->sender == PARTY_CLIENT && i < sizeof protocols / sizeof *protocols; i++) {
        int verdict = protocols[i]->recognise(in);
        if (verdict > 0) {
            connection->protocol = protocols[i];
            stream->judged = 0;
            atomic_store_explicit(&connection->state, CONNECTION_WATCHED, memory_order_relaxed);
            return true;
        }
        if (verdict == PARSE_MORE)
            *answer = PARSE_MORE;
    }
    return false;
}

/* Reads one unit from `in`: its length, or an answer of the protocol's. */
static ssize_t read_unit(struct event *event, struct slice in)
{
    if (in.len > GATHER_MAX + 1) /* no unit is longer: a large write that is none of ours is not searched for its line end */
        in.len = GATHER_MAX + 1;
    struct connection *connection = event->connection;
    struct message message;
    struct exchange *oldest = NULL;
    ssize_t answer;
    if (!connection->protocol && !recognise(event, in, &answer))
        return answer;
    if (event->sender == PARTY_SERVER && !(oldest = oldest_exchange(connection))) {
        stop_watching(connection, COUNT_given_up_unasked);
        return PARSE_NO;
    }
    struct stream *stream = &connection->streams[event->sender];
    ssize_t n = connection->protocol->parse(stream, event->sender, oldest ? oldest->hint : 0, in, &message);
    if (n > 0)
        message_arrived(event, &message, (struct slice){in.ptr, (size_t)n});
    return n;
}

static void refuse(struct connection *connection, ssize_t answer)
{
    if (answer == PARSE_TOO_LARGE)
        stop_watching(connection, COUNT_given_up_head_too_large);
    else
        stop_watching(connection, connection->protocol ? COUNT_given_up_malformed : COUNT_other_protocol);
}

/* Keeps an incomplete unit until more of it comes. */
static void gather(struct event *event, struct slice in)
{
    struct connection *connection = event->connection;
    struct gather *gather = pool_take(&gathers);
    if (!gather || in.len > GATHER_MAX) {
        if (gather)
            pool_give(&gathers, gather);
        stop_watching(connection, gather ? COUNT_given_up_head_too_large : COUNT_given_up_memory);
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
        ssize_t n = step ? read_unit(event, (struct slice){gather->bytes, gather->len}) : PARSE_TOO_LARGE;
        if (n < 0)
            refuse(connection, n);
        if (n > 0 && (size_t)n < before) {
            feed_rest(event, (size_t)n);
            return used + step;
        }
        if (n != PARSE_MORE) {
            drop_gathered(connection, event->sender);
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
    pool_give(&gathers, gather);
}

/* Who sent the bytes, in the conversation; on a connection of unknown role the first to send is the client. */
static enum party sender_of(struct connection *connection, enum direction direction)
{
    if (role_of(connection) == ROLE_UNKNOWN)
        atomic_store_explicit(&connection->role, direction == DIRECTION_SENT ? ROLE_CLIENT : ROLE_SERVER, memory_order_relaxed);
    return (role_of(connection) == ROLE_CLIENT) == (direction == DIRECTION_SENT) ? PARTY_CLIENT : PARTY_SERVER;
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
            in = slice_after(in, skip(event, in.len));
        } else if (gathered) {
            in = feed_after(event, in, gather_more(event, in));
            event->since_ns = since_ns;
        } else {
            ssize_t n = read_unit(event, in);
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
    bool is_server = role_of(connection) == ROLE_SERVER;
    if (is_server && direction == DIRECTION_RECEIVED) {
        if (open_requests(connection) == 1)
            causality_touches(connection->newest);
        return;
    }
    struct exchange *exchange = is_server == (direction == DIRECTION_SENT) ? oldest_exchange(connection) : NULL;
    if (exchange && is_server)
        causality_touches(live_of(exchange));
    else if (exchange)
        causality_answer_read(exchange);
}

void connection_bytes(struct connection *connection, enum direction direction, struct slice in, uint64_t since_ns, struct room *room)
{
    struct event event = {.connection = connection, .sender = sender_of(connection, direction), .since_ns = since_ns, .room = room};
    if (direction == DIRECTION_RECEIVED)
        count_received(connection, in.len);
    tell_causality(connection, direction);
    feed(&event, in);
    if (room)
        room->added = event.added;
}

/* --- before the call -------------------------------------------------------------------------------------------- */

/* The parts behind `before` bytes that are in the buffer already; how many there are then. */
static size_t put_together(struct gather *gather, size_t before, const struct outgoing_bytes *bytes, struct slice first)
{
    size_t len = before;
    for (unsigned i = 0; i < bytes->count; i++) {
        struct slice part = i ? bytes->part[i] : first;
        size_t n = part.len < GATHER_MAX - len ? part.len : GATHER_MAX - len;
        memcpy(gather->bytes + len, part.ptr, n);
        len += n;
    }
    return len;
}

/* A head that is longer than the first part. */
static ssize_t read_long_unit(struct event *event, const struct outgoing_bytes *bytes, struct slice first)
{
    struct gather *scratch = bytes->count > 1 ? pool_take(&gathers) : NULL;
    ssize_t n = PARSE_MORE;
    if (scratch) {
        size_t len = put_together(scratch, 0, bytes, first);
        n = read_unit(event, (struct slice){scratch->bytes, len});
        pool_give(&gathers, scratch);
    }
    return n;
}

static void announce_head(struct event *event, struct announced *announced, uint32_t end, unsigned first_change)
{
    announced->head[announced->count++] = (struct announced_head){
        .exchange = event->begun,
        .end = end,
        .first_change = first_change,
        .changes_behind = event->changes ? event->changes->count : 0,
        .has_context = event->has_context,
        .after = event->connection->streams[PARTY_CLIENT],
    };
    event->begun = NULL;
    event->resumed = NULL;
}

/* A request's head, and nothing else, at the beginning of `in`; the stream stays as it is where there is none. */
static size_t announce_unit(struct event *event, const struct outgoing_bytes *bytes, struct slice in, struct announced *announced)
{
    struct stream *stream = &event->connection->streams[PARTY_CLIENT], before = *stream;
    unsigned first_change = event->changes ? event->changes->count : 0;
    ssize_t n = read_unit(event, in);
    if (n == PARSE_MORE && !event->begun) {
        *stream = before;
        n = read_long_unit(event, bytes, in);
    }
    if (n <= 0 || !event->begun) {
        *stream = before;
        return 0;
    }
    announce_head(event, announced, event->at + (uint32_t)n, first_change);
    return (size_t)n;
}

/* The head whose beginning has gone. Returns how much of what is about to be sent belongs to it. */
static size_t announce_gathered(struct event *event, const struct outgoing_bytes *bytes, struct announced *announced)
{
    struct stream *stream = &event->connection->streams[PARTY_CLIENT];
    struct gather *gather = event->connection->gathered[PARTY_CLIENT];
    size_t before = gather->len, len = put_together(gather, before, bytes, bytes->part[0]);
    event->gone = (uint32_t)before;
    event->at = (uint32_t)(0 - before);
    event->since_ns = gather->since_ns;
    ssize_t n = read_unit(event, (struct slice){gather->bytes, len});
    event->gone = 0;
    if (n <= 0 || (size_t)n <= before || !event->begun) {
        *stream = announced->before;
        return 0;
    }
    announced->is_gathered = true;
    announce_head(event, announced, (uint32_t)((size_t)n - before), 0);
    return (size_t)n - before;
}

size_t connection_announce(struct connection *connection, const struct outgoing_bytes *bytes, uint64_t since_ns, struct changes *changes,
                           const struct lineage *resumed, struct announced *announced)
{
    struct event event = {.connection = connection, .sender = PARTY_CLIENT, .since_ns = since_ns, .changes = changes, .resumed = resumed};
    struct stream *stream = &connection->streams[PARTY_CLIENT];
    struct slice in = bytes->part[0];
    size_t done = bytes->skipped, n = 0;
    announced->count = 0;
    announced->is_gathered = false;
    announced->before = announced->left = *stream;
    if (role_of(connection) != ROLE_CLIENT || !in.len || (bytes->skipped && (stream->skip < bytes->skipped || stream->skip == SKIP_UNTIL_CLOSE)))
        return 0;
    stream->skip -= bytes->skipped;
    if (connection->gathered[PARTY_CLIENT] && (n = announce_gathered(&event, bytes, announced)) == 0)
        return 0;
    for (event.since_ns = since_ns; n <= in.len;) {
        in = slice_after(in, n);
        done += n;
        n = 0;
        if (!in.len || connection_is_left(connection) || announced->count == ANNOUNCED_MAX || stream->skip == SKIP_UNTIL_CLOSE)
            break;
        event.at = (uint32_t)done;
        n = stream->skip ? (size_t)skip(&event, in.len) : announce_unit(&event, bytes, in, announced);
        if (!n)
            break;
    }
    done += n; /* a head that goes on in the next part */
    if (!announced->count) {
        *stream = announced->before;
        return 0;
    }
    announced->left = *stream;
    return done;
}

void connection_keep_lineage(const struct exchange *exchange, struct lineage *lineage)
{
    const struct span_record *record = &exchange->record;
    *lineage = (struct lineage){
        .has_parent = record->has_parent,
        .parent_is_remote = record->parent_is_remote,
        .is_debug = exchange->is_debug,
        .has_identity = true,
        .identity_flags = record->trace_flags,
        .request = exchange->request,
    };
    memcpy(lineage->parent.trace_id, record->trace_id, sizeof lineage->parent.trace_id);
    memcpy(lineage->parent.parent_id, record->parent_id, sizeof lineage->parent.parent_id);
    lineage->parent.flags = record->trace_flags;
    memcpy(lineage->trace_id, record->trace_id, sizeof lineage->trace_id);
    memcpy(lineage->span_id, record->span_id, sizeof lineage->span_id);
}

/* The newest request, which this thread has begun, as if it had not. False: somebody has answered meanwhile. */
static bool take_back(struct connection *connection, const struct announced_head *head)
{
    struct exchange *exchange = head->exchange, *newest = exchange;
    /* Relaxed: the exchange is this thread's own. */
    if (!atomic_compare_exchange_strong_explicit(&connection->asked, &newest, exchange->next, memory_order_relaxed, memory_order_relaxed))
        return false;
    count_one(&connection->begun, UINT32_MAX);
    if (config.propagates && !exchange->is_silent)
        counter_add(thread_stripe(), head->has_context ? COUNT_context_out : COUNT_context_out_missed, -UINT64_C(1));
    tracer_retract(exchange);
    return true;
}

/* Somebody has sent or answered meanwhile what was not sent: not to be put in order. */
size_t connection_settle(struct connection *connection, const struct announced *announced, size_t understood, size_t length)
{
    struct stream *stream = &connection->streams[PARTY_CLIENT];
    bool is_as_left = !memcmp(stream, &announced->left, sizeof *stream);
    unsigned stay = 0;
    while (stay < announced->count && announced->head[stay].end <= length)
        stay++;
    if (stay && announced->is_gathered)
        drop_gathered(connection, PARTY_CLIENT);
    if (length >= understood)
        return understood;
    for (unsigned i = announced->count; i-- > stay && is_as_left;)
        is_as_left = take_back(connection, &announced->head[i]);
    if (!is_as_left) {
        stop_watching(connection, COUNT_given_up_contended);
        return length;
    }
    *stream = stay ? announced->head[stay - 1].after : announced->before;
    return stay ? announced->head[stay - 1].end : 0;
}

bool connection_awaits_answer(struct connection *connection)
{
    return role_of(connection) == ROLE_CLIENT && open_requests(connection) &&
           atomic_load_explicit(&connection->state, memory_order_relaxed) == CONNECTION_WATCHED;
}

void connection_was_read_unseen(struct connection *connection)
{
    stop_watching(connection, COUNT_given_up_unseen_bytes);
}

void connection_unseen(struct connection *connection, enum direction direction, uint64_t bytes)
{
    struct event event = {.connection = connection, .sender = sender_of(connection, direction)};
    if (direction == DIRECTION_RECEIVED)
        count_received(connection, bytes);
    tell_causality(connection, direction);
    if (connection->streams[event.sender].skip >= bytes)
        skip(&event, bytes);
    else
        stop_watching(connection, connection->protocol ? COUNT_given_up_unseen_bytes : COUNT_other_protocol);
}

void connection_peer_closed(struct connection *connection)
{
    connection->peer_closed = true;
    if (role_of(connection) != ROLE_CLIENT)
        return; /* a client may end its direction and still read the answer */
    finish_all(connection, SPAN_ERROR_CONNECTION_CLOSED, 0);
}

void connection_failed(struct connection *connection, enum direction direction, int error_number)
{
    if (role_of(connection) == ROLE_CLIENT && direction == DIRECTION_SENT)
        connection->send_error = (uint16_t)error_number; /* an answer may have come all the same: reading tells */
    else
        finish_all(connection, SPAN_ERROR_ERRNO, error_number);
}

void connection_finished_sending(struct connection *connection)
{
    struct exchange *exchange = role_of(connection) == ROLE_SERVER ? oldest_exchange(connection) : NULL;
    if (exchange && ends_with_connection(connection, exchange))
        finish_oldest(connection, exchange->last_ns);
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
    stop_watching(connection, COUNT_given_up_stdio);
}

uint64_t connection_sent_unseen(const struct connection *connection)
{
    enum party sender = role_of(connection) == ROLE_SERVER ? PARTY_SERVER : PARTY_CLIENT;
    bool is_left = connection_is_left(connection);
    return is_left ? SKIP_UNTIL_CLOSE : connection->streams[sender].skip;
}

/* --- looking ahead ------------------------------------------------------------------------------------------- */

void connection_look_ahead(struct connection *connection, struct ahead *ahead)
{
    enum party sender = role_of(connection) == ROLE_SERVER ? PARTY_SERVER : PARTY_CLIENT;
    *ahead = (struct ahead){
        .stream = connection->streams[sender],
        .sender = sender,
        .protocol = connection->protocol,
        .oldest = sender == PARTY_SERVER ? oldest_exchange(connection) : NULL,
        .blind = connection->gathered[sender] != NULL,
    };
}

/* The next response is to the next request; one that has not been asked yet cannot be read ahead. */
static void ahead_message_ended(struct ahead *ahead)
{
    if (ahead->sender == PARTY_SERVER)
        ahead->oldest = ahead->oldest ? ahead->oldest->next : NULL;
}

void ahead_skip(struct ahead *ahead, uint64_t count)
{
    struct stream *stream = &ahead->stream;
    if (stream->skip != SKIP_UNTIL_CLOSE)
        stream->skip -= count;
    if (stream->last && !stream->skip)
        ahead_message_ended(ahead);
}

/* PARSE_NO also where a conversation is none of ours: nothing behind will be looked at. */
static ssize_t ahead_unit(struct ahead *ahead, struct slice in)
{
    struct message message;
    ssize_t answer = PARSE_NO;
    for (size_t i = 0; !ahead->protocol && i < sizeof protocols / sizeof *protocols; i++) {
        int verdict = ahead->sender == PARTY_CLIENT ? protocols[i]->recognise(in) : PARSE_NO;
        if (verdict > 0)
            ahead->protocol = protocols[i];
        else if (verdict == PARSE_MORE)
            answer = PARSE_MORE;
    }
    if (!ahead->protocol)
        return answer;
    if (ahead->sender == PARTY_SERVER && !ahead->oldest) {
        ahead->blind = true;
        return PARSE_MORE;
    }
    answer = ahead->protocol->parse(&ahead->stream, ahead->sender, ahead->oldest ? ahead->oldest->hint : 0, in, &message);
    if (answer > 0 && message.tunnel)
        return PARSE_NO;
    if (answer > 0 && message.ends && message.kind != MESSAGE_INTERIM)
        ahead_message_ended(ahead);
    return answer;
}

size_t ahead_take(struct ahead *ahead, struct slice in)
{
    size_t done = 0;
    while (done < in.len && !ahead->blind) {
        struct slice rest = slice_after(in, done);
        if (ahead->stream.skip) {
            size_t n = rest.len < ahead->stream.skip ? rest.len : (size_t)ahead->stream.skip;
            ahead_skip(ahead, n);
            done += n;
            continue;
        }
        ssize_t n = ahead_unit(ahead, rest);
        if (n == PARSE_MORE)
            break;
        if (n < 0)
            ahead->stream = (struct stream){.skip = SKIP_UNTIL_CLOSE};
        else
            done += (size_t)n;
    }
    return ahead->blind ? in.len : done;
}
