/* support.c - see support.h; and stand-ins for the sources that race tests are linked without.
 *
 * Our thread is made by pthread_create here: ThreadSanitizer must know of it. The sources are compiled with
 * -Dexporter_clone=race_clone, which leaves the machine code that makes the real one unused.
 */
#include <stdlib.h> /* before system.h, whose `system` is another */

#include "support.h"

#include "clock.h"
#include "config.h"
#include "process.h"
#include "span.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

/* --- stand-ins ---------------------------------------------------------------------------------------------- */

struct process process = {.enabled = true, .generation = 1};
char process_command[256];
int (*clock_vdso)(int clock, struct timespec *now) = (int (*)(int, struct timespec *))clock_gettime;

void process_reborn(void)
{
}

struct start {
    _Atomic uint32_t *id;
    void (*body)(void);
};

static void *thread_of_ours(void *memory)
{
    struct start start = *(struct start *)memory;
    free(memory);
    start.body();
    /* What the kernel does for CLONE_CHILD_CLEARTID. */
    __atomic_store_n(start.id, 0, __ATOMIC_RELEASE);
    system(futex, start.id, FUTEX_WAKE, INT32_MAX);
    return NULL;
}

long race_clone(unsigned long flags, void *stack, _Atomic uint32_t *id, void *block, void body(void));

long race_clone(unsigned long flags, void *stack, _Atomic uint32_t *id, void *block, void body(void))
{
    struct start *start = malloc(sizeof *start);
    pthread_t thread;
    (void)flags, (void)stack, (void)block;
    *start = (struct start){id, body};
    __atomic_store_n(id, 1, __ATOMIC_RELEASE);
    if (pthread_create(&thread, NULL, thread_of_ours, start) != 0)
        return -EAGAIN;
    pthread_detach(thread);
    return 1;
}

void library_begin(void)
{
    config_read((char *[]){"OTEL_TRACES_EXPORTER=none", "SPANLOAD_LOG=none", "OTEL_BSP_SCHEDULE_DELAY=5", NULL});
}

/* --- claims -------------------------------------------------------------------------------------------------- */

static bool has_failed;

void claim(bool holds, const char *name, const char *format, ...)
{
    va_list list;
    printf("%s %s", holds ? "ok" : "not ok", name);
    if (!holds) {
        has_failed = true;
        fputs(": ", stdout);
        va_start(list, format);
        vprintf(format, list);
        va_end(list);
    }
    putchar('\n');
    fflush(stdout);
}

int claims_status(void)
{
    return has_failed;
}

/* --- threads ------------------------------------------------------------------------------------------------- */

struct runner {
    pthread_t thread;
    pthread_barrier_t *begin;
    void (*body)(unsigned index);
    unsigned index;
};

static void *run(void *memory)
{
    struct runner *runner = memory;
    pthread_barrier_wait(runner->begin);
    runner->body(runner->index);
    return NULL;
}

void on_threads(unsigned count, void body(unsigned index))
{
    struct runner runners[16];
    pthread_barrier_t begin;
    pthread_barrier_init(&begin, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        runners[i] = (struct runner){.begin = &begin, .body = body, .index = i};
        if (pthread_create(&runners[i].thread, NULL, run, &runners[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(runners[i].thread, NULL);
    pthread_barrier_destroy(&begin);
}

double seconds(void)
{
    static _Atomic uint64_t start_ns;
    uint64_t now_ns = clock_now(CLOCK_MONOTONIC), none = 0;
    __atomic_compare_exchange_n(&start_ns, &none, now_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return (double)(now_ns - start_ns) / 1e9;
}

uint32_t random_below(uint32_t limit)
{
    static __thread uint32_t state;
    if (!state)
        state = (uint32_t)(uintptr_t)&state | 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

/* --- records ------------------------------------------------------------------------------------------------- */

static char byte_of(uint32_t producer, uint32_t number, uint32_t at)
{
    return (char)(producer * 131 + number * 31 + at * 7);
}

uint32_t record_size(uint32_t text)
{
    return (uint32_t)sizeof(struct span_record) + text;
}

void record_write(struct span_record *record, uint32_t producer, uint32_t number, uint32_t text)
{
    *record = (struct span_record){.size = record_size(text), .status = (uint16_t)producer, .error_number = number,
                                   .start_ns = text};
    for (uint32_t i = 0; i < text; i++)
        ((char *)(record + 1))[i] = byte_of(producer, number, i);
}

bool record_is_intact(const struct span_record *record, uint32_t *producer, uint32_t *number)
{
    *producer = record->status;
    *number = record->error_number;
    if (record->size != record_size((uint32_t)record->start_ns))
        return false;
    for (uint32_t i = 0; i < record->start_ns; i++)
        if (((const char *)(record + 1))[i] != byte_of(*producer, *number, i))
            return false;
    return true;
}
