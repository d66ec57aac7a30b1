/* differential.c - says what our framing makes of conversations, for test_differential.py to compare with another reader.
 *
 * Reads lines: `C HEX` and `S HEX`, what the client and the server say, in this order; an empty line ends a conversation.
 * Answers with lines, and `.` at the end of each conversation:
 *
 *   unit C|S AT LEN SKIP KIND ENDS LAST STATUS MINOR METHOD TARGET   each unit of a direction (HEX, - for none)
 *   end C|S HOW AT                                                   where reading it came to an end, as enum walk_end
 *   span server|client HEX                                           span_line of each span, by a connection in that role
 *   counts server|client NAME=COUNT ...                              and its counters
 */
#include <stdio.h>
#include <stdlib.h> /* before system.h, whose `system` is another */

#include "conversation.h"
#include "support.h"
#include "support_preload.h"
#include "tracer.h"
#include "walk.h"

extern const struct protocol http1_protocol;

#define STEPS 64

static struct {
    enum party party;
    struct slice bytes;
} steps[STEPS];
static size_t step_count;
static char room[8 * WALK_MAX];
static size_t room_used;
static unsigned conversations; /* the seed of the pieces */

static int hex_of(int c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* "C 4745..." into a step. */
static void keep_step(const char *line)
{
    must(step_count < STEPS && (line[0] == 'C' || line[0] == 'S'), "too many steps, or an odd one: %.20s", line);
    char *at = room + room_used;
    for (const char *digits = line + 2; digits[0] > ' '; digits += 2) {
        must(room_used < sizeof room, "a conversation that is too long");
        room[room_used++] = (char)(hex_of(digits[0]) << 4 | hex_of(digits[1]));
    }
    steps[step_count].party = line[0] == 'C' ? PARTY_CLIENT : PARTY_SERVER;
    steps[step_count++].bytes = (struct slice){at, (size_t)(room + room_used - at)};
}

static void put_hex(const char *bytes, size_t len)
{
    if (!len)
        putchar('-');
    for (size_t i = 0; i < len; i++)
        printf("%02x", (unsigned char)bytes[i]);
}

static struct slice said_by(enum party party, char *to)
{
    size_t len = 0;
    for (size_t i = 0; i < step_count; i++)
        if (steps[i].party == party) {
            must(len + steps[i].bytes.len <= WALK_MAX, "too much said");
            memcpy(to + len, steps[i].bytes.ptr, steps[i].bytes.len);
            len += steps[i].bytes.len;
        }
    return (struct slice){to, len};
}

static void put_walk(char who, const struct walk *walk, struct slice said)
{
    for (size_t i = 0; i < walk->count; i++) {
        const struct unit *unit = &walk->units[i];
        const char *at = said.ptr + unit->at;
        printf("unit %c %llu %llu %lld %d %d %d %d %d ", who, (unsigned long long)unit->at, (unsigned long long)unit->len,
               unit->skip == SKIP_UNTIL_CLOSE ? -1 : (long long)unit->skip, unit->kind, unit->ends, unit->last, unit->status,
               unit->version_minor);
        put_hex(at, unit->method_len);
        putchar(' ');
        put_hex(at + unit->target_at, unit->target_len);
        putchar('\n');
    }
    printf("end %c %d %llu\n", who, walk->end, (unsigned long long)walk->at);
}

/* The hint of the request that the next response answers. */
static uint8_t hint_of_request(const void *context, size_t answers)
{
    const struct walk *requests = context;
    for (size_t i = 0; i < requests->count; i++)
        if (requests->units[i].kind == MESSAGE_REQUEST && answers-- == 0)
            return requests->units[i].hint;
    return 0;
}

static void put_units(void)
{
    static char client[WALK_MAX], server[WALK_MAX];
    static struct walk requests, responses;
    struct walk_how how = {.protocol = &http1_protocol, .sender = PARTY_CLIENT, .pieces = conversations % 3};
    struct slice said = said_by(PARTY_CLIENT, client);
    walk(&requests, &how, said);
    put_walk('C', &requests, said);
    how.sender = PARTY_SERVER;
    how.hint = hint_of_request;
    how.context = &requests;
    said = said_by(PARTY_SERVER, server);
    walk(&responses, &how, said);
    put_walk('S', &responses, said);
}

static void pass(struct connection *connection, enum party us, enum party sender, struct slice bytes)
{
    enum direction direction = sender == us ? DIRECTION_SENT : DIRECTION_RECEIVED;
    if (!connection_enter(connection, direction))
        return;
    conversation_passed(connection, direction, guarded(bytes, false), 0, NULL);
    connection_leave(connection, direction);
}

static void put_spans(enum role role, enum party us, const char *name)
{
    static const struct address nowhere;
    preload_begin();
    thread.stripe = SHARED_STRIPE; /* as in connection.c */
    struct connection *connection = connection_create(role, &nowhere, (struct slice){NULL, 0});
    uint32_t seed = conversations;
    must(connection != NULL, "no connection");
    for (size_t i = 0; i < step_count; i++)
        for (struct slice rest = steps[i].bytes; rest.len;) {
            size_t n = conversations & 1 ? rest.len : 1 + random_below(&seed, rest.len);
            pass(connection, us, steps[i].party, (struct slice){rest.ptr, n});
            rest = slice_after(rest, n);
        }
    connection_release(connection);
    must(tracer_open() == 0 && blocks_taken == 0, "something is left");
    for (const struct span_record *record; (record = span_finished()) != NULL;) {
        const char *line = span_line(record);
        printf("span %s ", name);
        put_hex(line, strlen(line));
        putchar('\n');
    }
    must(accounts_hold(), "the accounts do not hold");
    printf("counts %s %s\n", name, counted());
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        if (line[0] != '\n') {
            keep_step(line);
            continue;
        }
        conversations++;
        put_units();
        put_spans(ROLE_SERVER, PARTY_SERVER, "server");
        put_spans(ROLE_CLIENT, PARTY_CLIENT, "client");
        puts(".");
        step_count = room_used = 0;
    }
    free(line);
    return 0;
}
