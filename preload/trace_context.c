/* trace_context.c - reading a traceparent. See trace_context.h. */
#include "trace_context.h"

#define VERSION_00_LENGTH 55

/* Upper-case digits are invalid (section 3.2.2.3). */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(const char *digits, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = digit(digits[2 * i]), low = digit(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return !any;
}

bool trace_context_read(struct slice value, struct trace_context *context)
{
    uint8_t version, flags;
    struct slice s = slice_trim(value);
    if (s.len < VERSION_00_LENGTH || s.ptr[2] != '-' || s.ptr[35] != '-' || s.ptr[52] != '-')
        return false;
    if (!read_bytes(s.ptr, &version, 1) || !read_bytes(s.ptr + 3, context->trace_id, 16) ||
        !read_bytes(s.ptr + 36, context->parent_id, 8) || !read_bytes(s.ptr + 53, &flags, 1))
        return false;
    if (version == 0xff || (version == 0 && s.len != VERSION_00_LENGTH))
        return false;
    if (s.len > VERSION_00_LENGTH && s.ptr[VERSION_00_LENGTH] != '-')
        return false;
    context->flags = flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    return !is_zero(context->trace_id, 16) && !is_zero(context->parent_id, 8);
}
