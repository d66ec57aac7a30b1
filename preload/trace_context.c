/* trace_context.c - reading and writing a traceparent. See trace_context.h. */
#include "trace_context.h"

#include "hex.h"

#define VERSION_00_LENGTH TRACEPARENT_LENGTH

/* Upper-case digits are invalid (section 3.2.2.3). */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_byte(const char *digits, uint8_t *byte)
{
    int high = digit(digits[0]), low = digit(digits[1]);
    *byte = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    return high >= 0 && low >= 0;
}

/* Sixteen digits at once. */
static bool read_8_bytes(const char *digits, uint64_t *eight)
{
    typedef uint16_t pairs __attribute__((vector_size(16)));
    typedef uint8_t bytes8 __attribute__((vector_size(8)));
    bytes16 characters = bytes16_at(digits);
    bytes16 letters = bytes16_within(characters, 'a', 'f'), figures = bytes16_within(characters, '0', '9');
    if (bytes16_where(~(letters | figures)))
        return false;
    pairs values = (pairs)((characters & 0x0f) + (letters & 9)); /* the first digit of a pair in its low half */
    bytes8 bytes = __builtin_convertvector(values << 4 | values >> 8, bytes8);
    memcpy(eight, &bytes, sizeof bytes);
    return true;
}

bool trace_context_read(struct slice value, struct trace_context *context)
{
    uint8_t version, flags;
    uint64_t trace_id[2], parent_id;
    struct slice s = slice_trim(value);
    if (s.len < VERSION_00_LENGTH || s.ptr[2] != '-' || s.ptr[35] != '-' || s.ptr[52] != '-')
        return false;
    if (!read_byte(s.ptr, &version) || !read_8_bytes(s.ptr + 3, &trace_id[0]) || !read_8_bytes(s.ptr + 19, &trace_id[1]) ||
        !read_8_bytes(s.ptr + 36, &parent_id) || !read_byte(s.ptr + 53, &flags))
        return false;
    if (version == 0xff || (version == 0 && s.len != VERSION_00_LENGTH))
        return false;
    if (s.len > VERSION_00_LENGTH && s.ptr[VERSION_00_LENGTH] != '-')
        return false;
    context->flags = flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    memcpy(context->trace_id, trace_id, sizeof trace_id);
    memcpy(context->parent_id, &parent_id, sizeof parent_id);
    return (trace_id[0] | trace_id[1]) && parent_id;
}

static void write_byte(char *at, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    at[0] = digits[byte >> 4];
    at[1] = digits[byte & 15];
}

void trace_context_write_id(char *at, const uint8_t *id, size_t size)
{
    bytes16 bytes = {0};
    memcpy(&bytes, id, size);
    struct hex hex = hex_of(bytes);
    memcpy(at, &hex.first, sizeof hex.first);
    if (size > 8)
        memcpy(at + sizeof hex.first, &hex.last, sizeof hex.last);
}

void trace_context_write(char *at, const struct trace_context *context)
{
    memcpy(at, "00-", 3);
    trace_context_write_id(at + 3, context->trace_id, sizeof context->trace_id);
    at[TRACEPARENT_ID_AT - 1] = at[TRACEPARENT_FLAGS_AT - 1] = '-';
    trace_context_write_id(at + TRACEPARENT_ID_AT, context->parent_id, sizeof context->parent_id);
    write_byte(at + TRACEPARENT_FLAGS_AT, context->flags);
}
