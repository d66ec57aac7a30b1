/* extract.c - the context that a request carries. See extract.h.
 *
 * B3 is https://github.com/openzipkin/b3-propagation: a trace id of 16 digits is one of 32 with zeros before it, and the
 * case of digits means nothing.
 */
#include "extract.h"

#include "config.h"

enum { TRACE_ID_LENGTH = 32, ID_LENGTH = 16 };

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes at the end of `id`, zeros before them. False where it is no such number, and where it is 0. */
static bool read_id(struct slice digits, uint8_t *id, size_t size)
{
    uint8_t any = 0;
    memset(id, 0, size);
    if (digits.len % 2 || digits.len > 2 * size)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        int value = digit(digits.ptr[i]);
        uint8_t *byte = &id[size - digits.len / 2 + i / 2];
        if (value < 0)
            return false;
        *byte = (uint8_t)(*byte << 4 | value);
        any |= (uint8_t)value;
    }
    return any;
}

static bool read_ids(struct slice trace_id, struct slice span_id, struct trace_context *ids)
{
    return (trace_id.len == TRACE_ID_LENGTH || trace_id.len == ID_LENGTH) && span_id.len == ID_LENGTH &&
           read_id(trace_id, ids->trace_id, sizeof ids->trace_id) && read_id(span_id, ids->parent_id, sizeof ids->parent_id);
}

/* `0`, `1` or `d`; some wrote words. False: something else. */
static bool read_decision(struct slice text, struct extracted *found)
{
    if (slice_equals(text, SLICE("d"))) {
        found->is_debug = true;
        found->ids.flags = TRACE_FLAG_SAMPLED;
        return true;
    }
    bool is_wanted = slice_equals(text, SLICE("1")) || slice_equals_nocase(text, SLICE("true"));
    found->ids.flags = is_wanted ? TRACE_FLAG_SAMPLED : 0;
    return is_wanted || slice_equals(text, SLICE("0")) || slice_equals_nocase(text, SLICE("false"));
}

static bool has(const struct message *request, enum context_field field)
{
    return request->context_seen >> field & 1;
}

static bool is_twice(const struct message *request, enum context_field field)
{
    return request->context_twice >> field & 1;
}

bool extract_tracecontext(const struct message *request, struct extracted *found)
{
    *found = (struct extracted){.has_ids = false};
    if (request->traceparent.ptr && !request->traceparent_twice)
        found->has_ids = trace_context_read(request->traceparent, &found->ids);
    return found->has_ids;
}

bool extract_b3_parts(struct slice value, struct b3_parts *parts)
{
    struct slice *const part[] = {&parts->trace_id, &parts->span_id, &parts->sampled, &parts->parent_id};
    struct slice rest = value, word;
    size_t count = 0;
    *parts = (struct b3_parts){.trace_id = {NULL, 0}};
    for (; slice_next(&rest, '-', &word); count++) {
        if (count == sizeof part / sizeof *part)
            return false;
        *part[count] = word;
    }
    return count >= 2;
}

bool extract_b3(const struct message *request, struct extracted *found)
{
    struct slice value = request->context[CONTEXT_B3];
    struct b3_parts parts;
    *found = (struct extracted){.has_ids = false};
    if (!has(request, CONTEXT_B3) || is_twice(request, CONTEXT_B3))
        return false;
    if (!extract_b3_parts(value, &parts))
        return found->has_decision = value.len == 1 && read_decision(value, found);
    found->is_undecided = !parts.sampled.ptr;
    if (parts.sampled.ptr && (parts.sampled.len != 1 || !read_decision(parts.sampled, found)))
        return false;
    return found->has_ids = read_ids(parts.trace_id, parts.span_id, &found->ids);
}

bool extract_b3multi(const struct message *request, struct extracted *found)
{
    const struct slice *field = request->context;
    *found = (struct extracted){.has_ids = false};
    if (request->context_twice)
        return false;
    bool is_decided = has(request, CONTEXT_B3_SAMPLED) && read_decision(field[CONTEXT_B3_SAMPLED], found);
    if (has(request, CONTEXT_B3_FLAGS) && slice_equals(field[CONTEXT_B3_FLAGS], SLICE("1")))
        is_decided = read_decision(SLICE("d"), found);
    found->has_ids = has(request, CONTEXT_B3_TRACE_ID) && has(request, CONTEXT_B3_SPAN_ID) &&
                     read_ids(field[CONTEXT_B3_TRACE_ID], field[CONTEXT_B3_SPAN_ID], &found->ids);
    found->is_undecided = found->has_ids && !is_decided;
    found->has_decision = !found->has_ids && is_decided;
    return found->has_ids || found->has_decision;
}

/* The single header before the several: "B3 Extract", OpenTelemetry specification. */
static bool any_b3(const struct message *request, struct extracted *found)
{
    return (config.propagate_b3 || config.propagate_b3multi) && (extract_b3(request, found) || extract_b3multi(request, found));
}

static bool any_w3c(const struct message *request, struct extracted *found)
{
    return config.extract_tracecontext && extract_tracecontext(request, found);
}

void extract(const struct message *request, struct extracted *found)
{
    bool is_found = config.b3_holds ? any_b3(request, found) || any_w3c(request, found) : any_w3c(request, found) || any_b3(request, found);
    if (!is_found)
        *found = (struct extracted){.has_ids = false};
}
