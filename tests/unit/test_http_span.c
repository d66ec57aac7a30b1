/* test_http_span.c - what an HTTP request means: name, status and attributes, each expectation beside its facts. */
#include <criterion/criterion.h>

#include "config.h"
#include "http_span.h"
#include "support_span.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FACTS_MAX = 4 };

struct row {
    enum span_kind kind;
    const char *name; /* NULL: GET */
    struct {
        enum fact_key key;
        const char *text;
    } facts[FACTS_MAX]; /* behind GET and /p, unless they are given */
    int status;         /* 0: 200; -1: none came */
    int error, error_number;
    bool is_error;
    struct address peer; /* family 0: 192.0.2.7:50000; 1000: unknown */
    int version;         /* 0: 1.1, otherwise major * 10 + minor; -1: unknown */
    const char *has;     /* lines of `key=value`, integers with `#`; the rest is as without the facts */
    const char *lacks;   /* words */
};

#define NOBODY {.family = 1000}
#define V6 {.family = AF_INET6, .port = 443, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}}
#define UNIX {.family = AF_UNIX}

static const struct row rows[] = {
    /* --- the method --- */
    {SPAN_SERVER, "GET", .has = "http.request.method=GET", .lacks = "http.request.method_original error.type"},
    {SPAN_CLIENT, "QUERY", {{FACT_METHOD, "QUERY"}}, .has = "http.request.method=QUERY"},
    {SPAN_SERVER, "HTTP", {{FACT_METHOD, "get"}}, .has = "http.request.method=_OTHER\nhttp.request.method_original=get"},
    {SPAN_CLIENT, "HTTP", {{FACT_METHOD, "GETX"}}, .has = "http.request.method=_OTHER\nhttp.request.method_original=GETX"},
    {SPAN_SERVER, "HTTP", {{FACT_METHOD, ""}}, .has = "http.request.method=_OTHER\nhttp.request.method_original="},

    /* --- a server's URL --- */
    {SPAN_SERVER, .has = "url.scheme=http\nurl.path=/p", .lacks = "url.query url.full server.address server.port"},
    {SPAN_SERVER, .facts = {{FACT_TARGET, "/a%20b?x=1&sig=secret"}}, .has = "url.path=/a%20b\nurl.query=x=1&sig=REDACTED"},
    {SPAN_SERVER, .facts = {{FACT_TARGET, "/p?"}}, .has = "url.path=/p\nurl.query="},
    {SPAN_SERVER, .facts = {{FACT_TARGET, "/\xff\x01\xc3\xa4?\xc3"}}, .has = "url.path=/%FF%01\xc3\xa4\nurl.query=%C3"},
    {SPAN_SERVER, "OPTIONS", {{FACT_METHOD, "OPTIONS"}, {FACT_TARGET, "*"}}, .has = "url.path=", .lacks = "url.query"},
    {SPAN_SERVER, .facts = {{FACT_TARGET, "http://a.example:81/q?z"}, {FACT_HOST, "b.example"}}, .has = "url.scheme=http\nurl.path=/q\nurl.query=z\nserver.address=a.example\nserver.port=#81"},
    {SPAN_SERVER, .facts = {{FACT_TARGET, "https://u:secret@a.example"}}, .has = "url.scheme=https\nurl.path=/\nserver.address=a.example\nserver.port=#443"},
    {SPAN_SERVER, "CONNECT", {{FACT_METHOD, "CONNECT"}, {FACT_TARGET, "a.example:443"}, {FACT_HOST, "b.example"}}, .has = "url.scheme=http\nurl.path=\nserver.address=a.example\nserver.port=#443"},
    {SPAN_SERVER, .facts = {{FACT_TARGET, "nonsense"}}, .lacks = "url.path url.query"},

    /* --- a server's name: Forwarded, X-Forwarded-Host, the target, Host --- */
    {SPAN_SERVER, .facts = {{FACT_HOST, "a.example"}}, .has = "server.address=a.example\nserver.port=#80"},
    {SPAN_SERVER, .facts = {{FACT_HOST, "a.example:8080"}}, .has = "server.address=a.example\nserver.port=#8080"},
    {SPAN_SERVER, .facts = {{FACT_HOST, "[2001:db8::1]:8080"}}, .has = "server.address=2001:db8::1\nserver.port=#8080"},
    {SPAN_SERVER, .facts = {{FACT_HOST, "u:p@a.example"}}, .lacks = "server.address server.port"},
    {SPAN_SERVER, .facts = {{FACT_HOST, ""}}, .lacks = "server.address server.port"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_HOST, "x.example:1, y.example"}, {FACT_HOST, "a.example"}}, .has = "server.address=x.example\nserver.port=#1"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_HOST, "b.example"}, {FACT_TARGET, "http://c.example/"}}, .has = "server.address=b.example"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_HOST, " "}, {FACT_HOST, "a.example"}}, .has = "server.address=a.example"},
    {SPAN_SERVER, .facts = {{FACT_FORWARDED, "for=192.0.2.60;proto=https;host=f.example"}, {FACT_X_FORWARDED_HOST, "x.example"}, {FACT_X_FORWARDED_PROTO, "http"}}, .has = "url.scheme=https\nserver.address=f.example\nserver.port=#443\nclient.address=192.0.2.60"},
    {SPAN_SERVER, .facts = {{FACT_FORWARDED, "for=192.0.2.60"}, {FACT_FORWARDED, "host=second.example;proto=https"}}, .has = "url.scheme=https\nserver.address=second.example\nclient.address=192.0.2.60"},
    {SPAN_SERVER, .facts = {{FACT_FORWARDED, "host=\"h h\""}, {FACT_HOST, "a.example"}}, .has = "server.address=a.example"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_PROTO, "HTTPS,http"}, {FACT_HOST, "a.example"}}, .has = "url.scheme=https\nserver.address=a.example\nserver.port=#443"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_PROTO, "gopher"}}, .has = "url.scheme=http"},

    /* --- the client --- */
    {SPAN_SERVER, .has = "client.address=192.0.2.7\nnetwork.peer.address=192.0.2.7\nnetwork.peer.port=#50000"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_FOR, "203.0.113.5, 10.0.0.1"}}, .has = "client.address=203.0.113.5\nnetwork.peer.address=192.0.2.7"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_FOR, "2001:db8::5"}}, .has = "client.address=2001:db8::5"},
    {SPAN_SERVER, .facts = {{FACT_FORWARDED, "for=\"[2001:db8::9]:81\""}, {FACT_X_FORWARDED_FOR, "203.0.113.5"}}, .has = "client.address=2001:db8::9"},
    {SPAN_SERVER, .facts = {{FACT_FORWARDED, "for=unknown, for=10.0.0.1"}, {FACT_X_FORWARDED_FOR, "203.0.113.5"}}, .has = "client.address=203.0.113.5"},
    {SPAN_SERVER, .facts = {{FACT_FORWARDED, "for=_hidden"}}, .has = "client.address=192.0.2.7"},
    {SPAN_SERVER, .facts = {{FACT_X_FORWARDED_FOR, "unknown, 10.0.0.1"}}, .has = "client.address=192.0.2.7"},
    {SPAN_SERVER, .peer = V6, .has = "client.address=2001:db8::1\nnetwork.peer.address=2001:db8::1\nnetwork.peer.port=#443"},
    {SPAN_SERVER, .peer = NOBODY, .lacks = "client.address network.peer.address network.peer.port"},
    {SPAN_SERVER, .peer = UNIX, .lacks = "client.address network.peer.address network.peer.port"},
    {SPAN_SERVER, .facts = {{FACT_UNIX_PATH, "/run/c"}}, .peer = UNIX, .has = "client.address=/run/c\nnetwork.peer.address=/run/c", .lacks = "network.peer.port"},
    {SPAN_SERVER, .facts = {{FACT_USER_AGENT, "curl/8\x80\t\"x\""}}, .has = "user_agent.original=curl/8\xef\xbf\xbd\t\"x\""},

    /* --- a client's URL --- */
    {SPAN_CLIENT, .facts = {{FACT_HOST, "a.example"}}, .has = "url.full=http://a.example/p\nserver.address=a.example\nserver.port=#80", .lacks = "url.scheme url.path url.query client.address"},
    {SPAN_CLIENT, .facts = {{FACT_HOST, "a.example:80"}}, .has = "url.full=http://a.example/p\nserver.port=#80"},
    {SPAN_CLIENT, .facts = {{FACT_HOST, "a.example:8080"}, {FACT_TARGET, "/p?a=1&sig=secret"}}, .has = "url.full=http://a.example:8080/p?a=1&sig=REDACTED\nserver.port=#8080"},
    {SPAN_CLIENT, .facts = {{FACT_HOST, "[2001:db8::1]"}}, .has = "url.full=http://[2001:db8::1]/p\nserver.address=2001:db8::1"},
    {SPAN_CLIENT, .facts = {{FACT_HOST, "[2001:db8::1]:8080"}}, .has = "url.full=http://[2001:db8::1]:8080/p"},
    {SPAN_CLIENT, .has = "url.full=http://192.0.2.7:50000/p\nserver.address=192.0.2.7\nserver.port=#50000"},
    {SPAN_CLIENT, .peer = V6, .has = "url.full=http://[2001:db8::1]:443/p\nserver.address=2001:db8::1\nserver.port=#443"},
    {SPAN_CLIENT, .facts = {{FACT_HOST, "u:secret@a.example"}}, .has = "url.full=http://192.0.2.7:50000/p"},
    {SPAN_CLIENT, .facts = {{FACT_TARGET, "http://u:secret@a.example:80/x?Signature=secret"}, {FACT_HOST, "b.example"}}, .has = "url.full=http://REDACTED:REDACTED@a.example:80/x?Signature=REDACTED\nserver.address=a.example\nserver.port=#80\nnetwork.peer.address=192.0.2.7"},
    {SPAN_CLIENT, .facts = {{FACT_TARGET, "https://a.example"}}, .has = "url.full=https://a.example\nserver.port=#443"},
    {SPAN_CLIENT, .facts = {{FACT_TARGET, "ftp://a.example/"}}, .has = "url.full=ftp://a.example/\nserver.address=a.example", .lacks = "server.port"},
    {SPAN_CLIENT, "CONNECT", {{FACT_METHOD, "CONNECT"}, {FACT_TARGET, "a.example:443"}}, .has = "url.full=http://a.example:443\nserver.address=a.example\nserver.port=#443\nnetwork.peer.address=192.0.2.7"},
    {SPAN_CLIENT, "OPTIONS", {{FACT_METHOD, "OPTIONS"}, {FACT_TARGET, "*"}, {FACT_HOST, "a.example:8001"}}, .has = "url.full=http://a.example:8001"},
    {SPAN_CLIENT, .facts = {{FACT_TARGET, "nonsense"}, {FACT_HOST, "a.example"}}, .has = "server.address=a.example", .lacks = "url.full"},
    {SPAN_CLIENT, .peer = NOBODY, .lacks = "url.full server.address server.port network.peer.address"},
    {SPAN_CLIENT, .facts = {{FACT_UNIX_PATH, "/run/d.sock"}}, .peer = UNIX, .has = "server.address=/run/d.sock\nnetwork.peer.address=/run/d.sock", .lacks = "url.full server.port network.peer.port"},
    {SPAN_CLIENT, .facts = {{FACT_UNIX_PATH, "/run/d.sock"}, {FACT_HOST, "localhost"}}, .peer = UNIX, .has = "url.full=http://localhost/p\nserver.address=localhost\nserver.port=#80\nnetwork.peer.address=/run/d.sock"},
    /* what is said to servers says nothing about the client's own request */
    {SPAN_CLIENT, .facts = {{FACT_FORWARDED, "host=f.example;proto=https;for=10.0.0.1"}, {FACT_X_FORWARDED_HOST, "x.example"}, {FACT_HOST, "a.example"}, {FACT_USER_AGENT, "curl"}}, .has = "url.full=http://a.example/p\nserver.address=a.example", .lacks = "user_agent.original client.address"},

    /* --- the version --- */
    {SPAN_SERVER, .has = "network.protocol.version=1.1"},
    {SPAN_CLIENT, .version = 10, .has = "network.protocol.version=1.0"},
    {SPAN_CLIENT, .version = 20, .has = "network.protocol.version=2"},
    {SPAN_CLIENT, .version = -1, .lacks = "network.protocol.version"},

    /* --- the outcome --- */
    {SPAN_SERVER, .has = "http.response.status_code=#200", .lacks = "error.type"},
    {SPAN_CLIENT, .status = 399, .has = "http.response.status_code=#399", .lacks = "error.type"},
    {SPAN_CLIENT, .status = 400, .is_error = true, .has = "http.response.status_code=#400\nerror.type=400"},
    {SPAN_SERVER, .status = 404, .has = "http.response.status_code=#404", .lacks = "error.type"},
    {SPAN_SERVER, .status = 499, .has = "http.response.status_code=#499", .lacks = "error.type"},
    {SPAN_SERVER, .status = 500, .is_error = true, .has = "http.response.status_code=#500\nerror.type=500"},
    {SPAN_CLIENT, .status = 503, .is_error = true, .has = "error.type=503"},
    {SPAN_SERVER, .status = 999, .is_error = true, .has = "error.type=999"},
    {SPAN_SERVER, .status = -1, .lacks = "http.response.status_code error.type"},
    {SPAN_CLIENT, .status = -1, .error = SPAN_ERROR_CONNECTION_CLOSED, .is_error = true, .has = "error.type=connection_closed", .lacks = "http.response.status_code"},
    {SPAN_SERVER, .error = SPAN_ERROR_CANCELLED, .is_error = true, .has = "http.response.status_code=#200\nerror.type=cancelled"},
    {SPAN_SERVER, .status = 503, .error = SPAN_ERROR_PROCESS_EXIT, .is_error = true, .has = "http.response.status_code=#503\nerror.type=process_exit"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = ECONNRESET, .is_error = true, .has = "error.type=connection_reset"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = EPIPE, .is_error = true, .has = "error.type=broken_pipe"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = ETIMEDOUT, .is_error = true, .has = "error.type=timed_out"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = EHOSTUNREACH, .is_error = true, .has = "error.type=host_unreachable"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = ENETUNREACH, .is_error = true, .has = "error.type=network_unreachable"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = ENETDOWN, .is_error = true, .has = "error.type=network_down"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = ECONNREFUSED, .is_error = true, .has = "error.type=connection_refused"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = ECONNABORTED, .is_error = true, .has = "error.type=connection_aborted"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = ENOTCONN, .is_error = true, .has = "error.type=not_connected"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = EIO, .is_error = true, .has = "error.type=input_output_error"},
    {SPAN_CLIENT, .error = SPAN_ERROR_ERRNO, .error_number = EXDEV, .is_error = true, .has = "error.type=_OTHER"},
    {SPAN_CLIENT, .error = 200, .is_error = true, .has = "error.type=_OTHER"},
};

static struct span_record *record_of(const struct row *row)
{
    struct span_record *record = span_new(row->kind);
    bool given[FACT_KEYS] = {false};
    for (size_t i = 0; i < FACTS_MAX && row->facts[i].text; i++)
        given[row->facts[i].key] = true;
    if (!given[FACT_METHOD])
        span_add_string(record, FACT_METHOD, "GET");
    if (!given[FACT_TARGET])
        span_add_string(record, FACT_TARGET, "/p");
    for (size_t i = 0; i < FACTS_MAX && row->facts[i].text; i++)
        span_add_string(record, row->facts[i].key, row->facts[i].text);
    record->status = row->status < 0 ? 0 : row->status ? (uint16_t)row->status : 200;
    record->error = (uint8_t)row->error;
    record->error_number = (uint32_t)row->error_number;
    if (row->peer.family)
        record->peer = row->peer;
    if (row->version) {
        record->version_major = row->version < 0 ? 0 : (uint8_t)(row->version / 10);
        record->version_minor = row->version < 0 ? 0 : (uint8_t)(row->version % 10);
    }
    return span_exact(record);
}

static struct attributes list;

static struct slice name_of(const struct span_record *record)
{
    struct facts facts;
    facts_take(&facts, record);
    return http_span_name(&facts);
}

static cJSON *attributes_of(const struct span_record *record)
{
    static char room[1 << 20];
    struct text text = TEXT(room);
    list = (struct attributes){
        .out = &text,
        .count_limit = config.attribute_count_limit,
        .value_length_limit = config.attribute_value_length_limit,
    };
    text_char(&text, '[');
    struct facts facts;
    facts_take(&facts, record);
    http_span_attributes(&facts, &list);
    text_char(&text, ']');
    cJSON *json = json_checked(text_as_slice(&text));
    cr_assert_eq((uint32_t)cJSON_GetArraySize(json), list.count);
    return json;
}

static void no_limits(void)
{
    config.attribute_count_limit = config.attribute_value_length_limit = CONFIG_NO_LIMIT;
    config.known_methods = (struct slice){NULL, 0};
}

TestSuite(http_span, .init = no_limits);

static void check_has(size_t i, const cJSON *json, const char *lines)
{
    struct slice rest = slice_of(lines), line;
    while (slice_next(&rest, '\n', &line)) {
        char key[64];
        size_t equals = slice_find(line, '=');
        struct slice value = slice_after(line, equals + 1);
        snprintf(key, sizeof key, "%.*s", (int)equals, line.ptr);
        const char *got = attribute_of(json, key);
        cr_expect(got && slice_equals(slice_of(got), value), "row %zu: %s is %s, not %.*s", i, key, got ? got : "absent",
                  (int)value.len, value.ptr);
    }
}

static void check_lacks(size_t i, const cJSON *json, const char *words)
{
    struct slice rest = slice_of(words), word;
    while (slice_next(&rest, ' ', &word)) {
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)word.len, word.ptr);
        const char *got = attribute_of(json, key);
        cr_expect(!got, "row %zu: %s is %s", i, key, got);
    }
}

Test(http_span, says_what_the_facts_say)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span_record *record = record_of(&rows[i]);
        cJSON *json = attributes_of(record);
        struct slice name = name_of(record);
        cr_expect(slice_equals(name, slice_of(rows[i].name ? rows[i].name : "GET")), "row %zu: %.*s", i, (int)name.len, name.ptr);
        cr_expect_eq(http_span_is_error(record), rows[i].is_error, "row %zu", i);
        check_has(i, json, rows[i].has);
        check_lacks(i, json, rows[i].lacks);
        cJSON_Delete(json);
        free(record);
    }
}

Test(http_span, no_secret_leaves)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span_record *record = record_of(&rows[i]);
        cJSON *json = attributes_of(record);
        char *text = cJSON_PrintUnformatted(json);
        cr_expect(!strstr(text, "secret"), "row %zu: %s", i, text);
        free(text);
        cJSON_Delete(json);
        free(record);
    }
}

Test(http_span, abstract_and_long_unix_names_are_shown)
{
    char name[108];
    memset(name, 'n', sizeof name);
    name[0] = '\0';
    struct span_record *record = span_new(SPAN_CLIENT);
    record->peer = (struct address){.family = AF_UNIX};
    span_add_string(record, FACT_METHOD, "GET");
    span_add_string(record, FACT_TARGET, "/");
    span_add(record, FACT_UNIX_PATH, (struct slice){name, sizeof name});
    cJSON *json = attributes_of(record);
    name[0] = '@';
    cr_expect(slice_equals(slice_of(attribute_of(json, "network.peer.address")), (struct slice){name, sizeof name}));
    cr_expect(slice_equals(slice_of(attribute_of(json, "server.address")), (struct slice){name, sizeof name}));
    cJSON_Delete(json);
}

Test(http_span, a_record_without_facts_has_what_is_left)
{
    struct span_record *record = span_exact(span_new(SPAN_SERVER));
    cJSON *json = attributes_of(record);
    cr_expect_str_eq(attribute_of(json, "http.request.method"), "_OTHER");
    cr_expect(slice_equals(name_of(record), SLICE("HTTP")));
    check_lacks(0, json, "http.request.method_original url.path url.query server.address user_agent.original");
    cJSON_Delete(json);
    free(record);
}

static const struct {
    const char *known, *method, *name;
} methods[] = {
    {"PURGE,BREW", "PURGE", "PURGE"}, {"PURGE,BREW", "BREW", "BREW"}, {"PURGE,BREW", "GET", "HTTP"},
    {" GET , PURGE ", "PURGE", "PURGE"}, {"get", "GET", "HTTP"}, {",", "GET", "HTTP"}, {",", "", "HTTP"},
};

Test(http_span, the_list_of_the_configuration_replaces_the_known_methods)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct span_record *record = span_new(SPAN_SERVER);
        config.known_methods = slice_of(methods[i].known);
        span_add_string(record, FACT_METHOD, methods[i].method);
        struct slice name = name_of(record);
        cr_expect(slice_equals(name, slice_of(methods[i].name)), "%s of %s: %.*s", methods[i].method, methods[i].known,
                  (int)name.len, name.ptr);
    }
}

Test(http_span, what_is_beyond_the_count_limit_is_counted_and_what_is_before_it_stays)
{
    struct span_record *record = span_new(SPAN_SERVER);
    span_add_string(record, FACT_METHOD, "GET");
    span_add_string(record, FACT_TARGET, "/p?q");
    span_add_string(record, FACT_HOST, "a.example");
    cJSON *all = attributes_of(record);
    uint32_t count = list.count;
    for (uint32_t limit = 0; limit <= count + 1; limit++) {
        config.attribute_count_limit = limit;
        cJSON *some = attributes_of(record);
        cr_assert_eq(list.dropped, limit < count ? count - limit : 0);
        for (int i = 0; i < cJSON_GetArraySize(some); i++)
            cr_assert(cJSON_Compare(cJSON_GetArrayItem(some, i), cJSON_GetArrayItem(all, i), true));
        cJSON_Delete(some);
    }
    cJSON_Delete(all);
}

Test(http_span, the_value_length_limit_counts_characters_of_every_text)
{
    struct span_record *record = span_new(SPAN_CLIENT);
    span_add_string(record, FACT_METHOD, "GET");
    span_add_string(record, FACT_TARGET, "/\xc3\xa4\xc3\xb6\xc3\xbc?sig=secret");
    span_add_string(record, FACT_HOST, "a.example");
    config.attribute_value_length_limit = 19;
    cJSON *json = attributes_of(record);
    cr_expect_str_eq(attribute_of(json, "url.full"), "http://a.example/\xc3\xa4\xc3\xb6");
    config.attribute_value_length_limit = 0;
    cJSON *none = attributes_of(record);
    cr_expect_str_eq(attribute_of(none, "url.full"), "");
    cr_expect_str_eq(attribute_of(none, "server.port"), "#80");
    cJSON_Delete(json);
    cJSON_Delete(none);
}
