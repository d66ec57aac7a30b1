/* carrier.c - context in the environment: read at the start, handed on to new programs. See carrier.h.
 *
 * An environment is somebody's memory and may be anything. Before a page is looked at the kernel is asked whether it can be
 * read, and nothing is looked at beyond the first byte of an entry that cannot be one of ours.
 */
#include "carrier.h"

#include "config.h"
#include "extract.h"
#include "readable.h"
#include "text.h"
#include "thread.h"

extern char **environ;

enum variable { TRACEPARENT, TRACESTATE, B3, B3_TRACE_ID, B3_SPAN_ID, B3_SAMPLED, B3_FLAGS, BAGGAGE, COMMAND, VARIABLES };

#define NAME(name) {name "=", sizeof name}
static const struct slice names[VARIABLES] = {
    NAME("TRACEPARENT"),  NAME("TRACESTATE"), NAME("B3"),      NAME("X_B3_TRACEID"),     NAME("X_B3_SPANID"),
    NAME("X_B3_SAMPLED"), NAME("X_B3_FLAGS"), NAME("BAGGAGE"), NAME("SPANLOAD_COMMAND"),
};

enum {
    PAGE = 4096, /* or a part of one */
    ENTRIES_MAX = 4096,
    IDS_MAX = 512,         /* later versions of traceparent may be longer than ours */
    KEPT_MAX = 9 * 1024,   /* baggage of 8192 bytes, and the rest */
};

/* As it was when the process started: programs rewrite the memory of their environment. */
static struct {
    struct slice text[VARIABLES]; /* what this process was started with; `ptr` NULL: without */
    struct context context;
    bool has_ids;
    bool is_own; /* the ids are a span's of this process */
    char room[KEPT_MAX];
    size_t len;
} kept;

/* --- read -------------------------------------------------------------------------------------------------------------- */

/* The formats that are read and replaced are those of OTEL_PROPAGATORS; each form of B3 where either is asked for. */
static bool is_wanted(enum variable variable)
{
    if (variable <= TRACESTATE)
        return config.extract_tracecontext;
    if (variable <= B3_FLAGS)
        return config.propagate_b3 || config.propagate_b3multi;
    return variable == COMMAND || config.propagate_baggage;
}

struct slice carrier_variable(char *const *envp, struct slice name)
{
    for (; envp && *envp; envp++)
        if (slice_starts_with(slice_of(*envp), name))
            return slice_of(*envp + name.len);
    return (struct slice){NULL, 0};
}

static struct slice keep(struct slice value)
{
    if (!value.len || value.len > sizeof kept.room - kept.len)
        return (struct slice){NULL, 0};
    char *at = kept.room + kept.len;
    memcpy(at, value.ptr, value.len);
    kept.len += value.len;
    return (struct slice){at, value.len};
}

/* It is written into the head of requests: a line's end in it would be somebody else's header. */
static struct slice printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f || (unsigned char)text.ptr[i] >= 0x80)
            return (struct slice){NULL, 0};
    text = slice_trim(text);
    return text.len ? text : (struct slice){NULL, 0};
}

/* As if they had come with a request. */
static bool read_ids(const struct slice *texts, struct trace_context *ids)
{
    static const enum context_field fields[] = {[B3] = CONTEXT_B3,
                                                [B3_TRACE_ID] = CONTEXT_B3_TRACE_ID,
                                                [B3_SPAN_ID] = CONTEXT_B3_SPAN_ID,
                                                [B3_SAMPLED] = CONTEXT_B3_SAMPLED,
                                                [B3_FLAGS] = CONTEXT_B3_FLAGS};
    struct message request = {.traceparent = texts[TRACEPARENT]};
    struct extracted found;
    for (unsigned i = B3; i <= B3_FLAGS; i++) {
        request.context[fields[i]] = texts[i];
        request.context_seen |= (uint8_t)((texts[i].ptr != NULL) << fields[i]);
    }
    extract(&request, &found);
    *ids = found.ids;
    ids->flags |= found.is_undecided ? TRACE_FLAG_SAMPLED : 0;
    return found.has_ids;
}

void carrier_start(char *const *envp)
{
    kept.len = 0;
    for (unsigned i = 0; i < COMMAND; i++)
        kept.text[i] = is_wanted(i) ? keep(carrier_variable(envp, names[i])) : (struct slice){NULL, 0};
    kept.is_own = false;
    kept.has_ids = read_ids(kept.text, &kept.context.ids);
    kept.context.tracestate = kept.has_ids ? printable(kept.text[TRACESTATE]) : (struct slice){NULL, 0};
    kept.context.baggage = printable(kept.text[BAGGAGE]);
}

bool carrier_context(struct context *context)
{
    *context = kept.context;
    return kept.has_ids;
}

bool carrier_is_remote(void)
{
    return kept.has_ids && !kept.is_own;
}

void carrier_becomes(const struct trace_context *span)
{
    kept.context.ids = *span;
    kept.has_ids = kept.is_own = true;
}

/* --- measured ---------------------------------------------------------------------------------------------------------- */

/* One of ours as it stands in an environment. */
struct found {
    const char *value[VARIABLES]; /* the first, which is what getenv finds */
    unsigned count[VARIABLES];
};

static bool begins_with(const char *entry, struct slice name)
{
    size_t i = 0;
    while (i < name.len && readable(entry + i, 1) && entry[i] == name.ptr[i])
        i++;
    return i == name.len;
}

/* VARIABLES: none of ours. */
static unsigned variable_of(const char *entry)
{
    unsigned i = 0;
    if (!readable(entry, 1) || !memchr("TBXS", *entry, 4)) /* as most */
        return VARIABLES;
    while (i < VARIABLES && !begins_with(entry, names[i]))
        i++;
    return i;
}

/* Up to its end, to `max` bytes, or to where there is no memory. */
static struct slice text_at(const char *at, size_t max)
{
    size_t len = 0;
    while (len < max && readable(at + len, 1)) {
        size_t in_page = PAGE - (uintptr_t)(at + len) % PAGE, size = in_page < max - len ? in_page : max - len;
        const char *end = memchr(at + len, '\0', size);
        if (end)
            return (struct slice){at, (size_t)(end - at)};
        len += size;
    }
    return (struct slice){at, len};
}

static bool is_text(const char *at, struct slice text)
{
    return slice_equals(text_at(at, text.len + 1), text);
}

/* False: there is no end to it, or none that is worth the stack. */
static bool look_through(struct carrier_copy *copy, struct found *found)
{
    for (char *const *at = copy->envp; at; at++, copy->entries++) {
        if (copy->entries > ENTRIES_MAX || !readable(at, sizeof *at))
            return false;
        if (!*at)
            break;
        unsigned i = variable_of(*at);
        if (i < VARIABLES && !found->count[i]++)
            found->value[i] = *at + names[i].len;
    }
    return true;
}

/* Whether the program has put it there, and has not merely inherited it. */
static bool is_programs_own(const struct found *found, enum variable variable)
{
    struct slice inherited = kept.text[variable];
    return found->count[variable] && !(inherited.ptr && is_text(found->value[variable], inherited));
}

/* As long as it is a valid one: else it hands nothing on. Of several variables that make one, all count as soon as one does. */
static bool has_own_parent(const struct found *found)
{
    struct slice texts[VARIABLES] = {{NULL, 0}};
    struct trace_context ids;
    bool is_several = is_programs_own(found, B3_TRACE_ID) || is_programs_own(found, B3_SPAN_ID);
    for (unsigned i = TRACEPARENT; i <= B3_FLAGS; i++)
        if (found->count[i] && is_wanted(i) && (i >= B3_TRACE_ID ? is_several : is_programs_own(found, i)))
            texts[i] = text_at(found->value[i], IDS_MAX);
    return read_ids(texts, &ids);
}

static struct slice id_for(const uint8_t *id, size_t size, char *digits)
{
    trace_context_write_id(digits, id, size);
    return (struct slice){digits, 2 * size};
}

static struct slice b3_for(const struct trace_context *ids, char *digits)
{
    struct slice trace_id = id_for(ids->trace_id, sizeof ids->trace_id, digits);
    struct slice span_id = id_for(ids->parent_id, sizeof ids->parent_id, digits + trace_id.len + 1);
    size_t len = trace_id.len + 1 + span_id.len;
    digits[trace_id.len] = digits[len] = '-';
    digits[len + 1] = ids->flags & TRACE_FLAG_SAMPLED ? '1' : '0';
    return (struct slice){digits, len + 2};
}

/* What stands in the copy; `ptr` NULL: nothing. `digits` is room for a traceparent. */
static struct slice text_for(const struct carrier_copy *copy, enum variable variable, char *digits)
{
    const struct slice none = {NULL, 0};
    const struct trace_context *ids = &copy->context.ids;
    bool is_single = copy->has_ids && config.propagate_b3, is_several = copy->has_ids && config.propagate_b3multi;
    switch (variable) {
    case TRACEPARENT:
        if (!copy->has_ids)
            return none;
        trace_context_write(digits, ids);
        return (struct slice){digits, TRACEPARENT_LENGTH};
    case TRACESTATE: return copy->has_ids ? copy->context.tracestate : none;
    case B3: return is_single ? b3_for(ids, digits) : none;
    case B3_TRACE_ID: return is_several ? id_for(ids->trace_id, sizeof ids->trace_id, digits) : none;
    case B3_SPAN_ID: return is_several ? id_for(ids->parent_id, sizeof ids->parent_id, digits) : none;
    case B3_SAMPLED: return is_several ? ids->flags & TRACE_FLAG_SAMPLED ? SLICE("1") : SLICE("0") : none;
    case BAGGAGE: return copy->context.baggage;
    case COMMAND: return copy->command;
    default: return none;
    }
}

/* Which are to be replaced, and the room for their texts. False: envp has them all as they should be. */
static bool compare(struct carrier_copy *copy, const struct found *found)
{
    bool is_different = false;
    for (unsigned i = 0; i < VARIABLES; i++) {
        char digits[TRACEPARENT_LENGTH];
        if (!is_wanted(i) || (i == BAGGAGE && is_programs_own(found, i)))
            continue;
        struct slice text = text_for(copy, i, digits);
        copy->replaced |= 1u << i;
        copy->size += text.ptr ? names[i].len + text.len + 1 : 0;
        is_different |= text.ptr ? found->count[i] != 1 || !is_text(found->value[i], text) : found->count[i] != 0;
    }
    return is_different;
}

void carrier_measure(struct carrier_copy *copy)
{
    struct found found = {0};
    copy->entries = copy->size = copy->replaced = 0;
    if (!look_through(copy, &found) || has_own_parent(&found) || !compare(copy, &found))
        copy->size = 0;
    else
        copy->size += (copy->entries + VARIABLES + 1) * sizeof *copy->envp;
}

/* --- written ----------------------------------------------------------------------------------------------------------- */

static bool is_replaced(const struct carrier_copy *copy, const char *entry)
{
    return copy->replaced >> variable_of(entry) & 1;
}

/* Another thread may have shortened it since it was measured. */
static size_t copy_entries(const struct carrier_copy *copy, char **to)
{
    size_t count = 0;
    for (size_t i = 0; i < copy->entries && copy->envp[i]; i++)
        if (!is_replaced(copy, copy->envp[i]))
            to[count++] = copy->envp[i];
    return count;
}

char *const *carrier_write(const struct carrier_copy *copy, void *room)
{
    char **entries = room, digits[TRACEPARENT_LENGTH];
    if (!copy->size)
        return copy->envp;
    size_t count = copy_entries(copy, entries), before = (copy->entries + VARIABLES + 1) * sizeof *entries;
    struct text texts = {.ptr = (char *)room + before, .capacity = copy->size - before};
    for (unsigned i = 0; i < VARIABLES; i++) {
        struct slice text = text_for(copy, i, digits);
        if (!(copy->replaced >> i & 1) || !text.ptr)
            continue;
        entries[count++] = texts.ptr + texts.len;
        text_slice(&texts, names[i]);
        text_slice(&texts, text);
        text_char(&texts, '\0');
    }
    entries[count] = NULL;
    return entries;
}

/* --- lent ---------------------------------------------------------------------------------------------------------------- */

/* Not the caller's stack: a longjmp may take the program out of libc's call, and `environ` then goes on standing for this until
 * the next such call. It says the same as the program's own, and what was handed on besides. */
static struct {
    char **before;
    uintptr_t frame; /* of who borrowed it */
    _Alignas(16) char room[(ENTRIES_MAX + 8) * sizeof(char *) + 2 * KEPT_MAX];
} lent;

static bool is_lent(void)
{
    return environ == (char **)lent.room;
}

void carrier_take_back(void)
{
    if (is_lent())
        environ = lent.before;
}

void carrier_recover(void)
{
    if (is_lent() && thread_was_left(lent.frame))
        carrier_take_back();
}

bool carrier_lend(const struct carrier_copy *copy)
{
    if (!copy->size || copy->size > sizeof lent.room || is_lent())
        return false;
    lent.frame = (uintptr_t)__builtin_frame_address(0);
    lent.before = environ;
    carrier_write(copy, lent.room);
    environ = (char **)lent.room;
    return true;
}
