/* announced.c - requests that are about to be sent. See announced.h. */
#include "announced.h"

#include "config.h"
#include "gather.h"
#include "thread.h"
#include "tracer.h"
#include "unit.h"

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
    struct gather *scratch = bytes->count > 1 ? gather_take() : NULL;
    ssize_t n = PARSE_MORE;
    if (scratch) {
        size_t len = put_together(scratch, 0, bytes, first);
        n = unit_read(event, (struct slice){scratch->bytes, len});
        gather_give(scratch);
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
    ssize_t n = unit_read(event, in);
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
    ssize_t n = unit_read(event, (struct slice){gather->bytes, len});
    event->gone = 0;
    if (n <= 0 || (size_t)n <= before || !event->begun) {
        *stream = announced->before;
        return 0;
    }
    announced->is_gathered = true;
    announce_head(event, announced, (uint32_t)((size_t)n - before), 0);
    return (size_t)n - before;
}

size_t announced_begin(struct connection *connection, const struct outgoing_bytes *bytes, uint64_t since_ns, struct changes *changes,
                       const struct lineage *resumed, struct announced *announced)
{
    struct event event = {.connection = connection, .sender = PARTY_CLIENT, .since_ns = since_ns, .changes = changes, .resumed = resumed};
    struct stream *stream = &connection->streams[PARTY_CLIENT];
    struct slice in = bytes->part[0];
    size_t done = bytes->skipped, n = 0;
    announced->count = 0;
    announced->is_gathered = false;
    announced->before = announced->left = *stream;
    if (connection_role(connection) != ROLE_CLIENT || !in.len || (bytes->skipped && (stream->skip < bytes->skipped || stream->skip == SKIP_UNTIL_CLOSE)))
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
        n = stream->skip ? (size_t)unit_skip(&event, in.len) : announce_unit(&event, bytes, in, announced);
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

void announced_keep_lineage(const struct exchange *exchange, struct lineage *lineage)
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

/* The newest request, as if it had not begun. False: somebody has answered meanwhile. */
static bool take_back(struct connection *connection, const struct announced_head *head)
{
    struct exchange *exchange = head->exchange;
    if (!open_requests_take_back(&connection->open, exchange))
        return false;
    if (config.propagates && !exchange->is_silent)
        counter_add(thread_stripe(), head->has_context ? COUNT_context_out : COUNT_context_out_missed, -UINT64_C(1));
    tracer_retract(exchange);
    return true;
}

/* Somebody has sent or answered meanwhile what was not sent: not to be put in order. */
size_t announced_settle(struct connection *connection, const struct announced *announced, size_t understood, size_t length)
{
    struct stream *stream = &connection->streams[PARTY_CLIENT];
    bool is_as_left = !memcmp(stream, &announced->left, sizeof *stream);
    unsigned stay = 0;
    while (stay < announced->count && announced->head[stay].end <= length)
        stay++;
    if (stay && announced->is_gathered)
        gather_drop(&connection->gathered[PARTY_CLIENT]);
    if (length >= understood)
        return understood;
    for (unsigned i = announced->count; i-- > stay && is_as_left;)
        is_as_left = take_back(connection, &announced->head[i]);
    if (!is_as_left) {
        connection_stop_watching(connection, COUNT_given_up_contended);
        return length;
    }
    *stream = stay ? announced->head[stay - 1].after : announced->before;
    return stay ? announced->head[stay - 1].end : 0;
}
