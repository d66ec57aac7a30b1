/* support_preload.h - what files of preload/ need of the rest of the library, for tests that link them without hooks.
 *
 * No thread of ours is ever started: finished spans stay in the queue, where a test reads them back.
 */
#ifndef SUPPORT_PRELOAD_H
#define SUPPORT_PRELOAD_H

#include "counters.h"
#include "span.h"

#include <stdbool.h>
#include <stdint.h>

/* The default configuration, a queue of 2048 spans that is empty, counters at zero, the real clock. */
void preload_begin(void);

/* From now on the clock stands at this time; 0: the real one again. */
void clock_set(uint64_t now_ns);

/* False: exporter_thread_prepare says that there can be no thread. */
extern bool thread_can_start;

/* How often a span that went into the queue was told to our thread. */
extern unsigned notified;

/* The next finished span, or NULL. Its place in the queue is given back; it is valid until more are finished. */
const struct span_record *span_finished(void);

/* Whether started = in the queue or read back + sampled out + dropped by any reason + open. */
bool accounts_hold(void);

/* "name=count name=count" of the counters that are not zero, except `connections` and `started`. */
const char *counted(void);

/* "METHOD TARGET STATUS" of a span, and what is out of the ordinary: " HTTP/1.0", " error=cancelled",
 * " parent=00f067aa0ba902b7", " tracestate=..." for each, " facts_dropped=1". */
const char *span_line(const struct span_record *record);

/* span_line of each finished span, a line each. */
const char *spans_finished(void);

/* A copy of the bytes that ends where memory that may not be touched begins; or, `at_front`, that begins where it ends.
 * Valid until the next call. At most 256 kB. */
struct slice guarded(struct slice bytes, bool at_front);

#endif
