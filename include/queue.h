/* queue.h - finished spans on their way from the application's threads to ours.
 *
 * A ring of bytes: many producers, one consumer, no lock. It is bounded twice, in bytes and in spans
 * (OTEL_BSP_MAX_QUEUE_SIZE). A record takes as many units of 128 bytes as it needs, in one piece.
 *
 *   reserve   one compare-and-swap moves `tail` by the units and by one span;
 *   write     into memory that is now the producer's alone;
 *   commit    the sequence number of the first unit is set to the position behind the record.
 *
 * The consumer at position h waits until the sequence number there lies behind h. What an earlier lap
 * left there is at or before h, so it cannot be mistaken, and nothing has to be cleared. Nothing on the
 * wire can forge it either: the numbers are kept apart from the records.
 * (AppScope's ring moves its index first and writes after: pitfalls, "Export".)
 *
 * Records stay where they are until queue_release: a batch is a stretch of the ring, and a retry
 * reads the same bytes again.
 *
 * Threads: queue_push any, signal handlers too; the rest one consumer.
 * Memory: mapped once by queue_open.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "span.h"

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_UNIT 64

/* A place in the stream of records: units in the upper 40 bits, spans in the lower 24, both counted modulo. */
typedef uint64_t queue_position;

struct queue {
    _Atomic uint64_t units; /* capacity, a power of two; 0: not open */
    _Atomic uint64_t spans; /* capacity */
    char *_Atomic memory;   /* the units, and behind them a sequence number for each */
    _Alignas(64) _Atomic queue_position tail;      /* producers: reserved up to here */
    _Atomic queue_position head_seen;              /* producers: a head that was true once, kept beside tail */
    _Alignas(64) _Atomic queue_position head;      /* consumer: released up to here */
};

enum queue_result { QUEUE_OK, QUEUE_FULL, QUEUE_TOO_LARGE };

/* Maps a queue for `spans` records, as far as common ones have room in `bytes_max` (a power of two, 256 kB at least); 0 or
 * -ENOMEM. Threads: any, also at once. */
int queue_open(struct queue *queue, uint32_t spans, uint64_t bytes_max);

/* Empties a queue that nobody else uses (in the child of a fork) and gives its memory back to the kernel. */
void queue_clear(struct queue *queue);

/* Copies the record in. QUEUE_TOO_LARGE: more than a quarter of the queue. */
enum queue_result queue_push(struct queue *queue, const struct span_record *record);

/* This thread was taken out of queue_push by a longjmp. What it reserved and never committed is made passable, else
 * everything behind it would wait. True when the record is in the queue all the same. From the thread's own next event. */
bool queue_recover(struct queue *queue);

/* The consumer has waited long for what is at its head: that thread will not come back to commit it. Goes on to the next
 * committed record, or to the end. */
void queue_pass_stuck(struct queue *queue);

/* The record at *position, or NULL when the next one is not committed yet; *position is moved behind it. */
const struct span_record *queue_peek(struct queue *queue, queue_position *position);

/* Gives everything before `position` back to the producers. */
void queue_release(struct queue *queue, queue_position position);

/* The same, and its memory to the kernel: for a queue that is seldom needed. */
void queue_release_memory(struct queue *queue, queue_position position);

/* Spans between the consumer's head and the producers' tail: committed or about to be. */
uint32_t queue_length(const struct queue *queue);

#endif
