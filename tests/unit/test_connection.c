/* test_connection.c - users and roles, endings and their times, bytes that pass unseen, forks. Framing is test_wire.c's. */
#include <criterion/criterion.h>

#include "conversation.h"
#include "process.h"
#include "support_preload.h"
#include "tracer.h"

#include <errno.h>
#include <sys/socket.h>

TestSuite(connection, .init = preload_begin);

static const struct address peer = {.family = AF_INET, .port = 4242, .bytes = {192, 0, 2, 1}};

static struct connection *begin(enum role role)
{
    struct connection *connection = connection_create(role, &peer, (struct slice){NULL, 0});
    cr_assert(connection);
    return connection;
}

static void bytes_since(struct connection *connection, enum direction direction, const char *text, uint64_t since_ns)
{
    if (!connection_enter(connection, direction))
        return;
    conversation_passed(connection, direction, slice_of(text), since_ns, NULL);
    connection_leave(connection, direction);
}

static void sent(struct connection *connection, const char *text)
{
    bytes_since(connection, DIRECTION_SENT, text, 0);
}

static void received(struct connection *connection, const char *text)
{
    bytes_since(connection, DIRECTION_RECEIVED, text, 0);
}

static void unseen(struct connection *connection, enum direction direction, uint64_t count)
{
    if (!connection_enter(connection, direction))
        return;
    conversation_passed_unseen(connection, direction, count);
    connection_leave(connection, direction);
}

static void peer_closes(struct connection *connection)
{
    if (!connection_enter(connection, DIRECTION_RECEIVED))
        return;
    connection_peer_closed(connection);
    connection_leave(connection, DIRECTION_RECEIVED);
}

static void fails(struct connection *connection, enum direction direction, int error_number)
{
    cr_assert(connection_enter(connection, direction));
    connection_failed(connection, direction, error_number);
    connection_leave(connection, direction);
}

#define GET "GET / HTTP/1.1\r\n\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define OK_OF(n) "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n"
#define OK_UNTIL_CLOSE "HTTP/1.1 200 OK\r\n\r\n"

static void expect(const char *spans, const char *counters)
{
    cr_expect_str_eq(spans_finished(), spans);
    cr_expect_str_eq(counted(), counters);
    cr_expect(accounts_hold());
}

/* --- what a span gets of its connection ------------------------------------------------------------------------ */

Test(connection, gives_a_span_its_kind_and_peer)
{
    static const struct {
        enum role role;
        enum direction asked;
        enum span_kind kind;
    } rows[] = {
        {ROLE_SERVER, DIRECTION_RECEIVED, SPAN_SERVER},
        {ROLE_CLIENT, DIRECTION_SENT, SPAN_CLIENT},
        {ROLE_UNKNOWN, DIRECTION_RECEIVED, SPAN_SERVER},
        {ROLE_UNKNOWN, DIRECTION_SENT, SPAN_CLIENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct connection *connection = begin(rows[i].role);
        bytes_since(connection, rows[i].asked, GET, 0);
        bytes_since(connection, rows[i].asked == DIRECTION_SENT ? DIRECTION_RECEIVED : DIRECTION_SENT, OK_EMPTY, 0);
        const struct span_record *record = span_finished();
        cr_assert(record, "row %zu", i);
        cr_expect_eq(record->kind, rows[i].kind);
        cr_expect_eq(record->protocol, SPAN_HTTP);
        cr_expect(memcmp(&record->peer, &peer, sizeof peer) == 0);
        connection_release(connection);
    }
    cr_expect_eq(counter_total(COUNT_connections), 4);
    cr_expect_eq(counter_total(COUNT_started), 4);
}

Test(connection, gives_a_span_the_path_of_a_unix_socket)
{
    static const struct {
        struct slice path, expected;
    } rows[] = {
        {SLICE("/run/a.sock"), SLICE("/run/a.sock")},
        {SLICE("\0abstract"), SLICE("\0abstract")},
        {SLICE(""), {NULL, 0}},
    };
    static const struct address unix_peer = {.family = AF_UNIX};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct connection *connection = connection_create(ROLE_SERVER, &unix_peer, rows[i].path);
        received(connection, GET);
        sent(connection, OK_EMPTY);
        const struct span_record *record = span_finished();
        cr_assert(record);
        struct slice path = span_fact(record, FACT_UNIX_PATH);
        cr_expect(slice_equals(path, rows[i].expected) && !path.ptr == !rows[i].expected.ptr, "row %zu", i);
        connection_release(connection);
    }
}

Test(connection, of_unknown_role_takes_the_first_to_send_for_the_client)
{
    struct connection *connection = begin(ROLE_UNKNOWN);
    received(connection, "220 mail ESMTP\r\n");
    cr_expect_eq(connection->role, ROLE_SERVER);
    connection_release(connection);
    expect("", "other_protocol=1");
}

/* --- users ------------------------------------------------------------------------------------------------------ */

Test(connection, ends_with_its_last_descriptor)
{
    struct connection *connection = begin(ROLE_SERVER);
    uint32_t generation = connection->generation;
    received(connection, GET);
    connection_share(connection);
    connection_release(connection);
    expect("", "");
    sent(connection, OK_EMPTY);
    expect("GET / 200\n", "");
    received(connection, GET);
    connection_release(connection);
    expect("GET / 0 error=cancelled\n", "");
    struct connection *next = begin(ROLE_SERVER);
    cr_expect_eq(next, connection, "the block is used again");
    cr_expect_eq(next->generation, generation + 1);
    connection_release(next);
}

Test(connection, ends_with_the_thread_at_work_when_closed_meanwhile)
{
    for (int direction = DIRECTION_RECEIVED; direction <= DIRECTION_SENT; direction++) {
        struct connection *connection = begin(ROLE_SERVER);
        received(connection, GET);
        cr_assert(connection_enter(connection, (enum direction)direction));
        connection_release(connection);
        cr_expect_eq(tracer_open(), 1, "somebody is still at work");
        cr_expect_not(connection_enter(connection, DIRECTION_RECEIVED), "it is closed");
        cr_expect_not(connection_enter(connection, DIRECTION_SENT), "it is closed");
        if (direction == DIRECTION_SENT)
            conversation_passed(connection, DIRECTION_SENT, SLICE(OK_EMPTY), 0, NULL);
        connection_leave(connection, (enum direction)direction);
        expect(direction == DIRECTION_SENT ? "GET / 200\n" : "GET / 0 error=cancelled\n", "");
    }
}

Test(connection, ends_once_whoever_is_last)
{
    /* Two threads at work and two descriptors, gone in every order. */
    for (int order = 0; order < 24; order++) {
        struct connection *connection = begin(ROLE_SERVER);
        received(connection, GET);
        connection_share(connection);
        cr_assert(connection_enter(connection, DIRECTION_RECEIVED));
        cr_assert(connection_enter(connection, DIRECTION_SENT));
        int left[4] = {0, 1, 2, 3}, count = 4;
        for (int n = order; count; n /= count + 1) {
            int which = n % count;
            cr_assert_eq(tracer_open(), 1, "order %d, %d to go", order, count);
            switch (left[which]) {
            case 0: connection_leave(connection, DIRECTION_RECEIVED); break;
            case 1: connection_leave(connection, DIRECTION_SENT); break;
            default: connection_release(connection); break;
            }
            left[which] = left[--count];
        }
        expect("GET / 0 error=cancelled\n", "");
    }
}

Test(connection, lets_both_directions_in_at_once)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    cr_assert(connection_enter(connection, DIRECTION_RECEIVED));
    cr_assert(connection_enter(connection, DIRECTION_SENT));
    conversation_passed(connection, DIRECTION_SENT, SLICE(OK_EMPTY), 0, NULL);
    conversation_passed(connection, DIRECTION_RECEIVED, SLICE(GET), 0, NULL);
    connection_leave(connection, DIRECTION_RECEIVED);
    connection_leave(connection, DIRECTION_SENT);
    sent(connection, OK_EMPTY);
    connection_release(connection);
    expect("GET / 200\nGET / 200\n", "");
}

Test(connection, gives_up_when_two_threads_are_in_one_direction)
{
    for (int direction = DIRECTION_RECEIVED; direction <= DIRECTION_SENT; direction++) {
        preload_begin();
        struct connection *connection = begin(ROLE_SERVER);
        received(connection, GET);
        cr_assert(connection_enter(connection, (enum direction)direction));
        cr_expect_not(connection_enter(connection, (enum direction)direction));
        conversation_passed(connection, (enum direction)direction, SLICE("anything"), 0, NULL);
        connection_leave(connection, (enum direction)direction);
        cr_expect_not(connection_enter(connection, DIRECTION_RECEIVED));
        cr_expect_not(connection_enter(connection, DIRECTION_SENT));
        connection_release(connection);
        expect("", "dropped_framing=1 given_up_contended=1");
    }
}

Test(connection, gives_up_when_a_signal_handler_used_it)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    connection->reentered = true;
    sent(connection, OK_EMPTY);
    connection_release(connection);
    expect("", "dropped_framing=1 given_up_reentered=1");
}

Test(connection, stays_given_up_and_is_counted_once)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, "\x16\x03\x01");
    received(connection, GET);
    sent(connection, OK_EMPTY);
    connection_leave_to_stdio(connection);
    peer_closes(connection);
    connection_release(connection);
    expect("", "other_protocol=1");
}

Test(connection, is_left_to_stdio)
{
    struct connection *connection = begin(ROLE_CLIENT);
    sent(connection, GET);
    connection_leave_to_stdio(connection);
    received(connection, OK_EMPTY);
    connection_release(connection);
    expect("", "dropped_framing=1 given_up_stdio=1");
}

Test(connection, of_a_reused_block_remembers_nothing)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
    sent(connection, "HTTP/1.1 200 OK\r\nTransfer-Enc");
    connection->reentered = true;
    connection_hand_over(connection);
    connection_release(connection);
    preload_begin();
    struct connection *next = begin(ROLE_CLIENT);
    cr_assert_eq(next, connection);
    sent(next, GET);
    received(next, OK_EMPTY);
    connection_release(next);
    expect("GET / 200\n", "");
}

/* --- bytes that pass by unseen ---------------------------------------------------------------------------------- */

Test(connection, bytes_of_a_body_may_pass_unseen)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    sent(connection, OK_OF(100));
    unseen(connection, DIRECTION_SENT, 60);
    expect("", "");
    unseen(connection, DIRECTION_SENT, 40);
    expect("GET / 200\n", "");
    received(connection, GET);
    sent(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n");
    unseen(connection, DIRECTION_SENT, 100);
    sent(connection, "\r\n0\r\n\r\n");
    expect("GET / 200\n", "");
    received(connection, GET);
    sent(connection, OK_UNTIL_CLOSE);
    unseen(connection, DIRECTION_SENT, UINT64_C(1) << 40);
    connection_release(connection);
    expect("GET / 200\n", "");
}

Test(connection, bytes_of_a_request_body_may_pass_unseen)
{
    struct connection *connection = begin(ROLE_CLIENT);
    sent(connection, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n");
    unseen(connection, DIRECTION_SENT, 10);
    received(connection, OK_EMPTY);
    sent(connection, GET);
    received(connection, OK_OF(3));
    unseen(connection, DIRECTION_RECEIVED, 3);
    connection_release(connection);
    expect("POST / 200\nGET / 200\n", "");
}

Test(connection, gives_up_when_more_than_the_body_passes_unseen)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    sent(connection, OK_OF(100));
    unseen(connection, DIRECTION_SENT, 101);
    connection_release(connection);
    expect("", "dropped_framing=1 given_up_unseen_bytes=1");
}

Test(connection, gives_up_when_a_head_passes_unseen)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    unseen(connection, DIRECTION_SENT, 10);
    connection_release(connection);
    expect("", "dropped_framing=1 given_up_unseen_bytes=1");
}

Test(connection, gives_up_when_part_of_a_head_passes_unseen)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET "GET / HT");
    unseen(connection, DIRECTION_RECEIVED, 8);
    connection_release(connection);
    expect("", "dropped_framing=1 given_up_unseen_bytes=1");
}

Test(connection, of_which_nothing_was_seen_is_another_protocol)
{
    struct connection *connection = begin(ROLE_SERVER);
    unseen(connection, DIRECTION_SENT, 10);
    received(connection, GET);
    connection_release(connection);
    expect("", "other_protocol=1");
}

/* --- endings and their times ------------------------------------------------------------------------------------ */

static void expect_times(uint64_t start_ns, uint64_t end_ns)
{
    const struct span_record *record = span_finished();
    cr_assert(record, "no span has ended");
    cr_expect_eq(record->start_ns, start_ns, "%llu", (unsigned long long)record->start_ns);
    cr_expect_eq(record->end_ns, end_ns, "%llu", (unsigned long long)record->end_ns);
}

Test(connection, a_server_span_lasts_from_the_request_to_the_last_byte_of_the_response)
{
    struct connection *connection = begin(ROLE_SERVER);
    clock_set(1000);
    received(connection, "GET / HTTP/1.1\r\n\r\n");
    clock_set(2000);
    sent(connection, OK_OF(6));
    clock_set(3000);
    sent(connection, "abc");
    clock_set(4000);
    sent(connection, "def");
    expect_times(1000, 4000);
    connection_release(connection);
}

Test(connection, a_client_span_begins_with_the_call_that_sent_the_first_byte)
{
    struct connection *connection = begin(ROLE_CLIENT);
    clock_set(1000);
    bytes_since(connection, DIRECTION_SENT, GET, 900);
    clock_set(5000);
    received(connection, OK_EMPTY);
    expect_times(900, 5000);
    clock_set(6000);
    bytes_since(connection, DIRECTION_SENT, "GET / HT", 5900);
    clock_set(7000);
    bytes_since(connection, DIRECTION_SENT, "TP/1.1\r\n\r\n", 6900);
    clock_set(8000);
    received(connection, OK_EMPTY);
    expect_times(5900, 8000);
    connection_release(connection);
}

Test(connection, a_request_behind_a_gathered_one_begins_when_it_was_sent)
{
    struct connection *connection = begin(ROLE_CLIENT);
    clock_set(1000);
    bytes_since(connection, DIRECTION_SENT, "GET / HT", 900);
    clock_set(2000);
    bytes_since(connection, DIRECTION_SENT, "TP/1.1\r\n\r\n" GET, 1900);
    clock_set(3000);
    received(connection, OK_EMPTY OK_EMPTY);
    expect_times(900, 3000);
    expect_times(1900, 3000);
    connection_release(connection);
}

Test(connection, a_body_until_close_ends_with_its_last_byte)
{
    for (int role = ROLE_SERVER; role <= ROLE_CLIENT; role++)
        for (int bytes_follow = 0; bytes_follow < 2; bytes_follow++) {
            struct connection *connection = begin((enum role)role);
            enum direction asks = role == ROLE_SERVER ? DIRECTION_RECEIVED : DIRECTION_SENT;
            enum direction answers = role == ROLE_SERVER ? DIRECTION_SENT : DIRECTION_RECEIVED;
            clock_set(1000);
            bytes_since(connection, asks, GET, 0);
            clock_set(2000);
            bytes_since(connection, answers, OK_UNTIL_CLOSE, 0);
            clock_set(3000);
            if (bytes_follow)
                bytes_since(connection, answers, "abc", 0);
            clock_set(9000);
            if (role == ROLE_CLIENT)
                peer_closes(connection);
            connection_release(connection);
            expect_times(1000, bytes_follow ? 3000 : 2000);
        }
}

Test(connection, a_body_until_close_ends_when_the_server_finishes_sending)
{
    struct connection *connection = begin(ROLE_SERVER);
    clock_set(1000);
    received(connection, GET);
    sent(connection, OK_UNTIL_CLOSE);
    clock_set(2000);
    sent(connection, "abc");
    clock_set(9000);
    cr_assert(connection_enter(connection, DIRECTION_SENT));
    connection_finished_sending(connection);
    connection_leave(connection, DIRECTION_SENT);
    expect_times(1000, 2000);
    connection_release(connection);
    expect("", "");
}

Test(connection, finishing_to_send_ends_nothing_else)
{
    struct connection *server = begin(ROLE_SERVER), *client = begin(ROLE_CLIENT);
    received(server, GET);
    connection_finished_sending(server);
    sent(client, GET);
    received(client, OK_UNTIL_CLOSE);
    connection_finished_sending(client);
    expect("", "");
    connection_release(server);
    connection_release(client);
}

Test(connection, what_a_client_does_not_read_to_its_end_ends_with_what_it_read)
{
    struct connection *connection = begin(ROLE_CLIENT);
    clock_set(1000);
    sent(connection, GET);
    clock_set(2000);
    received(connection, OK_OF(10));
    clock_set(3000);
    received(connection, "abc");
    clock_set(9000);
    connection_release(connection);
    expect_times(1000, 3000);
    expect("", "");
}

Test(connection, what_was_cut_short_ends_now)
{
    struct connection *connection = begin(ROLE_SERVER);
    clock_set(1000);
    received(connection, GET);
    clock_set(2000);
    sent(connection, OK_OF(10));
    clock_set(9000);
    connection_release(connection);
    expect_times(1000, 9000);
}

Test(connection, a_clock_that_goes_back_gives_no_negative_duration)
{
    struct connection *connection = begin(ROLE_SERVER);
    clock_set(5000);
    received(connection, GET);
    clock_set(4000);
    sent(connection, OK_EMPTY);
    expect_times(5000, 5000);
    connection_release(connection);
}

Test(connection, reads_the_clock_once_for_all_that_one_call_brought)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET GET GET);
    sent(connection, OK_EMPTY OK_EMPTY OK_EMPTY);
    uint64_t start_ns = 0, end_ns = 0;
    for (int i = 0; i < 3; i++) {
        const struct span_record *record = span_finished();
        cr_assert(record);
        cr_expect(i == 0 || (record->start_ns == start_ns && record->end_ns == end_ns));
        start_ns = record->start_ns;
        end_ns = record->end_ns;
    }
    connection_release(connection);
}

/* --- why it ended ------------------------------------------------------------------------------------------------ */

Test(connection, failing_calls_end_what_is_open)
{
    static const struct {
        enum role role;
        enum direction direction;
        const char *expected;
    } rows[] = {
        {ROLE_SERVER, DIRECTION_SENT, "GET / 0 error=errno:104\nGET / 0 error=errno:104\n"},
        {ROLE_CLIENT, DIRECTION_RECEIVED, "GET / 0 error=errno:104\nGET / 0 error=errno:104\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct connection *connection = begin(rows[i].role);
        bytes_since(connection, rows[i].role == ROLE_SERVER ? DIRECTION_RECEIVED : DIRECTION_SENT, GET GET, 0);
        fails(connection, rows[i].direction, ECONNRESET);
        expect(rows[i].expected, "");
        connection_release(connection);
        expect("", "");
    }
}

Test(connection, a_client_that_cannot_send_may_still_be_answered)
{
    struct connection *connection = begin(ROLE_CLIENT);
    sent(connection, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
    fails(connection, DIRECTION_SENT, EPIPE);
    received(connection, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    peer_closes(connection);
    connection_release(connection);
    expect("POST / 413\n", "");
}

Test(connection, a_client_that_could_not_send_says_why_when_nothing_came)
{
    struct connection *connection = begin(ROLE_CLIENT);
    sent(connection, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
    fails(connection, DIRECTION_SENT, EPIPE);
    connection_release(connection);
    expect("POST / 0 error=errno:32\n", "");
}

/* RFC 9112 section 8: such a body is complete "unless an error was indicated by the underlying connection". */
Test(connection, a_body_until_close_that_ends_in_an_error_is_not_complete)
{
    struct connection *client = begin(ROLE_CLIENT), *server = begin(ROLE_SERVER);
    sent(client, GET GET);
    received(client, OK_UNTIL_CLOSE "abc");
    fails(client, DIRECTION_RECEIVED, ECONNRESET);
    received(server, GET);
    sent(server, OK_UNTIL_CLOSE "abc");
    fails(server, DIRECTION_SENT, EPIPE);
    connection_release(client);
    connection_release(server);
    expect("GET / 200 error=errno:104\nGET / 0 error=errno:104\nGET / 200 error=errno:32\n", "");
}

Test(connection, a_client_that_half_closes_is_still_answered)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    peer_closes(connection);
    expect("", "");
    sent(connection, OK_EMPTY);
    connection_release(connection);
    expect("GET / 200\n", "");
}

Test(connection, the_end_of_the_process_ends_what_is_open)
{
    struct connection *server = begin(ROLE_SERVER), *client = begin(ROLE_CLIENT), *streaming = begin(ROLE_SERVER);
    sent(client, GET); /* before the others: it is not made for one of them */
    received(client, OK_OF(10));
    received(server, GET);
    received(streaming, GET);
    sent(streaming, OK_UNTIL_CLOSE);
    connection_process_exit(server);
    connection_process_exit(client);
    connection_process_exit(streaming);
    expect("GET / 0 error=process_exit\nGET / 200\nGET / 200\n", "");
    connection_release(server);
    connection_release(client);
    connection_release(streaming);
    expect("", "");
}

Test(connection, the_end_of_the_process_leaves_alone_what_is_in_use)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    cr_assert(connection_enter(connection, DIRECTION_SENT));
    connection_process_exit(connection);
    expect("", "");
    connection_leave(connection, DIRECTION_SENT);
    connection_release(connection);
    expect("GET / 0 error=cancelled\n", "");
}

/* --- other processes ---------------------------------------------------------------------------------------------- */

Test(connection, what_was_handed_over_is_not_ours_to_judge)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    connection_hand_over(connection);
    connection_release(connection);
    expect("", "dropped_handed_over=1");
}

Test(connection, what_was_handed_over_and_answered_here_counts)
{
    struct connection *connection = begin(ROLE_SERVER);
    received(connection, GET);
    connection_hand_over(connection);
    sent(connection, OK_EMPTY);
    connection_release(connection);
    expect("GET / 200\n", "");
}

Test(connection, what_a_child_may_answer_is_not_cancelled_by_the_parent)
{
    struct connection *connection = begin(ROLE_SERVER), *later = begin(ROLE_SERVER);
    received(connection, GET);
    process.forks++;
    received(later, GET);
    connection_release(connection);
    expect("", "dropped_handed_over=1");
    connection_release(later);
    expect("GET / 0 error=cancelled\n", "dropped_handed_over=1");
}

Test(connection, the_parents_requests_are_not_the_childs_to_count)
{
    struct connection *answered = begin(ROLE_SERVER), *closed = begin(ROLE_SERVER), *given_up = begin(ROLE_SERVER);
    received(answered, GET);
    received(closed, GET);
    received(given_up, GET);
    process_reborn();
    cr_expect_eq(tracer_open(), 0);
    sent(answered, OK_EMPTY);
    connection_release(closed);
    sent(given_up, "nonsense\r\n");
    connection_release(given_up);
    expect("", "given_up_malformed=1");
    received(answered, GET);
    sent(answered, OK_EMPTY);
    connection_release(answered);
    expect("GET / 200\n", "given_up_malformed=1");
    cr_expect_eq(counter_total(COUNT_started), 1);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

Test(connection, says_when_the_time_of_sending_may_matter)
{
    struct connection *client = begin(ROLE_CLIENT), *server = begin(ROLE_SERVER), *unknown = begin(ROLE_UNKNOWN);
    cr_expect(connection_may_ask(client));
    cr_expect(connection_may_ask(unknown));
    cr_expect_not(connection_may_ask(server));
    sent(client, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab");
    cr_expect_not(connection_may_ask(client), "it is in the middle of a body");
    sent(client, "c");
    cr_expect(connection_may_ask(client));
    connection_leave_to_stdio(client);
    cr_expect_not(connection_may_ask(client));
    connection_release(client);
    connection_release(server);
    connection_release(unknown);
}

/* --- memory -------------------------------------------------------------------------------------------------------- */

#define GATHERS 128 /* blocks of the pool of incomplete heads */

Test(connection, gives_up_what_it_cannot_gather)
{
    struct connection *connections[GATHERS + 1];
    for (int i = 0; i <= GATHERS; i++) {
        connections[i] = begin(ROLE_SERVER);
        received(connections[i], "GET / HTTP/1.1\r\nHos");
    }
    expect("", "given_up_memory=1");
    for (int i = 0; i <= GATHERS; i++)
        received(connections[i], "t: x\r\n\r\n");
    cr_expect_eq(tracer_open(), GATHERS);
    for (int i = 0; i < GATHERS; i++)
        sent(connections[i], OK_EMPTY);
    struct connection *after = begin(ROLE_SERVER);
    received(after, "GET / HTTP/1.1\r\nHos");
    received(after, "t: x\r\n\r\n");
    cr_expect_eq(tracer_open(), 1, "the blocks are back");
    connection_release(after);
    for (int i = 0; i <= GATHERS; i++)
        connection_release(connections[i]);
}

#define OPEN_OF_ONE 256 /* requests that one connection may have open */

Test(connection, is_given_up_when_more_requests_are_open_than_anybody_pipelines)
{
    struct connection *connection = begin(ROLE_SERVER);
    for (int i = 0; i < OPEN_OF_ONE; i++)
        received(connection, GET);
    expect("", "");
    received(connection, GET);
    expect("", "given_up_memory=1");
    connection_release(connection);
    cr_expect_eq(counter_total(COUNT_dropped_framing), OPEN_OF_ONE);
    cr_expect(accounts_hold());
}

#define OPEN_REQUESTS (85 * 1024) /* blocks of the pool of small exchanges */

Test(connection, accounts_for_requests_that_there_is_no_memory_for)
{
    static struct connection *connections[OPEN_REQUESTS / OPEN_OF_ONE];
    for (int i = 0; i < OPEN_REQUESTS; i++) {
        if (i % OPEN_OF_ONE == 0)
            connections[i / OPEN_OF_ONE] = begin(ROLE_SERVER);
        received(connections[i / OPEN_OF_ONE], GET);
    }
    expect("", "");
    struct connection *one_more = begin(ROLE_SERVER);
    received(one_more, GET GET);
    expect("", "dropped_memory=1 given_up_memory=1");
    cr_expect_eq(tracer_open(), OPEN_REQUESTS);
    connection_release(one_more);
    for (int i = 0; i < OPEN_REQUESTS / OPEN_OF_ONE; i++)
        connection_release(connections[i]);
    cr_expect(accounts_hold());
}
