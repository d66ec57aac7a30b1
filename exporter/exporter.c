/* exporter.c - our thread: sleeps until there is something to do, takes a batch, brings it out.
 *
 * It is woken by the first span after a pause, which starts the schedule delay, and by the span that fills a
 * batch; an idle process has no wake-ups. What is under way when the thread is told to stop stays in the queue,
 * and the next thread, or the next batch, begins with it.
 *
 * Fed by the queue; feeds delivery.c, or stdout, or nobody (OTEL_TRACES_EXPORTER).
 */
#include "exporter.h"

#include "batch.h"
#include "clock.h"
#include "config.h"
#include "counters.h"
#include "delivery.h"
#include "exporter_state.h"
#include "output.h"
#include "own_descriptors.h"
#include "transport.h"

#include <stdatomic.h>

static uint32_t prepared_for; /* process generation whose resource and connection these are */
static uint64_t batch_ns; /* when what waits is to go, full batch or not; 0: nothing waits. A pause does not put it off. */
static uint32_t on_its_way; /* spans of the batch that is being brought out */
static bool can_export;
static bool is_apart; /* has a descriptor table of its own, or needs none */

static bool flush_is_wanted(void)
{
    /* Acquire: pairs with the release in exporter_thread.c; the deadline is valid. */
    return atomic_load_explicit(&exporter.flush_wanted, memory_order_acquire) != atomic_load_explicit(&exporter.flush_done, memory_order_relaxed);
}

static bool stop_is_wanted(void)
{
    return atomic_load_explicit(&exporter.stop, memory_order_acquire);
}

bool exporter_is_ending(void)
{
    return flush_is_wanted();
}

/* Whoever stops us waits for so long at most, and only where the Collector is slow just then: what was sent and not
 * answered would have to be sent twice. */
#define ANSWER_GRACE_NS 100000000

static uint64_t asked_ns; /* when the stop was first seen there; 0: not yet */

bool exporter_is_interrupted(void)
{
    if (flush_is_wanted() && clock_ns() >= atomic_load_explicit(&exporter.flush_deadline_ns, memory_order_relaxed))
        return true;
    if (!stop_is_wanted())
        return false;
    if (!asked_ns)
        asked_ns = clock_ns();
    return clock_ns() - asked_ns >= ANSWER_GRACE_NS;
}

/* Sleeps as `how` until woken or until then (UINT64_MAX: for ever), unless `there_is_work` says so at the last moment. */
static void sleep_until(enum exporter_sleep how, uint64_t until_ns, bool there_is_work(void))
{
    atomic_store_explicit(&exporter.sleep, how, memory_order_seq_cst);
    /* Pairs with exporter_thread_notify: either we see the span, or its thread sees that we sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    uint64_t now_ns = until_ns == UINT64_MAX ? 0 : clock_ns();
    if (!stop_is_wanted() && !there_is_work() && now_ns < until_ns)
        futex_wait(&exporter.sleep, how, until_ns == UINT64_MAX ? -1 : (int64_t)(until_ns - now_ns));
    atomic_store_explicit(&exporter.sleep, EXPORTER_AWAKE, memory_order_seq_cst);
}

static bool has_any(void)
{
    return waiting_length() > 0 || flush_is_wanted();
}

static bool has_batch(void)
{
    return waiting_length() >= atomic_load_explicit(&exporter.batch_at, memory_order_relaxed) || flush_is_wanted();
}

/* How many spans make a request worth while. A full batch does (the specification), but to render five hundred spans takes
 * the processor from the program for longer than the slowest of its answers take otherwise; a quarter costs each span no
 * more, and one in a hundred answers a tenth. What comes while a request is on its way goes with the next, up to the full size. */
#define WORTH_WHILE 128

static uint32_t batch_worth_while(void)
{
    uint32_t full = config.max_export_batch_size;
    return full <= WORTH_WHILE ? full : full / 4 > WORTH_WHILE ? full / 4 : WORTH_WHILE;
}

#define REST_NS 20000000

/* To be woken by an answer costs the processor that the program is on more than all the rest of a batch, so under load it is
 * looked for when the next one is ready. Not where the queue is too small to hold both and as much again. */
void exporter_rest(uint64_t deadline_ns)
{
    uint64_t until_ns = clock_ns() + REST_NS;
    if (config.max_queue_size / 4 < config.max_export_batch_size)
        return;
    atomic_store_explicit(&exporter.batch_at, on_its_way + batch_worth_while(), memory_order_relaxed);
    sleep_until(EXPORTER_WAITS_FOR_BATCH, until_ns < deadline_ns ? until_ns : deadline_ns, has_batch);
    atomic_store_explicit(&exporter.batch_at, batch_worth_while(), memory_order_relaxed);
}

/* A pause is ended by a flush or a stop only: new spans wait with the others. */
bool exporter_pause_until(uint64_t until_ns)
{
    while (!stop_is_wanted() && !flush_is_wanted()) {
        if (clock_ns() >= until_ns)
            return false;
        sleep_until(EXPORTER_PAUSES, until_ns, flush_is_wanted);
    }
    return true;
}

static void prepare(void)
{
    can_export = config.exporter == EXPORTER_NONE || batch_prepare();
    if (config.exporter == EXPORTER_OTLP)
        delivery_prepare();
    prepared_for = exporter.generation;
    batch_ns = 0;
}

/* The console is a descriptor of the application's, so our thread must share its table then, and opens nothing. */
void exporter_prepare_console(void)
{
    if (prepared_for != exporter.generation)
        prepare();
}

static void write_console(struct slice line)
{
    while (line.len && output_stdout_is_same()) { /* not into what else the program has opened there */
        long n = system(write, 1, line.ptr, line.len);
        if (n <= 0 && n != -EINTR)
            return;
        line = slice_after(line, n > 0 ? (size_t)n : 0);
    }
}

static void count(enum counter counter, uint64_t spans)
{
    counter_add(EXPORTER_STRIPE, counter, spans);
}

/* True when the batch's spans have left the queue. */
static bool bring_out(const struct batch *batch)
{
    uint64_t rejected = 0;
    enum delivery result = DELIVERY_DONE;
    on_its_way = batch->spans;
    if (config.exporter == EXPORTER_CONSOLE)
        write_console(batch->line);
    else
        result = deliver(batch->body, &rejected);
    if (result == DELIVERY_INTERRUPTED)
        return false;
    if (rejected > batch->spans)
        rejected = batch->spans;
    batch_release(batch);
    if (result == DELIVERY_DONE) {
        count(COUNT_exported, batch->spans - rejected);
        count(COUNT_dropped_rejected, rejected);
    } else {
        count(result == DELIVERY_REFUSED ? COUNT_dropped_refused : COUNT_dropped_timeout, batch->spans);
    }
    return true;
}

/* Everything committed leaves the queue uncounted for anywhere but here. */
static void drop_all(enum counter reason)
{
    struct waiting_position position = waiting_begin();
    uint64_t spans = 0;
    while (waiting_peek(&position))
        spans++;
    waiting_release(&position);
    count(reason, spans);
}

static void answer_flush(void)
{
    if (!flush_is_wanted())
        return;
    atomic_store_explicit(&exporter.flush_done, atomic_load_explicit(&exporter.flush_wanted, memory_order_acquire), memory_order_release);
    futex_wake_all(&exporter.flush_done);
}

#define STUCK_WAITS 10000 /* about ten seconds of ours; a thread that is only slow is back by then */

/* Reserved and not committed yet: that thread is between two instructions, or was taken away from them. */
static void wait_for_commit(void)
{
    static uint32_t waits;
    static struct waiting_position before;
    struct waiting_position now = waiting_begin();
    struct timespec pause = {.tv_nsec = 1000000};
    system(nanosleep, &pause, NULL);
    waits = before.near == now.near && before.far == now.far ? waits + 1 : 0;
    before = now;
    if (waits < STUCK_WAITS)
        return;
    waits = 0;
    waiting_pass_stuck();
}

/* One batch. A flush that gets nothing out is answered all the same: who waits for it has waited enough. */
static void export_batch(void)
{
    static struct batch batch;
    if (config.exporter == EXPORTER_NONE)
        drop_all(COUNT_dropped_exporter_none);
    else if (!can_export || !is_apart)
        drop_all(is_apart ? COUNT_dropped_memory : COUNT_dropped_no_thread);
    else if (!batch_fill(&batch))
        wait_for_commit();
    else if (!bring_out(&batch))
        answer_flush();
}

static void run(void)
{
    while (!stop_is_wanted()) {
        if (!waiting_length()) {
            answer_flush();
            batch_ns = 0;
            sleep_until(EXPORTER_WAITS_FOR_SPAN, UINT64_MAX, has_any);
            continue;
        }
        if (!batch_ns)
            batch_ns = clock_ns() + (uint64_t)config.schedule_delay_ms * 1000000;
        if (!has_batch() && clock_ns() < batch_ns) {
            sleep_until(EXPORTER_WAITS_FOR_BATCH, batch_ns, has_batch);
            continue;
        }
        export_batch();
        batch_ns = 0;
    }
}

/* A thread is made with the scheduling of the one that made it. Real-time priority is not ours to use. */
static void leave_real_time(void)
{
    enum { OTHER, FIFO, ROUND_ROBIN }; /* sched(7) */
    const int priority = 0;
    long policy = system(sched_getscheduler, 0);
    if (policy == FIFO || policy == ROUND_ROBIN)
        system(sched_setscheduler, 0, OTHER, &priority);
}

void exporter_main(void)
{
    leave_real_time();
    is_apart = config.exporter != EXPORTER_OTLP || own_descriptors_begin(exporter.table);
    transport_forget();
    asked_ns = 0;
    atomic_store_explicit(&exporter.batch_at, batch_worth_while(), memory_order_relaxed);
    if (prepared_for != exporter.generation)
        prepare();
    run();
}
