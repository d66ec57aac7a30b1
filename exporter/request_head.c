/* request_head.c - the head of our POST. See request_head.h. */
#include "request_head.h"

#include "config.h"
#include "notice.h"
#include "version.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 section 2.1. False for a `%` without two digits. */
static bool append_decoded(struct text *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            text_char(out, s.ptr[i]);
            continue;
        }
        if (i + 2 >= s.len || hex_digit(s.ptr[i + 1]) < 0 || hex_digit(s.ptr[i + 2]) < 0)
            return false;
        text_char(out, (char)(hex_digit(s.ptr[i + 1]) << 4 | hex_digit(s.ptr[i + 2])));
        i += 2;
    }
    return true;
}

/* RFC 9110 section 5.6.2 for names, 5.5 for values: nothing that could begin another line. */
static bool is_field_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("!#$%&'*+-.^_`|~", c, 15)))
            return false;
    }
    return name.len > 0;
}

static bool is_field_value(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
            return false;
    return true;
}

/* Fields that decide how the message is framed, or what it is, are ours to write. */
static bool is_ours(struct slice name)
{
    static const struct slice ours[] = {SLICE("content-length"), SLICE("transfer-encoding"), SLICE("content-type"),
                                        SLICE("content-encoding"), SLICE("connection"), SLICE("host")};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (slice_equals_nocase(name, ours[i]))
            return true;
    return false;
}

/* One `name=value` as a field line. False, and nothing written, when it cannot be one. */
static bool append_field(struct text *out, struct slice pair)
{
    size_t before = out->len, equals = slice_find(pair, '=');
    if (equals == pair.len || !append_decoded(out, slice_trim((struct slice){pair.ptr, equals})))
        goto refused;
    struct slice name = {out->ptr + before, out->len - before};
    text_literal(out, ": ");
    size_t value_at = out->len;
    if (!append_decoded(out, slice_trim(slice_after(pair, equals + 1))))
        goto refused;
    if (!is_field_name(name) || is_ours(name) || !is_field_value((struct slice){out->ptr + value_at, out->len - value_at}))
        goto refused;
    text_literal(out, "\r\n");
    return true;
refused:
    out->len = before;
    return false;
}

void request_head_write(struct text *out, const struct endpoint *endpoint)
{
    struct slice rest = config.headers, pair;
    text_literal(out, "POST ");
    text_string(out, endpoint->path);
    text_literal(out, " HTTP/1.1\r\nHost: ");
    text_string(out, endpoint->authority);
    text_literal(out, "\r\nUser-Agent: spanload/" SPANLOAD_VERSION " OTel-OTLP-Exporter-C/" SPANLOAD_VERSION
                      "\r\nContent-Type: application/json\r\n");
    while (slice_next(&rest, ',', &pair))
        if (slice_trim(pair).len && !append_field(out, pair))
            notice_add("OTEL_EXPORTER_OTLP_HEADERS", (struct slice){NULL, 0},
                       "one of its pairs is not name=value, or not a header that may be set; it is left out");
    text_literal(out, "Content-Length: ");
}

void request_head_finish(struct text *out, size_t body_len)
{
    text_number(out, body_len);
    text_literal(out, "\r\n\r\n");
}
