/* test_given.c - ids that the application has been given: found while they are open, told apart, forgotten. */
#include <criterion/criterion.h>

#include "given.h"
#include "support_preload.h"

TestSuite(given, .init = preload_begin);

static struct exchange *known_as(struct exchange *exchange, uint64_t id, uint64_t trace)
{
    memset(exchange, 0, sizeof *exchange);
    exchange->known_as = id;
    exchange->open = id + 1;
    memcpy(exchange->record.trace_id + 8, &trace, sizeof trace);
    return exchange;
}

Test(given, finds_what_is_open)
{
    static struct exchange exchange;
    cr_expect_null(given_find(77).exchange);
    given_add(known_as(&exchange, 77, 1));
    struct live found = given_find(77);
    cr_expect_eq(found.exchange, &exchange);
    cr_expect_eq(found.id, 78, "the id of its span, under which it is open");
    cr_expect(given_was_given(77) && !given_was_given(78));
    given_remove(&exchange);
    cr_expect_null(given_find(77).exchange);
    cr_expect(given_was_given(77), "for ever");
}

Test(given, keeps_apart_ids_that_meet_in_one_place)
{
    static struct exchange exchanges[8];
    for (uint64_t i = 0; i < 8; i++)
        given_add(known_as(&exchanges[i], 5 + i * 4096, 1));
    for (uint64_t i = 0; i < 8; i++)
        cr_expect_eq(given_find(5 + i * 4096).exchange, &exchanges[i]);
    for (uint64_t i = 0; i < 8; i += 2)
        given_remove(&exchanges[i]);
    for (uint64_t i = 0; i < 8; i++)
        cr_expect_eq(given_find(5 + i * 4096).exchange, i % 2 ? &exchanges[i] : NULL);
}

Test(given, takes_nothing_that_it_has_no_room_for_for_anothers)
{
    static struct exchange exchanges[9];
    for (uint64_t i = 0; i < 9; i++)
        given_add(known_as(&exchanges[i], 9 + i * 4096, 1));
    cr_expect_null(given_find(9 + 8 * 4096).exchange);
    cr_expect(given_was_given(9 + 8 * 4096), "so that nobody takes it for another tracer's");
    given_remove(&exchanges[8]);
    for (uint64_t i = 0; i < 8; i++)
        cr_expect_eq(given_find(9 + i * 4096).exchange, &exchanges[i]);
}

Test(given, names_none_of_two_under_one_id)
{
    static struct exchange one, other;
    given_add(known_as(&one, 1234, 1));
    given_add(known_as(&other, 1234, 1));
    cr_expect_null(given_find(1234).exchange, "a retry: either may be meant");
    cr_expect(given_was_given(1234));
    given_remove(&one);
    cr_expect_eq(given_find(1234).exchange, &other);
    given_remove(&other);
    cr_expect_null(given_find(1234).exchange);
}

Test(given, knows_no_request_without_an_id)
{
    static struct exchange exchange;
    given_add(known_as(&exchange, 0, 5));
    cr_expect(!given_was_given(0) && !given_find(0).exchange);
    given_remove(&exchange);
    uint8_t trace_id[16] = {0};
    uint64_t low = 5;
    memcpy(trace_id + 8, &low, sizeof low);
    cr_expect(given_saw_trace(trace_id), "its trace came by all the same");
}

Test(given, remembers_traces_for_a_while)
{
    enum { REMEMBERED = 256 };
    static struct exchange exchange;
    uint8_t trace_id[16] = {0};
    for (uint64_t low = 1000; low < 1000 + REMEMBERED; low++)
        given_add(known_as(&exchange, 0, low));
    for (uint64_t low = 1000; low < 1000 + REMEMBERED; low++) {
        memcpy(trace_id + 8, &low, sizeof low);
        cr_expect(given_saw_trace(trace_id));
    }
    given_add(known_as(&exchange, 0, 1000 + REMEMBERED));
    memcpy(trace_id + 8, &(uint64_t){1000}, 8);
    cr_expect_not(given_saw_trace(trace_id), "its place was taken");
}
