/* test_trace_context.c - W3C Trace Context level 2, section 3.2: what is a traceparent and what is none. */
#include <criterion/criterion.h>

#include "support_preload.h"
#include "text.h"
#include "trace_context.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define NO_TRACE "00000000000000000000000000000000"
#define NO_PARENT "0000000000000000"

Test(trace_context, reads_what_is_valid_and_nothing_else)
{
    enum { INVALID = -1 };
    static const struct {
        const char *value;
        int flags;
    } rows[] = {
        {"00-" TRACE "-" PARENT "-01", 1},
        {"00-" TRACE "-" PARENT "-00", 0},
        {"00-" TRACE "-" PARENT "-02", 2},
        {"00-" TRACE "-" PARENT "-03", 3},
        {"00-" TRACE "-" PARENT "-ff", 3},
        {"00-" TRACE "-" PARENT "-fc", 0},
        /* white space around it */
        {" 00-" TRACE "-" PARENT "-01", 1},
        {"\t00-" TRACE "-" PARENT "-01 \t ", 1},
        /* later versions: more may follow, behind a dash */
        {"01-" TRACE "-" PARENT "-01", 1},
        {"cc-" TRACE "-" PARENT "-01", 1},
        {"fe-" TRACE "-" PARENT "-01", 1},
        {"cc-" TRACE "-" PARENT "-01-", 1},
        {"cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like", 1},
        {"cc-" TRACE "-" PARENT "-01.what-the-future-will-not-be-like", INVALID},
        {"cc-" TRACE "-" PARENT "-010", INVALID},
        {"cc-" TRACE "-" PARENT "-0", INVALID},
        {"ff-" TRACE "-" PARENT "-01", INVALID},
        {"ff-" TRACE "-" PARENT "-01-x", INVALID},
        /* version 00 is what it is */
        {"00-" TRACE "-" PARENT "-01-", INVALID},
        {"00-" TRACE "-" PARENT "-01-x", INVALID},
        {"00-" TRACE "-" PARENT "-01.", INVALID},
        {"00-" TRACE "-" PARENT "-01x", INVALID},
        {"00-" TRACE "-" PARENT "-010", INVALID},
        {"00-" TRACE "-" PARENT "-1", INVALID},
        {"00-" TRACE "-" PARENT "-", INVALID},
        {"00-" TRACE "-" PARENT, INVALID},
        {"0-" TRACE "-" PARENT "-01", INVALID},
        {"000-" TRACE "-" PARENT "-01", INVALID},
        {"0000-" TRACE "-" PARENT "-01", INVALID},
        {TRACE "-" PARENT "-01", INVALID},
        {"00-" TRACE "0-" PARENT "-01", INVALID},
        {"00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-01", INVALID},
        {"00-" TRACE "-" PARENT "0-01", INVALID},
        {"00-" TRACE "-00f067aa0ba902b-01", INVALID},
        /* no ids */
        {"00-" NO_TRACE "-" PARENT "-01", INVALID},
        {"00-" TRACE "-" NO_PARENT "-01", INVALID},
        {"00-" NO_TRACE "-" NO_PARENT "-01", INVALID},
        {"00-00000000000000000000000000000001-" PARENT "-01", 1},
        {"00-10000000000000000000000000000000-" PARENT "-01", 1},
        {"00-" TRACE "-0000000000000001-01", 1},
        /* digits */
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", INVALID},
        {"00-" TRACE "-00F067AA0BA902B7-01", INVALID},
        {"00-" TRACE "-" PARENT "-0A", INVALID},
        {"CC-" TRACE "-" PARENT "-01", INVALID},
        {"0x-" TRACE "-" PARENT "-01", INVALID},
        {"00-gbf92f3577b34da6a3ce929d0e0e4736-" PARENT "-01", INVALID},
        {"00-" TRACE "-" PARENT "-0g", INVALID},
        {"00-" TRACE "-" PARENT "- 1", INVALID},
        {"00-" TRACE "-" PARENT "-0/", INVALID},
        {"00-" TRACE "-" PARENT "-0:", INVALID},
        {"00-" TRACE "-" PARENT "-0`", INVALID},
        /* dashes */
        {"00_" TRACE "_" PARENT "_01", INVALID},
        {"00 " TRACE "-" PARENT "-01", INVALID},
        {"00-" TRACE "." PARENT "-01", INVALID},
        {"00-" TRACE "-" PARENT ".01", INVALID},
        {"00" TRACE PARENT "01", INVALID},
        {"", INVALID},
        {" ", INVALID},
        {"-", INVALID},
        {"00", INVALID},
        {"00-" TRACE "-" PARENT "-01,00-" TRACE "-" PARENT "-01", INVALID},
        {"00-" TRACE "-" PARENT "-01 00-" TRACE "-" PARENT "-01", INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct trace_context context = {.flags = 0xee};
        bool is_valid = trace_context_read(guarded(slice_of(rows[i].value), false), &context);
        cr_expect_eq(is_valid, rows[i].flags != INVALID, "\"%s\"", rows[i].value);
        if (is_valid)
            cr_expect_eq(context.flags, rows[i].flags, "\"%s\"", rows[i].value);
    }
}

Test(trace_context, reads_the_bytes_of_the_ids)
{
    struct trace_context context;
    char room[64];
    struct text text = TEXT(room);
    cr_assert(trace_context_read(SLICE("00-" TRACE "-" PARENT "-01"), &context));
    text_hex(&text, context.trace_id, 16);
    text_hex(&text, context.parent_id, 8);
    cr_expect(slice_equals(text_as_slice(&text), SLICE(TRACE PARENT)));
    cr_expect_eq(context.trace_id[0], 0x4b);
    cr_expect_eq(context.parent_id[7], 0xb7);
}

/* One byte changed anywhere: it is as valid as the definition says. */
Test(trace_context, allows_lower_case_digits_and_dashes_in_their_places_only)
{
    static const char valid[] = "00-" TRACE "-" PARENT "-01";
    for (size_t at = 0; at < sizeof valid - 1; at++)
        for (int c = 0; c < 256; c++) {
            char value[sizeof valid];
            struct trace_context context;
            memcpy(value, valid, sizeof valid);
            value[at] = (char)c;
            bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            bool expected = at == 2 || at == 35 || at == 52 ? c == '-' : is_digit;
            if ((at == 0 || at == sizeof valid - 2) && (c == ' ' || c == '\t'))
                expected = false; /* trimmed, it is too short */
            cr_expect_eq(trace_context_read((struct slice){value, sizeof valid - 1}, &context), expected, "%02x at %zu", c, at);
        }
}
