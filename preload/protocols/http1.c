/* http1.c - HTTP/1.0 and HTTP/1.1 on the wire (RFC 9112).
 *
 * The exact length of every message is all that keeps requests and responses paired, so whatever is
 * ambiguous is refused: a span that is missing does less harm than one that is wrong. What is refused
 * here is what smugglers send: both lengths at once, lengths that differ, a transfer coding that does
 * not end in chunked, a continuation line in a field that decides the length.
 *
 * A head is looked at when it is complete. Until then only its first line is judged, so that what is
 * not HTTP is let go at its first bytes, and the search for its end goes on where it stopped.
 *
 * It does not know who is client in this process, nor what a field means: it hands the texts on.
 * Fed by unit.c and ahead.c.
 */
#include "bytes16.h"
#include "protocol.h"

/* As large a head as common servers can be told to accept (pitfalls, "Framing"). */
#define HEAD_MAX 65536
#define CHUNK_LINE_MAX 4096 /* with extensions, which nobody uses */
#define METHOD_MAX 32
#define EMPTY_LINES_MAX 1024 /* bytes of them before the first request: looked at anew with each piece that comes */
#define JUDGE_ALWAYS 1024

enum step {
    STEP_HEAD,
    STEP_CHUNK_SIZE,
    STEP_CHUNK_END,    /* CR LF behind a chunk's data */
    STEP_CHUNK_END_LF, /* a lone LF, since that ended the line before the data too */
    STEP_TRAILER,
    STEP_TRAILER_FOLD, /* behind a line of it, which may be folded */
};

enum hint { HINT_NONE, HINT_HEAD, HINT_CONNECT };

/* What decides where the message ends. */
struct length {
    bool has_content_length;
    bool has_transfer_encoding;
    bool chunked; /* the last transfer coding */
    uint64_t content_length;
};

/* RFC 9110 section 5.6.2. A byte for each character: field names are looked at whole, on the application's thread. */
static const bool is_token_char[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,
    ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

/* How many characters of a token `s` begins with. */
static size_t token_length(struct slice s)
{
    size_t n = 0;
    while (n < s.len && is_token_char[(unsigned char)s.ptr[n]])
        n++;
    return n;
}

/* Length of the line at the beginning of `in` with its end; 0 while there is none.
 * A lone LF ends a line too (RFC 9112 section 2.2). */
static size_t line_length(struct slice in)
{
    size_t n = slice_find(in, '\n');
    return n < in.len ? n + 1 : 0;
}

static struct slice without_line_end(struct slice line)
{
    if (line.len && line.ptr[line.len - 1] == '\n')
        line.len--;
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* In a line without its end: some take it for a line end (RFC 9112 section 2.2). */
static bool has_bare_cr(struct slice line)
{
    return slice_find(line, '\r') < line.len;
}

/* `HTTP/1.0` or `HTTP/1.1`, or a beginning of it. */
static bool may_be_version(struct slice s)
{
    static const char first[] = "HTTP/1.0", second[] = "HTTP/1.1";
    if (s.len == 8) /* as nearly always: two words are compared */
        return memcmp(s.ptr, second, 8) == 0 || memcmp(s.ptr, first, 8) == 0;
    return s.len < 8 && memcmp(s.ptr, first, s.len) == 0;
}

/* Whether the line ends at `at`, where there is no more that it may hold: then the next one begins at *next. */
static inline int line_ends(struct slice in, size_t at, size_t *next)
{
    static const char crlf[2] = "\r\n";
    if (in.len - at >= 2 && memcmp(in.ptr + at, crlf, 2) == 0) {
        *next = at + 2;
        return 1;
    }
    if (at < in.len && in.ptr[at] == '\r')
        at++;
    if (at == in.len)
        return PARSE_MORE;
    *next = at + 1;
    return in.ptr[at] == '\n' ? 1 : PARSE_NO;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The first line of a head, taken apart. */
struct first_line {
    struct slice method, target; /* of a request */
    size_t length;               /* with its end */
};

/* Index of the first byte at or behind `from` that is none of a request-target: a control, a space, DEL. */
static size_t target_end(struct slice in, size_t from)
{
    size_t at = from;
    for (; at + 16 <= in.len; at += 16) {
        bytes16 bytes = bytes16_at(in.ptr + at);
        where16 ends = bytes16_where((bytes16)(bytes <= ' ') | (bytes16)(bytes == 0x7f));
        if (ends)
            return at + where16_first(ends);
    }
    while (at < in.len && (unsigned char)in.ptr[at] > ' ' && in.ptr[at] != 0x7f)
        at++;
    return at;
}

/* A request line, complete or not: method SP request-target SP HTTP-version. 1: it is there. */
static int read_request_line(struct slice in, struct first_line *line)
{
    size_t at = token_length(in);
    if (at > METHOD_MAX)
        return PARSE_NO;
    if (at == in.len)
        return PARSE_MORE;
    if (!at || in.ptr[at] != ' ')
        return PARSE_NO;
    line->method = (struct slice){in.ptr, at};

    size_t target = at + 1;
    at = target_end(in, target);
    if (at == in.len)
        return PARSE_MORE;
    if (at == target || in.ptr[at] != ' ')
        return PARSE_NO;
    line->target = (struct slice){in.ptr + target, at - target};

    struct slice version = slice_after(in, at + 1);
    if (version.len > 8)
        version.len = 8;
    if (!may_be_version(version))
        return PARSE_NO;
    return line_ends(in, at + 1 + version.len, &line->length);
}

/* A status line, complete or not: HTTP-version SP 3DIGIT [SP reason]. The SP before an empty reason is required by
 * RFC 9112 section 4 and left out by some servers. */
static int read_status_line(struct slice in, struct first_line *line)
{
    struct slice version = {in.ptr, in.len < 8 ? in.len : 8};
    if (!may_be_version(version))
        return PARSE_NO;
    for (size_t at = 8; at < in.len && at < 12; at++)
        if (at == 8 ? in.ptr[at] != ' ' : !is_digit(in.ptr[at]) || (at == 9 && in.ptr[at] == '0'))
            return PARSE_NO;
    if (in.len <= 12)
        return PARSE_MORE;
    return line_ends(in, in.ptr[12] == ' ' ? find_line_end(in, 13) : 12, &line->length);
}

/* A request, perhaps behind the empty lines that RFC 9112 section 2.2 lets a client send. */
static int recognise(struct slice first)
{
    const char *begin = first.ptr;
    while (first.len && first.ptr[0] == (first.len > 1 && first.ptr[0] == '\r' && first.ptr[1] == '\n' ? '\r' : '\n'))
        first = slice_after(first, first.ptr[0] == '\r' ? 2 : 1);
    if (first.ptr - begin > EMPTY_LINES_MAX)
        return PARSE_NO;
    if (!first.len || (first.len == 1 && first.ptr[0] == '\r'))
        return PARSE_MORE;
    struct first_line line;
    return read_request_line(first, &line);
}

/* Length of the head at the beginning of `in` with its empty line; 0 while it is incomplete. `*seen` is where the
 * search goes on: behind the last line end that was found, so that a head in many pieces costs no more than in one. */
static size_t head_length(struct slice in, uint32_t *seen)
{
    size_t at = *seen;
    while (at < in.len) {
        const char *end = memchr(in.ptr + at, '\n', in.len - at);
        if (!end)
            break;
        size_t next = (size_t)(end - in.ptr) + 1;
        if (next < in.len && in.ptr[next] == '\n')
            return next + 1;
        if (next + 1 < in.len && in.ptr[next] == '\r' && in.ptr[next + 1] == '\n')
            return next + 2;
        if (next + 1 >= in.len) { /* what follows this line end is still to come */
            *seen = (uint32_t)(next - 1);
            return 0;
        }
        at = next;
    }
    *seen = (uint32_t)in.len;
    return 0;
}

static void message_add_fact(struct message *message, enum fact_key key, struct slice text)
{
    if (message->fact_count == MESSAGE_FACTS) {
        message->facts_dropped++;
        return;
    }
    message->fact_keys |= UINT32_C(1) << key;
    message->facts[message->fact_count].key = key;
    message->facts[message->fact_count++].text = text;
}

static bool has_fact(const struct message *message, enum fact_key key)
{
    return message->fact_keys >> key & 1;
}

/* Content-Length: digits; the same number several times is one number (RFC 9112 section 6.3 rule 5). */
static __attribute__((noinline)) bool read_content_length(struct slice value, struct length *length)
{
    struct slice part;
    unsigned long long n;
    if (!length->has_content_length && slice_to_number(value, INT64_MAX, &n)) { /* as nearly all */
        length->has_content_length = true;
        length->content_length = n;
        return true;
    }
    while (slice_next(&value, ',', &part)) {
        if (!slice_to_number(slice_trim(part), INT64_MAX, &n))
            return false;
        if (length->has_content_length && length->content_length != n)
            return false;
        length->has_content_length = true;
        length->content_length = n;
    }
    return length->has_content_length;
}

/* Transfer-Encoding: chunked counts when it is the last coding, and may stand there only once. What is no coding at all
 * may be one to another reader: `chunked` behind a control. */
static __attribute__((noinline)) bool read_transfer_encoding(struct slice value, struct length *length)
{
    struct slice part;
    length->has_transfer_encoding = true;
    while (slice_next(&value, ',', &part)) {
        struct slice coding = slice_trim((struct slice){part.ptr, slice_find(part, ';')});
        if (length->chunked || !coding.len || token_length(coding) < coding.len) /* something behind chunked; or nothing that can be told */
            return false;
        length->chunked = slice_equals_nocase(slice_trim(part), SLICE("chunked"));
    }
    return true;
}

/* The fields that are facts of a request. The first one counts; a tracestate and baggage may be spread over several. */
#define REQUEST_FACTS(row)                            \
    row("host", FACT_HOST)                            \
    row("user-agent", FACT_USER_AGENT)                \
    row("forwarded", FACT_FORWARDED)                  \
    row("x-forwarded-for", FACT_X_FORWARDED_FOR)      \
    row("x-forwarded-host", FACT_X_FORWARDED_HOST)    \
    row("x-forwarded-proto", FACT_X_FORWARDED_PROTO)  \
    row("tracestate", FACT_TRACESTATE)                \
    row("baggage", FACT_BAGGAGE)

static const struct {
    struct slice name;
    enum fact_key key;
} request_facts[] = {
#define ROW(name, key) {SLICE(name), key},
    REQUEST_FACTS(ROW)
#undef ROW
};

/* The fields that carry a context in the ways of before W3C's. */
#define CONTEXT_ROWS(row)                               \
    row("b3", CONTEXT_B3)                               \
    row("x-b3-traceid", CONTEXT_B3_TRACE_ID)            \
    row("x-b3-spanid", CONTEXT_B3_SPAN_ID)              \
    row("x-b3-parentspanid", CONTEXT_B3_PARENT_SPAN_ID) \
    row("x-b3-sampled", CONTEXT_B3_SAMPLED)             \
    row("x-b3-flags", CONTEXT_B3_FLAGS)

static const struct {
    struct slice name;
    enum context_field field;
} context_fields[] = {
#define ROW(name, field) {SLICE(name), field},
    CONTEXT_ROWS(ROW)
#undef ROW
};

/* A bit for the length of each name that something hangs on: the others are let go at once. */
#define LENGTH(name, key) | UINT64_C(1) << (sizeof(name) - 1)
#define LENGTHS_OF_BODY (0 LENGTH("content-length", ) LENGTH("transfer-encoding", ))
#define LENGTHS_OF_FACTS (0 REQUEST_FACTS(LENGTH) CONTEXT_ROWS(LENGTH) LENGTH("traceparent", ))

/* A name without regard to case. Of the characters of a token (RFC 9110 section 5.6.2), which it has been found to be,
 * 0x20 makes only letters into letters, and no other one into a digit or `-`. Names have eight characters or four. */
static inline bool name_equals(struct slice name, struct slice lower)
{
    const uint64_t small = 0x2020202020202020;
    uint64_t word, wanted;
    if (name.len != lower.len)
        return false;
    if (name.len < 8)
        return slice_equals_nocase(name, lower);
    for (size_t at = 0;; at = at + 16 <= name.len ? at + 8 : name.len - 8) {
        memcpy(&word, name.ptr + at, 8);
        memcpy(&wanted, lower.ptr + at, 8);
        if ((word | small) != wanted)
            return false;
        if (at + 8 == name.len)
            return true;
    }
}

static __attribute__((noinline)) void read_request_field(struct slice name, struct slice value, struct message *message)
{
    if (name_equals(name, SLICE("traceparent"))) {
        message->traceparent_twice = message->traceparent.ptr != NULL;
        message->traceparent = value;
        return;
    }
    for (size_t i = 0; i < sizeof request_facts / sizeof *request_facts; i++) {
        if (!name_equals(name, request_facts[i].name))
            continue;
        if ((request_facts[i].key == FACT_TRACESTATE || request_facts[i].key == FACT_BAGGAGE) || !has_fact(message, request_facts[i].key))
            message_add_fact(message, request_facts[i].key, value);
        return;
    }
    for (size_t i = 0; i < sizeof context_fields / sizeof *context_fields; i++)
        if (name_equals(name, context_fields[i].name)) {
            uint8_t bit = (uint8_t)(1 << context_fields[i].field);
            message->context_twice |= message->context_seen & bit;
            message->context_seen |= bit;
            message->context[context_fields[i].field] = value;
            return;
        }
}

/* One of the fields that something hangs on. False when the message's length has become doubtful. */
static bool read_field(struct slice name, struct slice value, bool is_request, struct length *length, struct message *message)
{
    if (name_equals(name, SLICE("content-length")))
        return read_content_length(value, length);
    if (name_equals(name, SLICE("transfer-encoding")))
        return read_transfer_encoding(value, length);
    if (is_request)
        read_request_field(name, value, message);
    return true;
}

static bool decides_length(struct slice name)
{
    return name_equals(name, SLICE("content-length")) || name_equals(name, SLICE("transfer-encoding"));
}

/* A field line's name, from `at` to the colon returned. 0 when it is none: servers differ in what they do with it, and a name
 * that is nearly one, a space or a control before the colon, is the smuggler's way to hide a field (RFC 9112 section 5.1). */
static size_t find_colon(struct slice in, size_t at)
{
    size_t colon = at + token_length(slice_after(in, at));
    return colon > at && colon < in.len && in.ptr[colon] == ':' ? colon : 0;
}

/* Where the name ends that a line begins with, if it has letters, digits and `-` only, as nearly all; and where the line ends. */
static inline size_t look_at_line(struct slice in, size_t at, size_t *end)
{
    if (in.len - at < 16) {
        *end = find_line_end(in, at);
        return find_colon(in, at);
    }
    bytes16 bytes = bytes16_at(in.ptr + at);
    bytes16 letters = bytes16_within(bytes | 0x20, 'a', 'z') | bytes16_within(bytes, '0', '9') | (bytes16)(bytes == '-');
    where16 others = bytes16_where(~letters), ends = bytes16_line_ends(bytes);
    *end = ends ? at + where16_first(ends) : find_line_end(in, at + 16);
    size_t colon = at + (others ? where16_first(others) : 0);
    return colon > at && in.ptr[colon] == ':' ? colon : find_colon(in, at);
}

/* All field lines of a head, from behind its first line on. Returns the length of the head, with its empty line. */
static ssize_t read_fields(struct slice in, size_t at, bool is_request, struct length *length, struct message *message)
{
    const uint64_t lengths = is_request ? LENGTHS_OF_BODY | LENGTHS_OF_FACTS : LENGTHS_OF_BODY;
    bool is_length = true; /* the field before decides the length; before the first there is none to fold */
    for (size_t end, next;; at = next) {
        size_t colon = look_at_line(in, at, &end);
        int verdict = line_ends(in, end, &next);
        if (verdict <= 0)
            return verdict;
        if (!colon) {
            if (end == at) {
                message->last_line = (uint32_t)at;
                return (ssize_t)next;
            }
            if (is_length || (in.ptr[at] != ' ' && in.ptr[at] != '\t'))
                return PARSE_NO;
            continue; /* obs-fold, RFC 9112 section 5.2 */
        }
        struct slice name = {in.ptr + at, colon - at};
        is_length = false;
        message->fields++;
        if (name.len >= 64 || !(lengths >> name.len & 1))
            continue;
        is_length = decides_length(name);
        struct slice value = slice_trim((struct slice){in.ptr + colon + 1, end - colon - 1});
        if (!read_field(name, value, is_request, length, message))
            return PARSE_NO;
    }
}

static void expect_nothing(struct stream *stream, struct message *message)
{
    message->ends = true;
    stream->step = STEP_HEAD;
}

/* RFC 9112 section 6.3; section 6.1 for HTTP/1.0, which knows no transfer codings. False when the length cannot be told. */
static bool expect_body(struct stream *stream, const struct length *length, bool is_request, struct message *message)
{
    if (length->has_transfer_encoding) {
        if (length->has_content_length || message->version_minor == 0)
            return false;
        if (length->chunked) {
            stream->step = STEP_CHUNK_SIZE;
            return true;
        }
        if (is_request)
            return false;
    } else if (length->has_content_length || is_request) {
        stream->skip = length->content_length;
        stream->last = true;
        if (!stream->skip)
            expect_nothing(stream, message);
        return true;
    }
    stream->skip = SKIP_UNTIL_CLOSE;
    stream->last = true;
    return true;
}

/* What a request's first line says. */
static void take_request_line(const struct first_line *line, struct message *message)
{
    message->kind = MESSAGE_REQUEST;
    message->version_minor = (uint8_t)(line->target.ptr[line->target.len + 8] - '0');
    message_add_fact(message, FACT_METHOD, line->method);
    message_add_fact(message, FACT_TARGET, line->target);
    if (slice_equals(line->method, SLICE("HEAD")))
        message->hint = HINT_HEAD;
    else if (slice_equals(line->method, SLICE("CONNECT")))
        message->hint = HINT_CONNECT;
}

static void take_status_line(struct slice head, uint8_t hint, struct message *message)
{
    const char *digits = head.ptr + 9;
    message->status = (uint16_t)((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
    message->kind = message->status / 100 == 1 && message->status != 101 ? MESSAGE_INTERIM : MESSAGE_RESPONSE;
    message->version_minor = (uint8_t)(head.ptr[7] - '0');
    if (message->status == 101 || (hint == HINT_CONNECT && message->status / 100 == 2))
        message->tunnel = true;
}

static bool has_no_body(const struct message *message, uint8_t hint)
{
    return message->kind != MESSAGE_REQUEST && (message->status / 100 == 1 || message->status == 204 || message->status == 304 ||
                                                hint == HINT_HEAD || message->tunnel);
}

/* A head behind its first line. Nothing of the stream is changed unless it is there, and right. */
static ssize_t read_head(struct stream *stream, enum party sender, uint8_t hint, struct slice in, const struct first_line *line, struct message *message)
{
    struct length length = {0};
    bool is_request = sender == PARTY_CLIENT;
    message->version_major = 1;
    message->first_field = (uint32_t)line->length;
    if (is_request)
        take_request_line(line, message);
    else
        take_status_line(in, hint, message);
    ssize_t n = read_fields(in, line->length, is_request, &length, message);
    if (n <= 0)
        return n;
    if (n > HEAD_MAX)
        return PARSE_TOO_LARGE;
    if (has_no_body(message, hint))
        expect_nothing(stream, message);
    else if (!expect_body(stream, &length, is_request, message))
        return PARSE_NO;
    stream->seen = stream->judged = 0;
    return n;
}

/* A first line that comes in small pieces is judged at its end, and on the way each time it has doubled, so that a long
 * one costs no more in many pieces than in one. */
static bool should_judge(const struct stream *stream, struct slice in)
{
    if (stream->judged == UINT32_MAX)
        return false;
    return in.len < JUDGE_ALWAYS || in.len / 2 >= stream->judged || line_length(slice_after(in, stream->seen));
}

static ssize_t parse_head(struct stream *stream, enum party sender, uint8_t hint, struct slice in, struct message *message)
{
    if (sender == PARTY_CLIENT && !stream->seen && (in.ptr[0] == '\n' || in.ptr[0] == '\r')) {
        if (in.ptr[0] == '\n')
            return 1;
        return in.len < 2 ? PARSE_MORE : in.ptr[1] == '\n' ? 2 : PARSE_NO;
    }
    struct first_line line;
    int (*read_first_line)(struct slice, struct first_line *) = sender == PARTY_CLIENT ? read_request_line : read_status_line;
    bool is_first_look = !stream->seen;
    ssize_t n = PARSE_MORE;
    if (should_judge(stream, in)) {
        int verdict = read_first_line(in, &line);
        if (verdict < 0)
            return verdict;
        stream->judged = verdict > 0 ? UINT32_MAX : (uint32_t)in.len;
        if (verdict > 0 && is_first_look && (n = read_head(stream, sender, hint, in, &line, message)) > 0)
            return n; /* nearly every head comes in one piece */
    }
    size_t length = head_length(in, &stream->seen);
    if ((length ? length : in.len) > HEAD_MAX)
        return PARSE_TOO_LARGE;
    if (!length)
        return PARSE_MORE;
    struct slice head = {in.ptr, length};
    if (is_first_look || read_first_line(head, &line) <= 0 || (n = read_head(stream, sender, hint, head, &line, message)) <= 0)
        return PARSE_NO;
    return n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The rest of a line behind a chunk's size, complete or not: white space, an extension, the end. Some readers take a lone
 * LF behind an extension for the line's end and some do not: that is refused. */
static bool may_end_chunk_line(struct slice rest)
{
    size_t at = 0, end = slice_find(rest, '\r');
    while (at < end && (rest.ptr[at] == ' ' || rest.ptr[at] == '\t'))
        at++;
    if (at < end && rest.ptr[at] == '\n')
        return true;
    if (at < end && rest.ptr[at] != ';')
        return false;
    if (end == rest.len)
        return !rest.len || rest.ptr[rest.len - 1] != '\n';
    return end + 1 == rest.len || rest.ptr[end + 1] == '\n';
}

/* RFC 9112 section 7.1: 1*HEXDIG [chunk-ext] CRLF. */
static ssize_t parse_chunk_size(struct stream *stream, struct slice in)
{
    size_t at = 0;
    uint64_t size = 0;
    while (at < in.len && hex_digit(in.ptr[at]) >= 0) {
        if (size >> 58)
            return PARSE_NO;
        size = size << 4 | (uint64_t)hex_digit(in.ptr[at++]);
    }
    size_t length = line_length(in);
    if (at == 0 || !may_end_chunk_line(slice_after((struct slice){in.ptr, length ? length : in.len}, at)))
        return PARSE_NO;
    if ((length ? length : in.len) > CHUNK_LINE_MAX)
        return PARSE_NO;
    if (!length)
        return PARSE_MORE;
    stream->skip = size;
    stream->step = !size ? STEP_TRAILER : in.ptr[length - 2] == '\r' ? STEP_CHUNK_END : STEP_CHUNK_END_LF;
    return (ssize_t)length;
}

static ssize_t parse_chunk_end(struct stream *stream, struct slice in)
{
    struct slice end = stream->step == STEP_CHUNK_END ? SLICE("\r\n") : SLICE("\n");
    if (!slice_starts_with(end, (struct slice){in.ptr, in.len < end.len ? in.len : end.len}))
        return PARSE_NO;
    if (in.len < end.len)
        return PARSE_MORE;
    stream->step = STEP_CHUNK_SIZE;
    return (ssize_t)end.len;
}

/* RFC 9112 section 7.1.2: field lines up to an empty one. */
static ssize_t parse_trailer(struct stream *stream, struct slice in, struct message *message)
{
    size_t length = line_length(in);
    if ((length ? length : in.len) > HEAD_MAX)
        return PARSE_TOO_LARGE;
    if (!length)
        return PARSE_MORE;
    struct slice line = without_line_end((struct slice){in.ptr, length});
    bool has_cr = has_bare_cr(line);
    bool is_fold = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
    if (!line.len)
        expect_nothing(stream, message);
    else if (has_cr || (is_fold ? stream->step == STEP_TRAILER : !find_colon(line, 0)))
        return PARSE_NO;
    else
        stream->step = STEP_TRAILER_FOLD;
    return (ssize_t)length;
}

static ssize_t parse(struct stream *stream, enum party sender, uint8_t hint, struct slice in, struct message *message)
{
    message->kind = MESSAGE_PART;
    message->ends = message->tunnel = message->traceparent_twice = false;
    message->hint = HINT_NONE;
    message->status = 0;
    message->traceparent = (struct slice){NULL, 0};
    message->fact_count = message->facts_dropped = message->fact_keys = 0;
    message->context_seen = message->context_twice = 0;
    message->fields = 0;
    stream->last = false;
    switch ((enum step)stream->step) {
    case STEP_HEAD:
        return parse_head(stream, sender, hint, in, message);
    case STEP_CHUNK_SIZE:
        return parse_chunk_size(stream, in);
    case STEP_CHUNK_END:
    case STEP_CHUNK_END_LF:
        return parse_chunk_end(stream, in);
    case STEP_TRAILER:
    case STEP_TRAILER_FOLD:
        return parse_trailer(stream, in, message);
    }
    return PARSE_NO;
}

const struct protocol http1_protocol = {
    .name = "http1",
    .span_protocol = SPAN_HTTP,
    .recognise = recognise,
    .parse = parse,
};
