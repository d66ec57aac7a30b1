/* counters.c - no count is lost, whichever threads count and whoever reads meanwhile. */
#include "counters.h"

#include "support.h"
#include "thread.h"

#define THREADS 8
#define ROUNDS 100000

static _Atomic uint32_t backwards, finished;

static void count(unsigned index)
{
    uint64_t before = 0;
    if (index == THREADS) { /* a reader: totals only grow */
        while (finished < THREADS) {
            uint64_t now = counter_total(COUNT_started);
            backwards += now < before;
            before = now;
        }
        return;
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        counter_add(thread_stripe(), COUNT_started, 1);
        if (i % 4 == 0)
            counter_add(thread_stripe(), COUNT_exported, 3);
    }
    finished++;
}

int main(void)
{
    on_threads(THREADS + 1, count);
    uint64_t started = counter_total(COUNT_started), exported = counter_total(COUNT_exported);
    claim(started == (uint64_t)THREADS * ROUNDS && exported == (uint64_t)THREADS * ROUNDS / 4 * 3, "no count is lost",
          "%llu and %llu", (unsigned long long)started, (unsigned long long)exported);
    claim(!backwards, "a total never goes backwards", "%u times", backwards);
    return claims_status();
}
