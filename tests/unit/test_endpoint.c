/* test_endpoint.c - where spans go for each setting of the three variables, and when they go nowhere. */
#include <criterion/criterion.h>

#include "config.h"
#include "endpoint.h"
#include "support_exporter.h"

#include <stdio.h>

#define DEFAULT "http://localhost:4318"
#define UNUSABLE "; nothing is exported\n"

/* Reads with the three variables set as given; NULL is unset. */
static struct endpoint *read_with(const char *traces, const char *general, const char *alias)
{
    static struct endpoint endpoint;
    memset(&endpoint, 0xa5, sizeof endpoint);
    config.traces_endpoint = slice_of(traces ? traces : "");
    config.endpoint = slice_of(general ? general : DEFAULT);
    config.alias_endpoint = slice_of(alias ? alias : "");
    notices_clear();
    endpoint_read(&endpoint);
    return &endpoint;
}

static const struct {
    const char *traces, *general, *alias;
    const char *host;
    unsigned port;
    const char *authority, *path;
} usable[] = {
    /* the table of the specification's section "Endpoint URLs for OTLP/HTTP", and its rules */
    {NULL, NULL, NULL, "localhost", 4318, "localhost:4318", "/v1/traces"},
    {NULL, "http://c:4318", NULL, "c", 4318, "c:4318", "/v1/traces"},
    {NULL, "http://c:4318/", NULL, "c", 4318, "c:4318", "/v1/traces"},
    {NULL, "http://c:4318/x", NULL, "c", 4318, "c:4318", "/x/v1/traces"},
    {NULL, "http://c:4318/x/", NULL, "c", 4318, "c:4318", "/x/v1/traces"},
    {NULL, "http://c:4318/x//", NULL, "c", 4318, "c:4318", "/x/v1/traces"},
    {NULL, "http://c:4318/v1/traces", NULL, "c", 4318, "c:4318", "/v1/traces/v1/traces"},
    {"http://c:4318", NULL, NULL, "c", 4318, "c:4318", "/"},
    {"http://c:4318/", NULL, NULL, "c", 4318, "c:4318", "/"},
    {"http://c:4318/v1/traces", NULL, NULL, "c", 4318, "c:4318", "/v1/traces"},
    {"http://c:4318/a%20b//", NULL, NULL, "c", 4318, "c:4318", "/a%20b//"},
    {"http://t/x", "http://g/y", "http://a/z", "t", 80, "t", "/x"},
    /* the port */
    {NULL, "http://c", NULL, "c", 80, "c", "/v1/traces"},
    {NULL, "http://c:", NULL, "c", 80, "c", "/v1/traces"},
    {NULL, "http://c:80/", NULL, "c", 80, "c", "/v1/traces"},
    {NULL, "http://c:1", NULL, "c", 1, "c:1", "/v1/traces"},
    {NULL, "http://c:65535", NULL, "c", 65535, "c:65535", "/v1/traces"},
    {NULL, "http://c:04318", NULL, "c", 4318, "c:4318", "/v1/traces"},
    /* the scheme and blanks around the value */
    {NULL, "HTTP://c:4318", NULL, "c", 4318, "c:4318", "/v1/traces"},
    {NULL, " http://c:4318\t", NULL, "c", 4318, "c:4318", "/v1/traces"},
    /* what is ignored */
    {NULL, "http://user:password@c:4318/x", NULL, "c", 4318, "c:4318", "/x/v1/traces"},
    {"http://user@c/x?token=1#part", NULL, NULL, "c", 80, "c", "/x"},
    {"http://c?token=1", NULL, NULL, "c", 80, "c", "/"},
    {"http://c#part", NULL, NULL, "c", 80, "c", "/"},
    {NULL, "http://c:4318/x/?token=a/b@c", NULL, "c", 4318, "c:4318", "/x/v1/traces"},
    {"http://c/x@y", NULL, NULL, "c", 80, "c", "/x@y"},
    /* hosts */
    {NULL, "http://127.0.0.1:4318", NULL, "127.0.0.1", 4318, "127.0.0.1:4318", "/v1/traces"},
    {NULL, "http://[::1]:4318", NULL, "::1", 4318, "[::1]:4318", "/v1/traces"},
    {NULL, "http://[2001:db8::1]", NULL, "2001:db8::1", 80, "[2001:db8::1]", "/v1/traces"},
    {NULL, "http://u:p@[::ffff:10.0.0.1]:99/", NULL, "::ffff:10.0.0.1", 99, "[::ffff:10.0.0.1]:99", "/v1/traces"},
    {NULL, "http://otel_collector.Obs.svc.:4318", NULL, "otel_collector.Obs.svc.", 4318,
     "otel_collector.Obs.svc.:4318", "/v1/traces"},
    /* the variable that is not OpenTelemetry's */
    {NULL, NULL, "http://a:1", "a", 1, "a:1", "/v1/traces"},
    {NULL, DEFAULT, "http://a:1", "a", 1, "a:1", "/v1/traces"},
    {NULL, "http://g:2", "http://a:1", "g", 2, "g:2", "/v1/traces"},
    {"http://t:3", NULL, "http://a:1", "t", 3, "t:3", "/"},
};

Test(endpoint, goes_where_the_specification_says)
{
    for (size_t i = 0; i < sizeof usable / sizeof usable[0]; i++) {
        struct endpoint *endpoint = read_with(usable[i].traces, usable[i].general, usable[i].alias);
        cr_expect(!endpoint->unusable && !endpoint->is_unix, "row %zu", i);
        cr_expect_str_eq(endpoint->host, usable[i].host, "row %zu", i);
        cr_expect_eq(endpoint->port, usable[i].port, "row %zu: %u", i, endpoint->port);
        cr_expect_str_eq(endpoint->authority, usable[i].authority, "row %zu: %s", i, endpoint->authority);
        cr_expect_str_eq(endpoint->path, usable[i].path, "row %zu: %s", i, endpoint->path);
    }
}

Test(endpoint, names_the_variable_it_took_and_warns_of_the_wrong_one_only_when_taken)
{
    const char *alias_notice =
        "OTEL_EXPORTER_ENDPOINT: not an OpenTelemetry variable; OTEL_EXPORTER_OTLP_ENDPOINT is the name\n";
    static const struct {
        const char *traces, *general, *alias, *variable;
    } rows[] = {
        {NULL, NULL, NULL, "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {NULL, "http://g", "http://a", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"http://t", "http://g", "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
        {"http://t", NULL, "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
        {NULL, NULL, "http://a", "OTEL_EXPORTER_ENDPOINT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct endpoint *endpoint = read_with(rows[i].traces, rows[i].general, rows[i].alias);
        cr_expect_str_eq(endpoint->variable, rows[i].variable, "row %zu", i);
        cr_expect_str_eq(noticed(), i == 4 ? alias_notice : "", "row %zu: %s", i, noticed());
    }
}

Test(endpoint, reads_the_path_of_a_unix_socket)
{
    static const struct {
        const char *url, *path;
    } rows[] = {
        {"unix:/run/otel.sock", "/run/otel.sock"},
        {"unix:///run/otel.sock", "/run/otel.sock"},
        {"UNIX:/run/a?b#c@d%20", "/run/a?b#c@d%20"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int is_general = 0; is_general < 2; is_general++) {
            struct endpoint *endpoint =
                read_with(is_general ? NULL : rows[i].url, is_general ? rows[i].url : NULL, NULL);
            cr_expect(!endpoint->unusable && endpoint->is_unix, "row %zu", i);
            cr_expect_str_eq(endpoint->host, rows[i].path);
            cr_expect_str_eq(endpoint->authority, "localhost");
            cr_expect_str_eq(endpoint->path, "/v1/traces");
            cr_expect_eq(endpoint->port, 0);
        }
}

#define PATH_50 "/23456789012345678901234567890123456789012345678901"
#define LABEL_60 "a23456789012345678901234567890123456789012345678901234567890"

Test(endpoint, refuses_what_it_cannot_use_and_goes_nowhere_else)
{
    const char *no_scheme = "no scheme, http://host:port is expected";
    const char *other_scheme = "only http:// and unix: are supported";
    const char *form = "not of the form http://host:port";
    const char *host = "the host is not a name or an address";
    const char *port = "the port is not a number from 1 to 65535";
    const char *bytes = "a URL has no blanks, control or non-ASCII characters";
    const char *zone = "an address with a zone is not supported";
    const char *unix_form = "not of the form unix:/path";
    const struct {
        const char *url, *shown, *problem;
    } rows[] = {
        {"https://c:4318/secret", "=https://c:4318", "https is not supported by this version"},
        {"HTTPS://c", "=HTTPS://c", "https is not supported by this version"},
        {"https://me:secret@c", "", "https is not supported by this version"},
        {"grpc://c:4317", "=grpc://c:4317", other_scheme},
        {"dns:c", "=dns:c", other_scheme},
        {"localhost:4318", "=localhost:4318", no_scheme},
        {"localhost", "=localhost", no_scheme},
        {"127.0.0.1:4318/x?secret", "=127.0.0.1:4318", no_scheme},
        {"c/x?secret:1", "=c", no_scheme},
        {"c/x?secret:a", "=c", no_scheme},
        {"://c", "=://c", no_scheme},
        {"/run/otel.sock", "=", no_scheme},
        {"http:/c", "=http:", form},
        {"http:c", "=http:c", form},
        {"http:", "=http:", form},
        {"http://", "=http://", host},
        {"http:///x", "=http://", host},
        {"http://:4318", "=http://:4318", host},
        {"http://u@:4318", "", host},
        {"http://a@b@c", "", host},
        {"http://c:0", "=http://c:0", port},
        {"http://c:65536", "=http://c:65536", port},
        {"http://c:99999999999999999999", "=http://c:99999999999999999999", port},
        {"http://c:-1", "=http://c:-1", port},
        {"http://c:4318x", "=http://c:4318x", port},
        {"http://c:1:2", "=http://c:1:2", port},
        {"http://user:sec/ret@c:4318", "", port},
        {"http://c,d", "=http://c,d", host},
        {"http://c..d", "=http://c..d", host},
        {"http://c%2e", "=http://c%2e", host},
        {"http://256.1.1.1", "=http://256.1.1.1", host},
        {"http://127.1", "=http://127.1", host},
        {"http://::1:4318", "=http://::1:4318", host},
        {"http://[::1", "=http://[::1", "the bracket is not closed"},
        {"http://[", "=http://[", "the bracket is not closed"},
        {"http://[]", "=http://[]", host},
        {"http://[c]", "=http://[c]", host},
        {"http://[127.0.0.1]", "=http://[127.0.0.1]", host},
        {"http://[::1]4318", "=http://[::1]4318", host},
        {"http://[fe80::1%25eth0]:1", "=http://[fe80::1%25eth0]:1", zone},
        {"http://" LABEL_60 "aaaa", "=http://" LABEL_60 "aaaa", host},
        {"http://" LABEL_60 "." LABEL_60 "." LABEL_60 "." LABEL_60 ".123456789.x",
         "=http://" LABEL_60 "." LABEL_60 "." LABEL_60 "." LABEL_60 ".123456789.x", host},
        {"http://c/a\r\nX-Evil: 1", "=http://c", bytes},
        {"http://c/\n", "=http://c", bytes},
        {"http://c/a b", "=http://c", bytes},
        {"http://c d/", "=http://c d", bytes},
        {"http://c/\x7f", "=http://c", bytes},
        {"http://c/\xc3\xa9", "=http://c", bytes},
        {"http://c/?\x01", "=http://c", bytes},
        {"http://u\r\n@c/", "", bytes},
        {"unix:run/otel.sock", "=unix:run", unix_form},
        {"unix://run/otel.sock", "=unix://run", unix_form},
        {"unix:", "=unix:", unix_form},
        {"unix:/", "=unix:", unix_form},
        {"unix:/run/a\nb", "=unix:", bytes},
        {"unix:" PATH_50 PATH_50 "/1234", NULL, NULL}, /* 107 bytes: the longest */
        {"unix:" PATH_50 PATH_50 "/12345", "=unix:", "the path of a unix socket has 107 bytes at most"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[1024];
        struct endpoint *endpoint = read_with(NULL, rows[i].url, NULL);
        if (!rows[i].problem) {
            cr_expect(!endpoint->unusable, "row %zu", i);
            continue;
        }
        snprintf(expected, sizeof expected, "OTEL_EXPORTER_OTLP_ENDPOINT%s: %s" UNUSABLE, rows[i].shown,
                 rows[i].problem);
        cr_expect(endpoint->unusable, "row %zu: %s", i, rows[i].url);
        cr_expect_str_empty(endpoint->host);
        cr_expect_str_empty(endpoint->path);
        cr_expect_str_eq(noticed(), expected, "row %zu: %s", i, noticed());
        cr_expect(read_with(rows[i].url, NULL, NULL)->unusable, "row %zu, for traces", i);
        cr_expect(read_with(NULL, NULL, rows[i].url)->unusable, "row %zu, alias", i);
    }
}

/* The longest host and paths up to the array's end, each ended by a NUL; one more byte is refused. */
Test(endpoint, keeps_within_its_arrays)
{
    static char url[4096];
    for (size_t len = 1000; len < 1050; len++) {
        struct endpoint *endpoint;
        memset(url, 0, sizeof url);
        memcpy(url, "http://c/", 9);
        memset(url + 9, 'x', len - 1);
        endpoint = read_with(url, NULL, NULL);
        cr_expect_eq(endpoint->unusable, len > sizeof endpoint->path - 1, "%zu", len);
        cr_expect_eq(strlen(endpoint->path), endpoint->unusable ? 0 : len);
        endpoint = read_with(NULL, url, NULL);
        cr_expect_eq(endpoint->unusable, len + strlen("/v1/traces") > sizeof endpoint->path - 1, "%zu", len);
    }
    const char *host = LABEL_60 "." LABEL_60 "." LABEL_60 "." LABEL_60 ".12345678x";
    cr_assert_eq(strlen(host), 253);
    snprintf(url, sizeof url, "http://%s.:65535", host);
    struct endpoint *endpoint = read_with(url, NULL, NULL);
    cr_expect(!endpoint->unusable);
    cr_expect_eq(strlen(endpoint->host), 254);
    cr_expect_eq(strlen(endpoint->authority), 254 + 6);
}

/* Whatever the bytes: either unusable, or nothing in it that could end a line or a field of the request. */
Test(endpoint, never_lets_a_byte_through_that_ends_a_line)
{
    static const char *const seeds[] = {"http://u:p@host.x:4318/path/p?q=1#f", "http://[2001:db8::1]:80/x",
                                        "unix:///run/otel.sock"};
    uint32_t random = 1;
    for (int round = 0; round < 60000; round++) {
        char url[64];
        snprintf(url, sizeof url, "%s", seeds[round % 3]);
        size_t len = strlen(url);
        for (int i = 0; i < 1 + round % 3; i++) {
            random = random * 1664525 + 1013904223;
            url[(random >> 8) % len] = (char)(1 + (random >> 24) % 255);
        }
        struct endpoint *endpoint = read_with(round % 2 ? url : NULL, round % 2 ? NULL : url, NULL);
        if (endpoint->unusable)
            continue;
        cr_assert_eq(endpoint->path[0], '/');
        cr_assert_not(endpoint->authority[0] == '\0' || (!endpoint->is_unix && endpoint->port == 0));
        for (const char *c = endpoint->path; *c; c++)
            cr_assert(*c > ' ' && *c <= '~' && (endpoint->is_unix || (*c != '?' && *c != '#')), "%s", url);
        for (const char *c = endpoint->authority; *c; c++)
            cr_assert(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]", *c), "%s", url);
    }
}
