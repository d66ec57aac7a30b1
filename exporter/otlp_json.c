/* otlp_json.c - spans as OTLP/JSON.
 *
 * Ids are lower-case hexadecimal, 64-bit numbers are strings, enums are numbers, what is at its default is left out.
 * What the attributes are is the protocol's business (http_span.c, command_span.c).
 */
#include "otlp_json.h"

#include "command_span.h"
#include "config.h"
#include "decimal.h"
#include "hex.h"
#include "http_span.h"
#include "pieces.h"
#include "tracestate.h"
#include "version.h"

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"
#define END "],\"schemaUrl\":\"" SCHEMA_URL "\"}]}]}"

_Static_assert(sizeof END - 1 <= OTLP_JSON_END_SIZE, "what is kept free for the end is too small");

/* What a record means, by its protocol. */
static const struct meaning {
    struct slice (*name)(const struct facts *facts);
    void (*write_attributes)(const struct facts *facts, struct attributes *list);
    bool (*is_error)(const struct span_record *record);
} meanings[SPAN_PROTOCOLS] = {
    [SPAN_HTTP] = {http_span_name, http_span_attributes, http_span_is_error},
    [SPAN_COMMAND] = {command_span_name, command_span_attributes, command_span_is_error},
};

/* Bits of Span.flags beside the W3C flags (trace.proto, SpanFlags). */
enum { FLAG_HAS_IS_REMOTE = 0x100, FLAG_IS_REMOTE = 0x200 };

void otlp_json_begin(struct text *out, struct slice resource)
{
    text_literal(out, "{\"resourceSpans\":[{");
    text_slice(out, resource);
    if (resource.len)
        text_char(out, ',');
    text_literal(out, "\"scopeSpans\":[{\"scope\":{\"name\":\"spanload\",\"version\":\"" SPANLOAD_VERSION "\"},\"spans\":[");
}

void otlp_json_end(struct text *out)
{
    text_literal(out, END);
}

static inline char *piece_16(char *at, bytes16 bytes)
{
    memcpy(at, &bytes, sizeof bytes);
    return at + sizeof bytes;
}

#define TRACE_ID "{\"traceId\":\""
#define SPAN_ID "\",\"spanId\":\""
#define PARENT_ID "\",\"parentSpanId\":\""
#define IDS_END "\""

static char *piece_ids(char *at, const struct span_record *record)
{
    enum { TRACE = offsetof(struct span_record, trace_id), SPAN = offsetof(struct span_record, span_id) };
    _Static_assert(offsetof(struct span_record, parent_id) == SPAN + 8, "both are read at once");
    struct hex trace = hex_of(bytes16_at((const char *)record + TRACE)), span = hex_of(bytes16_at((const char *)record + SPAN));
    at = piece_16(piece_16(piece(at, TRACE_ID), trace.first), trace.last);
    at = piece_16(piece(at, SPAN_ID), span.first);
    if (record->has_parent)
        at = piece_16(piece(at, PARENT_ID), span.last);
    return piece(at, IDS_END);
}

static void append_tracestate(struct text *out, const struct facts *facts)
{
    struct text before = *out;
    struct json_string value;
    size_t count;
    text_literal(out, ",\"traceState\":");
    json_string_begin(&value, out, UINT32_MAX, JSON_TEXT);
    bool is_valid = tracestate_append(&value, facts->record, &count);
    json_string_end(&value);
    if (!is_valid || !count)
        *out = before;
}

#define FLAGS ",\"flags\":"
#define NAME ",\"name\":\""

static char *piece_flags(char *at, const struct span_record *record)
{
    uint32_t flags = record->trace_flags | FLAG_HAS_IS_REMOTE;
    if (record->has_parent && record->parent_is_remote)
        flags |= FLAG_IS_REMOTE;
    return decimal_write_short(piece(at, FLAGS), flags);
}

#define KIND "\",\"kind\":"
#define START ",\"startTimeUnixNano\":\""
#define STOP "\",\"endTimeUnixNano\":\""
#define ATTRIBUTES "\",\"attributes\":["

/* The end is nearly always in the same tenth of a second as the start, which stands at `start`, `len` digits: then all
 * but the last eight are the same. */
static inline char *piece_end_time(char *at, uint64_t end_ns, uint64_t start_ns, const char *start, size_t len)
{
    enum { SAME_MAX = 12 };
    if (end_ns / EIGHT_DIGITS != start_ns / EIGHT_DIGITS || start_ns < EIGHT_DIGITS)
        return decimal_write(at, end_ns);
    memcpy(at, start, SAME_MAX);
    return decimal_write_eight(at + len - 8, (uint32_t)(end_ns % EIGHT_DIGITS));
}

static char *piece_times(char *at, const struct span_record *record, int64_t wall_offset_ns)
{
    uint64_t start_ns = record->start_ns + (uint64_t)wall_offset_ns, end_ns = record->end_ns + (uint64_t)wall_offset_ns;
    const char *start = at = piece(at, START);
    at = decimal_write(at, start_ns);
    size_t len = (size_t)(at - start);
    return piece_end_time(piece(at, STOP), end_ns, start_ns, start, len);
}

/* All up to the attributes. What may be of any length parts what is before it from what is behind it. */
static void append_front(struct text *out, const struct facts *facts, struct slice name, int64_t wall_offset_ns)
{
    enum {
        NAME_SHORT = 16,
        IDS = 32 + 16 + 16,
        LITERALS = sizeof TRACE_ID SPAN_ID PARENT_ID IDS_END FLAGS NAME KIND START STOP ATTRIBUTES,
        SIZE = LITERALS + IDS + NAME_SHORT + 3 * DECIMAL_ROOM,
    };
    char aside[SIZE], *begin = pieces_begin(out, SIZE, aside), *at = piece_ids(begin, facts->record);
    if (facts_have(facts, FACT_TRACESTATE)) {
        pieces_end(out, begin, at, aside);
        append_tracestate(out, facts);
        begin = at = pieces_begin(out, SIZE, aside);
    }
    at = piece(piece_flags(at, facts->record), NAME);
    if (name.len <= NAME_SHORT && json_copy_plain(at, name) == name.len) { /* as nearly all */
        at += name.len;
    } else {
        struct json_string string = {out, UINT32_MAX, JSON_TEXT};
        pieces_end(out, begin, at, aside);
        json_string_append(&string, name);
        begin = at = pieces_begin(out, SIZE, aside);
    }
    at = piece(at, KIND);
    *at++ = (char)('0' + facts->record->kind);
    at = piece_times(at, facts->record, wall_offset_ns);
    pieces_end(out, begin, piece(at, ATTRIBUTES), aside);
}

static void append_attributes(struct text *out, const struct facts *facts, const struct meaning *meaning)
{
    uint16_t facts_dropped = facts->record->facts_dropped;
    struct attributes list = {
        .out = out,
        .count_limit = config.attribute_count_limit,
        .value_length_limit = config.attribute_value_length_limit,
    };
    meaning->write_attributes(facts, &list);
    text_literal(out, "]");
    if (list.dropped + facts_dropped) {
        text_literal(out, ",\"droppedAttributesCount\":");
        decimal_append(out, list.dropped + facts_dropped);
    }
}

static void append_span(struct text *out, const struct span_record *record, int64_t wall_offset_ns)
{
    struct facts facts;
    const struct meaning *meaning = &meanings[record->protocol];
    facts_take(&facts, record);
    append_front(out, &facts, meaning->name(&facts), wall_offset_ns);
    append_attributes(out, &facts, meaning);
    if (meaning->is_error(record))
        text_literal(out, ",\"status\":{\"code\":2}");
    text_char(out, '}');
}

bool otlp_json_span(struct text *out, const struct span_record *record, int64_t wall_offset_ns, bool first)
{
    struct text before = *out;
    if (out->overflowed)
        return false;
    if (!first)
        text_char(out, ',');
    append_span(out, record, wall_offset_ns);
    if (out->overflowed)
        *out = before;
    return out->len > before.len;
}
