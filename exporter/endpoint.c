/* endpoint.c - the URL of the Collector, chosen among the variables and taken apart (RFC 3986 section 3).
 *
 * What comes out of here is written into a request, so a byte that could end a line or a field is refused wherever it
 * stands. A URL may carry a password or a token: notices show the scheme and the host at most.
 *
 * Not here: addresses (resolve.c), headers (OTEL_EXPORTER_OTLP_HEADERS), https and gRPC.
 */
#include "endpoint.h"

#include "config.h"
#include "hostname.h"
#include "notice.h"
#include "text.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { HTTP_PORT = 80, PORT_MAX = 65535 };

/* Names and defaults of the settings, from the only place that has them. */
struct setting {
    const char *variable, *default_value;
};
static const struct {
#define SETTING(kind, field, ...) struct setting field;
#include "config.def"
#undef SETTING
} settings = {
#define SETTING(kind, field, variable, fallback, default_value, ...) .field = {variable, default_value},
#include "config.def"
#undef SETTING
};

/* The URL that holds, and what it is: used as it is, or the base of the URL for traces. */
struct choice {
    const char *variable;
    struct slice url;
    bool is_base;
};

static struct choice choose(void)
{
    if (config.traces_endpoint.len)
        return (struct choice){settings.traces_endpoint.variable, config.traces_endpoint, false};
    if (config.alias_endpoint.len && slice_equals(config.endpoint, slice_of(settings.endpoint.default_value))) {
        notice_add(settings.alias_endpoint.variable, (struct slice){NULL, 0},
                   "not an OpenTelemetry variable; OTEL_EXPORTER_OTLP_ENDPOINT is the name");
        return (struct choice){settings.alias_endpoint.variable, config.alias_endpoint, true};
    }
    return (struct choice){settings.endpoint.variable, config.endpoint, true};
}

/* Index of the first byte that is one of `stops`, or the length. */
static size_t find_any(struct slice s, struct slice stops)
{
    size_t at = 0;
    while (at < s.len && slice_find(stops, s.ptr[at]) == stops.len)
        at++;
    return at;
}

/* Visible ASCII only: no blanks, no control characters (RFC 3986 section 2). */
static bool is_visible(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

/* Takes "scheme:" off a URL, section 3.1. False when there is none; "host:4318" has none. */
static bool cut_scheme(struct slice *url, struct slice *scheme)
{
    size_t n = find_any(*url, SLICE(":/?#"));
    struct slice rest = slice_after(*url, n + 1);
    if (n == 0 || n == url->len || url->ptr[n] != ':' || (rest.len && rest.ptr[0] >= '0' && rest.ptr[0] <= '9'))
        return false;
    *scheme = (struct slice){url->ptr, n};
    *url = rest;
    return true;
}

/* Ends with a NUL, or answers false when it does not fit. */
static bool end_text(struct text *text)
{
    text_char(text, '\0');
    return !text->overflowed;
}

static bool copy(struct text text, struct slice s)
{
    text_slice(&text, s);
    return end_text(&text);
}

/* Splits host and port of an authority (section 3.2), the brackets of an IPv6 literal left on. */
static const char *split_authority(struct slice authority, struct slice *host, struct slice *port)
{
    size_t userinfo = slice_find(authority, '@'); /* a second one makes the host invalid, as it should */
    if (userinfo < authority.len)
        authority = slice_after(authority, userinfo + 1);
    bool has_brackets = authority.len && authority.ptr[0] == '[';
    size_t n = has_brackets ? slice_find(authority, ']') + 1 : slice_find(authority, ':');
    if (n > authority.len)
        return "the bracket is not closed; nothing is exported";
    *host = (struct slice){authority.ptr, n};
    *port = slice_after(authority, n);
    if (port->len && port->ptr[0] != ':')
        return "the host is not a name or an address; nothing is exported";
    *port = slice_after(*port, 1);
    return NULL;
}

static const char *read_host(struct endpoint *endpoint, struct slice host)
{
    struct address address;
    struct slice bare = host;
    bool has_brackets = host.len && host.ptr[0] == '[';
    if (has_brackets)
        bare = (struct slice){host.ptr + 1, host.len - 2};
    bool is_literal = hostname_read_literal(bare, &address);
    if (has_brackets && slice_find(bare, '%') < bare.len)
        return "an address with a zone is not supported; nothing is exported";
    if (has_brackets ? !is_literal || address.family != AF_INET6 : !is_literal && !hostname_is_valid(bare))
        return "the host is not a name or an address; nothing is exported";
    return copy(TEXT(endpoint->host), bare) ? NULL : "the host is too long; nothing is exported";
}

static const char *read_authority(struct endpoint *endpoint, struct slice authority)
{
    struct slice host, port;
    unsigned long long number = HTTP_PORT;
    const char *problem = split_authority(authority, &host, &port);
    if (!problem)
        problem = read_host(endpoint, host);
    if (problem)
        return problem;
    if (port.len && (!slice_to_number(port, PORT_MAX, &number) || number == 0))
        return "the port is not a number from 1 to 65535; nothing is exported";
    endpoint->port = (uint16_t)number;
    struct text text = TEXT(endpoint->authority);
    text_slice(&text, host);
    if (number != HTTP_PORT) {
        text_char(&text, ':');
        text_number(&text, number);
    }
    return end_text(&text) ? NULL : "the host is too long; nothing is exported";
}

/* The path of the request: as it is, or below the base with exactly one slash between. */
static const char *read_path(struct endpoint *endpoint, struct slice path, bool is_base)
{
    struct text text = TEXT(endpoint->path);
    while (is_base && path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    text_slice(&text, path);
    if (is_base)
        text_literal(&text, "/v1/traces");
    else if (!path.len)
        text_char(&text, '/');
    return end_text(&text) ? NULL : "the path is too long; nothing is exported";
}

static const char *read_http(struct endpoint *endpoint, struct slice rest, bool is_base)
{
    if (!slice_starts_with(rest, SLICE("//")))
        return "not of the form http://host:port; nothing is exported";
    rest = slice_after(rest, 2);
    size_t n = find_any(rest, SLICE("/?#"));
    struct slice path = slice_after(rest, n);
    path.len = find_any(path, SLICE("?#"));
    const char *problem = read_authority(endpoint, (struct slice){rest.ptr, n});
    return problem ? problem : read_path(endpoint, path, is_base);
}

/* unix:/path and unix:///path. The rest of the URL is the path, so the request's own is the usual one. */
static const char *read_unix(struct endpoint *endpoint, struct slice rest)
{
    if (slice_starts_with(rest, SLICE("//")))
        rest = slice_after(rest, 2);
    if (rest.len < 2 || rest.ptr[0] != '/')
        return "not of the form unix:/path; nothing is exported";
    if (rest.len >= sizeof((struct sockaddr_un *)0)->sun_path)
        return "the path of a unix socket has 107 bytes at most; nothing is exported";
    endpoint->is_unix = true;
    copy(TEXT(endpoint->host), rest);
    copy(TEXT(endpoint->authority), SLICE("localhost"));
    return read_path(endpoint, SLICE(""), true);
}

/* NULL, or what is wrong. */
static const char *read_url(struct endpoint *endpoint, struct slice url, bool is_base)
{
    struct slice scheme;
    if (!is_visible(url))
        return "a URL has no blanks, control or non-ASCII characters; nothing is exported";
    if (!cut_scheme(&url, &scheme))
        return "no scheme, http://host:port is expected; nothing is exported";
    if (slice_equals_nocase(scheme, SLICE("http")))
        return read_http(endpoint, url, is_base);
    if (slice_equals_nocase(scheme, SLICE("unix")))
        return read_unix(endpoint, url);
    if (slice_equals_nocase(scheme, SLICE("https")))
        return "https is not supported by this version; nothing is exported";
    return "only http:// and unix: are supported; nothing is exported";
}

/* What of a URL may be shown: scheme and host; nothing where there may be a password. */
static struct slice shown(struct slice url)
{
    if (slice_find(url, '@') < url.len)
        return (struct slice){NULL, 0};
    size_t end = find_any(url, SLICE(":/?#"));
    if (end < url.len && url.ptr[end] == ':') {
        end++;
        if (slice_starts_with(slice_after(url, end), SLICE("//")))
            end += 2;
        end += find_any(slice_after(url, end), SLICE("/?#"));
    }
    return (struct slice){url.ptr, end};
}

void endpoint_read(struct endpoint *endpoint)
{
    struct choice choice = choose();
    memset(endpoint, 0, sizeof *endpoint);
    endpoint->variable = choice.variable;
    const char *problem = read_url(endpoint, slice_trim(choice.url), choice.is_base);
    if (!problem)
        return;
    notice_add(choice.variable, shown(choice.url), problem);
    memset(endpoint, 0, sizeof *endpoint);
    endpoint->variable = choice.variable;
    endpoint->unusable = true;
}
