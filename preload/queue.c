/* queue.c - the ring between the application's threads and ours. See queue.h for how and why.
 *
 * It lives in the stricter room, since producers run on the application's threads.
 */
#include "queue.h"

#include "system.h"
#include "thread.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define SPANS_BITS 24
#define SPANS_MASK ((UINT64_C(1) << SPANS_BITS) - 1)
#define UNITS_MASK ((UINT64_C(1) << 40) - 1)

/* Set in a sequence number: no record here, go on at the position. */
#define PADDING (UINT64_C(1) << 63)

/* The same for a span that was given up half-way: it counts as one. */
#define GIVEN_UP (UINT64_C(1) << 62)

/* A common span is 150 to 400 bytes; room for as many as are allowed. */
#define BYTES_PER_SPAN 512
#define BYTES_MIN (256 * 1024)

static uint64_t units_of(queue_position position)
{
    return position >> SPANS_BITS;
}

static queue_position position_plus(queue_position position, uint64_t units, uint64_t spans)
{
    return ((units_of(position) + units) & UNITS_MASK) << SPANS_BITS | ((position + spans) & SPANS_MASK);
}

static uint64_t units_between(queue_position from, queue_position to)
{
    return (units_of(to) - units_of(from)) & UNITS_MASK;
}

static uint64_t spans_between(queue_position from, queue_position to)
{
    return (to - from) & SPANS_MASK;
}

/* The bytes of a unit, and its sequence number, which stand behind all units. */
static char *unit_at(struct queue *queue, uint64_t unit)
{
    uint64_t units = atomic_load_explicit(&queue->units, memory_order_acquire);
    return atomic_load_explicit(&queue->memory, memory_order_acquire) + (unit & (units - 1)) * QUEUE_UNIT;
}

static _Atomic uint64_t *sequence_at(struct queue *queue, uint64_t unit)
{
    uint64_t units = atomic_load_explicit(&queue->units, memory_order_acquire);
    char *behind = atomic_load_explicit(&queue->memory, memory_order_acquire) + units * QUEUE_UNIT;
    return (_Atomic uint64_t *)behind + (unit & (units - 1));
}

int queue_open(struct queue *queue, uint32_t spans, uint64_t bytes_max)
{
    uint64_t bytes = BYTES_MIN;
    uint64_t wanted = (uint64_t)spans * BYTES_PER_SPAN;
    while (bytes < wanted && bytes < bytes_max)
        bytes *= 2;
    uint64_t units = bytes / QUEUE_UNIT;
    size_t size = bytes + units * sizeof(uint64_t);
    long memory = system(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory < 0 && memory > -4096)
        return -ENOMEM;
    system(madvise, memory, size, MADV_NOHUGEPAGE); /* or its first byte would cost two megabytes */
    /* Several threads may be here: one's memory is taken, and what follows is the same for all of them. */
    char *mine = (char *)memory, *theirs = NULL;
    if (!atomic_compare_exchange_strong_explicit(&queue->memory, &theirs, mine, memory_order_acq_rel, memory_order_acquire)) {
        system(munmap, memory, size);
    }
    atomic_store_explicit(&queue->spans, spans < SPANS_MASK / 2 ? spans : SPANS_MASK / 2, memory_order_relaxed);
    /* Release: pairs with the acquire in queue_push; whoever sees units sees the rest. */
    atomic_store_explicit(&queue->units, units, memory_order_release);
    return 0;
}

void queue_clear(struct queue *queue)
{
    if (!queue->units)
        return;
    size_t size = queue->units * (QUEUE_UNIT + sizeof(uint64_t));
    system(madvise, queue->memory, size, MADV_DONTNEED);
    queue->tail = queue->head_seen = queue->head = 0;
}

/* Room for `units` behind `tail`? Looks at the consumer's own line only when what was last seen of it is too old. */
static bool has_room(struct queue *queue, queue_position tail, uint64_t units)
{
    queue_position head = atomic_load_explicit(&queue->head_seen, memory_order_acquire);
    for (int look = 0; look < 2; look++) {
        if (units_between(head, tail) + units <= queue->units && spans_between(head, tail) < queue->spans)
            return true;
        /* Acquire: pairs with the release in queue_release; the consumer has read what we overwrite. */
        head = atomic_load_explicit(&queue->head, memory_order_acquire);
        atomic_store_explicit(&queue->head_seen, head, memory_order_release);
    }
    return false;
}

enum queue_result queue_push(struct queue *queue, const struct span_record *record)
{
    uint64_t capacity = atomic_load_explicit(&queue->units, memory_order_acquire);
    uint64_t need = (record->size + QUEUE_UNIT - 1) / QUEUE_UNIT, padding;
    if (!capacity)
        return QUEUE_FULL;
    if (need > capacity / 4)
        return QUEUE_TOO_LARGE;
    queue_position tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    for (;;) {
        uint64_t left = capacity - (units_of(tail) & (capacity - 1));
        padding = need <= left ? 0 : left;
        if (!has_room(queue, tail, padding + need)) {
            queue_position now = atomic_load_explicit(&queue->tail, memory_order_relaxed);
            if (now == tail) {
                thread.progress.reserved_units = 0;
                return QUEUE_FULL;
            }
            tail = now; /* it was our tail that was old, not the queue that was full */
            continue;
        }
        thread.progress.reserved_in = queue;
        thread.progress.reserved_at = units_of(tail);
        thread.progress.reserved_units = padding + need;
        atomic_signal_fence(memory_order_seq_cst);
        /* Acquire: what is written into the units happens after they became ours. And in one order with what our thread's
         * sleep is asked after it (exporter_thread_notify). */
        if (atomic_compare_exchange_weak_explicit(&queue->tail, &tail, position_plus(tail, padding + need, 1), memory_order_seq_cst, memory_order_relaxed))
            break;
    }

    uint64_t first = (units_of(tail) + padding) & UNITS_MASK;
    memcpy(unit_at(queue, first), record, record->size);
    /* Release: pairs with the acquire in committed; the record is complete. */
    atomic_store_explicit(sequence_at(queue, first), (first + need) & UNITS_MASK, memory_order_release);
    if (padding)
        atomic_store_explicit(sequence_at(queue, units_of(tail)), first | PADDING, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    thread.progress.reserved_units = 0;
    return QUEUE_OK;
}

/* Units of what is committed at `at`, 0 while nothing is. */
static uint64_t committed(struct queue *queue, uint64_t at, uint64_t *passed_over)
{
    /* Acquire: pairs with the release in queue_push. */
    uint64_t sequence = atomic_load_explicit(sequence_at(queue, at), memory_order_acquire);
    uint64_t units = (sequence - at) & UNITS_MASK;
    *passed_over = sequence & (PADDING | GIVEN_UP);
    return units <= queue->units ? units : 0;
}

const struct span_record *queue_peek(struct queue *queue, queue_position *position)
{
    uint64_t passed_over, units, at;
    if (!queue->units)
        return NULL;
    for (queue_position next = *position;; next = position_plus(next, units, passed_over != PADDING)) {
        at = units_of(next);
        units = committed(queue, at, &passed_over);
        if (!units)
            return NULL;
        const struct span_record *record = (const struct span_record *)(unit_at(queue, at));
        bool is_whole = record->size >= sizeof *record && record->size <= units * QUEUE_UNIT;
        if (!passed_over && is_whole) { /* what is not was written into by a thread that had been given up */
            *position = position_plus(next, units, 1);
            return record;
        }
    }
}

bool queue_recover(struct queue *queue)
{
    uint64_t units = thread.progress.reserved_units, at = thread.progress.reserved_at, passed_over;
    if (!units || thread.progress.reserved_in != queue)
        return false;
    thread.progress.reserved_units = 0;
    if (committed(queue, at, &passed_over))
        return true;
    if (at != units_of(atomic_load_explicit(&queue->tail, memory_order_relaxed)))
        atomic_store_explicit(sequence_at(queue, at), ((at + units) & UNITS_MASK) | GIVEN_UP, memory_order_release);
    return false;
}

void queue_pass_stuck(struct queue *queue)
{
    queue_position tail = atomic_load_explicit(&queue->tail, memory_order_acquire);
    queue_position next = position_plus(queue->head, 1, 1);
    uint64_t passed_over;
    while (units_of(next) != units_of(tail) && !committed(queue, units_of(next), &passed_over))
        next = position_plus(next, 1, 0);
    queue_release(queue, next);
}

void queue_release(struct queue *queue, queue_position position)
{
    /* At the end nothing is left, however many were passed over on the way. */
    queue_position tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    if (units_of(position) == units_of(tail))
        position = tail;
    /* Release: pairs with the acquire in has_room. */
    atomic_store_explicit(&queue->head, position, memory_order_release);
}

#if defined(__x86_64__)
#define PAGE_MAX 4096
#else
#define PAGE_MAX 65536 /* aarch64 has pages of 4, 16 or 64 kB */
#endif

/* Whole pages between two units of one lap. */
static void forget_pages(struct queue *queue, uint64_t first, uint64_t last)
{
    const uintptr_t page = PAGE_MAX;
    uintptr_t from = ((uintptr_t)queue->memory + first * QUEUE_UNIT + page - 1) & -page;
    uintptr_t to = ((uintptr_t)queue->memory + last * QUEUE_UNIT) & -page;
    if (from < to)
        system(madvise, from, to - from, MADV_DONTNEED);
}

/* Until head is moved no producer can be there. */
void queue_release_memory(struct queue *queue, queue_position position)
{
    uint64_t units = queue->units, first = units_of(queue->head) & (units - 1), count = units_between(queue->head, position);
    uint64_t in_this_lap = first + count < units ? count : units - first;
    if (!count)
        return;
    forget_pages(queue, first, first + in_this_lap);
    forget_pages(queue, 0, count - in_this_lap);
    queue_release(queue, position);
}

uint32_t queue_length(const struct queue *queue)
{
    queue_position head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    queue_position tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    return (uint32_t)spans_between(head, tail);
}
