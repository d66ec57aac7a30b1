/* test_queue.c - the ring by one thread: order, bounds, laps. Many threads are tests/race's. */
#include <criterion/criterion.h>

#include "queue.h"


#define UNITS_OF_LEAST (256 * 1024 / QUEUE_UNIT)
#define SPANS_BITS 24

static struct queue queue;

static void open_for(uint32_t spans)
{
    cr_assert_eq(queue_open(&queue, spans, 64 << 20), 0);
}

/* A record of `size` bytes that says which it is. */
static struct span_record *record_of(uint32_t number, uint32_t size)
{
    static union {
        struct span_record record;
        unsigned char bytes[1 << 20];
    } room;
    memset(room.bytes, (int)(number & 0xff), size);
    room.record.size = size;
    room.record.reserved = number;
    return &room.record;
}

static enum queue_result push(uint32_t number, uint32_t size)
{
    return queue_push(&queue, record_of(number, size));
}

static void check_record(const struct span_record *record, uint32_t number, uint32_t size)
{
    cr_assert(record, "number %u is not there", number);
    cr_assert_eq(record->reserved, number, "%u in place of %u", record->reserved, number);
    cr_assert_eq(record->size, size);
    cr_assert_eq((uintptr_t)record % 8, 0);
    cr_assert(memcmp(record, record_of(number, size), size) == 0, "number %u is damaged", number);
}

static void take(uint32_t number, uint32_t size)
{
    queue_position position = queue.head;
    check_record(queue_peek(&queue, &position), number, size);
    queue_release(&queue, position);
}

static void expect_empty(void)
{
    queue_position position = queue.head;
    cr_assert_null(queue_peek(&queue, &position));
    cr_assert_eq(queue_length(&queue), 0);
}

Test(queue, not_opened_is_full_and_empty)
{
    cr_expect_eq(push(1, 200), QUEUE_FULL);
    expect_empty();
    queue_clear(&queue);
}

Test(queue, keeps_order_and_bytes)
{
    open_for(100);
    for (uint32_t i = 0; i < 50; i++)
        cr_assert_eq(push(i, 150 + i * 20), QUEUE_OK);
    cr_expect_eq(queue_length(&queue), 50);
    for (uint32_t i = 0; i < 50; i++)
        take(i, 150 + i * 20);
    expect_empty();
}

Test(queue, is_full_by_spans)
{
    static const uint32_t spans[] = {1, 2, 7, 100};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        queue = (struct queue){0};
        open_for(spans[i]);
        for (uint32_t n = 0; n < spans[i]; n++)
            cr_assert_eq(push(n, 200), QUEUE_OK);
        cr_expect_eq(push(999, 200), QUEUE_FULL);
        cr_expect_eq(queue_length(&queue), spans[i]);
        take(0, 200);
        cr_expect_eq(push(spans[i], 200), QUEUE_OK, "one went, one may come");
        cr_expect_eq(push(999, 200), QUEUE_FULL);
        for (uint32_t n = 1; n <= spans[i]; n++)
            take(n, 200);
        expect_empty();
    }
}

Test(queue, is_full_by_bytes)
{
    open_for(500);
    cr_assert_eq(queue.units, UNITS_OF_LEAST);
    uint32_t size = 64 * QUEUE_UNIT, count = UNITS_OF_LEAST / 64;
    for (uint32_t n = 0; n < count; n++)
        cr_assert_eq(push(n, size), QUEUE_OK);
    cr_expect_eq(push(999, sizeof(struct span_record)), QUEUE_FULL);
    take(0, size);
    for (uint32_t n = 0; n < 32; n++) /* a record is longer than one unit */
        cr_expect_eq(push(1000 + n, 2 * QUEUE_UNIT), QUEUE_OK);
    cr_expect_eq(push(999, 2 * QUEUE_UNIT), QUEUE_FULL);
    for (uint32_t n = 1; n < count; n++)
        take(n, size);
    for (uint32_t n = 0; n < 32; n++)
        take(1000 + n, 2 * QUEUE_UNIT);
    expect_empty();
}

Test(queue, refuses_what_is_too_large)
{
    open_for(100);
    uint32_t quarter = UNITS_OF_LEAST / 4 * QUEUE_UNIT;
    cr_expect_eq(push(1, quarter + 1), QUEUE_TOO_LARGE);
    expect_empty();
    cr_expect_eq(push(2, quarter), QUEUE_OK);
    take(2, quarter);
}

Test(queue, has_room_for_as_many_common_spans_as_it_was_asked_for)
{
    static const uint32_t spans[] = {1, 512, 2048, 5000};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        queue = (struct queue){0};
        open_for(spans[i]);
        for (uint32_t n = 0; n < spans[i]; n++)
            cr_assert_eq(push(n, 500), QUEUE_OK, "%u of %u", n, spans[i]);
        cr_expect_eq(push(0, 500), QUEUE_FULL);
    }
}

Test(queue, is_bounded_however_much_is_asked_for)
{
    open_for(INT32_MAX);
    cr_expect_eq(queue.units * QUEUE_UNIT, 64 * 1024 * 1024);
    cr_expect_lt(queue.spans, UINT64_C(1) << (SPANS_BITS - 1), "so that two positions can be told apart");
    cr_expect_eq(push(1, 200), QUEUE_OK);
    take(1, 200);
}

/* A record that does not fit before the end of the memory begins at its front. */
Test(queue, goes_around_with_padding)
{
    open_for(100);
    uint32_t size = 300 * QUEUE_UNIT, numbers = 0;
    for (int lap = 0; lap < 100; lap++) {
        for (int i = 0; i < 5; i++)
            cr_assert_eq(push(numbers + (uint32_t)i, size), QUEUE_OK, "lap %d", lap);
        for (int i = 0; i < 5; i++)
            take(numbers++, size);
        expect_empty();
    }
}

/* Sizes of every kind, the queue filled and emptied to every degree. */
Test(queue, keeps_order_through_many_laps)
{
    open_for(64);
    uint32_t random = 1, first = 0, next = 0;
    static uint32_t sizes[128];
    for (int i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t size = 136 + (random >> 8) % (random >> 31 ? 60000 : 700);
        if (random >> 30 & 1) {
            enum queue_result result = push(next, size);
            cr_assert_neq(result, QUEUE_TOO_LARGE);
            if (result == QUEUE_OK)
                sizes[next++ % 128] = size;
            cr_assert_leq(next - first, 64);
        } else if (first != next) {
            take(first, sizes[first % 128]);
            first++;
        } else {
            expect_empty();
        }
        cr_assert_eq(queue_length(&queue), next - first);
    }
    cr_expect_gt(next, 10000);
}

/* Both counters of a position go on at zero behind their largest value. */
Test(queue, positions_go_around)
{
    static const queue_position starts[] = {
        (((UINT64_C(1) << 40) - 7) << SPANS_BITS) | 5,
        (UINT64_C(4096) << SPANS_BITS) | ((1 << SPANS_BITS) - 3),
        ~UINT64_C(0) - 2 - (UINT64_C(3) << SPANS_BITS),
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        queue = (struct queue){0};
        open_for(50);
        queue.tail = queue.head = queue.head_seen = starts[i];
        for (uint64_t unit = 0; unit < queue.units; unit++)
            ((_Atomic uint64_t *)(queue.memory + queue.units * QUEUE_UNIT))[unit] = starts[i] >> SPANS_BITS; /* as laps before would have left it */
        expect_empty();
        for (uint32_t n = 0; n < 50; n++)
            cr_assert_eq(push(n, 400), QUEUE_OK, "start %zu, number %u", i, n);
        cr_expect_eq(push(999, 400), QUEUE_FULL);
        cr_expect_eq(queue_length(&queue), 50);
        for (uint32_t n = 0; n < 5000; n++) {
            take(n, 400);
            cr_assert_eq(push(n + 50, 400), QUEUE_OK);
        }
        for (uint32_t n = 0; n < 50; n++)
            take(5000 + n, 400);
        expect_empty();
    }
}

Test(queue, shows_the_same_again_until_it_is_released)
{
    open_for(100);
    for (uint32_t n = 0; n < 10; n++)
        push(n, 200 + n);
    for (int again = 0; again < 3; again++) {
        queue_position position = queue.head;
        for (uint32_t n = 0; n < 10; n++)
            check_record(queue_peek(&queue, &position), n, 200 + n);
        cr_expect_null(queue_peek(&queue, &position));
        cr_expect_eq(queue_length(&queue), 10);
    }
    queue_position position = queue.head;
    for (int n = 0; n < 4; n++)
        queue_peek(&queue, &position);
    queue_release(&queue, position);
    cr_expect_eq(queue_length(&queue), 6);
    take(4, 204);
}

Test(queue, a_position_does_not_move_past_what_is_not_there)
{
    open_for(100);
    queue_position position = queue.head, before = position;
    cr_expect_null(queue_peek(&queue, &position));
    cr_expect_eq(position, before);
    push(1, 200);
    check_record(queue_peek(&queue, &position), 1, 200);
}

/* What a producer has reserved and not committed yet holds up what was committed behind it. */
Test(queue, waits_for_what_is_being_written)
{
    open_for(100);
    push(1, 200);
    _Atomic uint64_t *sequence = (_Atomic uint64_t *)(queue.memory + queue.units * QUEUE_UNIT);
    uint64_t committed = *sequence;
    *sequence = 0;
    push(2, 200);
    queue_position position = queue.head;
    cr_expect_null(queue_peek(&queue, &position));
    cr_expect_eq(queue_length(&queue), 2);
    *sequence = committed;
    take(1, 200);
    take(2, 200);
}

/* The same, in a later lap, where an earlier one has left its numbers, and its records. */
Test(queue, does_not_take_what_an_earlier_lap_left)
{
    open_for(100);
    for (uint32_t n = 0; n < 3 * UNITS_OF_LEAST; n++) {
        cr_assert_eq(push(n, 300), QUEUE_OK);
        take(n, 300);
        expect_empty();
    }
    for (uint64_t unit = 0; unit < queue.units; unit++) {
        queue_position position = queue.head;
        cr_assert_null(queue_peek(&queue, &position));
        push(7, 100 + 28);
        take(7, 100 + 28);
    }
}

Test(queue, is_empty_and_usable_after_a_clear)
{
    open_for(20);
    for (uint32_t n = 0; n < 20; n++)
        push(n, 900);
    queue_clear(&queue);
    expect_empty();
    for (int lap = 0; lap < 200; lap++) {
        for (uint32_t n = 0; n < 20; n++)
            cr_assert_eq(push(n + 100, 900), QUEUE_OK);
        for (uint32_t n = 0; n < 20; n++)
            take(n + 100, 900);
    }
    expect_empty();
}
