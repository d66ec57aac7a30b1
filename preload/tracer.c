/* tracer.c - spans begin and end here. See tracer.h.
 *
 * A span gets its ids and the sampler's decision when it begins, since both must be there before anything is
 * written onward, and its way into the queue when it ends. An unsampled one is followed like any other,
 * for the sake of the framing, and costs no facts.
 */
#include "tracer.h"

#include "config.h"
#include "exporter_thread.h"
#include "given.h"
#include "process.h"
#include "trace_context.h"
#include "waiting.h"

#include <stdatomic.h>

static struct pool small_exchanges = {.block_size = EXCHANGE_SMALL, .blocks_per_chunk = 85, .max_chunks = 1024};
static struct pool large_exchanges = {.block_size = EXCHANGE_LARGE, .blocks_per_chunk = 4, .max_chunks = 16};

/* Of each stripe of threads: */
static struct {
    _Alignas(64) _Atomic uint64_t open; /* spans; one that ends on another thread makes it go below zero, not the sum */
    _Atomic uintptr_t spare;            /* the exchange last given back by the one thread whose stripe it is: the next it takes */
} stripes[COUNTER_STRIPES];

static void open_add(uint64_t n)
{
    unsigned stripe = thread_stripe();
    if (stripe_is_own(stripe))
        own_add(&stripes[stripe].open, n);
    else
        atomic_fetch_add_explicit(&stripes[stripe].open, n, memory_order_relaxed);
}

uint64_t tracer_open(void)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < COUNTER_STRIPES; i++)
        total += atomic_load_explicit(&stripes[i].open, memory_order_relaxed);
    return (int64_t)total > 0 ? total : 0;
}

void tracer_forget(void)
{
    for (unsigned i = 0; i < COUNTER_STRIPES; i++)
        stripes[i].open = 0;
}

/* "Randomness of a trace id": 63 of its low 64 bits, as most SDKs take them for traceidratio, so that
 * processes with the same ratio decide alike. */
static bool ratio_wants(const uint8_t *trace_id)
{
    uint64_t low = 0;
    for (int i = 8; i < 16; i++)
        low = low << 8 | trace_id[i];
    return low >> 1 < config.sampling_threshold;
}

static bool root_is_sampled(enum choice_sampler sampler, const uint8_t *trace_id)
{
    switch (sampler) {
    case SAMPLER_ALWAYS_ON:
    case SAMPLER_PARENTBASED_ALWAYS_ON:
        return true;
    case SAMPLER_ALWAYS_OFF:
    case SAMPLER_PARENTBASED_ALWAYS_OFF:
        return false;
    case SAMPLER_TRACEIDRATIO:
    case SAMPLER_PARENTBASED_TRACEIDRATIO:
        return ratio_wants(trace_id);
    }
    return true;
}

/* Specification, "Trace SDK", ParentBased: a parent decides, wherever it is; and so does B3's decision without a parent. */
static bool is_sampled(const struct span_record *record, const struct lineage *lineage)
{
    if (lineage->has_identity)
        return lineage->identity_flags & TRACE_FLAG_SAMPLED;
    if (lineage->is_debug)
        return true;
    if (((lineage->has_parent && !lineage->is_undecided) || lineage->has_decision) && config.sampler >= SAMPLER_PARENTBASED_ALWAYS_ON)
        return lineage->parent.flags & TRACE_FLAG_SAMPLED;
    return root_is_sampled(config.sampler, record->trace_id);
}

static void fill_random(uint8_t *id, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        uint64_t random;
        do
            random = thread_random();
        while (!random); /* all zero is no id */
        memcpy(id + i, &random, 8);
    }
}

static void set_identity(struct span_record *record, const struct lineage *lineage)
{
    if (lineage->has_parent) {
        memcpy(record->trace_id, lineage->parent.trace_id, 16);
        memcpy(record->parent_id, lineage->parent.parent_id, 8);
        record->trace_flags = lineage->parent.flags;
        record->has_parent = 1;
        record->parent_is_remote = lineage->parent_is_remote;
    } else if (lineage->has_identity) {
        memcpy(record->trace_id, lineage->trace_id, 16);
        record->trace_flags = lineage->identity_flags;
    } else {
        fill_random(record->trace_id, 16);
        record->trace_flags = TRACE_FLAG_RANDOM;
    }
    if (lineage->has_identity)
        memcpy(record->span_id, lineage->span_id, 8);
    else
        fill_random(record->span_id, 8);
}

void tracer_is_known(struct exchange *exchange, bool is_given)
{
    const struct span_record *record = &exchange->record;
    if (is_given || record->has_parent)
        memcpy(&exchange->known_as, is_given ? record->span_id : record->parent_id, sizeof exchange->known_as);
    given_add(exchange);
}

static bool is_baggage(const struct message *request, size_t i)
{
    return request->facts[i].key == FACT_BAGGAGE;
}

static size_t facts_size(const struct message *request, const struct lineage *lineage, struct slice unix_path)
{
    size_t size = (unix_path.len ? fact_size(unix_path.len) : 0) + (lineage->tracestate.len ? fact_size(lineage->tracestate.len) : 0);
    for (size_t i = 0; i < request->fact_count; i++)
        size += fact_size(request->facts[i].text.len);
    return size;
}

static struct exchange *take_small(void)
{
    unsigned stripe = thread_stripe();
    return pool_take_spare(&small_exchanges, stripe, &stripes[stripe].spare);
}

static void give_small(struct exchange *exchange)
{
    unsigned stripe = thread_stripe();
    pool_give_spare(&small_exchanges, stripe, &stripes[stripe].spare, exchange);
}

static struct exchange *exchange_take(size_t facts)
{
    bool is_large = offsetof(struct exchange, record) + sizeof(struct span_record) + facts > EXCHANGE_SMALL;
    struct exchange *exchange = is_large ? pool_take(&large_exchanges) : NULL;
    if (!exchange) {
        is_large = false;
        exchange = take_small();
    }
    if (exchange)
        exchange->is_large = is_large;
    return exchange;
}

static bool is_tracestate(const struct message *request, size_t i)
{
    return request->facts[i].key == FACT_TRACESTATE;
}

/* A list cut in several fields is one list (RFC 9110 section 5.3). Where the request brings none it is the parent's. */
static void add_tracestate(struct exchange *exchange, const struct message *request, const struct lineage *lineage)
{
    struct span_record *record = &exchange->record;
    struct fact *fact = (struct fact *)((char *)record + record->size);
    size_t len = 0, room = exchange_capacity(exchange) - record->size;
    bool fits = true;
    for (size_t i = 0; i < request->fact_count && record->has_parent; i++) {
        struct slice text = request->facts[i].text;
        size_t comma = len != 0;
        if (!is_tracestate(request, i) || !text.len || !fits)
            continue;
        fits = len + comma + text.len <= UINT16_MAX && fact_size(len + comma + text.len) <= room;
        if (!fits)
            continue;
        ((char *)(fact + 1))[len] = ',';
        memcpy((char *)(fact + 1) + len + comma, text.ptr, text.len);
        len += comma + text.len;
    }
    if (!fits) {
        record->facts_dropped++;
    } else if (len) {
        *fact = (struct fact){.key = FACT_TRACESTATE, .len = (uint16_t)len};
        record->size += (uint32_t)fact_size(len);
    } else if (lineage->tracestate.len) {
        span_add_fact(record, exchange_capacity(exchange), FACT_TRACESTATE, lineage->tracestate);
    }
}

/* An unsampled one is handed on like any other, and has no facts but what is handed on with it. */
static void add_facts(struct exchange *exchange, const struct message *request, const struct lineage *lineage, struct slice unix_path)
{
    size_t capacity = exchange_capacity(exchange);
    struct span_record *record = &exchange->record;
    record->facts_dropped = (uint16_t)request->facts_dropped;
    for (size_t i = 0; i < request->fact_count && exchange->sampled; i++)
        if (!is_baggage(request, i) && !is_tracestate(request, i))
            span_add_fact(record, capacity, request->facts[i].key, request->facts[i].text);
    add_tracestate(exchange, request, lineage);
    if (unix_path.len && exchange->sampled)
        span_add_fact(record, capacity, FACT_UNIX_PATH, unix_path);
}

/* Behind the record, so that it is never sent. A list cut in several fields is one list. */
static void add_baggage(struct exchange *exchange, const struct message *request)
{
    size_t capacity = exchange_capacity(exchange);
    char *at = (char *)&exchange->record + exchange->record.size;
    exchange->baggage_at = exchange->record.size;
    exchange->baggage_len = 0;
    for (size_t i = 0; i < request->fact_count && config.propagate_baggage; i++) {
        struct slice text = request->facts[i].text;
        size_t len = exchange->baggage_len, comma = len != 0;
        if (!is_baggage(request, i) || !text.len || exchange->baggage_at + len + comma + text.len > capacity)
            continue;
        at[len] = ',';
        memcpy(at + len + comma, text.ptr, text.len);
        exchange->baggage_len = (uint32_t)(len + comma + text.len);
    }
}

struct exchange *tracer_begin(const struct message *request, const struct tracer_connection *connection, const struct lineage *lineage,
                              uint64_t now_ns)
{
    bool is_counted = !lineage->is_silent;
    if (is_counted) {
        thread_count(COUNT_started);
        thread_span_stage(SPAN_STAGE_STARTED);
    }
    struct exchange *exchange = exchange_take(facts_size(request, lineage, connection->unix_path));
    if (!exchange) {
        counter_add(thread_stripe(), COUNT_dropped_memory, is_counted);
        thread_span_stage(SPAN_STAGE_NONE);
        return NULL;
    }
    exchange->answered = false;
    exchange->is_silent = lineage->is_silent;
    exchange->is_debug = lineage->is_debug;
    exchange->request = lineage->request;
    exchange->known_as = 0;
    exchange->hint = request->hint;
    exchange->generation = process.generation;
    exchange->forks = process.forks;
    exchange->last_ns = now_ns;
    exchange->next = NULL;
    exchange->record = (struct span_record){
        .size = sizeof(struct span_record),
        .protocol = connection->protocol,
        .kind = (uint8_t)connection->kind,
        .version_major = request->version_major,
        .version_minor = request->version_minor,
        .start_ns = now_ns,
        .peer = *connection->peer,
    };
    set_identity(&exchange->record, lineage);
    exchange->sampled = !lineage->is_silent && is_sampled(&exchange->record, lineage);
    if (exchange->sampled)
        exchange->record.trace_flags |= TRACE_FLAG_SAMPLED;
    else
        exchange->record.trace_flags &= (uint8_t)~TRACE_FLAG_SAMPLED;
    add_facts(exchange, request, lineage, connection->unix_path);
    add_baggage(exchange, request);
    if (exchange->sampled)
        open_add(1);
    else if (is_counted)
        thread_count(COUNT_sampled_out);
    thread_span_stage(SPAN_STAGE_NONE);
    uint64_t id;
    memcpy(&id, exchange->record.span_id, sizeof id);
    /* Release: pairs with the acquire in live_is_open. */
    atomic_store_explicit(&exchange->open, lineage->is_silent ? 0 : id, memory_order_release);
    return exchange;
}

static void exchange_give(struct exchange *exchange)
{
    atomic_store_explicit(&exchange->open, 0, memory_order_relaxed);
    if (exchange->record.kind == SPAN_SERVER)
        given_remove(exchange);
    if (exchange->is_large)
        pool_give(&large_exchanges, exchange);
    else
        give_small(exchange);
}

/* Ours to end and to count: begun in this process, and wanted by the sampler. */
static bool is_counted(const struct exchange *exchange)
{
    return exchange->sampled && exchange->generation == process.generation;
}

/* Into the queue (true), or into the counter that says why not; the span's stage is COUNTED then. */
static bool deliver(const struct span_record *record)
{
    enum queue_result result = QUEUE_OK;
    bool has_thread = exporter_thread_prepare();
    if (has_thread)
        result = waiting_push(record);
    if (!has_thread)
        thread_count(COUNT_dropped_no_thread);
    else if (result != QUEUE_OK)
        counter_add(thread_stripe(), result == QUEUE_FULL ? COUNT_dropped_queue_full : COUNT_dropped_too_large, 1);
    thread_span_stage(SPAN_STAGE_COUNTED);
    return has_thread && result == QUEUE_OK;
}

static void progress_back_to(const struct span_progress *progress)
{
    atomic_signal_fence(memory_order_seq_cst);
    thread.progress = *progress;
    atomic_signal_fence(memory_order_seq_cst);
}

void tracer_finish(struct exchange *exchange, uint64_t end_ns, enum span_error error, int error_number)
{
    const struct span_progress interrupted = thread.progress; /* of the frame below a signal handler, if this is in one */
    struct span_record *record = &exchange->record;
    if (is_counted(exchange)) {
        record->end_ns = end_ns > record->start_ns ? end_ns : record->start_ns;
        record->error = (uint8_t)error;
        record->error_number = (uint32_t)error_number;
        thread_span_stage(SPAN_STAGE_PUSHED);
        bool is_queued = deliver(record);
        open_add(-1);
        progress_back_to(&interrupted);
        if (is_queued)
            exporter_thread_notify();
    }
    exchange_give(exchange);
}

void tracer_drop(struct exchange *exchange, enum counter reason)
{
    const struct span_progress interrupted = thread.progress;
    if (is_counted(exchange)) {
        thread_span_stage(SPAN_STAGE_NONE);
        thread_count(reason);
        thread_span_stage(SPAN_STAGE_COUNTED);
        open_add(-1);
        progress_back_to(&interrupted);
    }
    exchange_give(exchange);
}

void tracer_retract(struct exchange *exchange)
{
    const struct span_progress interrupted = thread.progress;
    if (exchange->generation == process.generation && !exchange->is_silent) {
        counter_add(thread_stripe(), COUNT_started, -UINT64_C(1));
        if (exchange->sampled)
            open_add(-1);
        else
            counter_add(thread_stripe(), COUNT_sampled_out, -UINT64_C(1));
        progress_back_to(&interrupted);
    }
    exchange_give(exchange);
}

bool tracer_is_sampled(const struct span_record *record)
{
    struct lineage lineage = {.parent.flags = record->trace_flags, .has_parent = record->has_parent};
    return is_sampled(record, &lineage);
}

void tracer_report(struct span_record *record)
{
    const struct span_progress interrupted = thread.progress;
    bool is_queued = false;
    thread_count(COUNT_started);
    if (record->trace_flags & TRACE_FLAG_SAMPLED) {
        open_add(1);
        thread_span_stage(SPAN_STAGE_PUSHED);
        is_queued = deliver(record);
        open_add(-1);
    } else {
        thread_count(COUNT_sampled_out);
    }
    progress_back_to(&interrupted);
    if (is_queued)
        exporter_thread_notify();
}

void tracer_recover(void)
{
    uint64_t stage = thread.progress.stage;
    bool is_queued = waiting_recover();
    thread.was_left = false;
    thread_span_stage(SPAN_STAGE_NONE);
    if (stage == SPAN_STAGE_STARTED)
        thread_count(COUNT_dropped_framing);
    else if (stage == SPAN_STAGE_COUNTED || (stage == SPAN_STAGE_PUSHED && is_queued))
        open_add(-1);
}
