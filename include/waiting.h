/* waiting.h - the finished spans that wait for our thread: two queues that look like one.
 *
 * A ring goes round: whatever its size, all its memory is written over and over, through the caches of the processor that
 * the program runs on. So spans wait in a small near queue, which nearly always has room, and only what it has no room for,
 * while the Collector is slow or away, goes into the far one. Its memory is not touched before, and not counted as resident.
 * Both together hold as many spans as the configuration says.
 *
 * Our thread takes from the far queue first, where the older spans are. Their order means nothing to OTLP.
 *
 * Threads: waiting_push and waiting_length any, signal handlers too; waiting_open any, also at once; the rest as queue.h says.
 */
#ifndef WAITING_H
#define WAITING_H

#include "queue.h"

#include <stdatomic.h>

struct waiting {
    struct queue near, far;
    _Atomic uint32_t spans; /* that both may hold; 0: not open */
};

/* Those of this process. */
extern struct waiting waiting;

struct waiting_position {
    queue_position near, far;
};

static inline bool waiting_is_open(void)
{
    return atomic_load_explicit(&waiting.spans, memory_order_acquire) != 0;
}

/* For `spans` records; 0 or -ENOMEM. */
int waiting_open(uint32_t spans);

/* Empties both, when nobody else uses them, and gives their memory back to the kernel. */
void waiting_clear(void);

enum queue_result waiting_push(const struct span_record *record);
bool waiting_recover(void);

/* Spans in both: committed or about to be. */
static inline uint32_t waiting_length(void)
{
    return queue_length(&waiting.near) + queue_length(&waiting.far);
}

/* Another number whenever a span has been pushed. */
uint64_t waiting_mark(void);

/* Where our thread is. */
struct waiting_position waiting_begin(void);

/* As those of queue.h. */
const struct span_record *waiting_peek(struct waiting_position *position);
void waiting_release(const struct waiting_position *position);
void waiting_pass_stuck(void);

#endif
