/* waiting.c - a near and a far queue. See waiting.h. */
#include "waiting.h"

#define NEAR_BYTES (256 * 1024) /* a batch on its way and the next one, of common spans */
#define FAR_BYTES (64 * 1024 * 1024)

int waiting_open(uint32_t spans)
{
    int rc = queue_open(&waiting.near, spans, NEAR_BYTES);
    /* Release: pairs with the acquire in waiting_is_open. */
    if (rc == 0)
        atomic_store_explicit(&waiting.spans, spans, memory_order_release);
    return rc;
}

void waiting_clear(void)
{
    queue_clear(&waiting.near);
    queue_clear(&waiting.far);
}

static bool far_is_open(uint32_t spans)
{
    return atomic_load_explicit(&waiting.far.units, memory_order_acquire) || queue_open(&waiting.far, spans, FAR_BYTES) == 0;
}

/* The rare case, out of the way of the usual one. */
static __attribute__((noinline)) enum queue_result push_far(const struct span_record *record)
{
    uint32_t spans = atomic_load_explicit(&waiting.spans, memory_order_relaxed);
    if (waiting_length() >= spans || !far_is_open(spans))
        return QUEUE_FULL;
    return queue_push(&waiting.far, record);
}

enum queue_result waiting_push(const struct span_record *record)
{
    enum queue_result result = queue_push(&waiting.near, record);
    return __builtin_expect(result == QUEUE_OK, 1) ? result : push_far(record);
}

bool waiting_recover(void)
{
    return queue_recover(&waiting.near) || queue_recover(&waiting.far);
}

uint64_t waiting_mark(void)
{
    return atomic_load_explicit(&waiting.near.tail, memory_order_relaxed) + atomic_load_explicit(&waiting.far.tail, memory_order_relaxed);
}

struct waiting_position waiting_begin(void)
{
    return (struct waiting_position){waiting.near.head, waiting.far.head};
}

const struct span_record *waiting_peek(struct waiting_position *position)
{
    const struct span_record *record = queue_peek(&waiting.far, &position->far);
    return record ? record : queue_peek(&waiting.near, &position->near);
}

void waiting_release(const struct waiting_position *position)
{
    queue_release(&waiting.near, position->near);
    queue_release_memory(&waiting.far, position->far);
}

void waiting_pass_stuck(void)
{
    if (queue_length(&waiting.near))
        queue_pass_stuck(&waiting.near);
    if (queue_length(&waiting.far))
        queue_pass_stuck(&waiting.far);
}
