/* otlp_json.c - spans as OTLP/JSON.
 *
 * Ids are lower-case hexadecimal, 64-bit numbers are strings, enums are numbers, what is at its default is left out.
 * What the attributes are is the protocol's business (http_span.c).
 */
#include "otlp_json.h"

#include "config.h"
#include "decimal.h"
#include "http_span.h"
#include "pieces.h"
#include "tracestate.h"
#include "version.h"

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"
#define END "],\"schemaUrl\":\"" SCHEMA_URL "\"}]}]}"

_Static_assert(sizeof END - 1 <= OTLP_JSON_END_SIZE, "what is kept free for the end is too small");

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

/* Four bytes as eight digits, all at once: the nibbles are spread over the bytes of a word in their order, to each is
 * added `0`, and to those above 9 the distance from there to `a`. Both machines that we run on are little-endian. */
static void write_hex(char *to, const uint8_t *from)
{
    uint32_t four;
    memcpy(&four, from, sizeof four);
    uint64_t bytes = (four | (uint64_t)four << 16) & 0x0000ffff0000ffff;
    bytes = (bytes | bytes << 8) & 0x00ff00ff00ff00ff;
    uint64_t nibbles = (bytes >> 4 & 0x000f000f000f000f) | (bytes & 0x000f000f000f000f) << 8;
    uint64_t above_nine = (nibbles + 0x0606060606060606) >> 4 & 0x0101010101010101;
    uint64_t digits = nibbles + 0x3030303030303030 + above_nine * ('a' - '0' - 10);
    memcpy(to, &digits, sizeof digits);
}

static char *piece_id(char *at, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i += 4)
        write_hex(at + 2 * i, bytes + i);
    return at + 2 * count;
}

#define TRACE_ID "{\"traceId\":\""
#define SPAN_ID "\",\"spanId\":\""
#define PARENT_ID "\",\"parentSpanId\":\""

static void append_ids(struct text *out, const struct span_record *record)
{
    enum { SIZE = sizeof TRACE_ID - 1 + 32 + sizeof SPAN_ID - 1 + 16 + 1, PARENT_SIZE = sizeof PARENT_ID - 1 + 16 };
    char *at = pieces_begin(out, SIZE + (record->has_parent ? PARENT_SIZE : 0));
    if (!at)
        return;
    at = piece_id(piece(at, TRACE_ID), record->trace_id, sizeof record->trace_id);
    at = piece_id(piece(at, SPAN_ID), record->span_id, sizeof record->span_id);
    if (record->has_parent)
        at = piece_id(piece(at, PARENT_ID), record->parent_id, sizeof record->parent_id);
    *at = '"';
}

static void append_tracestate(struct text *out, const struct span_record *record)
{
    struct text before = *out;
    struct json_string value;
    size_t count;
    if (!span_fact(record, FACT_TRACESTATE).ptr)
        return;
    text_literal(out, ",\"traceState\":");
    json_string_begin(&value, out, UINT32_MAX, JSON_TEXT);
    bool is_valid = tracestate_append(&value, record, &count);
    json_string_end(&value);
    if (!is_valid || !count)
        *out = before;
}

#define FLAGS ",\"flags\":"
#define NAME ",\"name\":"

static void append_name(struct text *out, const struct span_record *record)
{
    uint32_t flags = record->trace_flags | FLAG_HAS_IS_REMOTE;
    struct decimal decimal;
    if (record->has_parent && record->parent_is_remote)
        flags |= FLAG_IS_REMOTE;
    struct slice digits = decimal_of(&decimal, flags);
    char *at = pieces_begin(out, strlen(FLAGS NAME) + digits.len);
    if (at)
        piece(piece_slice(piece(at, FLAGS), digits), NAME);
    json_string(out, http_span_name(record), UINT32_MAX);
}

#define KIND ",\"kind\":"
#define START ",\"startTimeUnixNano\":\""
#define STOP "\",\"endTimeUnixNano\":\""
#define ATTRIBUTES "\",\"attributes\":["

static void append_times(struct text *out, const struct span_record *record, int64_t wall_offset_ns)
{
    struct decimal decimals[2];
    struct slice start = decimal_of(&decimals[0], record->start_ns + (uint64_t)wall_offset_ns);
    struct slice end = decimal_of(&decimals[1], record->end_ns + (uint64_t)wall_offset_ns);
    char *at = pieces_begin(out, strlen(KIND START STOP ATTRIBUTES) + 1 + start.len + end.len);
    if (!at)
        return;
    at = piece(at, KIND);
    *at++ = (char)('0' + record->kind);
    at = piece_slice(piece(at, START), start);
    at = piece_slice(piece(at, STOP), end);
    piece(at, ATTRIBUTES);
}

static void append_attributes(struct text *out, const struct span_record *record)
{
    struct attributes list = {
        .out = out,
        .count_limit = config.attribute_count_limit,
        .value_length_limit = config.attribute_value_length_limit,
    };
    http_span_attributes(record, &list);
    text_literal(out, "]");
    if (list.dropped + record->facts_dropped) {
        text_literal(out, ",\"droppedAttributesCount\":");
        decimal_append(out, list.dropped + record->facts_dropped);
    }
}

static void append_span(struct text *out, const struct span_record *record, int64_t wall_offset_ns)
{
    append_ids(out, record);
    append_tracestate(out, record);
    append_name(out, record);
    append_times(out, record, wall_offset_ns);
    append_attributes(out, record);
    if (http_span_is_error(record))
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
