/* support_preload.c - stand-ins for the process and for our thread. See support_preload.h.
 *
 * They are weak, so that a program which links the true exporter_thread.c has the true ones.
 */
#include "support_preload.h"

#include "clock.h"
#include "config.h"
#include "exporter.h"
#include "exporter_thread.h"
#include "process.h"
#include "waiting.h"
#include "text.h"
#include "tracer.h"

#include <stdio.h>
#include <sys/mman.h>

#define STAND_IN __attribute__((weak))

struct process process = {.enabled = true, .generation = 1};

STAND_IN int (*clock_vdso)(int clock, struct timespec *now);
STAND_IN struct waiting waiting;
STAND_IN struct exporter exporter;

bool thread_can_start = true;
unsigned notified;

static uint64_t clock_stands_at;
static uint64_t read_back;

STAND_IN void process_start(void)
{
}

/* As process.c does it. */
STAND_IN void process_reborn(void)
{
    if (process.alive)
        *process.alive = 1;
    process.generation++;
    process.forks = 0;
    exporter_thread_forget();
    tracer_forget();
    memset(counter_stripes, 0, sizeof counter_stripes);
}

STAND_IN void process_before_exec(void)
{
}

STAND_IN void process_ending(int status)
{
    (void)status;
}

STAND_IN bool exporter_thread_prepare(void)
{
    return thread_can_start && (waiting_is_open() || waiting_open(config.max_queue_size) == 0);
}

STAND_IN void exporter_thread_notify(void)
{
    notified++;
}

STAND_IN void exporter_thread_flush(void)
{
}

STAND_IN void exporter_thread_pause(void)
{
}

STAND_IN void exporter_thread_resume(void)
{
}

STAND_IN void exporter_thread_recover(void)
{
}

STAND_IN void exporter_thread_forbid(void)
{
    thread_can_start = false;
}

STAND_IN void exporter_thread_forget(void)
{
    waiting_clear();
    read_back = 0;
}

static int standing_clock(int clock, struct timespec *now)
{
    (void)clock;
    now->tv_sec = (time_t)(clock_stands_at / 1000000000);
    now->tv_nsec = (long)(clock_stands_at % 1000000000);
    return 0;
}

void clock_set(uint64_t now_ns)
{
    clock_stands_at = now_ns;
    clock_vdso = now_ns ? standing_clock : NULL;
}

void preload_begin(void)
{
    config = (struct config){
        .sampler = SAMPLER_PARENTBASED_ALWAYS_ON,
        .sampling_threshold = UINT64_MAX,
        .extract_tracecontext = true,
        .max_queue_size = 2048,
        .max_export_batch_size = 512,
    };
    clock_set(0);
    waiting_clear();
    tracer_forget();
    memset(counter_stripes, 0, sizeof counter_stripes);
    read_back = 0;
    thread_can_start = true;
}

const struct span_record *span_finished(void)
{
    static union {
        struct span_record record;
        char room[128 * 1024];
    } taken;
    struct waiting_position position = waiting_begin();
    const struct span_record *record = waiting_peek(&position);
    if (!record)
        return NULL;
    memcpy(&taken, record, record->size); /* what is released is not there any more */
    waiting_release(&position);
    read_back++;
    return &taken.record;
}

static const char *const counter_names[] = {
#define COUNTER(name, meaning) #name,
#include "counters.def"
#undef COUNTER
};

bool accounts_hold(void)
{
    uint64_t accounted = read_back + waiting_length() + tracer_open() + counter_total(COUNT_sampled_out);
    for (unsigned i = 0; i < COUNTERS; i++)
        if (strncmp(counter_names[i], "dropped_", 8) == 0)
            accounted += counter_total((enum counter)i);
    return counter_total(COUNT_started) == accounted;
}

const char *counted(void)
{
    static char line[1024];
    size_t len = 0;
    line[0] = '\0';
    for (unsigned i = 0; i < COUNTERS; i++)
        if (i != COUNT_connections && i != COUNT_started && counter_total((enum counter)i))
            len += (size_t)snprintf(line + len, sizeof line - len, "%s%s=%llu", len ? " " : "", counter_names[i],
                                    (unsigned long long)counter_total((enum counter)i));
    return line;
}

static char lines[1 << 20];
static struct text out;

static void write_hex(const uint8_t *bytes, size_t count)
{
    text_literal(&out, " parent=");
    text_hex(&out, bytes, count);
}

static void write_line(const struct span_record *record)
{
    static const char *const errors[] = {"", " error=connection_closed", " error=cancelled", " error=process_exit", " error=errno:"};
    enum fact_key key;
    struct slice text;
    text_slice(&out, span_fact(record, FACT_METHOD));
    text_char(&out, ' ');
    text_slice(&out, span_fact(record, FACT_TARGET));
    text_char(&out, ' ');
    text_number(&out, record->status);
    if (record->version_major != 1 || record->version_minor != 1) {
        text_literal(&out, " HTTP/");
        text_number(&out, record->version_major);
        text_char(&out, '.');
        text_number(&out, record->version_minor);
    }
    text_string(&out, errors[record->error]);
    if (record->error == SPAN_ERROR_ERRNO)
        text_number(&out, record->error_number);
    if (record->has_parent)
        write_hex(record->parent_id, sizeof record->parent_id);
    for (size_t at = 0; span_next_fact(record, &at, &key, &text);)
        if (key == FACT_TRACESTATE) {
            text_literal(&out, " tracestate=");
            text_slice(&out, text);
        }
    if (record->facts_dropped) {
        text_literal(&out, " facts_dropped=");
        text_number(&out, record->facts_dropped);
    }
}

static const char *ended(void)
{
    if (out.len == sizeof lines)
        __builtin_trap();
    lines[out.len] = '\0';
    return lines;
}

const char *span_line(const struct span_record *record)
{
    out = TEXT(lines);
    write_line(record);
    return ended();
}

const char *spans_finished(void)
{
    out = TEXT(lines);
    for (const struct span_record *record; (record = span_finished());) {
        write_line(record);
        text_char(&out, '\n');
    }
    return ended();
}

#define GUARDED_MAX (256 * 1024)
#define PAGE 4096

/* A page, room, a page; the pages may not be touched. */
static char *guarded_room(void)
{
    static char *room;
    if (room)
        return room;
    char *memory = mmap(NULL, GUARDED_MAX + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + PAGE, GUARDED_MAX, PROT_READ | PROT_WRITE) != 0)
        __builtin_trap();
    return room = memory + PAGE;
}

struct slice guarded(struct slice bytes, bool at_front)
{
    char *room = guarded_room();
    if (bytes.len > GUARDED_MAX)
        __builtin_trap();
    char *at = at_front ? room : room + GUARDED_MAX - bytes.len;
    if (bytes.len)
        memcpy(at, bytes.ptr, bytes.len);
    return (struct slice){at, bytes.len};
}
