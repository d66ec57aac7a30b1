/* test_causality.c - which span is whose child: the table of the design's section 4, a row at a time, and what ends a belief.
 *
 * A test is a process of its own: what is known of a process stays known in it.
 */
#include <criterion/criterion.h>

#include "causality.h"
#include "config.h"
#include "conversation.h"
#include "exchange.h"
#include "process.h"
#include "support_heads.h"
#include "support_preload.h"
#include "tracer.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>

static const struct address peer = {.family = AF_INET, .port = 4242, .bytes = {192, 0, 2, 1}};

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define REQUEST "GET /in HTTP/1.1\r\n\r\n"
#define ASKED "GET /out HTTP/1.1\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void begin(void)
{
    preload_begin();
    propagators_are("tracecontext,baggage");
    thread.work = (struct thread_work){.is_loop = false};
}

TestSuite(causality, .init = begin);

static struct connection *open_as(enum role role)
{
    struct connection *connection = connection_create(role, &peer, (struct slice){NULL, 0});
    connection_is_new(connection);
    return connection;
}

static void pass(struct connection *connection, enum direction direction, const char *text)
{
    cr_assert(connection_enter(connection, direction));
    conversation_passed(connection, direction, slice_of(text), 0, NULL);
    connection_leave(connection, direction);
}

/* A server connection with an open request. */
static struct connection *serve(const char *text)
{
    struct connection *connection = open_as(ROLE_SERVER);
    pass(connection, DIRECTION_RECEIVED, text);
    return connection;
}

static struct exchange *open_on(struct connection *connection)
{
    return connection->newest.exchange;
}

static bool is_on(const struct connection *connection, struct live live)
{
    return live.exchange && live.exchange == connection->newest.exchange && live.id == connection->newest.id;
}

/* Whose child a request would be that leaves now. */
static struct lineage leaving(const char *head, struct live opener)
{
    struct lineage lineage;
    causality_of_client(head_read(slice_of(head)), opener, &lineage);
    return lineage;
}

#define NOBODY ((struct live){NULL, 0})

static bool is_child_of(const struct lineage *lineage, const struct exchange *exchange)
{
    return lineage->has_parent && memcmp(lineage->parent.parent_id, exchange->record.span_id, 8) == 0 &&
           memcmp(lineage->parent.trace_id, exchange->record.trace_id, 16) == 0 && lineage->parent.flags == exchange->record.trace_flags;
}

/* A head that carries what the application was given of this request. */
static const char *passing_on(const struct exchange *exchange, const uint8_t *id)
{
    static char head[256];
    struct trace_context ids = {.flags = 1};
    char value[TRACEPARENT_LENGTH];
    memcpy(ids.trace_id, exchange->record.trace_id, 16);
    memcpy(ids.parent_id, id, 8);
    trace_context_write(value, &ids);
    snprintf(head, sizeof head, "GET /on HTTP/1.1\r\ntraceparent: %.*s\r\n\r\n", TRACEPARENT_LENGTH, value);
    return head;
}

/* --- the moments of the table ------------------------------------------------------------------------------------------ */

Test(causality, a_request_that_is_read_is_what_the_thread_works_on)
{
    cr_expect_null(causality_current().exchange);
    struct connection *connection = serve(REQUEST);
    struct lineage lineage = leaving(ASKED, NOBODY);
    if (!causality_current().exchange) { /* of several threads none is believed before one has answered what it read */
        pass(connection, DIRECTION_SENT, OK);
        pass(connection, DIRECTION_RECEIVED, REQUEST);
        lineage = leaving(ASKED, NOBODY);
    }
    cr_expect(is_on(connection, causality_current()));
    cr_expect(is_child_of(&lineage, open_on(connection)) && !lineage.parent_is_remote && is_on(connection, lineage.request));
}

/* From here on: a process that has answered once where it read. */
static struct connection *serve_again(void)
{
    struct connection *connection = serve(REQUEST);
    pass(connection, DIRECTION_SENT, OK);
    cr_expect_null(causality_current().exchange, "the answer is complete");
    pass(connection, DIRECTION_RECEIVED, REQUEST);
    cr_assert(is_on(connection, causality_current()));
    return connection;
}

Test(causality, nothing_is_worked_on_once_it_is_answered)
{
    struct connection *connection = serve_again();
    struct live before = causality_current();
    pass(connection, DIRECTION_SENT, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    cr_expect(is_on(connection, causality_current()), "its body is not there yet");
    pass(connection, DIRECTION_SENT, "abc");
    cr_expect_null(causality_current().exchange);
    struct lineage lineage = leaving(ASKED, NOBODY);
    cr_expect_not(lineage.has_parent, "made after the response");
    lineage = leaving(ASKED, before);
    cr_expect_not(lineage.has_parent, "nor by way of a connection that was opened for it");
}

/* By a jump out of a signal handler, between its two words. */
Test(causality, what_is_worked_on_may_be_half_written)
{
    struct connection *connection = serve_again(), *other = serve(REQUEST);
    struct live whole = connection->newest, half = {NULL, whole.id}, mixed = {other->newest.exchange, whole.id}, bare = {whole.exchange, 0};
    struct live halves[] = {half, mixed, bare};
    for (int i = 0; i < 3; i++) {
        thread.work = (struct thread_work){.current = halves[i], .touched = {halves[i], halves[i]}, .has_read = true};
        cr_expect_null(causality_current().exchange, "%d", i);
        cr_expect_null(causality_opener().exchange, "%d", i);
        cr_expect_not(leaving(ASKED, halves[i]).has_parent, "%d", i);
        causality_touches(halves[i]);
        causality_wait_begins();
        causality_wait_ended();
    }
    thread.work = (struct thread_work){.current = whole, .has_read = true};
    cr_expect(is_on(connection, causality_current()));
}

Test(causality, a_loop_that_is_reached_again_works_on_nothing)
{
    serve_again();
    causality_wait_begins();
    cr_expect(thread.work.defers);
    causality_wait_ended();
    cr_expect_null(causality_current().exchange);
}

Test(causality, a_loop_that_defers_is_not_believed_any_more)
{
    struct connection *connection = serve_again();
    causality_wait_begins();
    causality_wait_ended();
    pass(connection, DIRECTION_SENT, OK);
    pass(connection, DIRECTION_RECEIVED, REQUEST);
    cr_expect_null(causality_current().exchange, "a timer or a queue may bring up any of them");
    cr_expect_not(leaving(ASKED, NOBODY).has_parent);
}

Test(causality, a_loop_that_answers_before_it_waits_is_believed)
{
    struct connection *connection = serve_again();
    for (int i = 0; i < 3; i++) {
        pass(connection, DIRECTION_SENT, OK);
        causality_wait_begins();
        causality_wait_ended();
        pass(connection, DIRECTION_RECEIVED, REQUEST);
        cr_expect(is_on(connection, causality_current()));
    }
}

Test(causality, of_two_open_requests_neither_is_believed)
{
    struct connection *first = serve_again(), *second = serve(REQUEST);
    cr_expect_null(causality_current().exchange);
    cr_expect_not(leaving(ASKED, NOBODY).has_parent);
    pass(second, DIRECTION_SENT, OK);
    cr_expect_null(causality_current().exchange, "it has not read the first one since");
    pass(first, DIRECTION_SENT, OK);
    pass(first, DIRECTION_RECEIVED, REQUEST);
    cr_expect(is_on(first, causality_current()), "and now there is one again");
}

Test(causality, of_pipelined_requests_none_is_believed)
{
    struct connection *connection = serve_again();
    pass(connection, DIRECTION_SENT, OK);
    pass(connection, DIRECTION_RECEIVED, REQUEST REQUEST);
    cr_expect_null(causality_current().exchange);
}

Test(causality, goes_on_when_an_answer_is_read)
{
    struct connection *server = serve_again(), *client = open_as(ROLE_CLIENT);
    struct live before = causality_current();
    pass(client, DIRECTION_SENT, ASKED);
    pass(client, DIRECTION_RECEIVED, OK);
    const struct span_record *record;
    while ((record = span_finished()) != NULL && record->kind != SPAN_CLIENT)
        ;
    cr_assert(record);
    cr_expect(record->has_parent && memcmp(record->parent_id, open_on(server)->record.span_id, 8) == 0);
    struct live after = causality_current();
    cr_expect(after.exchange == before.exchange && after.id == before.id);
}

Test(causality, remembers_for_whom_a_connection_was_opened)
{
    struct connection *server = serve_again(), *client = open_as(ROLE_CLIENT);
    thread.work = (struct thread_work){.is_loop = false}; /* the thread has turned to something else */
    cr_expect_null(causality_current().exchange);
    struct lineage lineage = leaving(ASKED, client->opener);
    cr_expect(is_child_of(&lineage, open_on(server)));
}

/* --- order of evidence ---------------------------------------------------------------------------------------------------- */

Test(causality, believes_a_header_that_names_an_open_request_before_the_thread)
{
    struct connection *first = serve_again(), *second = serve("GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-" PARENT "-01\r\n\r\n");
    struct exchange *named = open_on(second);
    cr_assert_eq(memcmp(&named->known_as, named->record.parent_id, 8), 0, "the application saw it as it came");
    struct lineage lineage = leaving(passing_on(named, named->record.parent_id), NOBODY);
    cr_expect(is_child_of(&lineage, named) && lineage.is_named && !lineage.parent_is_remote, "1: passed through");
    lineage = leaving("GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-aaaaaaaaaaaaaaaa-00\r\n\r\n", first->newest);
    cr_expect(lineage.has_parent && lineage.parent_is_remote && lineage.parent.parent_id[0] == 0xaa && lineage.parent.flags == 0, "2: another's");
    cr_expect_eq(lineage.request.exchange, NULL);
    pass(second, DIRECTION_SENT, OK);
    lineage = leaving("GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-" PARENT "-01\r\n\r\n", NOBODY);
    cr_expect(lineage.has_parent && lineage.parent_is_remote && !lineage.request.exchange, "it has ended: no child of it begins any more");
}

Test(causality, believes_no_id_of_another_trace)
{
    struct connection *connection = serve("GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-" PARENT "-01\r\n\r\n");
    struct lineage lineage = leaving("GET / HTTP/1.1\r\ntraceparent: 00-11111111111111111111111111111111-" PARENT "-01\r\n\r\n", NOBODY);
    cr_expect(lineage.parent_is_remote && !lineage.request.exchange && lineage.parent.trace_id[0] == 0x11);
    (void)connection;
}

Test(causality, one_contradiction_ends_the_belief_in_threads)
{
    struct connection *first = serve("GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-" PARENT "-01\r\n\r\n"), *second = serve(REQUEST);
    cr_assert_eq(thread.work.current.exchange, open_on(second));
    leaving(passing_on(open_on(first), open_on(first)->record.parent_id), NOBODY); /* while the thread works on the second */
    cr_expect_eq(counter_total(COUNT_parents_contradicted), 1);
    leaving(passing_on(open_on(first), open_on(first)->record.parent_id), NOBODY);
    cr_expect_eq(counter_total(COUNT_parents_contradicted), 1, "counted once");
    pass(first, DIRECTION_SENT, OK);
    struct lineage lineage = leaving(ASKED, first->newest);
    cr_expect_null(causality_current().exchange);
    cr_expect_not(lineage.has_parent, "nor is the opening of a connection any evidence then");
}

static void *answers(void *connection)
{
    pass(connection, DIRECTION_SENT, OK);
    return NULL;
}

static void *reads(void *connection)
{
    pass(connection, DIRECTION_RECEIVED, REQUEST);
    return causality_current().exchange;
}

static void *in_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread_id;
    void *result;
    cr_assert_eq(pthread_create(&thread_id, NULL, run, argument), 0);
    pthread_join(thread_id, &result);
    return result;
}

Test(causality, an_answer_from_another_thread_ends_the_belief_in_threads)
{
    struct connection *connection = serve_again();
    in_thread(answers, connection);
    cr_expect_null(in_thread(reads, connection), "work moves between threads here");
}

Test(causality, a_thread_knows_nothing_of_what_another_has_read)
{
    struct connection *connection = serve_again();
    pass(connection, DIRECTION_SENT, OK);
    cr_expect_eq(in_thread(reads, connection), open_on(connection));
    cr_expect_null(causality_current().exchange);
}

/* --- what is handed on ------------------------------------------------------------------------------------------------------ */

Test(causality, hands_on_the_state_and_baggage_of_the_parent)
{
    struct connection *connection = serve_again();
    pass(connection, DIRECTION_SENT, OK);
    pass(connection, DIRECTION_RECEIVED, "GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-" PARENT "-01\r\ntracestate: a=b\r\nbaggage: k=v\r\nbaggage: l=w\r\n\r\n");
    struct lineage lineage = leaving(ASKED, NOBODY);
    cr_expect(is_child_of(&lineage, open_on(connection)));
    cr_expect(slice_equals(lineage.tracestate, SLICE("a=b")) && slice_equals(lineage.baggage, SLICE("k=v,l=w")));
}

Test(causality, a_request_that_arrives_is_the_child_of_what_it_names)
{
    static const struct {
        const char *head;
        bool has_parent, has_decision, is_debug;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", false, false, false},
        {"GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-" PARENT "-01\r\n\r\n", true, false, false},
        {"GET / HTTP/1.1\r\ntraceparent: x\r\n\r\n", false, false, false},
        {"GET / HTTP/1.1\r\nb3: 0\r\n\r\n", false, true, false},
        {"GET / HTTP/1.1\r\nb3: " TRACE "-" PARENT "-d\r\n\r\n", true, false, true},
    };
    propagators_are("tracecontext,b3");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lineage lineage;
        causality_of_server(head_read(slice_of(rows[i].head)), &lineage);
        cr_expect(lineage.has_parent == rows[i].has_parent && lineage.has_decision == rows[i].has_decision && lineage.is_debug == rows[i].is_debug &&
                  lineage.parent_is_remote == rows[i].has_parent && !lineage.is_silent, "%s", rows[i].head);
    }
}
