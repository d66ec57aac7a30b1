/* support_wire.c - samples of conversations. See support_wire.h. */
#include "support_wire.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "conversation.h"
#include "waiting.h"
#include "support_preload.h"
#include "text.h"
#include "tracer.h"

#define SAMPLES 256
#define SAMPLE_MAX (256 * 1024)

static struct wire_sample samples[SAMPLES];

/* --- reading --------------------------------------------------------------------------------------------------- */

static void unescape(struct text *text, struct slice s);

/* `N*text}` */
static void repeat(struct text *text, struct slice s)
{
    size_t star = slice_find(s, '*');
    unsigned long long count;
    cr_assert(slice_to_number((struct slice){s.ptr, star}, SAMPLE_MAX, &count), "\\{%.*s}", (int)s.len, s.ptr);
    while (count--)
        unescape(text, slice_after(s, star + 1));
}

static char hex_byte(struct slice s)
{
    char digits[3] = {s.len > 0 ? s.ptr[0] : '?', s.len > 1 ? s.ptr[1] : '?', '\0'}, *end;
    char byte = (char)strtoul(digits, &end, 16);
    cr_assert(!*end, "\\x%s", digits);
    return byte;
}

static void unescape(struct text *text, struct slice s)
{
    static const char letters[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
    while (s.len) {
        if (s.ptr[0] != '\\') {
            text_char(text, s.ptr[0]);
            s = slice_after(s, 1);
            continue;
        }
        s = slice_after(s, 1);
        cr_assert(s.len, "a line ends in \\");
        const char *letter = memchr(letters, s.ptr[0], 5);
        if (letter) {
            text_char(text, bytes[letter - letters]);
            s = slice_after(s, 1);
        } else if (s.ptr[0] == 'x') {
            text_char(text, hex_byte(slice_after(s, 1)));
            s = slice_after(s, 3);
        } else {
            size_t end = slice_find(s, '}');
            cr_assert(s.ptr[0] == '{' && end < s.len, "\\%c", s.ptr[0]);
            repeat(text, (struct slice){s.ptr + 1, end - 1});
            s = slice_after(s, end + 1);
        }
    }
}

static struct slice unescaped(struct slice s)
{
    static char room[SAMPLE_MAX];
    struct text text = TEXT(room);
    unescape(&text, s);
    cr_assert_not(text.overflowed);
    return text_as_slice(&text);
}

static char *appended(char *to, struct slice s, const char *end)
{
    size_t len = to ? strlen(to) : 0;
    to = realloc(to, len + s.len + strlen(end) + 1);
    memcpy(to + len, s.ptr, s.len);
    memcpy(to + len + s.len, end, strlen(end) + 1);
    return to;
}

static void add_expected(struct wire_sample *sample, struct slice line)
{
    bool server = !slice_starts_with(line, SLICE("client ")), client = !slice_starts_with(line, SLICE("server "));
    line = slice_after(line, slice_find(line, ' ') + 1);
    for (int us = PARTY_CLIENT; us <= PARTY_SERVER; us++)
        if (us == PARTY_CLIENT ? client : server)
            sample->expected[us == PARTY_CLIENT] = appended(sample->expected[us == PARTY_CLIENT], unescaped(line), "\n");
}

static void add_bytes(struct wire_sample *sample, enum party party, struct slice line)
{
    struct wire_step *last = sample->step_count ? &sample->steps[sample->step_count - 1] : NULL;
    struct slice bytes = unescaped(line);
    if (!last || last->event != WIRE_BYTES || last->party != party) {
        cr_assert_lt(sample->step_count, WIRE_STEPS, "%s", sample->name);
        last = &sample->steps[sample->step_count++];
        *last = (struct wire_step){.event = WIRE_BYTES, .party = party};
    }
    char *joined = malloc(last->bytes.len + bytes.len);
    if (last->bytes.len)
        memcpy(joined, last->bytes.ptr, last->bytes.len);
    memcpy(joined + last->bytes.len, bytes.ptr, bytes.len);
    free((void *)(uintptr_t)last->bytes.ptr);
    last->bytes = (struct slice){joined, last->bytes.len + bytes.len};
}

static void add_close(struct wire_sample *sample, struct slice line)
{
    bool is_half = slice_starts_with(line, SLICE("half "));
    line = slice_after(line, is_half ? 5 : 0);
    cr_assert(slice_equals(line, SLICE("client")) || slice_equals(line, SLICE("server")), "%s", sample->name);
    cr_assert_lt(sample->step_count, WIRE_STEPS, "%s", sample->name);
    sample->steps[sample->step_count++] = (struct wire_step){
        .event = is_half ? WIRE_HALF_CLOSES : WIRE_CLOSES,
        .party = slice_equals(line, SLICE("client")) ? PARTY_CLIENT : PARTY_SERVER,
    };
}

static void read_line(struct wire_sample *sample, struct slice line)
{
    if (!line.len || line.ptr[0] == '#')
        return;
    if (line.ptr[0] == '=') {
        add_expected(sample, slice_after(line, 1));
        return;
    }
    cr_assert(line.len > 3 && line.ptr[1] == ':' && line.ptr[2] == ' ', "%s: %.*s", sample->name, (int)line.len, line.ptr);
    struct slice rest = slice_after(line, 3);
    if (line.ptr[0] == 'E')
        add_close(sample, rest);
    else if (line.ptr[0] == 'C' || line.ptr[0] == 'S')
        add_bytes(sample, line.ptr[0] == 'C' ? PARTY_CLIENT : PARTY_SERVER, rest);
    else
        cr_assert_fail("%s: %.*s", sample->name, (int)line.len, line.ptr);
}

static void read_sample(struct wire_sample *sample, const char *directory, const char *name)
{
    static char content[64 * 1024];
    char path[600];
    struct slice rest, line;
    snprintf(sample->name, sizeof sample->name, "%.*s", (int)(strlen(name) - strlen(".wire")), name);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s cannot be read", path);
    rest = (struct slice){content, fread(content, 1, sizeof content, file)};
    cr_assert_lt(rest.len, sizeof content, "%s is too long", path);
    fclose(file);
    sample->expected[0] = appended(NULL, SLICE(""), "");
    sample->expected[1] = appended(NULL, SLICE(""), "");
    while (slice_next(&rest, '\n', &line))
        read_line(sample, line);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct wire_sample *)a)->name, ((const struct wire_sample *)b)->name);
}

const struct wire_sample *wire_samples(const char *protocol, size_t *count)
{
    static size_t read;
    char directory[256];
    snprintf(directory, sizeof directory, "tests/wire/%s", protocol);
    DIR *listing = read ? NULL : opendir(directory);
    cr_assert(read || listing, "%s: not here; run it in the project's directory", directory);
    for (struct dirent *entry; listing && (entry = readdir(listing)) != NULL;)
        if (strlen(entry->d_name) > 5 && strcmp(entry->d_name + strlen(entry->d_name) - 5, ".wire") == 0) {
            cr_assert_lt(read, SAMPLES);
            read_sample(&samples[read++], directory, entry->d_name);
        }
    if (listing)
        closedir(listing);
    qsort(samples, read, sizeof samples[0], by_name);
    *count = read;
    return samples;
}

/* --- carrying out ---------------------------------------------------------------------------------------------- */

struct wire wire_begin(enum role role, enum party us)
{
    static const struct address nowhere;
    struct connection *connection = connection_create(role, &nowhere, (struct slice){NULL, 0});
    cr_assert(connection);
    return (struct wire){.connection = connection, .us = us};
}

static enum direction direction_of(const struct wire *wire, enum party sender)
{
    return sender == wire->us ? DIRECTION_SENT : DIRECTION_RECEIVED;
}

void wire_bytes(struct wire *wire, enum party sender, struct slice bytes)
{
    enum direction direction = direction_of(wire, sender);
    if (wire->is_over || !bytes.len || !connection_enter(wire->connection, direction))
        return;
    conversation_passed(wire->connection, direction, guarded(bytes, wire->at_front), 0, NULL);
    connection_leave(wire->connection, direction);
}

static void we_close(struct wire *wire)
{
    if (!wire->is_over)
        connection_release(wire->connection);
    wire->is_over = true;
}

static void peer_closes(struct wire *wire)
{
    if (wire->is_over || !connection_enter(wire->connection, DIRECTION_RECEIVED))
        return;
    connection_peer_closed(wire->connection);
    connection_leave(wire->connection, DIRECTION_RECEIVED);
}

static void we_finish_sending(struct wire *wire)
{
    if (wire->is_over || !connection_enter(wire->connection, DIRECTION_SENT))
        return;
    connection_finished_sending(wire->connection);
    connection_leave(wire->connection, DIRECTION_SENT);
}

void wire_step(struct wire *wire, const struct wire_step *step)
{
    if (step->event == WIRE_BYTES)
        wire_bytes(wire, step->party, step->bytes);
    else if (step->party != wire->us)
        peer_closes(wire);
    else if (step->event == WIRE_HALF_CLOSES)
        we_finish_sending(wire);
    else
        we_close(wire);
}

const char *wire_end(struct wire *wire)
{
    static char outcome[SAMPLE_MAX];
    we_close(wire);
    cr_assert_eq(tracer_open(), 0, "%d spans are open that nobody will end", (int)tracer_open());
    const char *spans = spans_finished(), *counters = counted();
    cr_assert(accounts_hold(), "spans are unaccounted for: %s%s", spans, counters);
    int len = snprintf(outcome, sizeof outcome, "%s%s%s", spans, counters, *counters ? "\n" : "");
    cr_assert(len >= 0 && (size_t)len < sizeof outcome);
    return outcome;
}
