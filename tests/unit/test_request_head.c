/* test_request_head.c - the head of the POST: what stands in it, and what a setting cannot put there. */
#include <criterion/criterion.h>

#include "config.h"
#include "request_head.h"
#include "support_exporter.h"

TestSuite(request_head, .init = notices_clear);

#define PREFIX                                                                            \
    "POST /v1/traces HTTP/1.1\r\nHost: collector:4318\r\nUser-Agent: spanload/" SPANLOAD_VERSION \
    " OTel-OTLP-Exporter-C/" SPANLOAD_VERSION "\r\nContent-Type: application/json\r\n"

static const char *head_with(const char *headers, size_t body_len)
{
    static char room[4096];
    static const struct endpoint endpoint = {.authority = "collector:4318", .path = "/v1/traces"};
    struct text head = {.ptr = room, .capacity = sizeof room - 1};
    notices_clear();
    config.headers = slice_of(headers);
    request_head_write(&head, &endpoint);
    request_head_finish(&head, body_len);
    cr_assert_not(head.overflowed);
    room[head.len] = '\0';
    return room;
}

Test(request_head, is_a_post_of_json)
{
    cr_expect_str_eq(head_with(NULL, 0), PREFIX "Content-Length: 0\r\n\r\n");
    cr_expect_str_eq(head_with("", 12345), PREFIX "Content-Length: 12345\r\n\r\n");
    cr_expect_str_empty(noticed());
}

#define LEFT_OUT                                                                                                      \
    "OTEL_EXPORTER_OTLP_HEADERS: one of its pairs is not name=value, or not a header that may be set; it is left out\n"

Test(request_head, carries_the_headers_that_were_asked_for)
{
    static const struct {
        const char *headers, *lines, *notices;
    } rows[] = {
        {"api-key=secret", "api-key: secret\r\n", ""},
        {"a=1,b=2", "a: 1\r\nb: 2\r\n", ""},
        {" a = 1 , b=2 ", "a: 1\r\nb: 2\r\n", ""},
        {"a=1,,b=2,", "a: 1\r\nb: 2\r\n", ""},
        {"authorization=Basic%20eDp5PT0=", "authorization: Basic eDp5PT0=\r\n", ""},
        {"a=", "a: \r\n", ""},
        {"a=b%2Cc", "a: b,c\r\n", ""},
        {"x%2Dy=1", "x-y: 1\r\n", ""},
        {"a=%c3%a9", "a: \xc3\xa9\r\n", ""},
        {"a", "", LEFT_OUT},
        {"=1", "", LEFT_OUT},
        {"a b=1", "", LEFT_OUT},
        {"a:=1", "", LEFT_OUT},
        {"a=%", "", LEFT_OUT},
        {"a=%4", "", LEFT_OUT},
        {"a=%zz", "", LEFT_OUT},
        {"a=1%0d%0aX-Evil: 1", "", LEFT_OUT},
        {"a=1%0a", "", LEFT_OUT},
        {"a=%00", "", LEFT_OUT},
        {"a=%7f", "", LEFT_OUT},
        {"a%0d%0ab=1", "", LEFT_OUT},
        {"Content-Length=5", "", LEFT_OUT},
        {"content%2Dlength=5", "", LEFT_OUT},
        {"Transfer-Encoding=chunked", "", LEFT_OUT},
        {"HOST=evil", "", LEFT_OUT},
        {"connection=close", "", LEFT_OUT},
        {"Content-Type=text/plain", "", LEFT_OUT},
        {"Content-Encoding=gzip", "", LEFT_OUT},
        {"bad,good=1,also bad=2", "good: 1\r\n", LEFT_OUT LEFT_OUT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[2048] = PREFIX;
        strcat(expected, rows[i].lines);
        strcat(expected, "Content-Length: 7\r\n\r\n");
        cr_expect_str_eq(head_with(rows[i].headers, 7), expected);
        cr_expect_str_eq(noticed(), rows[i].notices, "%s: %s", rows[i].headers, noticed());
    }
}

Test(request_head, says_that_it_did_not_fit)
{
    static const struct endpoint endpoint = {.authority = "collector:4318", .path = "/v1/traces"};
    char room[100];
    struct text head = TEXT(room);
    config.headers = SLICE("a=1");
    request_head_write(&head, &endpoint);
    cr_expect(head.overflowed);
}
