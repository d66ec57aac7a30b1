/* test_hostname.c - addresses written out, and names. libc's inet_pton is the second opinion. */
#include <criterion/criterion.h>

#include "hostname.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool reads(const char *text, struct address *address)
{
    return hostname_read_literal(slice_of(text), address);
}

Test(hostname, reads_literals_in_every_notation)
{
    static const struct {
        const char *text, *expected; /* as inet_ntop writes it; NULL: no address */
    } rows[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
        {"2001:0db8::0001", "2001:db8::1"},
        {"::ffff:129.144.52.38", "::ffff:129.144.52.38"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"", NULL},
        {".", NULL},
        {":", NULL},
        {":::", NULL},
        {"1", NULL},
        {"127.1", NULL},
        {"127.0.0", NULL},
        {"127.0.0.1.", NULL},
        {".127.0.0.1", NULL},
        {"127.0.0.1.1", NULL},
        {"127.0.0.256", NULL},
        {"127.0.0.01", NULL},
        {"127.0.0.0001", NULL},
        {"127.0.0.0x1", NULL},
        {"127.0.0.-1", NULL},
        {"127.0.0.1 ", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"1::2::3", NULL},
        {"1:::2", NULL},
        {":1::2", NULL},
        {"1::2:", NULL},
        {"::1:2:3:4:5:6:7:8", NULL},
        {"1:2:3:4::5:6:7:8", NULL},
        {"1:2:3:4:5:6:7:1.2.3.4", NULL},
        {"::1.2.3.4:5", NULL},
        {"::1.2.3", NULL},
        {"12345::", NULL},
        {"g::", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"fe80::1%2", NULL},
        {"::1/128", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address address = {.family = 99};
        char text[INET6_ADDRSTRLEN];
        bool is_address = reads(rows[i].text, &address);
        cr_expect_eq(is_address, rows[i].expected != NULL, "\"%s\"", rows[i].text);
        cr_expect(is_address || address.family == 99, "\"%s\" filled something", rows[i].text);
        if (is_address && rows[i].expected)
            cr_expect_str_eq(inet_ntop(address.family, address.bytes, text, sizeof text), rows[i].expected);
    }
}

/* Changed a little again and again, a text is an address to us exactly when it is one to libc, and the same. */
Test(hostname, agrees_with_inet_pton)
{
    static const char *const seeds[] = {"192.0.2.254", "2001:db8::8:800:200c:417a", "::ffff:129.144.52.38",
                                        "1:2:3:4:5:6:7:8", "::"};
    static const char alphabet[] = "0123456789abcdefF:::...g";
    uint32_t random = 7;
    unsigned both = 0;
    for (int round = 0; round < 200000; round++) {
        char text[64];
        snprintf(text, sizeof text, "%s", seeds[round % 5]);
        for (int i = 0; i <= round % 4; i++) {
            size_t len = strlen(text);
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % (len + 1);
            char c = alphabet[(random >> 20) % (sizeof alphabet - 1)];
            if (random >> 31 && len + 1 < sizeof text) {
                memmove(text + at + 1, text + at, len - at + 1);
                text[at] = c;
            } else if (random >> 30 & 1 && at < len) {
                memmove(text + at, text + at + 1, len - at);
            } else if (at < len) {
                text[at] = c;
            }
        }
        struct address address;
        unsigned char bytes[16];
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        bool theirs = inet_pton(family, text, bytes) == 1, ours = reads(text, &address);
        cr_assert_eq(ours, theirs, "\"%s\": ours %d, theirs %d", text, ours, theirs);
        if (ours)
            cr_assert(address.family == family && memcmp(address.bytes, bytes, family == AF_INET ? 4 : 16) == 0);
        both += ours;
    }
    cr_expect_gt(both, 10000);
}

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." "a234567890123456789012345678901234567890123456789012345678901"

Test(hostname, knows_what_can_be_a_name)
{
    static const struct {
        const char *name;
        bool is_valid;
    } rows[] = {
        {"a", true},
        {"collector", true},
        {"otel-collector.observability.svc.cluster.local", true},
        {"A.b.", true},
        {"_sip._udp.x", true},
        {"3com.com", true},
        {"1.2.3.4a", true},
        {LABEL_63, true},
        {NAME_253, true},
        {NAME_253 ".", true},
        {"", false},
        {".", false},
        {"..", false},
        {".a", false},
        {"a..b", false},
        {"a..", false},
        {LABEL_63 "a", false},
        {NAME_253 "a", false},
        {"123", false},
        {"127.1", false},
        {"1.2.3.4", false},
        {"256.1.1.1.", false},
        {"a b", false},
        {"a\n", false},
        {"a/b", false},
        {"a%eth0", false},
        {"a:1", false},
        {"a\\b", false},
        {"a\x7f", false},
        {"\xc3\xa9", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(hostname_is_valid(slice_of(rows[i].name)), rows[i].is_valid, "\"%s\"", rows[i].name);
    cr_expect_not(hostname_is_valid((struct slice){"a\0b", 3}));
}
