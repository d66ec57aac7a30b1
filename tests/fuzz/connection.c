/* connection.c - a whole connection: bytes of both directions in any pieces, and everything that may happen to it.
 *
 * An input is four characters and then traffic, in which `^` and a letter say what happens:
 *
 *   1  side: 0 server, 1 client; 2 and 3 the same, to be found out     ^C ^S  from here on the client, the server speaks
 *   2  sampler and settings                                           ^c ^s  the client, the server closes
 *   3  the how-manieth block of memory is refused; 0: none, P: large  ^h     we end our direction (shutdown)
 *   4  the seed of the pieces                                         ^u ^U  bytes pass unseen: the next character says how many
 *                                                                     ^*     the last byte many times, as it says
 *   ^e  a call fails: it says how      ^d ^r  a descriptor more, less   ^o  the descriptor goes to another process
 *   ^f  the process forks              ^x     the process ends          ^i  given to stdio
 *   ^n  two threads in one direction   ^g     a signal handler used it  ^^  a ^
 *
 * What is claimed: every span is accounted for after every event, no block is kept after the end, a span says what was on
 * the wire; and the same bytes in any pieces, and with all unseen that a look ahead says may be, give the same spans,
 * counters and state.
 */
#include "ahead.h"
#include "conversation.h"

#include "clock.h"
#include "config.h"
#include "counters.h"
#include "process.h"
#include "waiting.h"
#include "support.h"
#include "support_preload.h"
#include "tracer.h"

#include <stdio.h>
#include <sys/un.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the script --------------------------------------------------------------------------------------------------- */

#define STEPS 256
#define BYTES_PASS '^'
#define BYTES (140 * 1024)

struct step {
    char what; /* BYTES_PASS, or the letter of the operation */
    uint8_t argument;
    enum party party; /* who speaks */
    struct slice bytes;
};

static struct {
    struct step steps[STEPS];
    size_t count;
    char bytes[BYTES];
    size_t len;
    char said[2][BYTES]; /* what each party says, without what comes in between */
    size_t total[2];
    const char *header;
    enum party us;
} script;

static void add_byte(enum party party, char byte)
{
    struct step *last = script.count ? &script.steps[script.count - 1] : NULL;
    if (script.len == BYTES)
        return;
    if (!last || last->what != BYTES_PASS || last->party != party) {
        if (script.count == STEPS)
            return;
        last = &script.steps[script.count++];
        *last = (struct step){.what = BYTES_PASS, .party = party, .bytes = {script.bytes + script.len, 0}};
    }
    script.bytes[script.len++] = byte;
    last->bytes.len++;
    script.said[party][script.total[party]++] = byte;
}

static void add_operation(enum party party, char what, uint8_t argument)
{
    if (script.count < STEPS)
        script.steps[script.count++] = (struct step){.what = what, .party = party, .argument = argument};
}

static unsigned digit(unsigned place)
{
    return (unsigned)(script.header[place] - '0') & 0x3f;
}

/* `is_turned`: what the input calls the client is the server. */
static void read_steps(struct slice in, bool is_turned)
{
    const enum party sides[] = {is_turned ? PARTY_SERVER : PARTY_CLIENT, is_turned ? PARTY_CLIENT : PARTY_SERVER};
    enum party party = sides[0];
    script.us = sides[!(digit(0) & 1)];
    script.count = script.len = script.total[0] = script.total[1] = 0;
    for (size_t at = 4; at < in.len; at++) {
        if (in.ptr[at] != '^' || at + 1 == in.len) {
            add_byte(party, in.ptr[at]);
            continue;
        }
        char what = in.ptr[++at];
        uint8_t argument = memchr("uUe*", what, 4) && at + 1 < in.len ? (uint8_t)in.ptr[++at] : 0;
        if (what == 'C' || what == 'S')
            party = sides[what == 'S'];
        else if (what == 'c' || what == 's')
            add_operation(sides[what == 's'], 'c', 0);
        else if (what == '^')
            add_byte(party, '^');
        else if (what == '*')
            for (unsigned n = argument * 300u; n && script.len; n--)
                add_byte(party, script.bytes[script.len - 1]);
        else
            add_operation(party, what, argument);
    }
}

/* Where the sides are to be found out, whoever speaks first is the client, whatever the input calls him. */
static void read_script(struct slice in)
{
    script.header = in.ptr;
    read_steps(in, false);
    for (size_t i = 0; i < script.count; i++)
        if (script.steps[i].what == BYTES_PASS || script.steps[i].what == 'u' || script.steps[i].what == 'U') {
            if (digit(0) & 2 && script.steps[i].party == PARTY_SERVER)
                read_steps(in, true);
            return;
        }
}

/* --- what must hold of a span ------------------------------------------------------------------------------------- */

static bool is_token(struct slice text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alnum && !memchr(others, c, sizeof others - 1))
            return false;
    }
    return text.len > 0;
}

static void check_on_the_wire(enum party party, const char *text, size_t len)
{
    must(memmem(script.said[party], script.total[party], text, len) != NULL, "in a span, not on the wire: %.*s", (int)len, text);
}

static void check_identity(const struct span_record *record)
{
    static const uint8_t none[16];
    must(memcmp(record->trace_id, none, 16) != 0 && memcmp(record->span_id, none, 8) != 0, "an id of zeroes");
    /* Of a server's span and of a client's alike: a request that has a header names its parent by it, whoever put it there. */
    must(!record->has_parent || memcmp(record->parent_id, none, 8) != 0, "a parent that cannot be");
    must(!record->has_parent || digit(1) & 4, "a parent that nobody asked for");
    must(record->trace_flags & 1, "an unsampled span");
}

static void check_end(const struct span_record *record)
{
    bool is_final = record->status == 101 || (record->status >= 200 && record->status <= 999);
    char status[16];
    must(record->start_ns && record->start_ns <= record->end_ns, "it ends before it starts");
    must(record->error <= SPAN_ERROR_ERRNO && (record->error == SPAN_ERROR_ERRNO) == (record->error_number != 0), "error %d %u",
         record->error, record->error_number);
    must(is_final || (record->status == 0 && record->error), "status %d, error %d", record->status, record->error);
    snprintf(status, sizeof status, " %03d", record->status);
    if (record->status)
        check_on_the_wire(PARTY_SERVER, status, 4);
}

static void check_facts(const struct span_record *record)
{
    static char line[BYTES];
    struct slice method = span_fact(record, FACT_METHOD), target = span_fact(record, FACT_TARGET), text;
    enum fact_key key;
    size_t size = sizeof *record;
    for (size_t at = 0; span_next_fact(record, &at, &key, &text); size += fact_size(text.len)) {
        must(key > 0 && key < FACT_KEYS, "fact of key %d", key);
        must(key != FACT_TRACESTATE || record->has_parent, "a tracestate without a parent");
        if (key != FACT_UNIX_PATH)
            check_on_the_wire(PARTY_CLIENT, text.ptr, text.len);
    }
    must(size == record->size, "facts of %zu bytes in a record of %u", size, record->size);
    must(record->facts_dropped || (method.ptr && target.ptr), "no method or no target");
    must(!method.ptr || (is_token(method) && method.len <= 32), "method %.*s", (int)method.len, method.ptr);
    if (!method.ptr || !target.ptr)
        return;
    int len = snprintf(line, sizeof line, "%.*s %.*s HTTP/1.%d", (int)method.len, method.ptr, (int)target.len, target.ptr,
                       record->version_minor);
    if (!memchr(target.ptr, 0, target.len))
        check_on_the_wire(PARTY_CLIENT, line, (size_t)len);
}

static void check_span(const struct span_record *record)
{
    must(record->size >= sizeof *record && record->protocol == SPAN_HTTP && record->version_major == 1, "not a record");
    must(record->kind == (script.us == PARTY_SERVER ? SPAN_SERVER : SPAN_CLIENT), "a span of kind %d", record->kind);
    check_identity(record);
    check_end(record);
    check_facts(record);
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

/* What came of a run: a line for each span, and the counters and the state after each operation. */
struct outcome {
    char spans[BYTES * 4], marks[STEPS * 128];
    size_t spans_len, marks_len;
};

struct run {
    struct connection *connection;
    struct outcome *outcome;
    uint32_t pieces; /* 0: each step whole; 1: byte by byte; else the seed */
    bool looks_ahead;
    unsigned descriptors;
    uint64_t finished;
    uint64_t asked_ns; /* start of the last span that ended: answers come in the order of requests */
    bool at_front;
};

static int steady_clock(int clock, struct timespec *now)
{
    static uint64_t ns = 1000000000;
    (void)clock;
    ns += 1000;
    now->tv_sec = (time_t)(ns / 1000000000);
    now->tv_nsec = (long)(ns % 1000000000);
    return 0;
}

static void take_spans(struct run *run)
{
    struct waiting_position position = waiting_begin();
    for (const struct span_record *record; (record = waiting_peek(&position)) != NULL; run->finished++) {
        check_span(record);
        must(record->start_ns >= run->asked_ns, "a request was answered before an older one");
        run->asked_ns = record->start_ns;
        struct outcome *outcome = run->outcome;
        const char *line = span_line(record);
        size_t len = strlen(line), room = sizeof outcome->spans - outcome->spans_len;
        must(len + 1 < room, "too many spans");
        memcpy(outcome->spans + outcome->spans_len, line, len);
        outcome->spans[outcome->spans_len + len] = '\n';
        outcome->spans_len += len + 1;
    }
    waiting_release(&position);
}

static void check_accounts(const struct run *run)
{
    uint64_t accounted = run->finished + waiting_length() + tracer_open() + counter_total(COUNT_sampled_out);
    for (unsigned i = COUNT_dropped_queue_full; i <= COUNT_dropped_exporter_none; i++)
        accounted += counter_total((enum counter)i);
    must(counter_total(COUNT_started) == accounted, "%llu started, %llu accounted for",
         (unsigned long long)counter_total(COUNT_started), (unsigned long long)accounted);
}

/* What must not depend on the pieces, put down after each operation. */
static void put_mark(struct run *run)
{
    struct outcome *outcome = run->outcome;
    const struct connection *connection = run->connection;
    size_t room = sizeof outcome->marks - outcome->marks_len;
    int len = run->descriptors ? snprintf(outcome->marks + outcome->marks_len, room, "%d %llu %llu %d %llu; ", connection->state,
                                          (unsigned long long)connection->streams[0].skip, (unsigned long long)connection->streams[1].skip,
                                          connection_may_ask(connection), (unsigned long long)connection_sent_unseen(connection))
                               : snprintf(outcome->marks + outcome->marks_len, room, "gone; ");
    must(len > 0 && (size_t)len < room, "too many marks");
    outcome->marks_len += (size_t)len;
}

static enum direction direction_of(enum party sender)
{
    return sender == script.us ? DIRECTION_SENT : DIRECTION_RECEIVED;
}

static void pass_bytes(struct run *run, enum party party, struct slice bytes)
{
    enum direction direction = direction_of(party);
    if (!connection_enter(run->connection, direction))
        return;
    uint64_t since_ns = direction == DIRECTION_SENT && connection_may_ask(run->connection) ? clock_ns() : 0;
    conversation_passed(run->connection, direction, guarded(bytes, run->at_front), since_ns, NULL);
    connection_leave(run->connection, direction);
    run->at_front = !run->at_front;
    take_spans(run);
    check_accounts(run);
}

/* What is sent, as sending.c tells it of a large write: only what a look ahead does not let pass unseen is looked at. */
static void pass_looking_ahead(struct run *run, const struct step *step)
{
    static struct {
        struct slice bytes;
        bool is_unseen;
    } parts[BYTES];
    const struct slice in = step->bytes;
    size_t count = 0, taken = 0; /* bytes that the look ahead has understood */
    uint32_t seed = run->pieces;
    struct ahead ahead;
    if (!connection_enter(run->connection, DIRECTION_SENT))
        return;
    ahead_begin(run->connection, &ahead);
    for (size_t at = 0, n; at < in.len; at += n) {
        bool is_unseen = !ahead.blind && taken == at && ahead.stream.skip;
        n = 1 + random_below(&seed, random_below(&seed, 4) ? 40 : in.len) + in.len / 128;
        n = n < in.len - at ? n : in.len - at;
        if (is_unseen) {
            n = in.len - at < ahead.stream.skip ? in.len - at : (size_t)ahead.stream.skip;
            ahead_skip(&ahead, n);
            taken += n;
        } else {
            struct slice rest = {in.ptr + taken, at + n - taken};
            size_t understood = ahead_take(&ahead, guarded(rest, run->at_front));
            must(understood <= rest.len, "%zu of %zu bytes understood", understood, rest.len);
            taken += understood;
        }
        parts[count].bytes = (struct slice){in.ptr + at, n};
        parts[count++].is_unseen = is_unseen;
    }
    connection_leave(run->connection, DIRECTION_SENT);
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].is_unseen)
            pass_bytes(run, step->party, parts[i].bytes);
        else if (connection_enter(run->connection, DIRECTION_SENT)) {
            conversation_passed_unseen(run->connection, DIRECTION_SENT, parts[i].bytes.len);
            connection_leave(run->connection, DIRECTION_SENT);
        }
    }
}

static void pass_in_pieces(struct run *run, const struct step *step)
{
    struct slice rest = step->bytes;
    uint32_t seed = run->pieces;
    while (rest.len) {
        size_t n = rest.len;
        if (run->pieces == 1)
            n = 1;
        else if (run->pieces)
            n = 1 + random_below(&seed, random_below(&seed, 4) ? 7 : rest.len) + rest.len / 128;
        pass_bytes(run, step->party, (struct slice){rest.ptr, n < rest.len ? n : rest.len});
        rest = slice_after(rest, n);
    }
}

/* As call.c tells it: who ends requests must own the direction of responses. */
static void fail(struct run *run, enum direction direction, int error_number)
{
    bool is_client = run->connection->role == ROLE_CLIENT;
    enum direction of_responses = is_client ? DIRECTION_RECEIVED : DIRECTION_SENT;
    enum direction entered = is_client && direction == DIRECTION_SENT ? DIRECTION_SENT : of_responses;
    if (!connection_enter(run->connection, entered))
        return;
    connection_failed(run->connection, direction, error_number);
    connection_leave(run->connection, entered);
}

/* Only what belongs to a body may pass unseen: anything else ends the watching. */
static void pass_unseen(struct run *run, enum party party, uint64_t count)
{
    const struct stream *stream = &run->connection->streams[party];
    const uint64_t before = stream->skip;
    if (!count || !connection_enter(run->connection, direction_of(party)))
        return;
    conversation_passed_unseen(run->connection, direction_of(party), count);
    connection_leave(run->connection, direction_of(party));
    must(before >= count || run->connection->state == CONNECTION_LEFT, "%u bytes unseen, where %u may be", (unsigned)count,
         (unsigned)before);
    must(before < count || stream->skip == before - (before == SKIP_UNTIL_CLOSE ? 0 : count), "unseen bytes counted wrongly");
}

static void release(struct run *run)
{
    run->descriptors--;
    connection_release(run->connection);
}

static void close_by(struct run *run, enum party party)
{
    if (party == script.us)
        while (run->descriptors)
            release(run);
    else if (connection_enter(run->connection, DIRECTION_RECEIVED)) {
        connection_peer_closed(run->connection);
        connection_leave(run->connection, DIRECTION_RECEIVED);
    }
}

static void end_our_direction(struct run *run)
{
    if (!connection_enter(run->connection, DIRECTION_SENT))
        return;
    connection_finished_sending(run->connection);
    connection_leave(run->connection, DIRECTION_SENT);
}

static void enter_twice(struct run *run, enum direction direction)
{
    if (!connection_enter(run->connection, direction))
        return;
    must(!connection_enter(run->connection, direction), "two threads in one direction");
    connection_leave(run->connection, direction);
}

static void end_process(struct run *run)
{
    connection_process_exit(run->connection);
    must(tracer_open() == 0, "the process has ended, and %d spans are open", (int)tracer_open());
}

static void carry_out(struct run *run, const struct step *step)
{
    enum direction direction = direction_of(step->party);
    if (!run->descriptors)
        return;
    switch (step->what) {
    case BYTES_PASS: (run->looks_ahead && direction == DIRECTION_SENT ? pass_looking_ahead : pass_in_pieces)(run, step); return;
    case 'u': pass_unseen(run, step->party, step->argument); return;
    case 'U': pass_unseen(run, step->party, step->argument * 1000u); return;
    case 'c': close_by(run, step->party); return;
    case 'h': end_our_direction(run); return;
    case 'e': fail(run, direction, 1 + step->argument); return;
    case 'r': release(run); return;
    case 'd': run->descriptors += connection_share(run->connection); return;
    case 'o': connection_hand_over(run->connection); return;
    case 'f': process.forks++; return;
    case 'x': end_process(run); return;
    case 'i': connection_leave_to_stdio(run->connection); return;
    case 'g': run->connection->reentered = true; return;
    case 'n': enter_twice(run, direction); return;
    }
}

static void settings(void)
{
    static const enum choice_sampler samplers[] = {SAMPLER_PARENTBASED_ALWAYS_ON, SAMPLER_ALWAYS_OFF, SAMPLER_ALWAYS_ON,
                                                   SAMPLER_PARENTBASED_TRACEIDRATIO};
    config = (struct config){
        .sampler = samplers[digit(1) & 3],
        .sampling_threshold = UINT64_MAX / 4,
        .extract_tracecontext = digit(1) & 4,
        .max_queue_size = 2048,
    };
    clock_vdso = steady_clock;
    process.forks = 0;
    thread.work = (struct thread_work){.defers = false};
    thread.random[0] = 1; /* ids, and with them what a ratio chooses, are the same in each run */
    thread.random[1] = thread.random[2] = thread.random[3] = 0;
    thread.random_process = process.generation;
    thread.stripe = SHARED_STRIPE; /* which keeps no block at hand: each is given back, and the heap sees who uses it then */
    memset(counter_stripes, 0, sizeof counter_stripes);
    block_refused = digit(2) & 31;
    large_blocks_refused = digit(2) & 32;
}

/* A run is over: nothing is held any more, and what was counted belongs to the outcome. */
static void end(struct run *run)
{
    while (run->descriptors)
        release(run);
    take_spans(run);
    check_accounts(run);
    must(tracer_open() == 0, "%d spans are open that nobody will end", (int)tracer_open());
    must(waiting_length() == 0, "%u spans are left in the queue", waiting_length());
    must(blocks_taken == 0, "%u blocks were not given back", blocks_taken);
    struct outcome *outcome = run->outcome;
    size_t room = sizeof outcome->marks - outcome->marks_len;
    int len = snprintf(outcome->marks + outcome->marks_len, room, "%s", counted());
    must(len >= 0 && (size_t)len < room, "too many marks");
    outcome->marks_len += (size_t)len;
}

static void run_script(struct outcome *outcome, uint32_t pieces, bool looks_ahead)
{
    static const struct address nowhere;
    static const enum role roles[] = {ROLE_SERVER, ROLE_CLIENT, ROLE_UNKNOWN, ROLE_UNKNOWN};
    settings();
    outcome->spans_len = outcome->marks_len = 0;
    struct slice path = digit(1) & 8 ? SLICE("/run/a.sock") : (struct slice){NULL, 0};
    struct run run = {.outcome = outcome, .pieces = pieces, .looks_ahead = looks_ahead};
    run.connection = connection_create(roles[digit(0) & 3], &nowhere, path);
    run.descriptors = run.connection != NULL;
    for (size_t i = 0; i < script.count; i++) {
        carry_out(&run, &script.steps[i]);
        take_spans(&run);
        check_accounts(&run);
        put_mark(&run);
    }
    end(&run);
}

/* --- the same in any pieces --------------------------------------------------------------------------------------- */

/* A long line is not judged at each of its pieces (protocol.h, `judged`): what is wrong in it may then be found later, and
 * what was asked before may be answered meanwhile. */
#define JUDGED_LATE 1024

static void check_same(const struct outcome *a, const struct outcome *b, const char *how)
{
    size_t common = a->spans_len < b->spans_len ? a->spans_len : b->spans_len;
    bool is_late = script.total[0] >= JUDGED_LATE || script.total[1] >= JUDGED_LATE;
    bool are_spans_same = a->spans_len == b->spans_len || (is_late && (!common || a->spans[common - 1] == '\n'));
    must(are_spans_same && memcmp(a->spans, b->spans, common) == 0, "%s, other spans:\n%.*sand whole:\n%.*s", how, (int)b->spans_len,
         b->spans, (int)a->spans_len, a->spans);
    must(is_late || (a->marks_len == b->marks_len && memcmp(a->marks, b->marks, a->marks_len) == 0),
         "%s, another way:\n%.*s\nand whole:\n%.*s", how, (int)b->marks_len, b->marks, (int)a->marks_len, a->marks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, pieces;
    if (size < 4)
        return 0;
    read_script((struct slice){(const char *)data, size});
    run_script(&whole, 0, false);
    const uint32_t seed = 2 + (uint32_t)(uint8_t)script.header[3];
    run_script(&pieces, seed, false);
    if (digit(2) == 0) /* memory that is refused is refused elsewhere then */
        check_same(&whole, &pieces, "in pieces");
    run_script(&pieces, seed, true);
    if (digit(2) == 0)
        check_same(&whole, &pieces, "looking ahead");
    if (script.len > 600)
        return 0;
    run_script(&pieces, 1, false);
    if (digit(2) == 0)
        check_same(&whole, &pieces, "byte by byte");
    return 0;
}
