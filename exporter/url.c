/* url.c - what an HTTP request is for: its request-target taken apart, and what of it may be recorded.
 *
 * Nothing is normalised: a URL is recorded as it was asked for, except for what must not be recorded at all.
 */
#include "url.h"

#include "halves.h"

#define REDACTED SLICE("REDACTED")

static bool is_alpha(char c)
{
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3986 section 3.1. */
static bool is_scheme(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alpha(s.ptr[i]) && (!i || (!is_digit(s.ptr[i]) && s.ptr[i] != '+' && s.ptr[i] != '-' && s.ptr[i] != '.')))
            return false;
    return s.len > 0;
}

static void split_path(struct slice rest, struct target *parts)
{
    size_t question = slice_find(rest, '?');
    parts->path = (struct slice){rest.ptr, question};
    if (question < rest.len)
        parts->query = slice_after(rest, question + 1);
}

/* The user information ends at the last `@`: of two readings the one that hides more. */
static void split_user(struct slice authority, struct target *parts)
{
    size_t at = authority.len;
    while (at && authority.ptr[at - 1] != '@')
        at--;
    if (at)
        parts->user = (struct slice){authority.ptr, at - 1};
    parts->host_and_port = slice_after(authority, at);
}

static bool split_absolute(struct slice target, struct target *parts)
{
    size_t colon = slice_find(target, ':');
    struct slice scheme = {target.ptr, colon}, rest = slice_after(target, colon);
    if (!is_scheme(scheme) || !slice_starts_with(rest, SLICE("://")))
        return false;
    rest = slice_after(rest, 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    parts->scheme = scheme;
    split_user((struct slice){rest.ptr, end}, parts);
    split_path(slice_after(rest, end), parts);
    return true;
}

void target_split(struct slice target, bool is_connect, struct target *parts)
{
    *parts = (struct target){.form = TARGET_UNKNOWN};
    if (!target.len)
        return;
    if (is_connect) {
        parts->form = TARGET_AUTHORITY;
        parts->host_and_port = target;
    } else if (target.ptr[0] == '/') {
        parts->form = TARGET_ORIGIN;
        split_path(target, parts);
    } else if (slice_equals(target, SLICE("*"))) {
        parts->form = TARGET_ASTERISK;
    } else if (split_absolute(target, parts)) {
        parts->form = TARGET_ABSOLUTE;
    }
}

/* Bytes that end a host, or hide another one in it. Those above ASCII are somebody's unencoded name. */
static const bool is_no_host_byte[256] = {
    [0 ... ' '] = true, ['"'] = true, ['#'] = true,  ['/'] = true, [':'] = true, ['<'] = true, ['>'] = true,
    ['?'] = true,       ['@'] = true, ['['] = true,  ['\\'] = true, [']'] = true, ['^'] = true, ['`'] = true,
    ['{'] = true,       ['|'] = true, ['}'] = true,  [0x7f] = true,
};

/* Where those are that are neither letters, digits, `-` nor `.`. */
static inline where16 find_unusual(bytes16 bytes)
{
    bytes16 letters = bytes16_within(bytes | 0x20, 'a', 'z');
    return bytes16_where(~(letters | (bytes16_within(bytes, '-', '9') & (bytes16)(bytes != '/'))));
}

/* Index of the first byte that is none of a host, or the length. */
static size_t host_end(struct slice text)
{
    size_t at = 0;
    where16 unusual = 0;
    if (text.len < 16 && text.len >= 2) {
        unusual = find_unusual(halves_at(text.ptr, text.len));
        at = unusual ? halves_index(where16_first(unusual), text.len) : text.len;
    }
    for (; !unusual && at + 16 <= text.len; at += unusual ? where16_first(unusual) : 16)
        unusual = find_unusual(bytes16_at(text.ptr + at));
    while (at < text.len && !is_no_host_byte[(unsigned char)text.ptr[at]])
        at++;
    return at;
}

/* RFC 3986 section 3.2.2: hexadecimal digits, colons, dots; a zone or a future version is not looked into. */
static bool is_bracketed(struct slice host)
{
    for (size_t i = 0; i < host.len; i++)
        if (!is_alpha(host.ptr[i]) && !is_digit(host.ptr[i]) && !memchr(":.%-_~", host.ptr[i], 6))
            return false;
    return host.len > 0;
}

bool authority_split(struct slice text, struct authority *authority)
{
    struct authority split = {.host = text};
    struct slice rest;
    if (!text.len)
        return false;
    bool has_brackets = text.ptr[0] == '[';
    if (has_brackets) {
        size_t end = slice_find(text, ']');
        if (end == text.len)
            return false;
        split.host = (struct slice){text.ptr + 1, end - 1};
        rest = slice_after(text, end + 1);
    } else {
        split.host.len = host_end(text);
        rest = slice_after(text, split.host.len);
    }
    if (has_brackets ? !is_bracketed(split.host) : !split.host.len)
        return false;
    if (rest.len > 1) { /* an empty port is none: RFC 3986 section 3.2.3 */
        unsigned long long port;
        if (!slice_to_number(slice_after(rest, 1), UINT16_MAX, &port))
            return false;
        split.port = (uint32_t)port;
        split.has_port = true;
    }
    if (rest.len && rest.ptr[0] != ':')
        return false;
    *authority = split;
    return true;
}

/* Whether it begins with `http` in any case, which in a letter is one bit. */
static inline bool begins_with_http(struct slice scheme)
{
    uint32_t four, http;
    if (scheme.len < sizeof four)
        return false;
    memcpy(&four, scheme.ptr, sizeof four);
    memcpy(&http, "http", sizeof http);
    return (four | 0x20202020) == http;
}

struct slice scheme_known(struct slice scheme)
{
    if (begins_with_http(scheme)) {
        if (scheme.len == 4)
            return SLICE("http");
        return scheme.len == 5 && ascii_lower(scheme.ptr[4]) == 's' ? SLICE("https") : (struct slice){NULL, 0};
    }
    if (slice_equals_nocase(scheme, SLICE("ws")))
        return SLICE("ws");
    if (slice_equals_nocase(scheme, SLICE("wss")))
        return SLICE("wss");
    return (struct slice){NULL, 0};
}

uint32_t scheme_port(struct slice scheme)
{
    scheme = scheme_known(scheme);
    if (!scheme.ptr)
        return 0;
    return scheme.ptr[scheme.len - 1] == 's' && scheme.len != 2 ? 443 : 80; /* `ws` is the one without TLS */
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the next byte off a query key, percent-decoded: `s%69g` reaches the server as `sig` all the same. */
static char next_decoded(struct slice *key)
{
    char c = key->ptr[0];
    size_t len = 1;
    if (c == '%' && key->len >= 3 && hex_value(key->ptr[1]) >= 0 && hex_value(key->ptr[2]) >= 0) {
        c = (char)(hex_value(key->ptr[1]) * 16 + hex_value(key->ptr[2]));
        len = 3;
    }
    *key = slice_after(*key, len);
    return c;
}

static bool key_equals(struct slice key, const char *name)
{
    while (key.len && *name && next_decoded(&key) == *name)
        name++;
    return !key.len && !*name;
}

/* The keys of the conventions 1.44.0, and the two that came back after them. */
static bool key_is_secret(struct slice key)
{
    static const char *const names[] = {
        "sig",          "Signature", "AWSAccessKeyId", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
        "X-Goog-Signature",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((key.ptr[0] == names[i][0] || key.ptr[0] == '%') && key_equals(key, names[i]))
            return true;
    return false;
}

/* Where the value begins that must not be recorded; NULL in a parameter that has none. */
static const char *find_secret(struct slice parameter)
{
    char first = parameter.len ? parameter.ptr[0] : 0;
    if (first != 's' && first != 'S' && first != 'A' && first != 'X' && first != '%')
        return NULL; /* as nearly all */
    struct slice key = {parameter.ptr, slice_find(parameter, '=')};
    return key.len && key.len < parameter.len && key_is_secret(key) ? key.ptr + key.len + 1 : NULL;
}

bool url_has_secret(struct slice query)
{
    for (struct slice parameter; slice_next(&query, '&', &parameter);)
        if (find_secret(parameter))
            return true;
    return false;
}

void url_append_query(struct json_string *out, struct slice query)
{
    struct slice rest = query;
    const char *written = query.ptr, *end = query.ptr + query.len;
    for (struct slice parameter; slice_next(&rest, '&', &parameter);) {
        const char *secret = find_secret(parameter);
        if (!secret)
            continue;
        json_string_append(out, (struct slice){written, (size_t)(secret - written)});
        json_string_append(out, REDACTED);
        written = parameter.ptr + parameter.len;
    }
    json_string_append(out, (struct slice){written, (size_t)(end - written)});
}

void url_append_absolute(struct json_string *out, const struct target *parts)
{
    json_string_append(out, parts->scheme);
    json_string_append(out, SLICE("://"));
    if (parts->user.ptr) {
        json_string_append(out, REDACTED);
        if (slice_find(parts->user, ':') < parts->user.len)
            json_string_append(out, SLICE(":REDACTED"));
        json_string_append(out, SLICE("@"));
    }
    json_string_append(out, parts->host_and_port);
    json_string_append(out, parts->path);
    if (parts->query.ptr) {
        json_string_append(out, SLICE("?"));
        url_append_query(out, parts->query);
    }
}
