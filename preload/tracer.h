/* tracer.h - spans begin and end here: identity, sampling, and the way into the queue.
 *
 * Feeds the queue (include/queue.h); fed by unit.c and connection.c. It knows nothing of descriptors or framing.
 *
 * Threads: any of the application's, inside thread_enter. Memory: an exchange is the caller's between
 * tracer_begin and the one call that ends it.
 */
#ifndef TRACER_H
#define TRACER_H

#include "counters.h"
#include "exchange.h"
#include "exporter_thread.h"
#include "lineage.h"
#include "protocol.h"
#include "thread.h"

/* What a span needs to know of the connection it is on. */
struct tracer_connection {
    enum span_kind kind;
    uint8_t protocol; /* enum span_protocol */
    const struct address *peer;
    struct slice unix_path;
};

/* A request began. Counted as started; as sampled out at once when the sampler does not want it (the exchange is
 * needed all the same, to keep requests and responses paired). NULL when there is no memory: counted as dropped. */
struct exchange *tracer_begin(const struct message *request, const struct tracer_connection *connection, const struct lineage *lineage,
                              uint64_t now_ns);

/* The application has seen this server request under its own id, or (`is_given` false) under its parent's. */
void tracer_is_known(struct exchange *exchange, bool is_given);

/* The span ends at end_ns and goes into the queue. */
void tracer_finish(struct exchange *exchange, uint64_t end_ns, enum span_error error, int error_number);

/* The span is not to be: counted as dropped for `reason`, unless it was sampled out or is another process's. */
void tracer_drop(struct exchange *exchange, enum counter reason);

/* The request was not sent after all: as if it had never begun. */
void tracer_retract(struct exchange *exchange);

/* Whether the sampler wants a span: by its trace id, and by its parent's flags where it has a parent. */
bool tracer_is_sampled(const struct span_record *record);

/* A span that was made elsewhere, and is over: counted as started, and as sampled out by its flags or sent on its way. */
void tracer_report(struct span_record *record);

/* This thread was taken out of one of the calls above by a longjmp: its span is put in order in the accounts. */
void tracer_recover(void);

/* thread_enter, and what it found left behind put in order. */
static inline bool tracer_enter(void)
{
    if (!thread_enter())
        return false;
    if (__builtin_expect(thread.was_left, 0))
        tracer_recover();
    if (__builtin_expect(thread.pauses, 0))
        exporter_thread_recover();
    return true;
}

/* Spans that have begun and not ended. */
uint64_t tracer_open(void);

/* In the child of a fork: the parent's spans are not ours. */
void tracer_forget(void);

#endif
