/* test_http1.c - the reader of HTTP/1 by itself: what it recognises, what it hands on, where it stops. */
#include <criterion/criterion.h>

#include "http1.h"
#include "support_preload.h"
#include "support_wire.h"

#include <stdio.h>

TestSuite(http1, .init = preload_begin);

static int recognise(struct slice first)
{
    return http1_protocol.recognise(guarded(first, false));
}

static const struct {
    const char *first;
    int verdict;
} openings[] = {
    {"G", PARSE_MORE},
    {"GET", PARSE_MORE},
    {"GET ", PARSE_MORE},
    {"GET /", PARSE_MORE},
    {"GET / ", PARSE_MORE},
    {"GET / HTTP/1.", PARSE_MORE},
    {"GET / HTTP/1.1", PARSE_MORE},
    {"GET / HTTP/1.1\r", PARSE_MORE},
    {"GET / HTTP/1.1\r\n", 1},
    {"GET / HTTP/1.1\n", 1},
    {"GET / HTTP/1.0\r\n", 1},
    {"GET / HTTP/1.1\r\nanything\0at all", 1},
    {"x / HTTP/1.1\r\n", 1},
    {"VERSION-CONTROL /a HTTP/1.1\r\n", 1},
    {"GET / HTTP/1.1\r\r", PARSE_NO},
    {"GET / HTTP/1.1\rx", PARSE_NO},
    {"GET / HTTP/1.1 \r\n", PARSE_NO},
    {"GET / HTTP/1.1x", PARSE_NO},
    {"GET / HTTP/1.2", PARSE_NO},
    {"GET / HTTP/1", PARSE_MORE},
    {"GET / HTTP/1\r\n", PARSE_NO},
    {"GET / HTTP/2", PARSE_NO},
    {"GET / HTTP/1.\r\n", PARSE_NO},
    {"GET / http/1.1\r\n", PARSE_NO},
    {"GET / \r\n", PARSE_NO},
    {"GET /\r\n", PARSE_NO},
    {"GET /\r", PARSE_NO},
    {"GET\r", PARSE_NO},
    {"GET\n", PARSE_NO},
    {"GET /\t", PARSE_NO},
    {"GET \r\n", PARSE_NO},
    {"GET  ", PARSE_NO},
    {" ", PARSE_NO},
    {"\t", PARSE_NO},
    {"@", PARSE_NO},
    {"GE(T", PARSE_NO},
    {"GET:", PARSE_NO},
    {"GET / HTTP/1.1 ", PARSE_NO},
    {"{\"json\": true}", PARSE_NO},
    {"\x16\x03\x01", PARSE_NO},
    {"\x80\x2e", PARSE_NO},
    {"*1\r\n", PARSE_NO},
    {"<stream>", PARSE_NO},
    {"HTTP/1.1 200 OK\r\n", PARSE_NO},
};

Test(http1, recognises_a_request_line_and_nothing_else)
{
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++)
        cr_expect_eq(recognise(slice_of(openings[i].first)), openings[i].verdict, "\"%s\"", openings[i].first);
}

/* PARSE_MORE up to some length, then always the same. */
static void check_prefixes(struct slice first, const char *name)
{
    int verdict = PARSE_MORE;
    for (size_t len = 1; len <= first.len && len < 3000; len++) {
        int now = recognise((struct slice){first.ptr, len});
        cr_assert(verdict == PARSE_MORE || now == verdict, "%s: at %zu it is %d, before it was %d", name, len, now, verdict);
        verdict = now;
    }
}

Test(http1, never_decides_on_a_prefix_what_the_whole_contradicts)
{
    size_t count;
    const struct wire_sample *samples = wire_samples("http1", &count);
    for (size_t i = 0; i < count; i++)
        for (size_t step = 0; step < samples[i].step_count; step++)
            check_prefixes(samples[i].steps[step].bytes, samples[i].name);
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++)
        check_prefixes(slice_of(openings[i].first), openings[i].first);
}

/* The same of four bytes of every kind, put at every place of a request line. */
Test(http1, never_decides_too_early_whatever_stands_where)
{
    static const char alphabet[] = "A /\r\n1\t:.H";
    static const struct {
        const char *before, *behind;
    } places[] = {
        {"", ""},
        {"GET", ""},
        {"GET /", ""},
        {"GET / HTTP/1.1", ""},
        {"GET / HTTP/1", ""},
        {"", " / HTTP/1.1\r\n"},
        {"GET ", " HTTP/1.1\r\n"},
        {"GET / ", "\r\n"},
    };
    size_t n = sizeof alphabet - 1;
    for (size_t place = 0; place < sizeof places / sizeof places[0]; place++)
        for (size_t all = 0; all < n * n * n * n; all++) {
            char text[64], four[5] = "";
            for (size_t i = 0, rest = all; i < 4; i++, rest /= n)
                four[i] = alphabet[rest % n];
            snprintf(text, sizeof text, "%s%s%s", places[place].before, four, places[place].behind);
            check_prefixes(slice_of(text), text);
        }
}

/* --- heads ------------------------------------------------------------------------------------------------------ */

static ssize_t parse(struct stream *stream, enum party sender, uint8_t hint, const char *in, struct message *message)
{
    *stream = (struct stream){0};
    return http1_protocol.parse(stream, sender, hint, guarded(slice_of(in), false), message);
}

static const char *fact_of(const struct message *message, enum fact_key key)
{
    static char text[256];
    for (size_t i = 0; i < message->fact_count; i++)
        if (message->facts[i].key == key) {
            snprintf(text, sizeof text, "%.*s", (int)message->facts[i].text.len, message->facts[i].text.ptr);
            return text;
        }
    return "(none)";
}

Test(http1, hands_on_the_fields_that_are_facts)
{
    static const struct {
        enum fact_key key;
        const char *text;
    } facts[] = {
        {FACT_METHOD, "GET"},
        {FACT_TARGET, "/a?b"},
        {FACT_HOST, "example.com:80"},
        {FACT_USER_AGENT, "agent/1 (a b)"},
        {FACT_FORWARDED, "for=192.0.2.1"},
        {FACT_X_FORWARDED_FOR, "192.0.2.1, 10.0.0.1"},
        {FACT_X_FORWARDED_HOST, "h"},
        {FACT_X_FORWARDED_PROTO, "https"},
        {FACT_TRACESTATE, "a=1"},
    };
    struct stream stream;
    struct message message;
    static const char head[] = "GET /a?b HTTP/1.1\r\nhOST:example.com:80\r\nHost: second\r\nUser-Agent:  agent/1 (a b) \r\n"
                               "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-For: third\r\n"
                               "x-forwarded-host: h\r\nX-FORWARDED-PROTO: https\r\nAuthorization: Basic eDp5\r\n"
                               "traceparent: tp\r\ntracestate: a=1\r\nCookie: secret\r\ntracestate: b=2\r\n\r\n";
    cr_assert_eq(parse(&stream, PARTY_CLIENT, 0, head, &message), sizeof head - 1);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        cr_expect_str_eq(fact_of(&message, facts[i].key), facts[i].text);
    cr_expect_eq(message.fact_count, 10, "the facts of the table, and a second tracestate");
    cr_expect(slice_equals(message.traceparent, SLICE("tp")));
    cr_expect_not(message.traceparent_twice);
    cr_expect(message.kind == MESSAGE_REQUEST && message.ends && message.version_major == 1 && message.version_minor == 1);
}

Test(http1, counts_what_does_not_fit_among_the_facts)
{
    struct stream stream;
    struct message message;
    char head[2048] = "GET / HTTP/1.0\r\n";
    for (int i = 0; i < 20; i++)
        strcat(head, "tracestate: a=1\r\n");
    strcat(head, "Host: x\r\n\r\n");
    cr_assert_eq(parse(&stream, PARTY_CLIENT, 0, head, &message), (ssize_t)strlen(head));
    cr_expect_eq(message.fact_count, MESSAGE_FACTS);
    cr_expect_eq(message.facts_dropped, 2 + 20 + 1 - MESSAGE_FACTS);
    cr_expect_eq(message.version_minor, 0);
}

Test(http1, an_absent_field_is_told_from_an_empty_one)
{
    struct stream stream;
    struct message message;
    parse(&stream, PARTY_CLIENT, 0, "GET / HTTP/1.1\r\n\r\n", &message);
    cr_expect_null(message.traceparent.ptr);
    cr_expect_eq(message.fact_count, 2);
    parse(&stream, PARTY_CLIENT, 0, "GET / HTTP/1.1\r\nHost:\r\ntraceparent: \r\n\r\n", &message);
    cr_expect(message.traceparent.ptr && message.traceparent.len == 0);
    cr_expect_str_eq(fact_of(&message, FACT_HOST), "");
}

Test(http1, sees_a_second_traceparent_and_a_third)
{
    struct stream stream;
    struct message message;
    parse(&stream, PARTY_CLIENT, 0, "GET / HTTP/1.1\r\ntraceparent: a\r\nTraceparent:\r\n\r\n", &message);
    cr_expect(message.traceparent_twice);
    parse(&stream, PARTY_CLIENT, 0, "GET / HTTP/1.1\r\ntraceparent: a\r\ntraceparent: a\r\ntraceparent: a\r\n\r\n", &message);
    cr_expect(message.traceparent_twice);
}

#define UNTIL_CLOSE SKIP_UNTIL_CLOSE

/* RFC 9112 section 6.3, what follows each head. */
Test(http1, knows_what_follows_a_head)
{
    enum { WHOLE = -100 };
    static const struct {
        enum party sender;
        const char *request; /* whose answer it is: its hint is taken; NULL for a request */
        const char *head;
        ssize_t answer; /* WHOLE: all of it */
        uint64_t skip;
        bool ends, tunnel;
        enum message_kind kind;
    } rows[] = {
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\n\r\n", WHOLE, 0, true, false, MESSAGE_REQUEST},
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", WHOLE, 0, true, false, MESSAGE_REQUEST},
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\nContent-Length: 12\r\n\r\n", WHOLE, 12, false, false, MESSAGE_REQUEST},
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", WHOLE, 0, false, false, MESSAGE_REQUEST},
        {PARTY_CLIENT, NULL, "CONNECT a:1 HTTP/1.1\r\n\r\n", WHOLE, 0, true, false, MESSAGE_REQUEST},
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", WHOLE, 0, true, false, MESSAGE_REQUEST},
        {PARTY_CLIENT, NULL, "\r\n", 2, 0, false, false, MESSAGE_PART},
        {PARTY_CLIENT, NULL, "\n", 1, 0, false, false, MESSAGE_PART},
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\nA: b\r\n\r", PARSE_MORE, 0, false, false, MESSAGE_PART},
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\nA: b\r\n", PARSE_MORE, 0, false, false, MESSAGE_PART},
        {PARTY_CLIENT, NULL, "GET / HTTP/1.1\r\nA\r\n\r\n", PARSE_NO, 0, false, false, MESSAGE_REQUEST},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", WHOLE, UNTIL_CLOSE, false, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", WHOLE, 7, false, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 OK\r\nContent-Length: 7\r\n\r\n", WHOLE, 0, true, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 304 OK\r\n\r\n", WHOLE, 0, true, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 100 OK\r\nContent-Length: 7\r\n\r\n", WHOLE, 0, true, false, MESSAGE_INTERIM},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 101 OK\r\n\r\n", WHOLE, 0, true, true, MESSAGE_RESPONSE},
        {PARTY_SERVER, "HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", WHOLE, 0, true, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", WHOLE, 0, true, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "head / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", WHOLE, 7, false, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", WHOLE, 0, true, true, MESSAGE_RESPONSE},
        {PARTY_SERVER, "CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 299 OK\r\n\r\n", WHOLE, 0, true, true, MESSAGE_RESPONSE},
        {PARTY_SERVER, "CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 407 No\r\nContent-Length: 7\r\n\r\n", WHOLE, 7, false, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 302 No\r\n\r\n", WHOLE, UNTIL_CLOSE, false, false, MESSAGE_RESPONSE},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 2", PARSE_MORE, 0, false, false, MESSAGE_PART},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 2x", PARSE_NO, 0, false, false, MESSAGE_PART},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1  200 OK\r\n", PARSE_NO, 0, false, false, MESSAGE_PART},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "HTTP/2", PARSE_NO, 0, false, false, MESSAGE_PART},
        {PARTY_SERVER, "GET / HTTP/1.1\r\n\r\n", "\r", PARSE_NO, 0, false, false, MESSAGE_PART},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stream stream;
        struct message message;
        uint8_t hint = 0;
        if (rows[i].request) {
            parse(&stream, PARTY_CLIENT, 0, rows[i].request, &message);
            hint = message.hint;
        }
        ssize_t answer = parse(&stream, rows[i].sender, hint, rows[i].head, &message);
        cr_expect_eq(answer, rows[i].answer == WHOLE ? (ssize_t)strlen(rows[i].head) : rows[i].answer, "row %zu: %zd", i, answer);
        if (answer <= 0)
            continue;
        cr_expect_eq(stream.skip, rows[i].skip, "row %zu", i);
        cr_expect(message.kind == rows[i].kind && message.ends == rows[i].ends && message.tunnel == rows[i].tunnel, "row %zu", i);
    }
}

/* Any byte but those of a token in a method, and any control in a target, is refused (RFC 9110 section 5.6.2). */
Test(http1, a_method_is_a_token)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int c = 1; c < 256; c++) {
        char line[] = "G?T /? HTTP/1.1\r\n";
        line[1] = (char)c;
        line[5] = 'x';
        bool is_token = strchr(token, c) != NULL;
        cr_expect_eq(recognise(slice_of(line)), is_token ? 1 : PARSE_NO, "byte %02x in a method", c);
        line[1] = 'E';
        line[5] = (char)c;
        cr_expect_eq(recognise(slice_of(line)), c > ' ' && c != 0x7f ? 1 : PARSE_NO, "byte %02x in a target", c);
    }
}

/* The search for the end of a head goes on where it stopped. */
Test(http1, finds_the_end_of_a_head_in_any_pieces)
{
    static const char head[] = "POST / HTTP/1.1\r\nA: b\nC: d\r\nContent-Length: 3\r\n\r\nabc";
    size_t length = sizeof head - 1 - 3;
    for (size_t first = 1; first < length; first++)
        for (size_t second = first; second < length; second++) {
            struct stream stream = {0};
            struct message message;
            struct slice whole = {head, sizeof head - 1};
            cr_assert_eq(http1_protocol.parse(&stream, PARTY_CLIENT, 0, guarded((struct slice){head, first}, false), &message), 0);
            cr_assert_eq(http1_protocol.parse(&stream, PARTY_CLIENT, 0, guarded((struct slice){head, second}, false), &message), 0);
            ssize_t answer = http1_protocol.parse(&stream, PARTY_CLIENT, 0, guarded(whole, false), &message);
            cr_assert_eq(answer, (ssize_t)length, "%zu and %zu: %zd", first, second, answer);
            cr_assert_eq(stream.skip, 3);
        }
}
