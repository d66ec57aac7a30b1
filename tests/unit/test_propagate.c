/* test_propagate.c - the changes that make a head name our span, shown as the head that comes of them: `+` begins a line of ours. */
#include <criterion/criterion.h>

#include "config.h"
#include "propagate.h"
#include "support_heads.h"
#include "support_preload.h"
#include "text.h"
#include "trace_context.h"

#include <stdio.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define LOW "a3ce929d0e0e4736"
#define SPAN "0102030405060708" /* ours */
#define PARENT "00f067aa0ba902b7"
#define OTHER_TRACE "11111111111111111111111111111111"
#define TP(trace, span, flags) "traceparent: 00-" trace "-" span "-" flags "\r\n"

TestSuite(propagate, .init = preload_begin);

/* What is asked for beside the head. */
struct asked {
    const char *with; /* propagators */
    uint8_t flags; /* of our span: 1 sampled, 2 random */
    bool is_debug;
    bool is_of_64_bits; /* its trace id */
    const char *tracestate, *baggage; /* handed on; NULL: none */
    uint32_t gone;
    uint32_t room; /* for texts; 0: enough */
};

static struct exchange exchange_of(const struct asked *asked)
{
    struct exchange exchange = {.is_debug = asked->is_debug, .record.trace_flags = asked->flags};
    struct trace_context ids;
    cr_assert(trace_context_read(asked->is_of_64_bits ? SLICE("00-0000000000000000" LOW "-" SPAN "-01") : SLICE("00-" TRACE "-" SPAN "-01"), &ids));
    memcpy(exchange.record.trace_id, ids.trace_id, 16);
    memcpy(exchange.record.span_id, ids.parent_id, 8);
    cr_assert(trace_context_read(SLICE("00-" TRACE "-" PARENT "-01"), &ids));
    memcpy(exchange.record.parent_id, ids.parent_id, 8);
    return exchange;
}

/* The head with the changes in it; `*is_done` is what propagate says. */
static const char *changed(const struct asked *asked, struct slice head, bool *is_done)
{
    static char room[65536 + 12288], texts[10240];
    struct change change[16];
    struct changes changes = {.max = 16, .of = change, .text = texts, .size = asked->room ? asked->room : sizeof texts};
    struct text out = TEXT(room);
    struct exchange exchange = exchange_of(asked);
    const struct context onward = {.tracestate = slice_of(asked->tracestate), .baggage = slice_of(asked->baggage)};
    const struct head of = {head, asked->gone, head_read(head)};
    propagators_are(asked->with);
    *is_done = propagate(&changes, 1000, &of, &exchange, asked->tracestate || asked->baggage ? &onward : NULL);
    cr_assert_leq(changes.used, changes.size);
    for (uint32_t at = 0, next = 0; at <= head.len;) {
        for (; next < changes.count && change[next].at == 1000 + at; next++) {
            cr_assert(at >= asked->gone, "what has gone was changed");
            cr_assert(next == 0 || change[next - 1].at <= change[next].at);
            if (!change[next].cut)
                text_char(&out, '+');
            text_slice(&out, (struct slice){change[next].text, change[next].len});
            at += change[next].cut;
        }
        if (at < head.len)
            text_char(&out, head.ptr[at]);
        at++;
    }
    text_char(&out, '\0');
    cr_assert_not(out.overflowed);
    return room;
}

#define LINE "GET / HTTP/1.1\r\n"
#define END "Host: x\r\n\r\n"
#define B3_LINES "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\n"

Test(propagate, writes_each_format_that_is_asked_for)
{
    static const struct {
        struct asked asked;
        const char *head, *expected; /* NULL: as it is, and not done */
    } rows[] = {
        /* a line behind the first one */
        {{.with = "tracecontext", .flags = 3}, LINE END, LINE "+" TP(TRACE, SPAN, "03") END},
        {{.with = "tracecontext", .flags = 2}, LINE END, LINE "+" TP(TRACE, SPAN, "02") END},
        {{.with = "tracecontext", .flags = 0}, LINE "\r\n", LINE "+" TP(TRACE, SPAN, "00") "\r\n"},
        {{.with = "tracecontext", .flags = 1}, "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\n+traceparent: 00-" TRACE "-" SPAN "-01\nHost: x\n\n"},
        {{.with = "b3", .flags = 1}, LINE END, LINE "+b3: " TRACE "-" SPAN "-1\r\n" END},
        {{.with = "b3", .flags = 0}, LINE END, LINE "+b3: " TRACE "-" SPAN "-0\r\n" END},
        {{.with = "b3", .flags = 1, .is_debug = true}, LINE END, LINE "+b3: " TRACE "-" SPAN "-d\r\n" END},
        {{.with = "b3multi", .flags = 1}, LINE END, LINE "+" B3_LINES "X-B3-Sampled: 1\r\n" END},
        {{.with = "b3multi", .flags = 0}, LINE END, LINE "+" B3_LINES "X-B3-Sampled: 0\r\n" END},
        {{.with = "b3multi", .flags = 1, .is_debug = true}, LINE END, LINE "+" B3_LINES "X-B3-Flags: 1\r\n" END},
        {{.with = "b3multi,b3,tracecontext", .flags = 1}, LINE END, LINE "+" TP(TRACE, SPAN, "01") "b3: " TRACE "-" SPAN "-1\r\n" B3_LINES "X-B3-Sampled: 1\r\n" END},
        {{.with = "none"}, LINE END, LINE END},
        {{.with = "baggage"}, LINE END, LINE END},
        {{.with = "none"}, LINE TP(TRACE, PARENT, "01") END, LINE TP(TRACE, PARENT, "01") END},
        {{.with = "b3", .flags = 1}, LINE TP(TRACE, PARENT, "01") END, LINE "+b3: " TRACE "-" SPAN "-1\r\n" TP(TRACE, PARENT, "01") END},
        /* in the place of what is there */
        {{.with = "tracecontext", .flags = 1}, LINE TP(TRACE, PARENT, "01") END, LINE TP(TRACE, SPAN, "01") END},
        {{.with = "tracecontext", .flags = 0}, LINE "A: b\r\n" TP(TRACE, PARENT, "03") END, LINE "A: b\r\n" TP(TRACE, SPAN, "00") END},
        {{.with = "tracecontext", .flags = 1}, LINE "TRACEPARENT:cc-" TRACE "-" PARENT "-01-more \r\n" END, LINE "TRACEPARENT:cc-" TRACE "-" SPAN "-01-more \r\n" END},
        {{.with = "b3", .flags = 1}, LINE "b3: " TRACE "-" PARENT "-0\r\n" END, LINE "b3: " TRACE "-" SPAN "-1\r\n" END},
        {{.with = "b3", .flags = 1}, LINE "b3: " TRACE "-" PARENT "\r\n" END, LINE "b3: " TRACE "-" SPAN "\r\n" END},
        {{.with = "b3", .flags = 1, .is_debug = true}, LINE "b3: " TRACE "-" PARENT "-d-aaaaaaaaaaaaaaaa\r\n" END, LINE "b3: " TRACE "-" SPAN "-d-" PARENT "\r\n" END},
        {{.with = "b3", .flags = 1, .is_of_64_bits = true}, LINE "b3: " LOW "-" PARENT "-1\r\n" END, LINE "b3: " LOW "-" SPAN "-1\r\n" END},
        {{.with = "b3multi", .flags = 1}, LINE "X-B3-SpanId: " PARENT "\r\nX-B3-TraceId: " TRACE "\r\nX-B3-Sampled: 0\r\n\r\n",
         LINE "X-B3-SpanId: " SPAN "\r\nX-B3-TraceId: " TRACE "\r\nX-B3-Sampled: 1\r\n\r\n"},
        {{.with = "b3multi", .flags = 1}, LINE "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " PARENT "\r\nX-B3-ParentSpanId: aaaaaaaaaaaaaaaa\r\nX-B3-Sampled: true\r\n\r\n",
         LINE "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-ParentSpanId: " PARENT "\r\nX-B3-Sampled: true\r\n\r\n"},
        {{.with = "b3multi", .flags = 1, .is_of_64_bits = true}, LINE "X-B3-TraceId: " LOW "\r\nX-B3-SpanId: " PARENT "\r\n\r\n", LINE "X-B3-TraceId: " LOW "\r\nX-B3-SpanId: " SPAN "\r\n\r\n"},
        {{.with = "tracecontext,b3", .flags = 1}, LINE "b3: " TRACE "-" PARENT "-1\r\n" END, LINE "+" TP(TRACE, SPAN, "01") "b3: " TRACE "-" SPAN "-1\r\n" END},
        {{.with = "tracecontext,b3", .flags = 1}, LINE TP(TRACE, PARENT, "01") "b3: " TRACE "-" PARENT "-1\r\n" END, LINE TP(TRACE, SPAN, "01") "b3: " TRACE "-" SPAN "-1\r\n" END},
        /* what is no id, or no decision, is not made one */
        {{.with = "b3", .flags = 1}, LINE "b3: " TRACE "-" PARENT "-1-aaaaaaaaaaaaaaag\r\n" END, LINE "b3: " TRACE "-" SPAN "-1-aaaaaaaaaaaaaaag\r\n" END},
        {{.with = "b3multi", .flags = 1}, LINE "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " PARENT "\r\nX-B3-ParentSpanId: no id, but as long\r\nX-B3-Sampled: x\r\n\r\n",
         LINE "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-ParentSpanId: no id, but as long\r\nX-B3-Sampled: x\r\n\r\n"},
        {{.with = "b3multi", .flags = 1}, LINE "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " PARENT "\r\nX-B3-ParentSpanId: nothing, of 16..\r\n\r\n",
         LINE "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\nX-B3-ParentSpanId: nothing, of 16..\r\n\r\n"},
        /* what cannot be read, or is another's, stays as it is and nothing is added */
        {{.with = "tracecontext", .flags = 1}, LINE TP(TRACE, PARENT, "01") TP(TRACE, PARENT, "01") END, NULL},
        {{.with = "tracecontext", .flags = 1}, LINE "traceparent: x\r\n" END, NULL},
        {{.with = "tracecontext", .flags = 1}, LINE "traceparent:\r\n" END, NULL},
        {{.with = "tracecontext", .flags = 1}, LINE TP(OTHER_TRACE, PARENT, "01") END, NULL},
        {{.with = "b3", .flags = 1}, LINE "b3: x\r\n" END, NULL},
        {{.with = "b3", .flags = 1}, LINE "b3: 1\r\n" END, NULL},
        {{.with = "b3", .flags = 1}, LINE "b3: " OTHER_TRACE "-" PARENT "-1\r\n" END, NULL},
        {{.with = "b3", .flags = 1}, LINE "b3: " TRACE "-" PARENT "-1\r\nb3: " TRACE "-" PARENT "-1\r\n" END, NULL},
        {{.with = "b3multi", .flags = 1}, LINE "X-B3-TraceId: " TRACE "\r\n" END, NULL},
        {{.with = "b3multi", .flags = 1}, LINE "X-B3-Sampled: 1\r\n" END, NULL},
        /* once it has begun to go */
        {{.with = "tracecontext", .flags = 1, .gone = 16}, LINE END, LINE "+" TP(TRACE, SPAN, "01") END},
        {{.with = "tracecontext", .flags = 1, .gone = 17}, LINE END, LINE "Host: x\r\n+" TP(TRACE, SPAN, "01") "\r\n"},
        {{.with = "tracecontext", .flags = 1, .gone = 25}, LINE END, LINE "Host: x\r\n+" TP(TRACE, SPAN, "01") "\r\n"},
        {{.with = "tracecontext", .flags = 1, .gone = 26}, LINE END, NULL},
        {{.with = "tracecontext", .flags = 1, .gone = 65}, LINE TP(TRACE, PARENT, "01") END, LINE TP(TRACE, SPAN, "01") END},
        {{.with = "tracecontext", .flags = 1, .gone = 66}, LINE TP(TRACE, PARENT, "01") END, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool is_done;
        const char *got = changed(&rows[i].asked, guarded(slice_of(rows[i].head), i % 2), &is_done);
        cr_expect_str_eq(got, rows[i].expected ? rows[i].expected : rows[i].head, "%s, %u gone:\n%s", rows[i].asked.with, rows[i].asked.gone, got);
        cr_expect_eq(is_done, rows[i].expected != NULL, "%s: %s", rows[i].asked.with, rows[i].head);
    }
}

Test(propagate, hands_on_what_came_with_the_parent)
{
    static const struct {
        struct asked asked;
        const char *head, *lines;
    } rows[] = {
        {{.with = "tracecontext,baggage", .flags = 1, .tracestate = "a=b", .baggage = "k=v"}, LINE END, TP(TRACE, SPAN, "01") "tracestate: a=b\r\nbaggage: k=v\r\n"},
        {{.with = "tracecontext", .flags = 1, .tracestate = "a=b", .baggage = "k=v"}, LINE END, TP(TRACE, SPAN, "01") "tracestate: a=b\r\n"},
        {{.with = "baggage", .tracestate = "a=b", .baggage = "k=v"}, LINE END, "baggage: k=v\r\n"},
        {{.with = "b3", .flags = 1, .tracestate = "a=b", .baggage = "k=v"}, LINE END, "b3: " TRACE "-" SPAN "-1\r\n"},
        {{.with = "tracecontext,baggage", .flags = 1, .tracestate = "", .baggage = ""}, LINE END, TP(TRACE, SPAN, "01")},
        /* the head's own holds */
        {{.with = "tracecontext,baggage", .flags = 1, .tracestate = "a=b", .baggage = "k=v"}, LINE "Tracestate: c=d\r\nBaggage: x=y\r\n\r\n", TP(TRACE, SPAN, "01")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[1024];
        bool is_done;
        snprintf(expected, sizeof expected, LINE "+%s%s", rows[i].lines, rows[i].head + sizeof LINE - 1);
        cr_expect_str_eq(changed(&rows[i].asked, slice_of(rows[i].head), &is_done), expected);
        cr_expect(is_done);
    }
    /* And where the head says whose child it is, nothing is. */
    bool is_done;
    cr_expect_str_eq(changed(&(struct asked){.with = "tracecontext", .flags = 1, .tracestate = "a=b"}, SLICE(LINE TP(TRACE, PARENT, "01") END), &is_done),
                     LINE TP(TRACE, SPAN, "01") END);
}

/* W3C Trace Context level 2, section 3.3: one wrong member, and the list is no list. */
Test(propagate, hands_on_a_tracestate_that_is_one)
{
    static const struct {
        const char *list;
        bool is_valid;
    } rows[] = {
        {"a=b", true}, {"a=b,c=d", true}, {"a=b , c=d", true}, {"a=b,,c=d,", true}, {"0=1", true}, {"a@b@c=1", true}, {"foo@=1", true}, {"a_-*/@=1", true},
        {"a=b c", true}, {"a= b", true}, {"a=!~", true},
        {"", false}, {",", false}, {"a", false}, {"a=", false}, {"=b", false}, {"A=b", false}, {"a.b=1", false}, {"a =1", false}, {"a=b=c", false},
        {"@a=1", false}, {"_a=1", false}, {"a=b,C=d", false}, {"a=\x7f", false}, {"a=\xc3\xa9", false}, {"a=b\r\nX: y", false}, {"a=b\tc", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool is_done;
        struct asked asked = {.with = "tracecontext", .flags = 1, .tracestate = rows[i].list};
        const char *got = changed(&asked, SLICE(LINE END), &is_done);
        cr_expect_eq(strstr(got, "tracestate") != NULL, rows[i].is_valid, "%s", rows[i].list);
        cr_expect(strstr(got, TP(TRACE, SPAN, "01")) && is_done, "%s", rows[i].list);
    }
}

Test(propagate, knows_the_limits_of_a_tracestate)
{
    static const struct {
        int members, key, value;
        bool is_valid;
    } rows[] = {{32, 1, 1, true}, {33, 1, 1, false}, {1, 256, 1, true}, {1, 257, 1, false}, {1, 1, 256, true}, {1, 1, 257, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char list[1024];
        struct text text = TEXT(list);
        bool is_done;
        for (int member = 0; member < rows[i].members; member++) {
            text_slice(&text, member ? SLICE(",") : SLICE(""));
            for (int n = 0; n < rows[i].key; n++)
                text_char(&text, 'k');
            text_char(&text, '=');
            for (int n = 0; n < rows[i].value; n++)
                text_char(&text, 'v');
        }
        text_char(&text, '\0');
        const char *got = changed(&(struct asked){.with = "tracecontext", .flags = 1, .tracestate = list}, SLICE(LINE END), &is_done);
        cr_expect_eq(strstr(got, "tracestate") != NULL, rows[i].is_valid, "row %zu", i);
    }
}

Test(propagate, hands_on_baggage_of_8192_bytes_and_no_more)
{
    for (size_t len = 8190; len < 8196; len++) {
        static char list[9000];
        bool is_done;
        memset(list, 'b', len);
        list[len] = '\0';
        const char *got = changed(&(struct asked){.with = "baggage", .baggage = list}, SLICE(LINE END), &is_done);
        cr_expect_eq(strstr(got, "baggage: b") != NULL, len <= 8192, "%zu", len);
    }
}

Test(propagate, never_breaks_a_line_with_what_it_hands_on)
{
    static const char *const lists[] = {"a=b\r\nX: y", "a=b\nX: y", "a=b\rX: y", "a=\x01", "a=\x7f"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        bool is_done;
        cr_expect_str_eq(changed(&(struct asked){.with = "baggage", .baggage = lists[i]}, SLICE(LINE END), &is_done), LINE END, "%s", lists[i]);
    }
}

/* Common servers take a hundred field lines. */
Test(propagate, adds_no_line_beyond_ninety)
{
    for (int fields = 85; fields < 93; fields++) {
        static char head[4096];
        bool is_done;
        int len = snprintf(head, sizeof head, LINE);
        for (int i = 0; i < fields; i++)
            len += snprintf(head + len, sizeof head - (size_t)len, "A: b\r\n");
        snprintf(head + len, sizeof head - (size_t)len, "\r\n");
        const char *got = changed(&(struct asked){.with = "tracecontext", .flags = 1}, slice_of(head), &is_done);
        cr_expect_eq(is_done, fields < 90, "%d", fields);
        cr_expect_eq(strcmp(got, head) == 0, fields >= 90, "%d", fields);
        got = changed(&(struct asked){.with = "b3multi", .flags = 1}, slice_of(head), &is_done);
        cr_expect_eq(is_done, fields < 88, "%d", fields);
        cr_expect_eq(strcmp(got, head) == 0, fields >= 88, "all its lines or none, %d", fields);
    }
}

Test(propagate, writes_nothing_where_there_is_no_room_for_all_of_it)
{
    static const char *const heads[] = {LINE END, LINE TP(TRACE, PARENT, "01") END};
    static const uint32_t needed[] = {70, 16};
    for (size_t i = 0; i < 2; i++)
        for (uint32_t room = 1; room < 90; room++) {
            bool is_done;
            const char *got = changed(&(struct asked){.with = "tracecontext", .flags = 1, .room = room}, slice_of(heads[i]), &is_done);
            cr_expect_eq(is_done, room >= needed[i], "head %zu, room for %u", i, room);
            cr_expect_eq(strcmp(got, heads[i]) != 0, room >= needed[i], "head %zu, room for %u", i, room);
        }
}

Test(propagate, knows_how_long_its_lines_are)
{
    static const char *const propagators[] = {"none", "baggage", "tracecontext", "b3", "b3multi", "tracecontext,b3,b3multi"};
    for (size_t i = 0; i < sizeof propagators / sizeof *propagators; i++) {
        bool is_done;
        const char *got = changed(&(struct asked){.with = propagators[i], .flags = 1}, SLICE(LINE END), &is_done);
        cr_expect_eq(propagate_lines(), strlen(got) - strlen(LINE END) - (strchr(got, '+') != NULL), "%s", propagators[i]);
    }
}
