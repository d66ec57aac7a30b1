/* unit.c - units become messages, messages become spans. See unit.h.
 *
 * It decides nothing about a protocol: it lets the protocol find each unit. Requests begin spans here, and get the context of
 * their span; answers end them.
 */
#include "unit.h"

#include "causality.h"
#include "config.h"
#include "gather.h"
#include "protocols.h"
#include "thread.h"
#include "tracer.h"

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
        thread_count(is_given ? COUNT_context_in : COUNT_context_in_missed);
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
        thread_count(is_done ? COUNT_context_out : COUNT_context_out_missed);
}

static void find_lineage(const struct event *event, const struct message *message, struct lineage *lineage)
{
    const struct connection *connection = event->connection;
    bool is_first = atomic_load_explicit(&connection->open.begun, memory_order_relaxed) == 0;
    if (event->resumed)
        *lineage = *event->resumed;
    else if (connection_role(connection) == ROLE_CLIENT)
        causality_of_client(message, is_first ? connection->opener : (struct live){NULL, 0}, lineage);
    else
        causality_of_server(message, lineage);
}

static __attribute__((noinline)) void request_began(struct event *event, const struct message *message, struct slice head)
{
    struct connection *connection = event->connection;
    bool is_client = connection_role(connection) == ROLE_CLIENT;
    struct lineage lineage;
    struct tracer_connection of = {
        .kind = is_client ? SPAN_CLIENT : SPAN_SERVER,
        .protocol = connection->protocol->span_protocol,
        .peer = &connection->peer,
        .unix_path = connection_unix_path(connection),
    };
    /* The answer to the one before may have been printed: the next that we see would be taken for it. */
    if (connection->standard && open_requests_count(&connection->open)) {
        connection_stop_watching(connection, COUNT_given_up_stdio);
        return;
    }
    if (open_requests_count(&connection->open) >= OPEN_MAX) {
        connection_stop_watching(connection, COUNT_given_up_memory);
        return;
    }
    uint64_t start_ns = is_client && event->since_ns ? event->since_ns : event_now(event);
    find_lineage(event, message, &lineage);
    struct exchange *exchange = tracer_begin(message, &of, &lineage, start_ns);
    event->begun = exchange;
    if (!exchange) {
        connection_stop_watching(connection, COUNT_given_up_memory);
        return;
    }
    /* Before it is handed over to whoever answers. */
    if (is_client && !lineage.is_silent)
        send_context(event, message, head, exchange, &lineage);
    if (!is_client && !lineage.is_silent) {
        connection->newest = live_of(exchange);
        causality_request_read(exchange, open_requests_count(&connection->open) == 0);
        give_context(event, message, head, exchange);
    }
    open_requests_push(&connection->open, exchange);
}

static void response_began(struct event *event, const struct message *message)
{
    struct exchange *exchange = open_requests_oldest(&event->connection->open);
    if (connection_role(event->connection) == ROLE_SERVER && !exchange->answered)
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
        connection_finish_oldest(event->connection, event_now(event));
    if (message->tunnel)
        connection_stop_watching(event->connection, COUNT_tunnels);
}

uint64_t unit_skip(struct event *event, uint64_t count)
{
    struct connection *connection = event->connection;
    struct stream *stream = &connection->streams[event->sender];
    uint64_t n = count < stream->skip ? count : stream->skip;
    if (stream->skip != SKIP_UNTIL_CLOSE)
        stream->skip -= n;
    if (event->sender == PARTY_SERVER) {
        struct exchange *exchange = open_requests_oldest(&connection->open);
        if (exchange && (stream->skip == SKIP_UNTIL_CLOSE || connection_role(connection) == ROLE_CLIENT))
            exchange->last_ns = event_now(event);
        if (stream->last && !stream->skip)
            connection_finish_oldest(connection, event_now(event));
    }
    return n;
}

/* The protocol of a conversation that has just begun. False: not (yet) known. A beginning that comes in many small pieces
 * is looked at again at each line end, and whenever it has doubled. */
#define RECOGNISE_ALWAYS 1024

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
    const struct protocol *protocol = NULL;
    *answer = event->sender == PARTY_CLIENT ? protocols_recognise(in, &protocol) : PARSE_NO;
    if (!protocol)
        return false;
    connection->protocol = protocol;
    stream->judged = 0;
    atomic_store_explicit(&connection->state, CONNECTION_WATCHED, memory_order_relaxed);
    return true;
}

ssize_t unit_read(struct event *event, struct slice in)
{
    if (in.len > GATHER_MAX + 1) /* no unit is longer: a large write that is none of ours is not searched for its line end */
        in.len = GATHER_MAX + 1;
    struct connection *connection = event->connection;
    struct message message;
    struct exchange *oldest = NULL;
    ssize_t answer;
    if (!connection->protocol && !recognise(event, in, &answer))
        return answer;
    if (event->sender == PARTY_SERVER && !(oldest = open_requests_oldest(&connection->open))) {
        connection_stop_watching(connection, COUNT_given_up_unasked);
        return PARSE_NO;
    }
    struct stream *stream = &connection->streams[event->sender];
    ssize_t n = connection->protocol->parse(stream, event->sender, oldest ? oldest->hint : 0, in, &message);
    if (n > 0)
        message_arrived(event, &message, (struct slice){in.ptr, (size_t)n});
    return n;
}
