/* queue.c - every span arrives once, in its producer's order, whole: over laps of the ring, with a queue that is full most
 * of the time, and where the position wraps. */
#include "queue.h"

#include "support.h"

#include <sched.h>
#include <stdlib.h>

#define PRODUCERS 4
#define TEXT_MAX 12000

static struct queue queue;
static uint32_t spans_at_most, text_max;
static double until;
static _Atomic uint32_t pushed[PRODUCERS], full, producing, longest;
static uint32_t arrived[PRODUCERS], torn, disordered, unlike;

static void produce(uint32_t producer)
{
    struct span_record *record = malloc(record_size(TEXT_MAX));
    for (uint32_t number = 0; seconds() < until; number++) {
        record_write(record, producer, number, random_below(8) ? random_below(400) : random_below(text_max));
        while (queue_push(&queue, record) != QUEUE_OK) {
            full++;
            sched_yield();
        }
        pushed[producer] = number + 1;
    }
    free(record);
    producing--;
}

static void check(const struct span_record *record)
{
    uint32_t producer, number;
    if (!record_is_intact(record, &producer, &number) || producer >= PRODUCERS)
        torn++;
    else if (number != arrived[producer]++)
        disordered++;
}

/* A batch: looked at twice, as a retry does, then released at once. */
static void consume_batch(uint32_t at_most)
{
    queue_position first = queue.head, position = first, again = first;
    const struct span_record *record;
    uint32_t spans = 0, length = queue_length(&queue);
    longest = length > longest ? length : longest;
    while (spans < at_most && (record = queue_peek(&queue, &position)) != NULL) {
        check(record);
        spans++;
    }
    for (uint32_t i = 0; i < spans; i++) {
        uint32_t producer, number;
        record = queue_peek(&queue, &again);
        if (!record || !record_is_intact(record, &producer, &number))
            unlike++;
    }
    if (again != position)
        unlike++;
    queue_release(&queue, position);
    if (!spans)
        sched_yield();
}

static void consume(void)
{
    while (producing || queue_length(&queue))
        consume_batch(1 + random_below(spans_at_most));
}

static void produce_or_consume(unsigned index)
{
    if (index < PRODUCERS)
        produce(index);
    else
        consume();
}

/* As it is after so many laps that the counts are about to begin at zero again. */
static void set_position(queue_position position)
{
    queue.tail = queue.head = queue.head_seen = position;
    for (uint64_t i = 0; i < queue.units; i++)
        ((_Atomic uint64_t *)(queue.memory + queue.units * QUEUE_UNIT))[i] = position >> 24;
}

static void run(const char *name, uint32_t spans, uint32_t text, queue_position position)
{
    uint32_t missing = 0, total = 0;
    queue = (struct queue){0};
    if (queue_open(&queue, spans, 64 << 20) != 0)
        abort();
    if (position)
        set_position(position);
    spans_at_most = spans;
    text_max = text;
    producing = PRODUCERS;
    full = longest = 0;
    torn = disordered = unlike = 0;
    for (int i = 0; i < PRODUCERS; i++)
        pushed[i] = arrived[i] = 0;
    until = seconds() + 0.8;
    on_threads(PRODUCERS + 1, produce_or_consume);
    for (int i = 0; i < PRODUCERS; i++) {
        missing += pushed[i] != arrived[i];
        total += arrived[i];
    }
    claim(!torn && !disordered && !unlike && !missing && full && total > 1000 && longest <= spans, name,
          "of %u spans %u torn, %u out of order, %u not the same when read again, %u producers short; full %u times, longest %u of %u",
          total, torn, disordered, unlike, missing, full, longest, spans);
}

int main(void)
{
    run("every span arrives once, in order and whole, over many laps", 200, TEXT_MAX, 0);
    run("a queue bounded by spans never holds more", 3, 300, 0);
    run("positions wrap and nothing is lost", 100, TEXT_MAX, (UINT64_MAX << 24 & ~UINT64_C(0xffffffffff)) | 0xfffff0);
    return claims_status();
}
