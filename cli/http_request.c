/*
 * http_request.c - finds the end of an HTTP/1 request and says what it asks.
 *
 * Strict where two readers could disagree about where a request ends (Content-Length twice or beside
 * Transfer-Encoding, blanks before the colon, folded lines: RFC 9112 sections 5, 6.3), since what follows
 * on the connection is then anybody's guess. Lenient about a bare LF as the line's end.
 */
#include "http_request.h"

#include <string.h>
#include <strings.h>

enum { LINE_LIMIT = 4096 };                    /* of a chunk's size or a trailer field */

struct slice {
    const char *bytes;
    size_t len;
};

static struct slice slice_trim(struct slice slice)
{
    while (slice.len > 0 && (slice.bytes[0] == ' ' || slice.bytes[0] == '\t'))
        slice = (struct slice){slice.bytes + 1, slice.len - 1};
    while (slice.len > 0 && strchr(" \t\r", slice.bytes[slice.len - 1]) != NULL)
        slice.len--;
    return slice;
}

static bool slice_is(struct slice slice, const char *text)
{
    return slice.len == strlen(text) && strncasecmp(slice.bytes, text, slice.len) == 0;
}

/* The part of the slice before `separator`, which *rest follows; all of it, and an empty rest, if none. */
static struct slice slice_cut(struct slice slice, char separator, struct slice *rest)
{
    const char *found = slice.len > 0 ? memchr(slice.bytes, separator, slice.len) : NULL;
    if (found == NULL) {
        *rest = (struct slice){slice.bytes + slice.len, 0};
        return slice;
    }
    size_t len = (size_t)(found - slice.bytes);
    *rest = (struct slice){found + 1, slice.len - len - 1};
    return (struct slice){slice.bytes, len};
}

/* Copies as much as fits: a longer one is equal to nothing that is known. */
static void slice_copy(struct slice slice, char *text, size_t size)
{
    size_t len = slice.len < size ? slice.len : size - 1;
    memcpy(text, slice.bytes, len);
    text[len] = '\0';
}

static bool slice_read_number(struct slice slice, size_t *number)
{
    size_t value = 0;
    if (slice.len == 0 || slice.len > 18)
        return false;
    for (size_t i = 0; i < slice.len; i++) {
        if (slice.bytes[i] < '0' || slice.bytes[i] > '9')
            return false;
        value = value * 10 + (size_t)(slice.bytes[i] - '0');
    }
    *number = value;
    return true;
}

/* ---- the head ---- */

static int request_line_read(struct http_head *head, struct slice line)
{
    struct slice target, version, nothing, query;
    struct slice method = slice_cut(slice_trim(line), ' ', &target);
    target = slice_cut(target, ' ', &version);
    if (method.len == 0 || target.len == 0 || version.len != 8 || memcmp(version.bytes, "HTTP/", 5) != 0)
        return -400;
    if (memcmp(version.bytes, "HTTP/1.", 7) != 0)
        return -505;
    if (target.len > 7 && strncasecmp(target.bytes, "http://", 7) == 0) {      /* absolute-form */
        slice_cut((struct slice){target.bytes + 7, target.len - 7}, '/', &nothing);
        target = nothing.len > 0 ? (struct slice){nothing.bytes - 1, nothing.len + 1} : (struct slice){"/", 1};
    }
    target = slice_cut(target, '?', &query);
    slice_copy(method, head->method, sizeof head->method);
    slice_copy(target, head->path, sizeof head->path);
    head->keeps_alive = version.bytes[7] != '0';
    return 0;
}

/* What is known of the body's length while the fields are read. */
struct framing {
    bool has_length, has_coding;
};

static int field_take(struct http_head *head, struct framing *framing, struct slice name, struct slice value)
{
    size_t len = 0;
    struct slice parameters;
    if (slice_is(name, "content-length")) {
        if (!slice_read_number(value, &len) || (framing->has_length && len != head->body_len))
            return -400;
        framing->has_length = true;
        head->body_len = len;
    } else if (slice_is(name, "transfer-encoding")) {
        if (framing->has_coding || !slice_is(value, "chunked"))
            return -501;
        framing->has_coding = head->is_chunked = true;
    } else if (slice_is(name, "content-type")) {
        slice_copy(slice_trim(slice_cut(value, ';', &parameters)), head->content_type, sizeof head->content_type);
    } else if (slice_is(name, "content-encoding")) {
        slice_copy(value, head->content_encoding, sizeof head->content_encoding);
    } else if (slice_is(name, "connection")) {
        if (slice_is(value, "close"))
            head->keeps_alive = false;
        else if (slice_is(value, "keep-alive"))
            head->keeps_alive = true;
    } else if (slice_is(name, "expect")) {
        head->expects_continue = slice_is(value, "100-continue");
    }
    return 0;
}

static int field_read(struct http_head *head, struct framing *framing, struct slice line)
{
    struct slice value;
    if (line.bytes[0] == ' ' || line.bytes[0] == '\t' || memchr(line.bytes, ':', line.len) == NULL)
        return -400;
    struct slice name = slice_cut(line, ':', &value);
    if (name.len == 0 || name.len != slice_trim(name).len)
        return -400;
    return field_take(head, framing, name, slice_trim(value));
}

/* The length of the head including its empty line; 0 if that has not come yet. */
static size_t head_find_end(const char *bytes, size_t len)
{
    const char *line = bytes, *end = bytes + len, *feed;
    while ((feed = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        size_t line_len = (size_t)(feed - line);
        if (line_len == 0 || (line_len == 1 && line[0] == '\r'))
            return (size_t)(feed + 1 - bytes);
        line = feed + 1;
    }
    return 0;
}

static int fields_read(struct http_head *head, struct slice rest)
{
    struct framing framing = {0};
    while (rest.len > 0) {
        struct slice line = slice_cut(rest, '\n', &rest);
        if (line.len > 0 && line.bytes[line.len - 1] == '\r')
            line.len--;
        int refused = line.len > 0 ? field_read(head, &framing, line) : 0;
        if (refused != 0)
            return refused;
    }
    return framing.has_length && framing.has_coding ? -400 : 0;
}

int http_head_read(struct http_head *head, const char *bytes, size_t len)
{
    size_t blank = 0;
    while (blank + 1 < len && bytes[blank] == '\r' && bytes[blank + 1] == '\n')       /* RFC 9112 section 2.2 */
        blank += 2;
    if (blank < len && (unsigned char)bytes[blank] < ' ' && bytes[blank] != '\r' && bytes[blank] != '\n')
        return -400;                       /* TLS, most likely: its first line would never end */
    size_t head_len = head_find_end(bytes + blank, len - blank);
    if (blank + (head_len ? head_len : len - blank) > HEAD_LIMIT)
        return -431;
    if (head_len == 0)
        return 0;
    *head = (struct http_head){.len = blank + head_len};
    if (memchr(bytes, '\0', head->len) != NULL)
        return -400;
    struct slice rest = {bytes + blank, head_len};
    struct slice line = slice_cut(rest, '\n', &rest);
    int refused = request_line_read(head, line);
    if (refused == 0)
        refused = fields_read(head, rest);
    return refused != 0 ? refused : (int)head->len;
}

/* ---- the chunked body ---- */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Takes a chunk's size line, which may end in extensions. */
static bool chunk_size_read(struct http_chunks *chunks, struct slice line)
{
    size_t size = 0, digits = 0;
    while (digits < line.len && hex_value(line.bytes[digits]) >= 0) {
        if (digits == 8)
            return false;
        size = size * 16 + (size_t)hex_value(line.bytes[digits++]);
    }
    if (digits == 0 || (digits < line.len && strchr("; \t\r", line.bytes[digits]) == NULL))
        return false;
    chunks->left = size;
    chunks->part = size > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    return true;
}

static bool chunk_line_take(struct http_chunks *chunks, struct slice line)
{
    bool is_empty = line.len == 0 || (line.len == 1 && line.bytes[0] == '\r');
    if (chunks->part == CHUNK_SIZE)
        return chunk_size_read(chunks, line);
    if (chunks->part == CHUNK_END) {
        chunks->part = CHUNK_SIZE;
        return is_empty;
    }
    if (is_empty)
        chunks->part = CHUNK_DONE;
    chunks->trailer_len += line.len + 1;
    return chunks->trailer_len <= HEAD_LIMIT;
}

static void chunk_data_take(struct http_chunks *chunks, struct slice *rest, char *data, size_t *data_len)
{
    size_t len = rest->len < chunks->left ? rest->len : chunks->left;
    memmove(data + *data_len, rest->bytes, len);
    *data_len += len;
    *rest = (struct slice){rest->bytes + len, rest->len - len};
    chunks->left -= len;
    if (chunks->left == 0)
        chunks->part = CHUNK_END;
}

long http_chunks_read(struct http_chunks *chunks, char *bytes, size_t len, size_t *data_len)
{
    struct slice rest = {bytes, len};
    *data_len = 0;
    while (chunks->part != CHUNK_DONE && rest.len > 0) {
        if (chunks->part == CHUNK_DATA) {
            chunk_data_take(chunks, &rest, bytes, data_len);
            continue;
        }
        if (memchr(rest.bytes, '\n', rest.len) == NULL)
            return rest.len > LINE_LIMIT ? -1 : (long)(len - rest.len);
        struct slice line = slice_cut(rest, '\n', &rest);
        if (line.len > LINE_LIMIT || !chunk_line_take(chunks, line))
            return -1;
    }
    return (long)(len - rest.len);
}
