/* batch.c - spans from the queue into one OTLP request. See batch.h. */
#include "batch.h"

#include "clock.h"
#include "config.h"
#include "counters.h"
#include "otlp_json.h"
#include "resource.h"

#include <sys/mman.h>
#include <sys/random.h>

/* OTLP's limit is 64 MiB and the Collector's 20; large enough for 512 spans with long URLs, mapped but not touched
 * beyond what is used. */
#define BODY_MAX (4 * 1024 * 1024)
#define RESOURCE_MAX (24 * 1024)

static char *memory;
static char resource_room[RESOURCE_MAX];
static struct text resource;

/* A random UUID (RFC 9562 section 5.4). */
static void write_instance_id(char id[37])
{
    uint8_t random[16];
    struct text text = {.ptr = id, .capacity = 36};
    if (system(getrandom, random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        uint64_t parts[2] = {clock_now(CLOCK_REALTIME), clock_ns() ^ (uint64_t)system(getpid) << 40};
        memcpy(random, parts, sizeof random);
    }
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof random; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text_char(&text, '-');
        text_hex(&text, &random[i], 1);
    }
    id[36] = '\0';
}

bool batch_prepare(void)
{
    char instance_id[37];
    if (!memory) {
        long mapped = system(mmap, NULL, BODY_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped < 0 && mapped > -4096)
            return false;
        system(madvise, mapped, BODY_MAX, MADV_NOHUGEPAGE); /* or its first byte would cost two megabytes */
        memory = (char *)mapped;
    }
    write_instance_id(instance_id);
    resource = TEXT(resource_room);
    resource_write(&resource, instance_id);
    return true;
}

/* What turns CLOCK_MONOTONIC into wall time, now. */
static int64_t wall_offset(void)
{
    uint64_t monotonic = clock_ns();
    return (int64_t)(clock_now(CLOCK_REALTIME) - monotonic);
}

bool batch_fill(struct batch *batch)
{
    struct text body = {.ptr = memory, .capacity = BODY_MAX - OTLP_JSON_END_SIZE - 1};
    struct waiting_position next = batch->end = waiting_begin();
    int64_t offset_ns = wall_offset();
    const struct span_record *record;
    batch->spans = 0;
    otlp_json_begin(&body, text_as_slice(&resource));
    while (batch->spans < config.max_export_batch_size && (record = waiting_peek(&next)) != NULL) {
        if (!otlp_json_span(&body, record, offset_ns, batch->spans == 0)) {
            if (batch->spans)
                break;
            counter_add(EXPORTER_STRIPE, COUNT_dropped_too_large, 1);
            waiting_release(&next);
            batch->end = next;
            continue;
        }
        batch->spans++;
        batch->end = next;
    }
    body.capacity = BODY_MAX;
    otlp_json_end(&body);
    batch->body = text_as_slice(&body);
    text_char(&body, '\n');
    batch->line = text_as_slice(&body);
    return batch->spans > 0;
}

void batch_release(const struct batch *batch)
{
    waiting_release(&batch->end);
}
