/* causality.c - which span is whose child. See causality.h.
 *
 * Fed by unit.c, conversation.c and by the hooks of waiting; knows nothing of bytes. What it says of requests that belong to other
 * threads is read without a lock and counts only if they were still open afterwards.
 */
#include "causality.h"

#include "carrier.h"
#include "config.h"
#include "counters.h"
#include "extract.h"
#include "given.h"
#include "process.h"
#include "sdk.h"

#include <stdatomic.h>

/* Of this process: */
static _Atomic bool is_contradicted; /* a header named another parent than the thread would have, once */
static _Atomic bool has_stayed;      /* an answer was begun by the thread that read the request */
static _Atomic bool is_moved;        /* and one by another thread */
static _Atomic bool has_served;

static void set(_Atomic bool *flag)
{
    if (!atomic_load_explicit(flag, memory_order_relaxed))
        atomic_store_explicit(flag, true, memory_order_relaxed);
}

static bool is(const _Atomic bool *flag)
{
    return atomic_load_explicit(flag, memory_order_relaxed);
}

static bool is_same(struct live a, struct live b)
{
    return a.exchange == b.exchange && a.id == b.id;
}

/* --- what the thread works on -------------------------------------------------------------------------------- */

static void touch(struct live live)
{
    struct thread_work *work = &thread.work;
    for (unsigned i = 0; i < 2; i++)
        if (is_same(work->touched[i], live))
            return;
    for (unsigned i = 0; i < 2; i++)
        if (!live_is_open(work->touched[i])) {
            work->touched[i] = live;
            if (!live_is_open(work->touched[!i]))
                work->touched_more = false;
            return;
        }
    work->touched_more = true;
}

static bool has_touched_several(const struct thread_work *work)
{
    return work->touched_more || (live_is_open(work->touched[0]) && live_is_open(work->touched[1]));
}

static bool has_touched_any(const struct thread_work *work)
{
    return work->touched_more || live_is_open(work->touched[0]) || live_is_open(work->touched[1]);
}

static void turn_to(struct live live, bool has_read)
{
    struct thread_work *work = &thread.work;
    if (!is_same(work->current, live))
        work->has_read = false;
    work->has_read |= has_read;
    work->current = live;
    if (live.exchange)
        touch(live);
}

/* Of several requests that came in one piece any may be worked on. */
void causality_request_read(struct exchange *exchange, bool is_only)
{
    struct live live = live_of(exchange);
    set(&has_served);
    exchange->reader = (uintptr_t)&thread;
    touch(live);
    turn_to(is_only ? live : (struct live){NULL, 0}, is_only);
}

void causality_touches(struct live live)
{
    if (live.id && !is_same(live, thread.work.current))
        turn_to(live, false);
}

void causality_answers(const struct exchange *exchange)
{
    set(exchange->reader == (uintptr_t)&thread ? &has_stayed : &is_moved);
}

void causality_answer_read(struct exchange *exchange)
{
    struct live live = exchange->request;
    if (!is_same(live, thread.work.current))
        turn_to(live_is_open(live) ? live : (struct live){NULL, 0}, false);
}

void causality_wait_begins(void)
{
    struct thread_work *work = &thread.work;
    work->is_loop = true;
    work->defers |= has_touched_any(work);
}

void causality_wait_ended(void)
{
    struct thread_work *work = &thread.work;
    work->current = work->touched[0] = work->touched[1] = (struct live){NULL, 0};
    work->touched_more = work->has_read = false;
}

/* Whether it cannot have turned to something else unseen. */
static bool is_certain(const struct thread_work *work)
{
    bool stays = process_has_one_thread() || (is(&has_stayed) && !is(&is_moved));
    return work->has_read && stays && !work->defers && !has_touched_several(work);
}

struct live causality_current(void)
{
    const struct thread_work *work = &thread.work;
    bool is_known = live_is_open(work->current) && is_certain(work) && !is(&is_contradicted);
    return is_known ? work->current : (struct live){NULL, 0};
}

struct live causality_opener(void)
{
    return thread.work.is_loop ? (struct live){NULL, 0} : causality_current();
}

/* --- evidence ------------------------------------------------------------------------------------------------ */

/* A request has named its parent: is it what the thread would have said? */
static void compare(struct live named)
{
    struct live current = thread.work.current;
    sdk_saw_ours();
    if (!live_is_open(current) || is_same(current, named) || is(&is_contradicted))
        return;
    thread_count(COUNT_parents_contradicted);
    set(&is_contradicted);
}

/* The parent is an open request of ours. False: it has ended meanwhile. */
static bool descend_from(struct live live, struct lineage *lineage)
{
    const struct span_record *record = &live.exchange->record;
    struct lineage found = {.has_parent = true, .request = live, .is_debug = live.exchange->is_debug};
    memcpy(found.parent.trace_id, record->trace_id, sizeof found.parent.trace_id);
    memcpy(found.parent.parent_id, record->span_id, sizeof found.parent.parent_id);
    found.parent.flags = record->trace_flags;
    found.tracestate = span_fact(record, FACT_TRACESTATE);
    found.baggage = exchange_baggage(live.exchange);
    atomic_thread_fence(memory_order_acquire);
    if (!live_is_open(live))
        return false;
    *lineage = found;
    return true;
}

/* Order of evidence 1. */
static bool is_named(const struct trace_context *ids, struct lineage *lineage)
{
    uint64_t id;
    memcpy(&id, ids->parent_id, sizeof id);
    struct live named = given_find(id);
    if (!named.exchange || !descend_from(named, lineage) || named.exchange->known_as != id ||
        memcmp(lineage->parent.trace_id, ids->trace_id, sizeof ids->trace_id) != 0)
        return false;
    lineage->is_named = true;
    lineage->tracestate = lineage->baggage = (struct slice){NULL, 0}; /* the request brings what it wants to bring */
    compare(named);
    return true;
}

static void descend_from_wire(const struct extracted *found, struct lineage *lineage)
{
    *lineage = (struct lineage){
        .parent = found->ids,
        .has_parent = found->has_ids,
        .parent_is_remote = found->has_ids,
        .has_decision = found->has_decision,
        .is_undecided = found->is_undecided,
        .is_debug = found->is_debug,
        .is_named = found->has_ids,
    };
}

static void look_for_sdk(const struct trace_context *ids)
{
    uint64_t id;
    memcpy(&id, ids->parent_id, sizeof id);
    if (given_saw_trace(ids->trace_id) && !given_was_given(id))
        sdk_saw_other();
}

void causality_of_server(const struct message *request, struct lineage *lineage)
{
    struct extracted found;
    extract(request, &found);
    descend_from_wire(&found, lineage);
    lineage->is_silent = sdk_has_precedence();
}

void causality_of_client(const struct message *request, struct live opener, struct lineage *lineage)
{
    struct extracted found;
    struct context own;
    extract(request, &found);
    if (found.has_ids && is_named(&found.ids, lineage))
        return;
    if (found.has_ids)
        look_for_sdk(&found.ids);
    descend_from_wire(&found, lineage); /* order of evidence 2 */
    lineage->is_silent = sdk_is_exporting(request) || (found.has_ids && sdk_has_precedence());
    if (found.has_ids || found.has_decision)
        return;
    struct live current = causality_current();
    if (current.exchange && descend_from(current, lineage))
        return;
    if (live_is_open(opener) && !is(&is_contradicted) && descend_from(opener, lineage))
        return;
    if (!is(&has_served) && carrier_context(&own)) {
        lineage->parent = own.ids;
        lineage->has_parent = true;
        lineage->parent_is_remote = carrier_is_remote();
        lineage->tracestate = own.tracestate;
        lineage->baggage = own.baggage;
    }
}

/* --- for programs that are started ---------------------------------------------------------------------------- */

static struct slice keep(struct slice text, char **room, size_t *size)
{
    struct slice kept = {NULL, text.len};
    if (text.len && text.len <= *size) {
        memcpy(*room, text.ptr, text.len);
        kept = (struct slice){*room, text.len};
        *room += text.len;
        *size -= text.len;
    }
    return kept;
}

bool causality_context(struct context *context, char *room, size_t size)
{
    struct live current = causality_current();
    struct lineage lineage;
    if (current.exchange && descend_from(current, &lineage)) {
        *context = (struct context){lineage.parent, lineage.tracestate, lineage.baggage};
    } else if (is(&has_served) || !carrier_context(context)) {
        return false;
    }
    context->tracestate = keep(context->tracestate, &room, &size);
    context->baggage = keep(context->baggage, &room, &size);
    return !current.exchange || live_is_open(current);
}
