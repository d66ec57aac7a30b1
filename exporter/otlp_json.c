/* otlp_json.c - spans as OTLP/JSON.
 *
 * Ids are lower-case hexadecimal, 64-bit numbers are strings, enums are numbers, what is at its default is left out.
 * What the attributes are is the protocol's business (http_span.c).
 */
#include "otlp_json.h"

#include "config.h"
#include "decimal.h"
#include "http_span.h"
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

static void append_id(struct text *out, const uint8_t *bytes, size_t count)
{
    char digits[32];
    for (size_t i = 0; i < count; i += 4)
        write_hex(digits + 2 * i, bytes + i);
    text_bytes(out, digits, 2 * count);
}

static void append_ids(struct text *out, const struct span_record *record)
{
    text_literal(out, "{\"traceId\":\"");
    append_id(out, record->trace_id, sizeof record->trace_id);
    text_literal(out, "\",\"spanId\":\"");
    append_id(out, record->span_id, sizeof record->span_id);
    if (record->has_parent) {
        text_literal(out, "\",\"parentSpanId\":\"");
        append_id(out, record->parent_id, sizeof record->parent_id);
    }
    text_literal(out, "\"");
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

static void append_times(struct text *out, const struct span_record *record, int64_t wall_offset_ns)
{
    text_literal(out, ",\"startTimeUnixNano\":\"");
    decimal_append(out, record->start_ns + (uint64_t)wall_offset_ns);
    text_literal(out, "\",\"endTimeUnixNano\":\"");
    decimal_append(out, record->end_ns + (uint64_t)wall_offset_ns);
    text_literal(out, "\"");
}

static void append_attributes(struct text *out, const struct span_record *record)
{
    struct attributes list = {
        .out = out,
        .count_limit = config.attribute_count_limit,
        .value_length_limit = config.attribute_value_length_limit,
    };
    text_literal(out, ",\"attributes\":[");
    http_span_attributes(record, &list);
    text_literal(out, "]");
    if (list.dropped + record->facts_dropped) {
        text_literal(out, ",\"droppedAttributesCount\":");
        decimal_append(out, list.dropped + record->facts_dropped);
    }
}

static void append_span(struct text *out, const struct span_record *record, int64_t wall_offset_ns)
{
    uint32_t flags = record->trace_flags | FLAG_HAS_IS_REMOTE;
    if (record->has_parent && record->parent_is_remote)
        flags |= FLAG_IS_REMOTE;
    append_ids(out, record);
    append_tracestate(out, record);
    text_literal(out, ",\"flags\":");
    decimal_append(out, flags);
    text_literal(out, ",\"name\":");
    json_string(out, http_span_name(record), UINT32_MAX);
    text_literal(out, ",\"kind\":");
    decimal_append(out, record->kind);
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
