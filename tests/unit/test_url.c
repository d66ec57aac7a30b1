/* test_url.c - targets, hosts and proxies' fields taken apart, and what of a URL is hidden. */
#include <criterion/criterion.h>

#include "address_text.h"
#include "forwarded.h"
#include "support_span.h"
#include "url.h"

#include <stdio.h>
#include <stdlib.h>

static bool is(struct slice got, const char *expected)
{
    return expected ? got.ptr && slice_equals(got, slice_of(expected)) : !got.ptr;
}

static const struct {
    const char *target;
    bool is_connect;
    enum target_form form;
    const char *scheme, *user, *host_and_port, *path, *query;
} targets[] = {
    {"/", false, TARGET_ORIGIN, NULL, NULL, NULL, "/", NULL},
    {"/p/q", false, TARGET_ORIGIN, NULL, NULL, NULL, "/p/q", NULL},
    {"/p?a=1&b=2", false, TARGET_ORIGIN, NULL, NULL, NULL, "/p", "a=1&b=2"},
    {"/p?", false, TARGET_ORIGIN, NULL, NULL, NULL, "/p", ""},
    {"/p?a?b", false, TARGET_ORIGIN, NULL, NULL, NULL, "/p", "a?b"},
    {"//not.a.host/p", false, TARGET_ORIGIN, NULL, NULL, NULL, "//not.a.host/p", NULL},
    {"/http://h/", false, TARGET_ORIGIN, NULL, NULL, NULL, "/http://h/", NULL},
    {"*", false, TARGET_ASTERISK, NULL, NULL, NULL, NULL, NULL},
    {"http://h", false, TARGET_ABSOLUTE, "http", NULL, "h", "", NULL},
    {"http://h/", false, TARGET_ABSOLUTE, "http", NULL, "h", "/", NULL},
    {"HTTPS://h:8443/p?q", false, TARGET_ABSOLUTE, "HTTPS", NULL, "h:8443", "/p", "q"},
    {"http://h?q", false, TARGET_ABSOLUTE, "http", NULL, "h", "", "q"},
    {"http://u:p@h/@x", false, TARGET_ABSOLUTE, "http", "u:p", "h", "/@x", NULL},
    {"http://u@h", false, TARGET_ABSOLUTE, "http", "u", "h", "", NULL},
    {"http://a@b:c@h/", false, TARGET_ABSOLUTE, "http", "a@b:c", "h", "/", NULL},
    {"http://@h/", false, TARGET_ABSOLUTE, "http", "", "h", "/", NULL},
    {"http://[::1]:80/", false, TARGET_ABSOLUTE, "http", NULL, "[::1]:80", "/", NULL},
    {"a+b-1.c://h/", false, TARGET_ABSOLUTE, "a+b-1.c", NULL, "h", "/", NULL},
    {"h:443", true, TARGET_AUTHORITY, NULL, NULL, "h:443", NULL, NULL},
    {"/p", true, TARGET_AUTHORITY, NULL, NULL, "/p", NULL, NULL},
    {"h:443", false, TARGET_UNKNOWN, NULL, NULL, NULL, NULL, NULL},
    {"p/q", false, TARGET_UNKNOWN, NULL, NULL, NULL, NULL, NULL},
    {"1http://h/", false, TARGET_UNKNOWN, NULL, NULL, NULL, NULL, NULL},
    {"://h/", false, TARGET_UNKNOWN, NULL, NULL, NULL, NULL, NULL},
    {"**", false, TARGET_UNKNOWN, NULL, NULL, NULL, NULL, NULL},
    {"", false, TARGET_UNKNOWN, NULL, NULL, NULL, NULL, NULL},
    {"", true, TARGET_UNKNOWN, NULL, NULL, NULL, NULL, NULL},
};

Test(url, splits_the_four_forms_of_a_target)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct target got;
        target_split(slice_of(targets[i].target), targets[i].is_connect, &got);
        cr_expect_eq(got.form, targets[i].form, "%s", targets[i].target);
        cr_expect(is(got.scheme, targets[i].scheme), "%s: scheme", targets[i].target);
        cr_expect(is(got.user, targets[i].user), "%s: user", targets[i].target);
        cr_expect(is(got.host_and_port, targets[i].host_and_port), "%s: host", targets[i].target);
        cr_expect(is(got.path, targets[i].path), "%s: path", targets[i].target);
        cr_expect(is(got.query, targets[i].query), "%s: query", targets[i].target);
    }
}

static const struct {
    const char *text, *host; /* host NULL: refused */
    long port;               /* -1: none */
} authorities[] = {
    {"example.com", "example.com", -1},
    {"example.com:8080", "example.com", 8080},
    {"example.com:", "example.com", -1},
    {"example.com:0", "example.com", 0},
    {"example.com:65535", "example.com", 65535},
    {"192.0.2.1:80", "192.0.2.1", 80},
    {"[2001:db8::1]", "2001:db8::1", -1},
    {"[2001:db8::1]:443", "2001:db8::1", 443},
    {"[fe80::1%25eth0]:1", "fe80::1%25eth0", 1},
    {"under_score", "under_score", -1},
    {"b\xc3\xbc"
     "cher.example",
     "b\xc3\xbc"
     "cher.example",
     -1},
    {"", NULL, 0},
    {":80", NULL, 0},
    {"h:65536", NULL, 0},
    {"h:8o", NULL, 0},
    {"h:80:80", NULL, 0},
    {"h:-1", NULL, 0},
    {"2001:db8::1", NULL, 0}, /* without brackets it could be a port */
    {"[::1", NULL, 0},
    {"[]", NULL, 0},
    {"[::1]x", NULL, 0},
    {"[::1]x:80", NULL, 0},
    {"[a/b]", NULL, 0},
    {"user@h", NULL, 0},
    {"u:p@h", NULL, 0},
    {"h/p", NULL, 0},
    {"h h", NULL, 0},
    {"h\x7f", NULL, 0},
    {"h\\h", NULL, 0},
    {"a,b?c", NULL, 0},
};

Test(url, splits_a_host_from_its_port_or_refuses_both)
{
    for (size_t i = 0; i < sizeof authorities / sizeof *authorities; i++) {
        struct authority got = {.port = 7};
        bool ok = authority_split(slice_of(authorities[i].text), &got);
        cr_assert_eq(ok, authorities[i].host != NULL, "%s", authorities[i].text);
        if (!ok)
            continue;
        cr_expect(is(got.host, authorities[i].host), "%s: %.*s", authorities[i].text, (int)got.host.len, got.host.ptr);
        cr_expect_eq(got.has_port, authorities[i].port >= 0, "%s", authorities[i].text);
        cr_expect(!got.has_port || got.port == authorities[i].port, "%s: %u", authorities[i].text, got.port);
    }
    cr_expect(!authority_split((struct slice){NULL, 0}, &(struct authority){0}));
    cr_expect(!authority_split((struct slice){"h\0h", 3}, &(struct authority){0}));
}

static const struct {
    const char *scheme, *known;
    uint32_t port;
} schemes[] = {
    {"http", "http", 80}, {"HTTPS", "https", 443}, {"ws", "ws", 80}, {"Wss", "wss", 443}, {"ftp", NULL, 0}, {"", NULL, 0},
};

Test(url, knows_four_schemes)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        cr_expect(is(scheme_known(slice_of(schemes[i].scheme)), schemes[i].known), "%s", schemes[i].scheme);
        cr_expect_eq(scheme_port(slice_of(schemes[i].scheme)), schemes[i].port, "%s", schemes[i].scheme);
    }
}

static const struct {
    const char *query, *expected;
} queries[] = {
    {"", ""},
    {"a=1", "a=1"},
    {"sig=x", "sig=REDACTED"},
    {"sig=", "sig=REDACTED"},
    {"sig", "sig"}, /* no value, nothing to hide */
    {"a=1&sig=x%2Fy=&b=2", "a=1&sig=REDACTED&b=2"},
    {"sig=x&sig=y&", "sig=REDACTED&sig=REDACTED&"},
    {"&&sig=x", "&&sig=REDACTED"},
    {"X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3&X-Goog-Signature=4&AWSAccessKeyId=5&Signature=6&sig=7",
     "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&X-Goog-Signature=REDACTED&"
     "AWSAccessKeyId=REDACTED&Signature=REDACTED&sig=REDACTED"},
    {"Sig=x&SIG=x&x-amz-signature=x&signature=x", "Sig=x&SIG=x&x-amz-signature=x&signature=x"}, /* case-sensitive */
    {"sigh=x&si=x&xsig=x&X-Amz-SignatureX=1", "sigh=x&si=x&xsig=x&X-Amz-SignatureX=1"},
    {"s%69g=x&%73ig=y&%58-Amz-Credential=z", "s%69g=REDACTED&%73ig=REDACTED&%58-Amz-Credential=REDACTED"},
    {"s%6=x&%=y&%zzsig=z", "s%6=x&%=y&%zzsig=z"},
    {"a=sig=x", "a=sig=x"},
    {"a=1?sig=2", "a=1?sig=2"},
};

Test(url, hides_signatures_and_nothing_else)
{
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char room[1024];
        struct text text = TEXT(room);
        struct json_string string = {&text, UINT32_MAX, JSON_URL};
        url_append_query(&string, slice_of(queries[i].query));
        cr_expect(slice_equals(text_as_slice(&text), slice_of(queries[i].expected)), "%s: %.*s", queries[i].query,
                  (int)text.len, text.ptr);
    }
}

static const struct {
    const char *target, *expected;
} absolutes[] = {
    {"http://h", "http://h"},
    {"http://h:80/p?q=1", "http://h:80/p?q=1"},
    {"http://user:secret@h:8080/p?sig=secret", "http://REDACTED:REDACTED@h:8080/p?sig=REDACTED"},
    {"http://secret@h/", "http://REDACTED@h/"},
    {"http://a:secret@secret@h/", "http://REDACTED:REDACTED@h/"},
    {"http://h/p?", "http://h/p?"},
};

Test(url, hides_credentials)
{
    for (size_t i = 0; i < sizeof absolutes / sizeof *absolutes; i++) {
        char room[1024];
        struct text text = TEXT(room);
        struct json_string string = {&text, UINT32_MAX, JSON_URL};
        struct target target;
        target_split(slice_of(absolutes[i].target), false, &target);
        url_append_absolute(&string, &target);
        cr_expect(slice_equals(text_as_slice(&text), slice_of(absolutes[i].expected)), "%s: %.*s", absolutes[i].target,
                  (int)text.len, text.ptr);
    }
}

Test(url, no_secret_comes_out_of_any_prefix)
{
    const char *whole = "http://user:hunter2@h:8080/p?a=1&sig=hunter2&X-Amz-Credential=hunter2";
    for (size_t len = 0; len <= strlen(whole); len++) {
        char *exact = malloc(len + 1);
        char room[1024];
        struct text text = TEXT(room);
        struct json_string string = {&text, UINT32_MAX, JSON_URL};
        struct target target;
        memcpy(exact, whole, len);
        target_split((struct slice){exact, len}, false, &target);
        if (target.form == TARGET_ABSOLUTE && len > strlen("http://user:hunter2"))
            url_append_absolute(&string, &target);
        room[text.len] = '\0';
        cr_assert(!strstr(room, "hunter"), "%s", room);
        free(exact);
    }
}

/* --- Forwarded ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *field, *name, *value;
} parameters[] = {
    {"for=192.0.2.1", "for", "192.0.2.1"},
    {"For=192.0.2.1;PROTO=https;Host=example.com", "proto", "https"},
    {"for=192.0.2.1;proto=https;host=example.com:8080", "host", "example.com:8080"},
    {"for=\"[2001:db8::1]:4711\"", "for", "[2001:db8::1]:4711"},
    {"for=192.0.2.1, for=198.51.100.2;proto=https", "for", "192.0.2.1"},
    {"for=192.0.2.1, for=198.51.100.2;proto=https", "proto", "https"},
    {" ; ,for=192.0.2.1 ; proto=http ", "proto", "http"},
    {"by=\"a,b;c=d\";for=192.0.2.1", "for", "192.0.2.1"},
    {"for=unknown", "for", "unknown"},
    {"for=192.0.2.1", "host", NULL},
    {"", "for", NULL},
    {"for", "for", NULL},
    {"for=", "for", NULL},
    {"for=\"192.0.2.1", "for", NULL},
    {"for=\"192\\.0.2.1\"", "for", NULL},
    {"proto=https x;for=192.0.2.1", "for", NULL}, /* behind a mistake */
    {"proto for=192.0.2.1", "for", NULL},
};

Test(forwarded, finds_the_first_parameter_of_a_name)
{
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        size_t len = strlen(parameters[i].field);
        char *exact = malloc(len + 1);
        memcpy(exact, parameters[i].field, len);
        struct slice got = forwarded_parameter((struct slice){exact, len}, slice_of(parameters[i].name));
        cr_expect(is(got, parameters[i].value), "%s: %.*s", parameters[i].field, (int)got.len, got.ptr);
        for (size_t n = 0; n < len; n++)
            forwarded_parameter((struct slice){exact, n}, slice_of(parameters[i].name));
        free(exact);
    }
}

static const struct {
    const char *node, *address;
} nodes[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"192.0.2.1:4711", "192.0.2.1"},
    {"192.0.2.1:_port", "192.0.2.1"},
    {"2001:db8::1", "2001:db8::1"},
    {"[2001:db8::1]", "2001:db8::1"},
    {"[2001:db8::1]:4711", "2001:db8::1"},
    {"unknown", NULL},
    {"unknown:80", NULL},
    {"_hidden", NULL},
    {"_hidden:80", NULL},
    {"example.com", NULL},
    {"[2001:db8::1", NULL},
    {"[2001:db8::1]x", NULL},
    {"192.0.2.1.5", NULL},
    {"' OR 1=1", NULL},
    {"", NULL},
};

Test(forwarded, takes_addresses_only)
{
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        cr_expect(is(forwarded_address(slice_of(nodes[i].node)), nodes[i].address), "%s", nodes[i].node);
    cr_expect(!forwarded_address((struct slice){NULL, 0}).ptr);
    cr_expect(is(forwarded_first(SLICE(" a , b")), "a"));
    cr_expect(is(forwarded_first(SLICE(",b")), NULL));
    cr_expect(is(forwarded_first((struct slice){NULL, 0}), NULL));
}

/* --- addresses ------------------------------------------------------------------------------------------------------- */

static const struct {
    uint16_t family;
    uint8_t bytes[16];
    const char *text;
} addresses[] = {
    {AF_INET, {0}, "0.0.0.0"},
    {AF_INET, {255, 10, 9, 100}, "255.10.9.100"},
    {AF_INET6, {0}, "::"},
    {AF_INET6, {[15] = 1}, "::1"},
    {AF_INET6, {[0] = 0x20, 0x01, 0x0d, 0xb8}, "2001:db8::"},
    {AF_INET6, {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, "2001:db8::1"},
    /* RFC 5952: section 4.2.2 no shortening of one group, 4.2.3 the longest, then the first run; 4.3 lower case */
    {AF_INET6, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, "2001:db8:0:1:1:1:1:1"},
    {AF_INET6, {0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, "2001:0:0:1::1"},
    {AF_INET6, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}, "2001:db8::1:0:0:1"},
    {AF_INET6, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0xaa, 0xaa, 0xbb, 0xbb, 0xcc, 0xcc, 0, 0}, "2001:db8::aaaa:bbbb:cccc:0"},
    {AF_INET6, {[10] = 0xff, 0xff, 192, 0, 2, 1}, "192.0.2.1"}, /* an IPv4 peer of a socket for both */
    {AF_INET6, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {AF_UNIX, {1}, ""},
    {0, {1}, ""},
};

Test(address_text, is_canonical)
{
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct address address = {.family = addresses[i].family};
        char room[ADDRESS_TEXT_SIZE];
        struct text text = TEXT(room);
        memcpy(address.bytes, addresses[i].bytes, sizeof address.bytes);
        address_append(&text, &address);
        cr_expect(slice_equals(text_as_slice(&text), slice_of(addresses[i].text)), "%s: %.*s", addresses[i].text,
                  (int)text.len, room);
    }
}
