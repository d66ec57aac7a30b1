/* exporter_thread.c - our thread is started once by whoever is first, woken when there is something to do, ended when it
 * must be gone, and started again: no span waits for ever, no flush goes unanswered.
 */
#include "exporter_thread.h"

#include "clock.h"
#include "config.h"
#include "counters.h"
#include "exporter.h"
#include "waiting.h"
#include "support.h"

#include <sched.h>

#define THREADS 4

static double until;
static _Atomic uint64_t made, refused, out_of_time, running_while_paused;

static void make_span(unsigned index, uint32_t number)
{
    struct {
        struct span_record record;
        char text[64];
    } span;
    record_write(&span.record, index, number, 40);
    if (!exporter_thread_prepare()) {
        refused++;
        return;
    }
    if (waiting_push(&span.record) == QUEUE_OK) {
        made++;
        exporter_thread_notify();
    }
}

static uint64_t taken(void)
{
    return counter_total(COUNT_dropped_exporter_none);
}

static void spans_in_bursts(unsigned index)
{
    for (uint32_t number = 0; seconds() < until; number++) {
        make_span(index, number);
        if (random_below(20) == 0)
            system(nanosleep, &(struct timespec){.tv_nsec = 200000}, NULL);
    }
}

static bool all_taken_within(double limit)
{
    for (double end = seconds() + limit; taken() != made;) {
        if (seconds() > end)
            return false;
        system(nanosleep, &(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return true;
}

static void spans_and_pauses(unsigned index)
{
    for (uint32_t number = 0; seconds() < until; number++) {
        if (index == 0 && number % 50 == 49) {
            exporter_thread_pause();
            running_while_paused += exporter.thread != 0;
            exporter_thread_resume();
        } else if (index == 1 && number % 50 == 49) {
            uint64_t start_ns = clock_ns();
            exporter_thread_flush();
            out_of_time += clock_ns() - start_ns > 1000 * UINT64_C(1000000);
        } else {
            make_span(index, number);
        }
    }
}

int main(void)
{
    library_begin();
    config.schedule_delay_ms = 2;
    config.exit_timeout_ms = 2000; /* what a flush takes that nobody answers */
    until = seconds() + 0.8;
    on_threads(THREADS, spans_in_bursts);
    bool all = all_taken_within(2);
    claim(all && made > 100 && !refused, "every span wakes the thread that takes it", "%llu of %llu taken, %llu refused",
          (unsigned long long)taken(), (unsigned long long)made, (unsigned long long)refused);

    exporter_thread_pause(); /* settings are constant while it runs */
    config.schedule_delay_ms = 60000; /* what is taken now was flushed, or filled a batch */
    exporter_thread_resume();
    until = seconds() + 1;
    on_threads(THREADS, spans_and_pauses);
    claim(!running_while_paused, "the thread is gone while it is paused", "it ran %llu times", (unsigned long long)running_while_paused);
    claim(!out_of_time, "a flush is answered", "%llu took longer than 1000 ms", (unsigned long long)out_of_time);
    exporter_thread_flush();
    all = all_taken_within(2);
    claim(all, "a last flush brings everything out", "%llu of %llu", (unsigned long long)taken(), (unsigned long long)made);

    exporter_thread_pause();
    exporter_thread_forbid();
    exporter_thread_resume();
    uint64_t before = made;
    make_span(0, 0);
    claim(made == before && exporter.thread == 0, "none is started once it is forbidden", "one was");
    return claims_status();
}
