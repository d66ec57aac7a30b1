/* test_waiting.c - two queues that look like one. */
#include <criterion/criterion.h>

#include "waiting.h"

#include <sys/mman.h>

struct waiting waiting;

static union {
    struct span_record record;
    char room[128 * 1024];
} room;

static enum queue_result push(uint32_t number, uint32_t size)
{
    room.record.size = size;
    room.record.reserved = number;
    return waiting_push(&room.record);
}

static const uint32_t SIZE = 1024; /* 256 of them fill the near queue */

Test(waiting, uses_the_far_queue_only_when_the_near_one_is_full)
{
    waiting_open(2048);
    for (uint32_t n = 0; n < 256; n++)
        cr_assert_eq(push(n, SIZE), QUEUE_OK);
    cr_expect_eq(waiting.far.units, 0, "not mapped before it is needed");
    cr_expect_eq(push(256, SIZE), QUEUE_OK);
    cr_expect_neq(waiting.far.units, 0);
    cr_expect_eq(queue_length(&waiting.far), 1);
    cr_expect_eq(waiting_length(), 257);
}

Test(waiting, holds_as_many_spans_as_is_said)
{
    waiting_open(300);
    for (uint32_t n = 0; n < 300; n++)
        cr_assert_eq(push(n, SIZE), QUEUE_OK);
    cr_expect_eq(push(300, SIZE), QUEUE_FULL);
    cr_expect_eq(waiting_length(), 300);
}

Test(waiting, gives_every_span_once)
{
    bool seen[600] = {false};
    uint32_t next = 0, taken = 0;
    waiting_open(2048);
    for (int round = 0; round < 2; round++) {
        for (uint32_t end = next + 300; next < end; next++)
            cr_assert_eq(push(next, SIZE), QUEUE_OK);
        struct waiting_position position = waiting_begin();
        const struct span_record *record;
        for (int n = 0; n < (round ? 600 : 100) && (record = waiting_peek(&position)) != NULL; n++, taken++) {
            cr_assert(!seen[record->reserved], "%u again", record->reserved);
            seen[record->reserved] = true;
        }
        waiting_release(&position);
    }
    cr_expect_eq(taken, 600);
    cr_expect_eq(waiting_length(), 0);
}

/* Pages of 4 kB that each end of what is given back may leave. */
#if defined(__x86_64__)
#define AN_END 1
#else
#define AN_END (65536 / 4096)
#endif

/* Pages of this memory that are there. */
static size_t resident(const struct queue *queue)
{
    size_t size = queue->units * QUEUE_UNIT, count = 0;
    static unsigned char pages[1 << 16];
    cr_assert_eq(mincore(queue->memory, size, pages), 0);
    for (size_t i = 0; i < size / 4096; i++)
        count += pages[i] & 1;
    return count;
}

Test(waiting, gives_the_far_queues_memory_back_and_can_use_it_again)
{
    uint32_t number = 0, next[2] = {0};
    waiting_open(2048);
    for (int lap = 0; lap < 12; lap++) {
        uint32_t end = number + 800;
        while (number < end)
            cr_assert_eq(push(number++, SIZE), QUEUE_OK);
        cr_expect_gt(resident(&waiting.far), 100);
        struct waiting_position position = waiting_begin(), before;
        const struct span_record *record;
        while (before = position, (record = waiting_peek(&position)) != NULL) {
            unsigned which = before.far != position.far;
            cr_assert(record->reserved >= next[which] && record->reserved < number, "each queue keeps its order");
            next[which] = record->reserved + 1;
        }
        waiting_release(&position);
        cr_assert_eq(waiting_length(), 0);
        cr_expect_leq(resident(&waiting.far), 4 * AN_END, "%zu pages are left", resident(&waiting.far));
    }
}

Test(waiting, has_room_in_the_far_queue_for_what_is_too_large_for_the_near_one)
{
    waiting_open(2048);
    cr_expect_eq(push(1, 100 * 1024), QUEUE_OK);
    struct waiting_position position = waiting_begin();
    cr_assert_not_null(waiting_peek(&position));
    waiting_release(&position);
    cr_expect_eq(waiting_length(), 0);
}

Test(waiting, changes_its_mark_with_each_span)
{
    waiting_open(2048);
    uint64_t before = waiting_mark();
    for (uint32_t n = 0; n < 400; n++) {
        push(n, SIZE);
        cr_expect_neq(waiting_mark(), before);
        before = waiting_mark();
    }
}
