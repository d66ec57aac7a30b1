/* http_span.c - the meaning of an HTTP request: name, status and attributes by the stable HTTP conventions.
 *
 * The record says what was on the wire (span.h); here it is said in OpenTelemetry's words, and what is a secret is taken
 * out (url.c). Where there are several witnesses to a fact, such as the host, the order is that of the conventions, and
 * one that does not hold what it should hold is passed over for the next. What nobody says is left out, even where the
 * conventions require it. Attributes that they make opt-in (`network.transport`, `network.type`, a client's
 * `user_agent.original` and `url.scheme`) are not written.
 */
#include "http_span.h"

#include "address_text.h"
#include "config.h"
#include "error_type.h"
#include "forwarded.h"
#include "url.h"

#include <sys/socket.h>

/* RFC 9110 section 9, RFC 5789 and QUERY, the most frequent ones in front. */
#define KNOWN_METHODS(row)                                                 \
    row("GET") row("POST") row("PUT") row("DELETE") row("HEAD") row("OPTIONS") \
    row("PATCH") row("CONNECT") row("TRACE") row("QUERY")

/* One request, its facts in their places. */
struct request {
    const struct span_record *record;
    const struct facts *facts;
    struct slice scheme;     /* in lower case where it is one that we know */
    struct target target;
    struct authority server; /* the logical one, as the client knows it */
    bool server_is_path;     /* of a unix socket: there is no name for it */
    struct slice peer;       /* the real one: points into peer_text, or nowhere */
    char peer_text[128];
};

static const struct slice absent = {NULL, 0};

/* Of the length of a literal the compiler makes a compare or two of words. */
static inline bool is_literal(struct slice text, struct slice literal)
{
    return text.len == literal.len && memcmp(text.ptr, literal.ptr, literal.len) == 0;
}

/* --- the method ---------------------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) bool is_standard(struct slice method)
{
#define ROW(name) || is_literal(method, SLICE(name))
    return false KNOWN_METHODS(ROW);
#undef ROW
}

static bool is_configured(struct slice method)
{
    struct slice rest = config.known_methods;
    if (!method.len)
        return false;
    for (struct slice known; slice_next(&rest, ',', &known);)
        if (slice_equals(method, slice_trim(known)))
            return true;
    return false;
}

static bool method_is_known(struct slice method)
{
    return config.known_methods.len ? is_configured(method) : is_standard(method);
}

struct slice http_span_name(const struct facts *facts)
{
    struct slice method = facts_find(facts, FACT_METHOD);
    return method_is_known(method) ? method : SLICE("HTTP");
}

static void write_method(const struct request *request, struct attributes *list)
{
    struct slice method = facts_find(request->facts, FACT_METHOD);
    if (method_is_known(method)) {
        if (is_literal(method, SLICE("GET"))) /* as most */
            attributes_literal(list, "http.request.method", "GET");
        else
            attributes_text(list, "http.request.method", method);
        return;
    }
    attributes_literal(list, "http.request.method", "_OTHER");
    if (method.ptr)
        attributes_text(list, "http.request.method_original", method);
}

/* --- where to ------------------------------------------------------------------------------------------------------ */

/* A parameter of Forwarded, which may be a list cut in several fields. */
static __attribute__((noinline)) struct slice search_forwarded(const struct request *request, struct slice name)
{
    enum fact_key key;
    struct slice text, value = absent;
    for (size_t at = 0; !value.ptr && span_next_fact(request->record, &at, &key, &text);)
        if (key == FACT_FORWARDED)
            value = forwarded_parameter(text, name);
    return value;
}

static inline struct slice find_forwarded(const struct request *request, struct slice name)
{
    return facts_have(request->facts, FACT_FORWARDED) ? search_forwarded(request, name) : absent;
}

/* What the first proxy said in a field of its own. */
static inline struct slice find_x_forwarded(const struct request *request, enum fact_key key)
{
    return facts_have(request->facts, key) ? forwarded_first(facts_find(request->facts, key)) : absent;
}

/* Of the URL that the client asked for. On a connection of our own it is `http`: we see no TLS. */
static struct slice find_scheme(const struct request *request)
{
    struct slice scheme = absent;
    if (request->record->kind == SPAN_SERVER) {
        if (facts_have(request->facts, FACT_FORWARDED))
            scheme = scheme_known(search_forwarded(request, SLICE("proto")));
        if (!scheme.ptr && facts_have(request->facts, FACT_X_FORWARDED_PROTO))
            scheme = scheme_known(forwarded_first(facts_find(request->facts, FACT_X_FORWARDED_PROTO)));
    }
    if (scheme.ptr)
        return scheme;
    if (!request->target.scheme.ptr)
        return SLICE("http");
    scheme = scheme_known(request->target.scheme);
    return scheme.ptr ? scheme : request->target.scheme;
}

/* Most of those who could name it do not. */
static inline bool read_authority(struct slice text, struct authority *authority)
{
    return text.len && authority_split(text, authority);
}

/* The host of the URL. In the request itself the target comes before the Host field (RFC 9112 section 3.2.2). */
static bool find_authority(const struct request *request, struct authority *authority)
{
    if (request->record->kind == SPAN_SERVER) {
        if (read_authority(find_forwarded(request, SLICE("host")), authority))
            return true;
        if (read_authority(find_x_forwarded(request, FACT_X_FORWARDED_HOST), authority))
            return true;
    }
    return read_authority(request->target.host_and_port, authority) ||
           read_authority(facts_find(request->facts, FACT_HOST), authority);
}

static void find_server(struct request *request)
{
    const struct address *peer = &request->record->peer;
    struct authority *server = &request->server;
    *server = (struct authority){.host = absent};
    request->server_is_path = false;
    if (find_authority(request, server)) {
        if (!server->has_port && request->target.form != TARGET_AUTHORITY) {
            server->port = scheme_port(request->scheme);
            server->has_port = server->port != 0;
        }
    } else if (request->record->kind == SPAN_CLIENT && request->peer.len) {
        request->server_is_path = peer->family == AF_UNIX;
        *server = (struct authority){.host = request->peer, .port = peer->port, .has_port = !request->server_is_path};
    }
}

/* The socket's other end. A name in the abstract namespace of unix sockets begins with NUL, which is shown as `@`. */
static void find_peer(struct request *request)
{
    struct text text = TEXT(request->peer_text);
    if (request->record->peer.family == AF_UNIX)
        text_slice(&text, facts_find(request->facts, FACT_UNIX_PATH));
    else
        address_append(&text, &request->record->peer);
    if (text.len && !text.ptr[0])
        text.ptr[0] = '@';
    request->peer = text_as_slice(&text);
}

/* --- attributes ---------------------------------------------------------------------------------------------------- */

static void write_scheme(const struct request *request, struct attributes *list)
{
    if (is_literal(request->scheme, SLICE("http")))
        attributes_literal(list, "url.scheme", "http");
    else
        attributes_text(list, "url.scheme", request->scheme);
}

static void write_server(const struct request *request, struct attributes *list)
{
    if (!request->server.host.ptr)
        return;
    attributes_text(list, "server.address", request->server.host);
    if (request->server.has_port)
        attributes_number(list, "server.port", request->server.port);
}

static void write_peer(const struct request *request, struct attributes *list)
{
    if (!request->peer.len)
        return;
    attributes_text(list, "network.peer.address", request->peer);
    if (request->record->peer.family != AF_UNIX)
        attributes_number(list, "network.peer.port", request->record->peer.port);
}

static void write_version(const struct request *request, struct attributes *list)
{
    unsigned major = request->record->version_major, minor = request->record->version_minor;
    if (major == 1 && minor == 1) { /* as nearly all */
        attributes_literal(list, "network.protocol.version", "1.1");
        return;
    }
    char digits[3] = {(char)('0' + major), '.', (char)('0' + minor)};
    struct slice version = {digits, major < 2 ? 3 : 1};
    if (major + minor > 0 && major < 10 && minor < 10)
        attributes_text(list, "network.protocol.version", version);
}

/* "Status", HTTP conventions: a cut, 5xx and what is beyond; 4xx is the client's error, not the server's. */
bool http_span_is_error(const struct span_record *record)
{
    return record->error != SPAN_ERROR_NONE || record->status >= (record->kind == SPAN_CLIENT ? 400 : 500);
}

/* Of a request that was cut short and had an error for a status as well, the cut is told: the status has an attribute
 * of its own, the cut has not. The conventions leave the choice ("the status code number, an exception type or a
 * component-specific error identifier"). */
static void write_outcome(const struct request *request, struct attributes *list)
{
    uint16_t status = request->record->status;
    if (status)
        attributes_number(list, "http.response.status_code", status);
    if (request->record->error != SPAN_ERROR_NONE) {
        attributes_text(list, "error.type", error_type(request->record));
    } else if (http_span_is_error(request->record)) {
        char digits[5];
        struct text text = TEXT(digits);
        text_number(&text, status);
        attributes_text(list, "error.type", text_as_slice(&text));
    }
}

/* RFC 9112 section 3.3: the target URI of CONNECT and of `*` has an authority and neither path nor query. */
static void write_path(const struct request *request, struct attributes *list)
{
    const struct target *target = &request->target;
    struct json_string value;
    if (target->form == TARGET_UNKNOWN)
        return;
    attributes_url(list, "url.path", target->form == TARGET_ABSOLUTE && !target->path.len ? SLICE("/") : target->path);
    if (!target->query.ptr)
        return;
    if (!url_has_secret(target->query)) {
        attributes_url(list, "url.query", target->query);
        return;
    }
    if (attributes_url_begin(list, "url.query", &value)) {
        url_append_query(&value, target->query);
        attributes_url_end(list, &value);
    }
}

static void append_authority(struct json_string *url, const struct authority *authority)
{
    char digits[8];
    struct text port = TEXT(digits);
    bool is_v6 = slice_find(authority->host, ':') < authority->host.len;
    json_string_append(url, is_v6 ? SLICE("http://[") : SLICE("http://"));
    json_string_append(url, authority->host);
    text_string(&port, is_v6 ? "]" : "");
    if (authority->has_port && authority->port != 80) {
        text_char(&port, ':');
        text_number(&port, authority->port);
    }
    json_string_append(url, text_as_slice(&port));
}

/* The target URI as RFC 9112 section 3.3 puts it together. For CONNECT that is `http://host:port`: it looks like less
 * than it is, but the conventions require url.full, and the RFC says which one it is. A server that is known only as the
 * path of a unix socket has no URL. */
static void write_url(const struct request *request, struct attributes *list)
{
    const struct target *target = &request->target;
    struct json_string url;
    bool is_whole = target->form == TARGET_ABSOLUTE;
    if (target->form == TARGET_UNKNOWN || (!is_whole && (!request->server.host.ptr || request->server_is_path)))
        return;
    if (!attributes_url_begin(list, "url.full", &url))
        return;
    if (is_whole) {
        url_append_absolute(&url, target);
    } else {
        append_authority(&url, &request->server);
        json_string_append(&url, target->path);
        if (target->query.ptr) {
            json_string_append(&url, SLICE("?"));
            url_append_query(&url, target->query);
        }
    }
    attributes_url_end(list, &url);
}

/* The first proxy's word, or the peer's address. When that proxy hides the client, the next ones do not know it. */
static void write_client(const struct request *request, struct attributes *list)
{
    struct slice client = absent;
    if (facts_have(request->facts, FACT_FORWARDED))
        client = forwarded_address(search_forwarded(request, SLICE("for")));
    if (!client.ptr && facts_have(request->facts, FACT_X_FORWARDED_FOR))
        client = forwarded_address(forwarded_first(facts_find(request->facts, FACT_X_FORWARDED_FOR)));
    if (!client.ptr)
        client = request->peer;
    if (client.len)
        attributes_text(list, "client.address", client);
}

static void write_user_agent(const struct request *request, struct attributes *list)
{
    if (facts_have(request->facts, FACT_USER_AGENT))
        attributes_text(list, "user_agent.original", facts_find(request->facts, FACT_USER_AGENT));
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

static void write_all(const struct request *request, struct attributes *list)
{
    bool is_server = request->record->kind == SPAN_SERVER;
    write_method(request, list);
    if (is_server) {
        write_scheme(request, list);
        write_path(request, list);
    } else {
        write_url(request, list);
    }
    write_server(request, list);
    if (is_server)
        write_client(request, list);
    write_peer(request, list);
    write_version(request, list);
    if (is_server)
        write_user_agent(request, list);
    write_outcome(request, list);
}

void http_span_attributes(const struct facts *facts, struct attributes *list)
{
    struct request request; /* not zeroed: most of it is room for text */
    request.record = facts->record;
    request.facts = facts;
    target_split(facts_find(facts, FACT_TARGET), is_literal(facts_find(facts, FACT_METHOD), SLICE("CONNECT")), &request.target);
    find_peer(&request);
    request.scheme = find_scheme(&request);
    find_server(&request);
    attributes_expect(list);
    write_all(&request, list);
    attributes_end(list);
}
