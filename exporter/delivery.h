/* delivery.h - a batch brought to the Collector, with all the patience the configuration allows.
 *
 * What an answer means is the OTLP specification's, "OTLP/HTTP Response" and "OTLP/HTTP Throttling".
 *
 * Threads: ours.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include "slice.h"

#include <stdint.h>

enum delivery {
    DELIVERY_DONE,        /* accepted, all but `rejected` */
    DELIVERY_REFUSED,     /* will never be */
    DELIVERY_TIMED_OUT,   /* not in the time that an export may take */
    DELIVERY_INTERRUPTED, /* our thread is to stop, or the process to end: it stays in the queue */
};

/* Reads the endpoint and the headers from the configuration. Once per process. */
void delivery_prepare(void);

enum delivery deliver(struct slice body, uint64_t *rejected);

#endif
