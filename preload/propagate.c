/* propagate.c - the changes that make a head name our span. See propagate.h. */
#include "propagate.h"

#include "config.h"
#include "extract.h"
#include "tracestate_member.h"

/* Servers count the lines that they are sent, and common ones take a hundred. */
#define FIELDS_MAX 90

#define BAGGAGE_MAX 8192  /* W3C Baggage, section 3.3.2: what must be handed on */

enum { ID_DIGITS = 16, TRACE_ID_DIGITS = 32 };

/* Lines being put together, in the room of the list. */
struct lines {
    struct changes *changes;
    struct slice end; /* of each line: as the head has it */
    uint32_t begin;
    unsigned count;
    bool is_full;
};

static char *room_for(struct changes *changes, size_t len)
{
    if (len > changes->size - changes->used)
        return NULL;
    char *at = changes->text + changes->used;
    changes->used += (uint32_t)len;
    return at;
}

static bool add(struct changes *changes, struct change change)
{
    if (changes->count == changes->max)
        return false;
    unsigned i = changes->count++;
    for (; i && changes->of[i - 1].at > change.at; i--)
        changes->of[i] = changes->of[i - 1];
    changes->of[i] = change;
    return true;
}

/* Other characters in the place of those that stand at `value`; nothing where they are the same. */
static bool patch(struct changes *changes, uint32_t at, const struct head *head, struct slice value, struct slice text)
{
    uint32_t offset = (uint32_t)(value.ptr - head->bytes.ptr);
    if (slice_equals(value, text))
        return true;
    char *copy = offset >= head->gone ? room_for(changes, text.len) : NULL;
    if (!copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    return add(changes, (struct change){.at = at + offset, .cut = (uint32_t)text.len, .len = (uint32_t)text.len, .text = copy});
}

static void append(struct lines *lines, struct slice text)
{
    char *at = lines->is_full ? NULL : room_for(lines->changes, text.len);
    lines->is_full |= !at;
    if (at)
        memcpy(at, text.ptr, text.len);
}

static void add_line(struct lines *lines, struct slice name, struct slice value)
{
    append(lines, name);
    append(lines, SLICE(": "));
    append(lines, value);
    append(lines, lines->end);
    lines->count++;
}

/* --- the formats --------------------------------------------------------------------------------------------- */

/* A format's own part: rewritten where it is there, else a line. */
struct span_text {
    struct trace_context ids;
    char trace_id[TRACE_ID_DIGITS], span_id[ID_DIGITS], parent_id[ID_DIGITS];
    bool is_debug;
};

static void take_ids(struct span_text *span, const struct exchange *exchange)
{
    span->ids = (struct trace_context){.flags = exchange->record.trace_flags};
    memcpy(span->ids.trace_id, exchange->record.trace_id, sizeof span->ids.trace_id);
    memcpy(span->ids.parent_id, exchange->record.span_id, sizeof span->ids.parent_id);
    span->is_debug = exchange->is_debug;
    if (!config.propagate_b3 && !config.propagate_b3multi)
        return;
    trace_context_write_id(span->trace_id, exchange->record.trace_id, 16);
    trace_context_write_id(span->span_id, exchange->record.span_id, 8);
    trace_context_write_id(span->parent_id, exchange->record.parent_id, 8);
}

static bool is_of_trace(const struct extracted *found, const struct span_text *span)
{
    return memcmp(found->ids.trace_id, span->ids.trace_id, sizeof found->ids.trace_id) == 0;
}

static bool write_traceparent(struct lines *lines, uint32_t at, const struct head *head, const struct span_text *span)
{
    char value[TRACEPARENT_LENGTH];
    struct extracted found;
    trace_context_write(value, &span->ids);
    if (!head->message->traceparent.ptr) {
        add_line(lines, SLICE("traceparent"), (struct slice){value, sizeof value});
        return true;
    }
    if (!extract_tracecontext(head->message, &found) || !is_of_trace(&found, span))
        return false;
    const char *there = head->message->traceparent.ptr;
    return patch(lines->changes, at, head, (struct slice){there + TRACEPARENT_ID_AT, ID_DIGITS}, (struct slice){value + TRACEPARENT_ID_AT, ID_DIGITS}) &&
           patch(lines->changes, at, head, (struct slice){there + TRACEPARENT_FLAGS_AT, 2}, (struct slice){value + TRACEPARENT_FLAGS_AT, 2});
}

static struct slice b3_decision(const struct span_text *span)
{
    if (span->is_debug)
        return SLICE("d");
    return span->ids.flags & TRACE_FLAG_SAMPLED ? SLICE("1") : SLICE("0");
}

/* What is neither stays as it is. */
static bool is_id(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.ptr[i]);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return text.len == ID_DIGITS;
}

static bool is_decision(struct slice text)
{
    return slice_equals(text, SLICE("0")) || slice_equals(text, SLICE("1")) || slice_equals(text, SLICE("d"));
}

static bool rewrite_b3(struct lines *lines, uint32_t at, const struct head *head, const struct span_text *span)
{
    struct extracted found;
    struct b3_parts parts;
    if (!extract_b3(head->message, &found) || !found.has_ids || !is_of_trace(&found, span) ||
        !extract_b3_parts(head->message->context[CONTEXT_B3], &parts))
        return false;
    return patch(lines->changes, at, head, parts.span_id, (struct slice){span->span_id, ID_DIGITS}) &&
           (!is_decision(parts.sampled) || patch(lines->changes, at, head, parts.sampled, b3_decision(span))) &&
           (!is_id(parts.parent_id) || patch(lines->changes, at, head, parts.parent_id, (struct slice){span->parent_id, ID_DIGITS}));
}

static bool write_b3(struct lines *lines, uint32_t at, const struct head *head, const struct span_text *span)
{
    char value[TRACE_ID_DIGITS + 1 + ID_DIGITS + 2];
    if (head->message->context_seen >> CONTEXT_B3 & 1)
        return rewrite_b3(lines, at, head, span);
    memcpy(value, span->trace_id, TRACE_ID_DIGITS);
    value[TRACE_ID_DIGITS] = value[sizeof value - 2] = '-';
    memcpy(value + TRACE_ID_DIGITS + 1, span->span_id, ID_DIGITS);
    value[sizeof value - 1] = b3_decision(span).ptr[0];
    add_line(lines, SLICE("b3"), (struct slice){value, sizeof value});
    return true;
}

static bool rewrite_b3multi(struct lines *lines, uint32_t at, const struct head *head, const struct span_text *span)
{
    const struct message *message = head->message;
    const struct slice *field = message->context;
    struct extracted found;
    if (!extract_b3multi(message, &found) || !found.has_ids || !is_of_trace(&found, span))
        return false;
    bool has_parent = message->context_seen >> CONTEXT_B3_PARENT_SPAN_ID & 1, has_sampled = message->context_seen >> CONTEXT_B3_SAMPLED & 1;
    return patch(lines->changes, at, head, field[CONTEXT_B3_SPAN_ID], (struct slice){span->span_id, ID_DIGITS}) &&
           (!has_sampled || span->is_debug || !is_decision(field[CONTEXT_B3_SAMPLED]) || patch(lines->changes, at, head, field[CONTEXT_B3_SAMPLED], b3_decision(span))) &&
           (!has_parent || !is_id(field[CONTEXT_B3_PARENT_SPAN_ID]) ||
            patch(lines->changes, at, head, field[CONTEXT_B3_PARENT_SPAN_ID], (struct slice){span->parent_id, ID_DIGITS}));
}

static bool write_b3multi(struct lines *lines, uint32_t at, const struct head *head, const struct span_text *span)
{
    const uint8_t several = (uint8_t)~(1 << CONTEXT_B3);
    if (head->message->context_seen & several)
        return rewrite_b3multi(lines, at, head, span);
    add_line(lines, SLICE("X-B3-TraceId"), (struct slice){span->trace_id, TRACE_ID_DIGITS});
    add_line(lines, SLICE("X-B3-SpanId"), (struct slice){span->span_id, ID_DIGITS});
    if (span->is_debug)
        add_line(lines, SLICE("X-B3-Flags"), SLICE("1"));
    else
        add_line(lines, SLICE("X-B3-Sampled"), b3_decision(span));
    return true;
}

/* --- what is handed on beside the ids ------------------------------------------------------------------------- */

static bool has_fact(const struct message *message, enum fact_key key)
{
    return message->fact_keys >> key & 1;
}

/* One wrong member makes the list invalid: it is not handed on (W3C Trace Context level 2, section 3.3). */
static bool tracestate_is_valid(struct slice list)
{
    struct slice member;
    unsigned count = 0;
    while (slice_next(&list, ',', &member)) {
        member = slice_trim(member);
        if (member.len && (count++ == TRACESTATE_MEMBERS || !tracestate_member_is_valid(member)))
            return false;
    }
    return count;
}

/* Nothing that ends a line, or that a server may refuse (RFC 9110 section 5.5). */
static bool is_field_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static void add_onward(struct lines *lines, const struct message *message, const struct context *onward)
{
    if (config.extract_tracecontext && !message->traceparent.ptr && !has_fact(message, FACT_TRACESTATE) && onward->tracestate.len &&
        tracestate_is_valid(onward->tracestate))
        add_line(lines, SLICE("tracestate"), onward->tracestate);
    if (config.propagate_baggage && !has_fact(message, FACT_BAGGAGE) && onward->baggage.len && onward->baggage.len <= BAGGAGE_MAX &&
        is_field_value(onward->baggage))
        add_line(lines, SLICE("baggage"), onward->baggage);
}

/* --- all of it ------------------------------------------------------------------------------------------------- */

/* Where lines may be put in; 0: nowhere any more. */
static uint32_t place_for_lines(const struct head *head)
{
    if (head->message->first_field >= head->gone)
        return head->message->first_field;
    return head->message->last_line >= head->gone ? head->message->last_line : 0;
}

static bool put_in(struct lines *lines, uint32_t at, const struct head *head)
{
    struct changes *changes = lines->changes;
    uint32_t place = place_for_lines(head), len = changes->used - lines->begin;
    bool fits = place && !lines->is_full && head->message->fields + lines->count <= FIELDS_MAX;
    if (!lines->count)
        return true;
    return fits && add(changes, (struct change){.at = at + place, .len = len, .text = changes->text + lines->begin});
}

#define LINE(name, len) (sizeof(name) - 1 + 2 + (len) + 2)

size_t propagate_lines(void)
{
    const size_t b3 = LINE("b3", TRACE_ID_DIGITS + 1 + ID_DIGITS + 2);
    const size_t several = LINE("X-B3-TraceId", TRACE_ID_DIGITS) + LINE("X-B3-SpanId", ID_DIGITS) + LINE("X-B3-Sampled", 1);
    return (config.extract_tracecontext ? LINE("traceparent", TRACEPARENT_LENGTH) : 0) + (config.propagate_b3 ? b3 : 0) +
           (config.propagate_b3multi ? several : 0);
}

bool propagate(struct changes *changes, uint32_t at, const struct head *head, const struct exchange *exchange, const struct context *onward)
{
    bool has_cr = head->message->first_field > 1 && head->bytes.ptr[head->message->first_field - 2] == '\r';
    struct lines lines = {.changes = changes, .end = has_cr ? SLICE("\r\n") : SLICE("\n")};
    struct span_text span;
    bool done = true;
    take_ids(&span, exchange);
    /* What is patched takes its room first, so that the lines lie in one piece. */
    lines.begin = changes->used;
    if (config.extract_tracecontext && head->message->traceparent.ptr)
        done &= write_traceparent(&lines, at, head, &span);
    if (config.propagate_b3 && head->message->context_seen >> CONTEXT_B3 & 1)
        done &= write_b3(&lines, at, head, &span);
    if (config.propagate_b3multi && head->message->context_seen & (uint8_t)~(1 << CONTEXT_B3))
        done &= write_b3multi(&lines, at, head, &span);
    lines.begin = changes->used;
    if (config.extract_tracecontext && !head->message->traceparent.ptr)
        done &= write_traceparent(&lines, at, head, &span);
    if (config.propagate_b3 && !(head->message->context_seen >> CONTEXT_B3 & 1))
        done &= write_b3(&lines, at, head, &span);
    if (config.propagate_b3multi && !(head->message->context_seen & (uint8_t)~(1 << CONTEXT_B3)))
        done &= write_b3multi(&lines, at, head, &span);
    if (onward)
        add_onward(&lines, head->message, onward);
    return put_in(&lines, at, head) && done;
}
