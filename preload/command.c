/* command.c - the span of a whole process. See command.h.
 *
 * The new image of a process finds in SPANLOAD_COMMAND which span it goes on with: the process's id, when the span began, and
 * the span as a traceparent. TRACEPARENT beside it names the span's own parent, so that a program which cannot go on with
 * the span, and leaves it unreported, leaves no gap either.
 */
#include "command.h"

#include "carrier.h"
#include "clock.h"
#include "config.h"
#include "process.h"
#include "system.h"
#include "text.h"
#include "tracer.h"

#include <fcntl.h>

#define HANDOVER "SPANLOAD_COMMAND="

enum { PATH_SIZE = 4096, TRACESTATE_SIZE = 512 };

static struct {
    uint32_t generation; /* of the process whose span it is; 0: there is none */
    _Atomic bool is_reported;
    _Atomic int status;
    struct context parent;
    char handover[2 * 20 + TRACEPARENT_LENGTH + 2];
    size_t handover_len;
    union {
        struct span_record record;
        char room[sizeof(struct span_record) + 2 * sizeof(struct fact) + PATH_SIZE + TRACESTATE_SIZE];
    };
} command;

static void fill_random(uint8_t *id, size_t size)
{
    for (uint64_t random; size; size -= sizeof random) {
        while (!(random = thread_random())) /* all zero is no id */
            ;
        memcpy(id + size - sizeof random, &random, sizeof random);
    }
}

static void begin(bool has_parent)
{
    struct span_record *record = &command.record;
    const struct trace_context *parent = &command.parent.ids;
    *record = (struct span_record){
        .size = sizeof *record,
        .protocol = SPAN_COMMAND,
        .kind = SPAN_INTERNAL,
        .trace_flags = has_parent ? parent->flags : TRACE_FLAG_RANDOM,
        .has_parent = has_parent,
        .parent_is_remote = has_parent,
        .start_ns = clock_ns(),
    };
    if (has_parent) {
        memcpy(record->trace_id, parent->trace_id, sizeof record->trace_id);
        memcpy(record->parent_id, parent->parent_id, sizeof record->parent_id);
    } else {
        fill_random(record->trace_id, sizeof record->trace_id);
    }
    fill_random(record->span_id, sizeof record->span_id);
    bool is_sampled = tracer_is_sampled(record);
    record->trace_flags &= (uint8_t)~TRACE_FLAG_SAMPLED;
    record->trace_flags |= is_sampled ? TRACE_FLAG_SAMPLED : 0;
}

/* What the image before this one left us. The parent is that of TRACEPARENT, unless the program has put another one there. */
static bool go_on(struct slice handover)
{
    struct span_record *record = &command.record;
    struct trace_context span;
    struct slice part;
    unsigned long long id, start_ns;
    if (!slice_next(&handover, '-', &part) || !slice_to_number(part, INT32_MAX, &id) || (int)id != process.id ||
        !slice_next(&handover, '-', &part) || !slice_to_number(part, INT64_MAX, &start_ns) || start_ns > record->start_ns ||
        !trace_context_read(handover, &span))
        return false;
    if (record->has_parent && memcmp(span.trace_id, record->trace_id, sizeof span.trace_id) != 0)
        return false;
    memcpy(record->trace_id, span.trace_id, sizeof record->trace_id);
    memcpy(record->span_id, span.parent_id, sizeof record->span_id);
    record->trace_flags = span.flags;
    record->start_ns = start_ns;
    return true;
}

/* Where the file lay when it was started; the program may change its root. */
static void add_facts(void)
{
    static char path[PATH_SIZE];
    long len = system(readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof path);
    if (len > 0)
        span_add_fact(&command.record, sizeof command.room, FACT_EXECUTABLE_PATH, (struct slice){path, (size_t)len});
    if (command.record.has_parent && command.parent.tracestate.len)
        span_add_fact(&command.record, sizeof command.room, FACT_TRACESTATE, command.parent.tracestate);
}

static void write_handover(const struct trace_context *span)
{
    struct text text = TEXT(command.handover);
    text_number(&text, (uint64_t)process.id);
    text_char(&text, '-');
    text_number(&text, command.record.start_ns);
    text_char(&text, '-');
    trace_context_write(text.ptr + text.len, span);
    command.handover_len = text.len + TRACEPARENT_LENGTH;
}

void command_start(char *const *envp)
{
    struct trace_context span;
    if (!config.command_spans)
        return;
    begin(carrier_context(&command.parent));
    go_on(carrier_variable(envp, SLICE(HANDOVER)));
    add_facts();
    span.flags = command.record.trace_flags;
    memcpy(span.trace_id, command.record.trace_id, sizeof span.trace_id);
    memcpy(span.parent_id, command.record.span_id, sizeof span.parent_id);
    write_handover(&span);
    carrier_becomes(&span);
    command.is_reported = false;
    command.status = COMMAND_STATUS_UNKNOWN;
    command.generation = process.generation;
}

struct slice command_handover(struct context *context, bool *has_ids)
{
    if (!command.generation || command.generation != process.generation || thread.vfork_depth || process_is_another())
        return (struct slice){NULL, 0};
    *context = command.parent;
    *has_ids = command.record.has_parent;
    return (struct slice){command.handover, command.handover_len};
}

void command_will_exit(int status)
{
    command.status = status & 0xff;
}

void command_ends(int status)
{
    if (!command.generation || command.generation != process.generation || command.is_reported || !tracer_enter())
        return;
    if (!atomic_exchange(&command.is_reported, true)) {
        struct span_record *record = &command.record;
        if (status == COMMAND_STATUS_UNKNOWN)
            status = command.status;
        record->has_exit_status = status != COMMAND_STATUS_UNKNOWN;
        record->status = record->has_exit_status ? status & 0xff : 0;
        record->end_ns = clock_ns();
        tracer_report(record);
    }
    thread_leave();
}
