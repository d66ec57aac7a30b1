/* test_carrier.c - context in the environment: what is read of it, and what a new program is given. */
#include <criterion/criterion.h>

#include "carrier.h"
#include "config.h"
#include "support_preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define STARTED "00-" TRACE "-00f067aa0ba902b7-01"
#define CURRENT "00-" TRACE "-1111111111111111-01"
#define ANOTHER "00-22222222222222222222222222222222-3333333333333333-01"
#define T "TRACEPARENT="
#define S "TRACESTATE="
#define B "BAGGAGE="
#define C "SPANLOAD_COMMAND="

enum { WORDS = 6 };

static char out[1 << 16];

static void begin(void)
{
    preload_begin();
    config.propagate_baggage = true;
}

TestSuite(carrier, .init = begin);

static char *const *envp_of(const char *const *words)
{
    return (char *const *)(uintptr_t)words;
}

static const char *text_of(struct slice text)
{
    static char room[3][9000];
    static int next;
    char *at = room[next++ % 3];
    snprintf(at, sizeof room[0], "%.*s", (int)text.len, text.ptr ? text.ptr : "");
    return at;
}

static const char *ids_of(const struct context *context)
{
    static char digits[TRACEPARENT_LENGTH + 1];
    trace_context_write(digits, &context->ids);
    return digits;
}

/* --- read ---------------------------------------------------------------------------------------------------------- */

Test(carrier, reads_what_the_process_was_started_with)
{
    static const struct {
        const char *envp[WORDS];
        const char *ids, *tracestate, *baggage; /* NULL: none */
    } rows[] = {
        {{NULL}, NULL, "", ""},
        {{"A=b", T STARTED, S "x=y,z=1", B "k=v;p", NULL}, STARTED, "x=y,z=1", "k=v;p"},
        {{T STARTED, NULL}, STARTED, "", ""},
        {{T "  " STARTED " ", NULL}, STARTED, "", ""},
        {{T "cc-" TRACE "-00f067aa0ba902b7-01-more", NULL}, STARTED, "", ""},
        {{T STARTED, T ANOTHER, NULL}, STARTED, "", ""},
        {{T, S "x=y", B, NULL}, NULL, "", ""},
        {{T "00-" TRACE "-00f067aa0ba902b7-0", S "x=y", B "k=v", NULL}, NULL, "", "k=v"},
        {{"traceparent=" STARTED, "TRACEPARENT_=" STARTED, "XTRACEPARENT=" STARTED, NULL}, NULL, "", ""},
        /* somebody else's header */
        {{T STARTED, S "x=y\r\nEvil: 1", B "k=\nv", NULL}, STARTED, "", ""},
        {{T STARTED, S "x=\x7f", B "k=\xc3\xa4", NULL}, STARTED, "", ""},
        {{T STARTED, S " x=y\t", B " \t", NULL}, STARTED, "x=y", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct context context;
        carrier_start(envp_of(rows[i].envp));
        cr_expect_eq(carrier_context(&context), rows[i].ids != NULL, "row %zu", i);
        cr_expect_eq(carrier_is_remote(), rows[i].ids != NULL, "row %zu", i);
        if (rows[i].ids)
            cr_expect_str_eq(ids_of(&context), rows[i].ids, "row %zu", i);
        cr_expect_str_eq(text_of(context.tracestate), rows[i].tracestate, "row %zu", i);
        cr_expect_str_eq(text_of(context.baggage), rows[i].baggage, "row %zu", i);
    }
}

Test(carrier, reads_only_what_it_is_asked_to)
{
    static const char *const envp[] = {T STARTED, S "x=y", B "k=v", NULL};
    struct context context;
    config.extract_tracecontext = false;
    carrier_start(envp_of(envp));
    cr_expect_not(carrier_context(&context));
    cr_expect_eq(context.tracestate.len, 0);
    cr_expect_str_eq(text_of(context.baggage), "k=v");
    config.extract_tracecontext = true;
    config.propagate_baggage = false;
    carrier_start(envp_of(envp));
    cr_expect(carrier_context(&context));
    cr_expect_eq(context.baggage.len, 0);
}

Test(carrier, keeps_texts_where_the_program_cannot_rewrite_them)
{
    char traceparent[] = T STARTED, baggage[] = B "k=v";
    char *envp[] = {traceparent, baggage, NULL};
    struct context context;
    carrier_start(envp);
    memset(traceparent, 'x', sizeof traceparent - 1);
    memset(baggage, 'x', sizeof baggage - 1);
    cr_expect(carrier_context(&context));
    cr_expect_str_eq(text_of(context.baggage), "k=v");
}

Test(carrier, takes_no_more_than_it_has_room_for)
{
    static char baggage[20000] = B;
    const char *envp[] = {baggage, T STARTED, NULL};
    struct context context;
    memset(baggage + strlen(B), 'b', 8192);
    carrier_start(envp_of(envp));
    cr_expect(carrier_context(&context));
    cr_expect_eq(context.baggage.len, 8192);
    memset(baggage + strlen(B), 'b', 10000);
    carrier_start(envp_of(envp));
    cr_expect(carrier_context(&context));
    cr_expect_eq(context.baggage.len, 0);
}

Test(carrier, becomes_a_span_of_the_process)
{
    static const char *const envp[] = {T STARTED, S "x=y", NULL};
    struct context context;
    struct trace_context span;
    carrier_start(envp_of(envp));
    cr_assert(trace_context_read(SLICE(CURRENT), &span));
    carrier_becomes(&span);
    cr_expect(carrier_context(&context));
    cr_expect_not(carrier_is_remote());
    cr_expect_str_eq(ids_of(&context), CURRENT);
    cr_expect_str_eq(text_of(context.tracestate), "x=y");
}

/* --- handed on ------------------------------------------------------------------------------------------------------ */

static struct carrier_copy copy_of(char *const *envp, const char *ids, const char *tracestate, const char *baggage, const char *command)
{
    struct carrier_copy copy = {.envp = envp};
    copy.has_ids = ids && trace_context_read(slice_of(ids), &copy.context.ids);
    copy.context.tracestate = slice_of(tracestate);
    copy.context.baggage = slice_of(baggage);
    copy.command = slice_of(command);
    carrier_measure(&copy);
    return copy;
}

/* Entries joined by a blank; what stays of the caller's must be the caller's very pointers. */
static const char *given(const struct carrier_copy *copy)
{
    static char room[1 << 16] __attribute__((aligned(8)));
    memset(room, 0x55, sizeof room);
    char *const *entries = carrier_write(copy, room);
    cr_assert_eq((void *)entries, copy->size ? (const void *)room : (const void *)copy->envp);
    cr_assert(copy->size <= sizeof room - 1 && room[copy->size] == 0x55, "written behind its end");
    out[0] = '\0';
    for (; entries && *entries; entries++) {
        bool is_theirs = false;
        for (char *const *theirs = copy->envp; theirs && *theirs; theirs++)
            is_theirs |= *theirs == *entries;
        cr_expect(is_theirs || (*entries >= room && *entries < room + copy->size));
        strcat(strcat(out, *entries), entries[1] ? " " : "");
    }
    return out;
}

Test(carrier, replaces_what_was_inherited_and_leaves_what_is_the_programs_own)
{
    static const char *const start[] = {T STARTED, S "x=y", B "k=v", NULL};
    static const struct {
        const char *envp[WORDS];
        const char *ids, *tracestate, *baggage, *command; /* handed on */
        const char *given;                                /* NULL: envp itself */
    } rows[] = {
        /* nothing there */
        {{NULL}, CURRENT, NULL, NULL, NULL, T CURRENT},
        {{"A=b", "C=d", NULL}, CURRENT, "s=1", "b=1", NULL, "A=b C=d " T CURRENT " " S "s=1 " B "b=1"},
        /* inherited */
        {{T STARTED, S "x=y", "A=b", B "k=v", NULL}, CURRENT, "s=1", "b=1", NULL, "A=b " T CURRENT " " S "s=1 " B "b=1"},
        {{T STARTED, S "x=y", "A=b", B "k=v", NULL}, CURRENT, NULL, NULL, NULL, "A=b " T CURRENT},
        {{T STARTED, T STARTED, T ANOTHER, "A=b", NULL}, CURRENT, NULL, NULL, NULL, "A=b " T CURRENT},
        {{T STARTED, S "stale=1", NULL}, CURRENT, NULL, NULL, NULL, T CURRENT},
        /* as it should be */
        {{T STARTED, S "x=y", "A=b", B "k=v", NULL}, STARTED, "x=y", "k=v", NULL, NULL},
        {{B "k=v", T CURRENT, NULL}, CURRENT, NULL, "k=v", NULL, NULL},
        {{T STARTED, NULL}, STARTED, NULL, NULL, NULL, NULL},
        {{T STARTED, T STARTED, NULL}, STARTED, NULL, NULL, NULL, T STARTED},
        {{T "  " STARTED, NULL}, STARTED, NULL, NULL, NULL, NULL},
        /* the program's own */
        {{T ANOTHER, S "x=y", B "k=v", NULL}, CURRENT, "s=1", "b=1", NULL, NULL},
        {{T ANOTHER, NULL}, CURRENT, NULL, NULL, "1-2-3", NULL},
        {{T STARTED, B "mine=1", NULL}, CURRENT, NULL, "b=1", NULL, B "mine=1 " T CURRENT},
        {{T STARTED, B "mine=1", NULL}, STARTED, NULL, "b=1", NULL, NULL},
        /* nothing that could be honoured */
        {{T, "A=b", NULL}, CURRENT, NULL, NULL, NULL, "A=b " T CURRENT},
        {{T "00-" TRACE "-1", "A=b", NULL}, CURRENT, NULL, NULL, NULL, "A=b " T CURRENT},
        /* the same process goes on */
        {{T STARTED, "A=b", NULL}, STARTED, NULL, NULL, "1-2-3", "A=b " T STARTED " " C "1-2-3"},
        {{"A=b", C "old", NULL}, NULL, NULL, NULL, "1-2-3", "A=b " C "1-2-3"},
        {{"A=b", C "1-2-3", NULL}, NULL, NULL, NULL, "1-2-3", NULL},
        {{C "old", "A=b", T CURRENT, NULL}, CURRENT, NULL, NULL, NULL, NULL},
        /* what only looks like it */
        {{"TRACEPARENT", "TRACEPARENTS=1", "", "T", NULL}, CURRENT, NULL, NULL, NULL, "TRACEPARENT TRACEPARENTS=1  T " T CURRENT},
    };
    carrier_start(envp_of(start));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct carrier_copy copy = copy_of(envp_of(rows[i].envp), rows[i].ids, rows[i].tracestate, rows[i].baggage, rows[i].command);
        if (rows[i].given)
            cr_expect(copy.size > 0, "row %zu", i);
        const char *entries = given(&copy);
        if (rows[i].given)
            cr_expect_str_eq(entries, rows[i].given, "row %zu: %s", i, entries);
        else
            cr_expect_eq(copy.size, 0, "row %zu: %s", i, entries);
    }
}

Test(carrier, replaces_only_what_it_is_asked_to)
{
    static const char *const envp[] = {T STARTED, S "x=y", B "k=v", NULL};
    carrier_start(envp_of(envp));
    config.propagate_baggage = false;
    struct carrier_copy copy = copy_of(envp_of(envp), CURRENT, NULL, "b=1", NULL);
    cr_expect_str_eq(given(&copy), B "k=v " T CURRENT);
    config.propagate_baggage = true;
    config.extract_tracecontext = false;
    carrier_start(envp_of(envp));
    copy = copy_of(envp_of(envp), CURRENT, "s=1", "b=1", NULL);
    cr_expect_str_eq(given(&copy), T STARTED " " S "x=y " B "b=1");
}

#define NEW "11111111111111111111111111111111"
#define MULTI(trace, span) "X_B3_TRACEID=" trace, "X_B3_SPANID=" span

/* Level with what is read from requests; written in the forms that are asked for. */
Test(carrier, speaks_b3)
{
    static const char single[] = "B3=" TRACE "-00f067aa0ba902b7-1";
    static const struct {
        const char *start[WORDS]; /* and the environment of the new program */
        bool is_single, is_several;
        const char *ids;          /* read */
        const char *given;        /* with CURRENT handed on */
    } rows[] = {
        {{single, "A=b", NULL}, true, false, STARTED, "A=b B3=" TRACE "-1111111111111111-1"},
        {{single, "A=b", NULL}, false, true, STARTED,
         "A=b X_B3_TRACEID=" TRACE " X_B3_SPANID=1111111111111111 X_B3_SAMPLED=1"},
        {{"B3=" TRACE "-00f067aa0ba902b7", NULL}, true, false, STARTED, "B3=" TRACE "-1111111111111111-1"},
        {{"B3=" TRACE "-00f067aa0ba902b7-0", NULL}, true, false, "00-" TRACE "-00f067aa0ba902b7-00", "B3=" TRACE "-1111111111111111-1"},
        {{MULTI(TRACE, "00f067aa0ba902b7"), "X_B3_SAMPLED=1", "X_B3_FLAGS=1", NULL}, true, false, STARTED,
         "B3=" TRACE "-1111111111111111-1"},
        {{MULTI(TRACE, "00f067aa0ba902b7"), "X_B3_SAMPLED=1", "A=b", NULL}, true, true, STARTED,
         "A=b B3=" TRACE "-1111111111111111-1 X_B3_TRACEID=" TRACE " X_B3_SPANID=1111111111111111 X_B3_SAMPLED=1"},
        {{"B3=1", "A=b", NULL}, true, false, NULL, "A=b B3=" TRACE "-1111111111111111-1"},
        {{T STARTED, "A=b", NULL}, true, false, NULL, T STARTED " A=b B3=" TRACE "-1111111111111111-1"},
    };
    config.extract_tracecontext = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct context context;
        config.propagate_b3 = rows[i].is_single;
        config.propagate_b3multi = rows[i].is_several;
        carrier_start(envp_of(rows[i].start));
        cr_expect_eq(carrier_context(&context), rows[i].ids != NULL, "row %zu", i);
        if (rows[i].ids)
            cr_expect_str_eq(ids_of(&context), rows[i].ids, "row %zu", i);
        struct carrier_copy copy = copy_of(envp_of(rows[i].start), CURRENT, NULL, NULL, NULL);
        const char *entries = given(&copy);
        cr_expect_str_eq(entries, rows[i].given, "row %zu: %s", i, entries);
    }
}

Test(carrier, heeds_a_b3_of_the_programs_own)
{
    static const char *const start[] = {MULTI(TRACE, "00f067aa0ba902b7"), NULL};
    static const char *const own[][WORDS] = {
        {"B3=" NEW "-2222222222222222-1", NULL},
        {MULTI(NEW, "2222222222222222"), NULL},
        {MULTI(TRACE, "2222222222222222"), NULL}, /* another span of the same trace */
    };
    static const char *const not_own[][WORDS] = {
        {MULTI(TRACE, "00f067aa0ba902b7"), NULL},
        {"X_B3_SPANID=2222222222222222", NULL},
        {"B3=nonsense", NULL},
    };
    config.extract_tracecontext = false;
    config.propagate_b3 = config.propagate_b3multi = true;
    carrier_start(envp_of(start));
    for (size_t i = 0; i < 3; i++) {
        struct carrier_copy copy = copy_of(envp_of(own[i]), CURRENT, NULL, NULL, NULL);
        cr_expect_eq(copy.size, 0, "own %zu: %s", i, given(&copy));
        copy = copy_of(envp_of(not_own[i]), CURRENT, NULL, NULL, NULL);
        cr_expect_str_eq(given(&copy), "B3=" TRACE "-1111111111111111-1 X_B3_TRACEID=" TRACE " X_B3_SPANID=1111111111111111 X_B3_SAMPLED=1");
    }
}

Test(carrier, an_environment_that_is_none_is_an_empty_one)
{
    struct carrier_copy copy = copy_of(NULL, CURRENT, NULL, "b=1", NULL);
    cr_expect_str_eq(given(&copy), T CURRENT " " B "b=1");
}

Test(carrier, copies_thousands_of_entries_and_not_more)
{
    static const char *envp[6000];
    static const struct {
        size_t count;
        bool is_copied;
    } rows[] = {{1, true}, {2000, true}, {4096, true}, {4097, false}, {5998, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t j = 0; j <= rows[i].count; j++)
            envp[j] = j < rows[i].count ? "A=b" : NULL;
        struct carrier_copy copy = copy_of(envp_of(envp), CURRENT, NULL, NULL, NULL);
        cr_expect_eq(copy.size > 0, rows[i].is_copied, "%zu entries", rows[i].count);
        if (rows[i].is_copied)
            cr_expect(strstr(given(&copy), T CURRENT));
    }
}

Test(carrier, looks_at_nothing_that_cannot_be_read)
{
    static const char *const entry[] = {"A=b", NULL};
    char *const *whole = (char *const *)(uintptr_t)guarded((struct slice){(const char *)entry, sizeof entry}, false).ptr;
    struct carrier_copy copy = copy_of(whole, CURRENT, NULL, NULL, NULL);
    cr_expect(copy.size > 0);
    char *const *endless = (char *const *)(uintptr_t)guarded((struct slice){(const char *)entry, sizeof *entry}, false).ptr;
    copy = copy_of(endless, CURRENT, NULL, NULL, NULL);
    cr_expect_eq(copy.size, 0);
    copy = copy_of((char *const *)8, CURRENT, NULL, NULL, NULL);
    cr_expect_eq(copy.size, 0);
}

/* Every piece of an entry, whole or without its end, before a page that is not there. */
Test(carrier, looks_at_no_byte_behind_the_end_of_an_entry)
{
    static const char *const texts[] = {T STARTED, T ANOTHER, B "k=v", S "x=y", C "1-2", ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t len = 0; len <= strlen(texts[i]); len++) {
            const char *envp[] = {"A=b", guarded((struct slice){texts[i], len + (len == strlen(texts[i]))}, false).ptr, NULL};
            struct carrier_copy copy = copy_of(envp_of(envp), CURRENT, "x=y", NULL, NULL);
            static char room[4096] __attribute__((aligned(8)));
            cr_expect(carrier_write(&copy, room) != NULL);
        }
}

/* --- lent ------------------------------------------------------------------------------------------------------------ */

Test(carrier, lends_itself_as_environ_and_is_taken_back)
{
    char **before = environ;
    struct carrier_copy copy = copy_of(environ, CURRENT, NULL, NULL, NULL);
    cr_assert(carrier_lend(&copy));
    cr_expect_str_eq(getenv("TRACEPARENT"), CURRENT);
    cr_expect_str_eq(getenv("PATH"), getenv("PATH"));
    cr_expect_not(carrier_lend(&copy), "once at a time");
    carrier_take_back();
    cr_expect_eq(environ, before);
    carrier_take_back();
    cr_expect_eq(environ, before);
}

Test(carrier, takes_back_nothing_that_the_program_has_changed_meanwhile)
{
    char *other[] = {NULL};
    struct carrier_copy copy = copy_of(environ, CURRENT, NULL, NULL, NULL);
    cr_assert(carrier_lend(&copy));
    environ = other;
    carrier_take_back();
    cr_expect_eq(environ, other);
}
