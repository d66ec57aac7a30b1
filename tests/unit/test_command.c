/* test_command.c - the span of a process: identity, what goes on in a new image, and its end. */
#include <criterion/criterion.h>

#include "carrier.h"
#include "command.h"
#include "config.h"
#include "process.h"
#include "support_preload.h"

#include <stdio.h>
#include <unistd.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define SPAN "1111111111111111"
#define SAMPLED "TRACEPARENT=00-" TRACE "-" PARENT "-01"
#define UNSAMPLED "TRACEPARENT=00-" TRACE "-" PARENT "-00"

static void begin(void)
{
    preload_begin();
    config.command_spans = true;
    process.id = getpid();
}

TestSuite(command, .init = begin);

static void start(const char *first, const char *second)
{
    const char *envp[] = {"A=b", first ? first : "C=d", second ? second : "E=f", NULL};
    char *const *variables = (char *const *)(uintptr_t)envp;
    carrier_start(variables);
    command_start(variables);
}

static const struct span_record *end(int status)
{
    command_ends(status);
    return span_finished();
}

static struct context context_now(void)
{
    struct context context;
    cr_assert(carrier_context(&context));
    return context;
}

Test(command, is_the_context_of_its_process_and_a_child_of_what_that_was_started_with)
{
    start(SAMPLED, "TRACESTATE=x=y");
    struct context context = context_now();
    const struct span_record *record = end(0);
    cr_assert(record);
    cr_expect_eq(record->kind, SPAN_INTERNAL);
    cr_expect_eq(record->protocol, SPAN_COMMAND);
    cr_expect(record->has_parent && record->parent_is_remote);
    cr_expect_arr_eq(record->parent_id, "\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);
    cr_expect_arr_eq(record->trace_id, context.ids.trace_id, 16);
    cr_expect_arr_eq(record->span_id, context.ids.parent_id, 8);
    cr_expect(slice_equals(span_fact(record, FACT_TRACESTATE), SLICE("x=y")));
    cr_expect(span_fact(record, FACT_EXECUTABLE_PATH).len > 0);
    cr_expect(record->end_ns >= record->start_ns && record->start_ns > 0);
    cr_expect(accounts_hold());
}

Test(command, begins_a_trace_where_there_is_none)
{
    start(NULL, NULL);
    const struct span_record *record = end(0);
    cr_assert(record);
    cr_expect_not(record->has_parent);
    cr_expect_eq(record->trace_flags, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
}

Test(command, is_sampled_as_any_span)
{
    start(UNSAMPLED, NULL);
    cr_expect_eq(context_now().ids.flags & TRACE_FLAG_SAMPLED, 0);
    cr_expect_null(end(0));
    cr_expect_eq(counter_total(COUNT_sampled_out), 1);
    cr_expect(accounts_hold());
}

Test(command, is_not_there_unless_it_is_asked_for)
{
    struct context context;
    bool has_ids;
    config.command_spans = false;
    start(NULL, NULL);
    cr_expect_not(carrier_context(&context));
    cr_expect_null(command_handover(&context, &has_ids).ptr);
    cr_expect_null(end(0));
    cr_expect_eq(counter_total(COUNT_started), 0);
}

Test(command, says_the_status_that_it_was_told)
{
    static const struct {
        int exits, ends; /* what exit(3) and the end of the process said */
        int status;      /* -1: not known */
    } rows[] = {
        {COMMAND_STATUS_UNKNOWN, 0, 0},   {COMMAND_STATUS_UNKNOWN, 3, 3},  {COMMAND_STATUS_UNKNOWN, 256 + 7, 7},
        {4, COMMAND_STATUS_UNKNOWN, 4},   {4, 5, 5},                       {COMMAND_STATUS_UNKNOWN, COMMAND_STATUS_UNKNOWN, -1},
        {-1 & 0xff, COMMAND_STATUS_UNKNOWN, 255},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        process.generation++; /* another process */
        start(NULL, NULL);
        if (rows[i].exits != COMMAND_STATUS_UNKNOWN)
            command_will_exit(rows[i].exits);
        const struct span_record *record = end(rows[i].ends);
        cr_assert(record, "row %zu", i);
        cr_expect_eq(record->has_exit_status, rows[i].status >= 0, "row %zu", i);
        cr_expect_eq(record->status, rows[i].status >= 0 ? rows[i].status : 0, "row %zu: %u", i, record->status);
        cr_expect_null(end(9), "it ends once");
    }
}

Test(command, is_not_that_of_a_child)
{
    struct context context;
    bool has_ids;
    start(NULL, NULL);
    process.generation++;
    cr_expect_null(command_handover(&context, &has_ids).ptr);
    cr_expect_null(end(0));
    cr_expect_eq(counter_total(COUNT_started), 0);
}

static const char *handover_of(int id, const char *start_ns, const char *span)
{
    static char variable[200];
    snprintf(variable, sizeof variable, "SPANLOAD_COMMAND=%d-%s-%s", id, start_ns, span);
    return variable;
}

Test(command, goes_on_in_the_new_image_of_its_process)
{
    struct context parent;
    bool has_ids;
    start(SAMPLED, handover_of(getpid(), "5", "00-" TRACE "-" SPAN "-01"));
    struct slice handover = command_handover(&parent, &has_ids);
    cr_expect(has_ids);
    cr_expect_arr_eq(parent.ids.parent_id, "\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);
    cr_expect_eq(strncmp(handover.ptr, handover_of(getpid(), "5", "00-" TRACE "-" SPAN "-01") + 17, handover.len), 0);
    const struct span_record *record = end(0);
    cr_assert(record);
    cr_expect_arr_eq(record->span_id, "\x11\x11\x11\x11\x11\x11\x11\x11", 8);
    cr_expect_eq(record->start_ns, 5);
    cr_expect(record->has_parent);
    cr_expect_arr_eq(record->parent_id, "\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);
}

Test(command, goes_on_with_nothing_that_is_not_its_own)
{
    const struct {
        const char *traceparent, *handover;
    } rows[] = {
        {SAMPLED, "SPANLOAD_COMMAND=1-5-00-" TRACE "-" SPAN "-01"}, /* another process's */
        {"TRACEPARENT=00-22222222222222222222222222222222-" PARENT "-01", "SPANLOAD_COMMAND=PID-5-00-" TRACE "-" SPAN "-01"},
        {SAMPLED, "SPANLOAD_COMMAND=PID-9223372036854775807-00-" TRACE "-" SPAN "-01"}, /* begun in the future */
        {SAMPLED, "SPANLOAD_COMMAND=PID-5-00-" TRACE "-" SPAN "-0"},
        {SAMPLED, "SPANLOAD_COMMAND=PID-5-"},
        {SAMPLED, "SPANLOAD_COMMAND=PID-5"},
        {SAMPLED, "SPANLOAD_COMMAND=PID"},
        {SAMPLED, "SPANLOAD_COMMAND=-PID-5-00-" TRACE "-" SPAN "-01"},
        {SAMPLED, "SPANLOAD_COMMAND="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char variable[200];
        const char *at = strstr(rows[i].handover, "PID");
        int before = at ? (int)(at - rows[i].handover) : 0;
        if (at)
            snprintf(variable, sizeof variable, "%.*s%d%s", before, rows[i].handover, getpid(), at + 3);
        process.generation++;
        start(rows[i].traceparent, at ? variable : rows[i].handover);
        const struct span_record *record = end(0);
        cr_assert(record, "row %zu", i);
        cr_expect_neq(memcmp(record->span_id, "\x11\x11\x11\x11\x11\x11\x11\x11", 8), 0, "row %zu", i);
        cr_expect_neq(record->start_ns, 5, "row %zu", i);
    }
}
