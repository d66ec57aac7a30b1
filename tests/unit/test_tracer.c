/* test_tracer.c - identity, sampling, facts and accounts of spans. */
#include <criterion/criterion.h>

#include "config.h"
#include "process.h"
#include "waiting.h"
#include "support_preload.h"
#include "trace_context.h"
#include "causality.h"
#include "tracer.h"

TestSuite(tracer, .init = preload_begin);

static const struct address peer = {.family = 2, .port = 80};

static struct message request_of(const char *traceparent)
{
    struct message message = {.kind = MESSAGE_REQUEST, .version_major = 1, .version_minor = 1};
    message.traceparent = slice_of(traceparent);
    message.facts[message.fact_count].key = FACT_METHOD;
    message.facts[message.fact_count++].text = SLICE("GET");
    return message;
}

static void add_fact(struct message *message, enum fact_key key, struct slice text)
{
    message->facts[message->fact_count].key = key;
    message->facts[message->fact_count++].text = text;
}

static struct exchange *begin(const struct message *message, enum span_kind kind)
{
    struct tracer_connection connection = {.kind = kind, .protocol = SPAN_HTTP, .peer = &peer};
    struct lineage lineage;
    if (kind == SPAN_SERVER)
        causality_of_server(message, &lineage);
    else
        causality_of_client(message, (struct live){NULL, 0}, &lineage);
    struct exchange *exchange = tracer_begin(message, &connection, &lineage, 1000);
    cr_assert(exchange);
    return exchange;
}

static void finish(struct exchange *exchange)
{
    tracer_finish(exchange, 2000, SPAN_ERROR_NONE, 0);
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SAMPLED "00-" TRACE "-00f067aa0ba902b7-01"
#define UNSAMPLED "00-" TRACE "-00f067aa0ba902b7-00"
#define RANDOM "00-" TRACE "-00f067aa0ba902b7-03"

/* Specification, "Trace SDK", Sampling. */
Test(tracer, samples_as_the_specification_says)
{
    static const struct {
        enum choice_sampler sampler;
        uint64_t threshold;
        bool root, under_sampled, under_unsampled;
    } rows[] = {
        {SAMPLER_ALWAYS_ON, 0, true, true, true},
        {SAMPLER_ALWAYS_OFF, UINT64_MAX, false, false, false},
        {SAMPLER_TRACEIDRATIO, UINT64_MAX, true, true, true},
        {SAMPLER_TRACEIDRATIO, 0, false, false, false},
        {SAMPLER_PARENTBASED_ALWAYS_ON, 0, true, true, false},
        {SAMPLER_PARENTBASED_ALWAYS_OFF, UINT64_MAX, false, true, false},
        {SAMPLER_PARENTBASED_TRACEIDRATIO, UINT64_MAX, true, true, false},
        {SAMPLER_PARENTBASED_TRACEIDRATIO, 0, false, true, false},
    };
    static const char *const parents[] = {NULL, SAMPLED, UNSAMPLED};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bool expected[] = {rows[i].root, rows[i].under_sampled, rows[i].under_unsampled};
        config.sampler = rows[i].sampler;
        config.sampling_threshold = rows[i].threshold;
        for (int parent = 0; parent < 3; parent++) {
            struct message message = request_of(parents[parent]);
            uint64_t before = counter_total(COUNT_sampled_out);
            struct exchange *exchange = begin(&message, SPAN_SERVER);
            cr_expect_eq(exchange->sampled, expected[parent], "row %zu, parent %d", i, parent);
            cr_expect_eq(exchange->record.trace_flags & TRACE_FLAG_SAMPLED, expected[parent], "row %zu, parent %d", i, parent);
            cr_expect_eq(counter_total(COUNT_sampled_out) - before, !expected[parent]);
            cr_expect_eq(tracer_open(), expected[parent]);
            finish(exchange);
            const struct span_record *record = span_finished();
            cr_expect_eq(record != NULL, expected[parent], "row %zu, parent %d", i, parent);
        }
    }
    cr_expect(accounts_hold());
}

Test(tracer, samples_by_ratio_as_often_as_it_says)
{
    static const double ratios[] = {0.5, 0.1, 0.9};
    config.sampler = SAMPLER_TRACEIDRATIO;
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        int sampled = 0;
        config.sampling_threshold = (uint64_t)(ratios[i] * 9223372036854775808.0);
        for (int n = 0; n < 10000; n++) {
            struct message message = request_of(NULL);
            struct exchange *exchange = begin(&message, SPAN_SERVER);
            sampled += exchange->sampled;
            tracer_drop(exchange, COUNT_dropped_framing);
        }
        cr_expect(sampled > 10000 * ratios[i] - 300 && sampled < 10000 * ratios[i] + 300, "%d of 10000 for %g", sampled, ratios[i]);
    }
    cr_expect(accounts_hold());
}

/* By the trace id alone: whoever has the same ratio decides alike, and a higher ratio has all of a lower one's. */
Test(tracer, ratio_goes_by_the_trace_id)
{
    static const struct {
        const char *low; /* the low 64 bits of the trace id */
        double least;    /* ratio above which it is sampled */
    } rows[] = {
        {"0000000000000001", 0},
        {"7fffffffffffffff", 0.5},
        {"8000000000000000", 0.5},
        {"c000000000000000", 0.75},
        {"ffffffffffffffff", 0.9999},
    };
    config.sampler = SAMPLER_TRACEIDRATIO;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char traceparent[] = "00-ffffffffffffffff----------------" "-00f067aa0ba902b7-00";
        memcpy(traceparent + 19, rows[i].low, 16);
        struct message message = request_of(traceparent);
        for (double ratio = 0; ratio <= 1; ratio += 0.0625) {
            config.sampling_threshold = ratio >= 1 ? UINT64_MAX : (uint64_t)(ratio * 9223372036854775808.0);
            bool expected = ratio > rows[i].least || (i == 1 && ratio >= 0.5);
            struct exchange *exchange = begin(&message, SPAN_SERVER);
            cr_expect_eq(exchange->sampled, expected, "%s at %g", rows[i].low, ratio);
            tracer_drop(exchange, COUNT_dropped_framing);
        }
    }
}

Test(tracer, continues_the_trace_that_arrives)
{
    struct message message = request_of(SAMPLED);
    add_fact(&message, FACT_TRACESTATE, SLICE("a=1"));
    struct exchange *exchange = begin(&message, SPAN_SERVER);
    const struct span_record *record = &exchange->record;
    struct trace_context parent;
    trace_context_read(message.traceparent, &parent);
    cr_expect(memcmp(record->trace_id, parent.trace_id, 16) == 0);
    cr_expect(memcmp(record->parent_id, parent.parent_id, 8) == 0);
    cr_expect(memcmp(record->span_id, parent.parent_id, 8) != 0);
    cr_expect(record->has_parent && record->parent_is_remote);
    cr_expect_eq(record->trace_flags, TRACE_FLAG_SAMPLED, "the parent's id is not said to be random");
    cr_expect(slice_equals(span_fact(record, FACT_TRACESTATE), SLICE("a=1")));
    finish(exchange);
    message = request_of(RANDOM);
    exchange = begin(&message, SPAN_SERVER);
    cr_expect_eq(exchange->record.trace_flags, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    finish(exchange);
}

Test(tracer, begins_a_new_trace_otherwise)
{
    enum { DEFAULT, TWICE, PROPAGATORS_NONE };
    static const struct {
        const char *traceparent;
        enum span_kind kind;
        int how;
    } rows[] = {
        {NULL, SPAN_SERVER, DEFAULT},
        {"", SPAN_SERVER, DEFAULT},
        {"nonsense", SPAN_SERVER, DEFAULT},
        {"00-" TRACE "-0000000000000000-01", SPAN_SERVER, DEFAULT},
        {SAMPLED, SPAN_SERVER, TWICE},
        {SAMPLED, SPAN_SERVER, PROPAGATORS_NONE},
        {SAMPLED, SPAN_CLIENT, TWICE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct message message = request_of(rows[i].traceparent);
        add_fact(&message, FACT_TRACESTATE, SLICE("a=1"));
        message.traceparent_twice = rows[i].how == TWICE;
        config.extract_tracecontext = rows[i].how != PROPAGATORS_NONE;
        struct exchange *exchange = begin(&message, rows[i].kind);
        const struct span_record *record = &exchange->record;
        struct trace_context parent;
        trace_context_read(SLICE(SAMPLED), &parent);
        cr_expect_not(record->has_parent || record->parent_is_remote, "row %zu", i);
        cr_expect(memcmp(record->trace_id, parent.trace_id, 16) != 0, "row %zu", i);
        cr_expect_eq(record->trace_flags, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM, "row %zu", i);
        cr_expect_null(span_fact(record, FACT_TRACESTATE).ptr, "row %zu: without a parent it means nothing", i);
        finish(exchange);
    }
}

static bool is_zero(const uint8_t *id, size_t count)
{
    static const uint8_t zero[16];
    return memcmp(id, zero, count) == 0;
}

Test(tracer, ids_are_there_and_differ)
{
    static uint8_t traces[1000][16], spans[1000][8];
    for (int i = 0; i < 1000; i++) {
        struct message message = request_of(NULL);
        if (i == 500)
            process_reborn();
        struct exchange *exchange = begin(&message, SPAN_SERVER);
        memcpy(traces[i], exchange->record.trace_id, 16);
        memcpy(spans[i], exchange->record.span_id, 8);
        cr_assert_not(is_zero(traces[i], 16) || is_zero(traces[i] + 8, 8) || is_zero(spans[i], 8));
        tracer_drop(exchange, COUNT_dropped_framing);
        for (int before = 0; before < i; before++)
            cr_assert(memcmp(traces[before], traces[i], 16) && memcmp(spans[before], spans[i], 8), "%d and %d", before, i);
    }
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

static char long_text[70000];

Test(tracer, long_facts_have_a_large_block)
{
    static const size_t lengths[] = {0, 1, 100, 400, 600, 700, 768, 5000, 65000, 65535};
    memset(long_text, 'x', sizeof long_text);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct message message = request_of(NULL);
        add_fact(&message, FACT_TARGET, (struct slice){long_text, lengths[i]});
        add_fact(&message, FACT_HOST, SLICE("h"));
        finish(begin(&message, SPAN_SERVER));
        const struct span_record *record = span_finished();
        cr_assert(record);
        cr_expect_eq(span_fact(record, FACT_TARGET).len, lengths[i], "%zu of %zu", span_fact(record, FACT_TARGET).len, lengths[i]);
        cr_expect(slice_equals(span_fact(record, FACT_HOST), SLICE("h")));
        cr_expect_eq(record->facts_dropped, 0);
    }
}

#define LARGE_BLOCKS 64

Test(tracer, drops_facts_when_there_is_no_large_block)
{
    struct exchange *held[LARGE_BLOCKS];
    struct message message = request_of(NULL);
    add_fact(&message, FACT_TARGET, (struct slice){long_text, 2000});
    add_fact(&message, FACT_HOST, SLICE("h"));
    memset(long_text, 'x', sizeof long_text);
    for (int i = 0; i < LARGE_BLOCKS; i++)
        held[i] = begin(&message, SPAN_SERVER);
    finish(begin(&message, SPAN_SERVER));
    const struct span_record *record = span_finished();
    cr_assert(record);
    cr_expect_eq(record->facts_dropped, 1);
    cr_expect_null(span_fact(record, FACT_TARGET).ptr);
    cr_expect(slice_equals(span_fact(record, FACT_METHOD), SLICE("GET")), "what fits is kept");
    cr_expect(slice_equals(span_fact(record, FACT_HOST), SLICE("h")));
    for (int i = 0; i < LARGE_BLOCKS; i++)
        finish(held[i]);
    for (int i = 0; i < LARGE_BLOCKS; i++)
        cr_expect_eq(span_finished()->facts_dropped, 0);
    finish(begin(&message, SPAN_SERVER));
    cr_expect_eq(span_finished()->facts_dropped, 0, "the blocks are back");
    cr_expect(accounts_hold());
}

Test(tracer, facts_that_the_protocol_could_not_keep_are_counted_on)
{
    struct message message = request_of(NULL);
    message.facts_dropped = 3;
    finish(begin(&message, SPAN_SERVER));
    cr_expect_eq(span_finished()->facts_dropped, 3);
}

/* --- accounts ------------------------------------------------------------------------------------------------------ */

Test(tracer, says_how_many_are_open)
{
    struct message message = request_of(NULL);
    struct exchange *a = begin(&message, SPAN_SERVER), *b = begin(&message, SPAN_CLIENT);
    cr_expect_eq(tracer_open(), 2);
    finish(a);
    cr_expect_eq(tracer_open(), 1);
    tracer_drop(b, COUNT_dropped_framing);
    cr_expect_eq(tracer_open(), 0);
    cr_expect(accounts_hold());
}

Test(tracer, accounts_for_every_end)
{
    struct message message = request_of(NULL), large = request_of(NULL);
    for (int i = 0; i < 14; i++)
        add_fact(&large, FACT_FORWARDED, (struct slice){long_text, 4700});
    config.max_queue_size = 2;
    for (int i = 0; i < 5; i++)
        finish(begin(&message, SPAN_SERVER));
    cr_expect_str_eq(counted(), "dropped_queue_full=3");
    cr_expect_eq(notified, 2);
    span_finished();
    preload_begin();
    config.max_queue_size = 2;
    waiting_clear();
    waiting.spans = 2;
    finish(begin(&large, SPAN_SERVER));
    cr_expect_str_eq(counted(), "dropped_too_large=1");
    thread_can_start = false;
    finish(begin(&message, SPAN_SERVER));
    cr_expect_str_eq(counted(), "dropped_too_large=1 dropped_no_thread=1");
    cr_expect(accounts_hold());
}

Test(tracer, what_was_sampled_out_is_dropped_by_nothing_else)
{
    struct message message = request_of(UNSAMPLED);
    tracer_drop(begin(&message, SPAN_SERVER), COUNT_dropped_framing);
    finish(begin(&message, SPAN_SERVER));
    cr_expect_str_eq(counted(), "sampled_out=2");
    cr_expect(accounts_hold());
}

Test(tracer, what_another_generation_began_is_not_ours)
{
    struct message message = request_of(NULL);
    struct exchange *a = begin(&message, SPAN_SERVER), *b = begin(&message, SPAN_SERVER);
    process_reborn();
    finish(a);
    tracer_drop(b, COUNT_dropped_framing);
    cr_expect_str_eq(counted(), "");
    cr_expect_null(span_finished());
    cr_expect_eq(tracer_open(), 0);
    finish(begin(&message, SPAN_SERVER));
    cr_expect(span_finished());
    cr_expect(accounts_hold());
}

Test(tracer, records_how_a_span_ended)
{
    struct message message = request_of(NULL);
    tracer_finish(begin(&message, SPAN_CLIENT), 5000, SPAN_ERROR_ERRNO, 104);
    const struct span_record *record = span_finished();
    cr_assert(record);
    cr_expect(record->kind == SPAN_CLIENT && record->protocol == SPAN_HTTP && record->error == SPAN_ERROR_ERRNO);
    cr_expect(record->error_number == 104 && record->start_ns == 1000 && record->end_ns == 5000);
    tracer_finish(begin(&message, SPAN_CLIENT), 500, SPAN_ERROR_NONE, 0);
    cr_expect_eq(span_finished()->end_ns, 1000, "never before it began");
}
