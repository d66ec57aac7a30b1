/* batch.h - a stretch of the queue, written as one request.
 *
 * Threads: ours. Memory: one mapped buffer, used again; records stay in the queue until batch_release.
 */
#ifndef BATCH_H
#define BATCH_H

#include "waiting.h"
#include "slice.h"

struct batch {
    struct waiting_position end; /* behind the last record in it */
    uint32_t spans;
    struct slice body;  /* the request, valid until the next batch_fill */
    struct slice line;  /* the same with a line end behind it, for the console */
};

/* Maps the buffer and works out what is the same in every request. Once per process; false without memory. */
bool batch_prepare(void);

/* Takes up to OTEL_BSP_MAX_EXPORT_BATCH_SIZE committed records from the front of the queue, fewer if they do not fit one
 * request. Records that fit no request are dropped and counted. False when nothing is there. */
bool batch_fill(struct batch *batch);

/* Its records leave the queue. */
void batch_release(const struct batch *batch);

#endif
