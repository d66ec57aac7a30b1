/* test_extract.c - which context a request carries: W3C Trace Context, B3 in one header and in several, and which of them holds. */
#include <criterion/criterion.h>

#include "extract.h"
#include "support_heads.h"
#include "support_preload.h"
#include "text.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define LOW "a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define OTHER "1111111111111111"
#define HEAD(fields) "GET / HTTP/1.1\r\n" fields "\r\n"

TestSuite(extract, .init = preload_begin);

/* "TRACE SPAN flags" and what else is known of it; "" for none. */
static const char *said(const struct extracted *found)
{
    static char room[128];
    struct text text = TEXT(room);
    if (found->has_ids) {
        text_hex(&text, found->ids.trace_id, 16);
        text_char(&text, ' ');
        text_hex(&text, found->ids.parent_id, 8);
    }
    if (found->has_ids || found->has_decision)
        text_slice(&text, found->ids.flags & TRACE_FLAG_SAMPLED ? SLICE(" sampled") : SLICE(" not"));
    if (found->has_decision)
        text_literal(&text, " decision");
    if (found->is_undecided)
        text_literal(&text, " undecided");
    if (found->is_debug)
        text_literal(&text, " debug");
    text_char(&text, '\0');
    return room;
}

struct row {
    const char *head;
    const char *expected; /* NULL: refused */
};

static void check(const struct row *rows, size_t count, bool read(const struct message *, struct extracted *))
{
    for (size_t i = 0; i < count; i++) {
        struct extracted found;
        memset(&found, 0xee, sizeof found);
        bool is_found = read(head_read(guarded(slice_of(rows[i].head), false)), &found);
        cr_expect_eq(is_found, rows[i].expected != NULL, "%s", rows[i].head);
        if (is_found && rows[i].expected)
            cr_expect_str_eq(said(&found), rows[i].expected, "%s: %s", rows[i].head, said(&found));
    }
}

#define CHECK(rows, read) check(rows, sizeof rows / sizeof *rows, read)

Test(extract, reads_a_traceparent_that_is_there_once)
{
    static const struct row rows[] = {
        {HEAD(""), NULL},
        {HEAD("traceparent: 00-" TRACE "-" SPAN "-01\r\n"), TRACE " " SPAN " sampled"},
        {HEAD("TraceParent:00-" TRACE "-" SPAN "-00\r\n"), TRACE " " SPAN " not"},
        {HEAD("traceparent: \t00-" TRACE "-" SPAN "-02 \r\n"), TRACE " " SPAN " not"},
        {HEAD("trace-parent: 00-" TRACE "-" SPAN "-01\r\n"), NULL},
        {HEAD("traceparent: 00-" TRACE "-" SPAN "-01\r\ntraceparent: 00-" TRACE "-" SPAN "-01\r\n"), NULL},
        {HEAD("traceparent: 00-" TRACE "-" SPAN "-01\r\nA: b\r\nTRACEPARENT: x\r\n"), NULL},
        {HEAD("traceparent: 00-" TRACE "-" SPAN "-01-x\r\n"), NULL},
        {HEAD("traceparent: 01-" TRACE "-" SPAN "-01-x\r\n"), TRACE " " SPAN " sampled"},
        {HEAD("traceparent:\r\n"), NULL},
        {"GET / HTTP/1.1\ntraceparent: 00-" TRACE "-" SPAN "-01\n\n", TRACE " " SPAN " sampled"},
    };
    CHECK(rows, extract_tracecontext);
}

Test(extract, reads_b3_in_one_header)
{
    static const struct row rows[] = {
        {HEAD("b3: " TRACE "-" SPAN "-1\r\n"), TRACE " " SPAN " sampled"},
        {HEAD("B3: " TRACE "-" SPAN "-0\r\n"), TRACE " " SPAN " not"},
        {HEAD("b3: " TRACE "-" SPAN "-d\r\n"), TRACE " " SPAN " sampled debug"},
        {HEAD("b3: " TRACE "-" SPAN "\r\n"), TRACE " " SPAN " not undecided"},
        {HEAD("b3: " TRACE "-" SPAN "-1-" OTHER "\r\n"), TRACE " " SPAN " sampled"},
        {HEAD("b3: " LOW "-" SPAN "-1\r\n"), "0000000000000000" LOW " " SPAN " sampled"},
        {HEAD("b3: 4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-1\r\n"), TRACE " " SPAN " sampled"},
        {HEAD("b3: 0\r\n"), " not decision"},
        {HEAD("b3: 1\r\n"), " sampled decision"},
        {HEAD("b3: d\r\n"), " sampled decision debug"},
        {HEAD("b3: true\r\n"), NULL},
        {HEAD("b3: 2\r\n"), NULL},
        {HEAD("b3: \r\n"), NULL},
        {HEAD("b3: " TRACE "-" SPAN "-2\r\n"), NULL},
        {HEAD("b3: " TRACE "-" SPAN "-\r\n"), NULL},
        {HEAD("b3: " TRACE "-" SPAN "-true\r\n"), NULL},
        {HEAD("b3: " TRACE "-" SPAN "-1-" OTHER "-x\r\n"), NULL},
        {HEAD("b3: " TRACE "\r\n"), NULL},
        {HEAD("b3: 00000000000000000000000000000000-" SPAN "-1\r\n"), NULL},
        {HEAD("b3: " TRACE "-0000000000000000-1\r\n"), NULL},
        {HEAD("b3: g" LOW "-" SPAN "-1\r\n"), NULL},
        {HEAD("b3: a3ce929d0e0e473-" SPAN "-1\r\n"), NULL},
        {HEAD("b3: " LOW "aa-" SPAN "-1\r\n"), NULL},
        {HEAD("b3: " TRACE "-00f067aa0ba902-1\r\n"), NULL},
        {HEAD("b3: 1\r\nb3: 1\r\n"), NULL},
    };
    CHECK(rows, extract_b3);
}

Test(extract, reads_b3_in_several_headers)
{
    static const struct row rows[] = {
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-Sampled: 1\r\n"), TRACE " " SPAN " sampled"},
        {HEAD("x-b3-sampled: 0\r\nx-b3-spanid: " SPAN "\r\nx-b3-traceid: " LOW "\r\n"), "0000000000000000" LOW " " SPAN " not"},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-ParentSpanId: " OTHER "\r\nX-B3-Sampled: true\r\n"), TRACE " " SPAN " sampled"},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-Sampled: FALSE\r\n"), TRACE " " SPAN " not"},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\n"), TRACE " " SPAN " not undecided"},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-Flags: 1\r\n"), TRACE " " SPAN " sampled debug"},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-Flags: 0\r\nX-B3-Sampled: 0\r\n"), TRACE " " SPAN " not"},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-Sampled: maybe\r\n"), TRACE " " SPAN " not undecided"},
        {HEAD("X-B3-Sampled: 0\r\n"), " not decision"},
        {HEAD("X-B3-Flags: 1\r\n"), " sampled decision debug"},
        {HEAD("X-B3-TraceId: " TRACE "\r\n"), NULL},
        {HEAD("X-B3-SpanId: " SPAN "\r\n"), NULL},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: x\r\n"), NULL},
        {HEAD("X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-SpanId: " SPAN "\r\n"), NULL},
        {HEAD("X-B3-Sampled: 1\r\nX-B3-Sampled: 0\r\n"), NULL},
        {HEAD(""), NULL},
    };
    CHECK(rows, extract_b3multi);
}

#define W3C "traceparent: 00-" TRACE "-" SPAN "-01\r\n"
#define B3 "b3: " TRACE "-" OTHER "-0\r\n"
#define MULTI "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: 2222222222222222\r\nX-B3-Sampled: 1\r\n"
#define IS_W3C TRACE " " SPAN " sampled"
#define IS_B3 TRACE " " OTHER " not"
#define IS_MULTI TRACE " 2222222222222222 sampled"

Test(extract, of_several_formats_believes_the_one_that_is_named_last)
{
    static const struct {
        const char *propagators, *head, *expected;
    } rows[] = {
        {"tracecontext", HEAD(W3C B3 MULTI), IS_W3C},
        {"tracecontext", HEAD(B3), ""},
        {"b3", HEAD(W3C B3 MULTI), IS_B3},
        {"b3", HEAD(W3C), ""},
        {"b3", HEAD(MULTI), IS_MULTI},
        {"b3multi", HEAD(W3C MULTI), IS_MULTI},
        {"b3multi", HEAD(B3 MULTI), IS_B3},
        {"tracecontext,b3", HEAD(W3C B3), IS_B3},
        {"b3,tracecontext", HEAD(W3C B3), IS_W3C},
        {"tracecontext,b3multi", HEAD(W3C MULTI), IS_MULTI},
        {"tracecontext,b3", HEAD(W3C), IS_W3C},
        {"b3,tracecontext", HEAD(B3), IS_B3},
        {"b3,tracecontext", HEAD("traceparent: x\r\n" B3), IS_B3},
        {"tracecontext,b3", HEAD(W3C "b3: x\r\n"), IS_W3C},
        {"tracecontext,b3", HEAD(W3C "b3: 0\r\n"), " not decision"},
        {"none", HEAD(W3C B3 MULTI), ""},
        {"baggage", HEAD(W3C B3 MULTI), ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct extracted found;
        propagators_are(rows[i].propagators);
        extract(head_read(slice_of(rows[i].head)), &found);
        cr_expect_str_eq(said(&found), rows[i].expected, "%s of %s: %s", rows[i].propagators, rows[i].head, said(&found));
    }
}
