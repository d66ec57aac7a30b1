/* test_wire.c - every sample of tests/wire/http1, cut in every way, seen from both sides: always the same spans. */
#include <criterion/criterion.h>

#include "support_preload.h"
#include "support_wire.h"

#include <time.h>

TestSuite(wire, .init = preload_begin, .timeout = 120);

static const struct {
    enum role role;
    enum party us;
    const char *name;
} sides[] = {
    {ROLE_SERVER, PARTY_SERVER, "as server"},
    {ROLE_CLIENT, PARTY_CLIENT, "as client"},
    {ROLE_UNKNOWN, PARTY_SERVER, "as server, to be found out"},
    {ROLE_UNKNOWN, PARTY_CLIENT, "as client, to be found out"},
};

static bool client_speaks_first(const struct wire_sample *sample)
{
    return sample->step_count && sample->steps[0].event == WIRE_BYTES && sample->steps[0].party == PARTY_CLIENT;
}

/* For each sample and side: `carry_out` runs it, once or many times, and calls `came_of_it` after each. */
static const struct wire_sample *sample;
static unsigned side;
static unsigned runs;

static struct wire begin(void)
{
    preload_begin();
    return wire_begin(sides[side].role, sides[side].us);
}

static void came_of_it(struct wire *wire, const char *how, size_t at)
{
    static const struct wire_sample *failed; /* said once */
    const char *expected = sample->expected[sides[side].us == PARTY_CLIENT], *outcome = wire_end(wire);
    runs++;
    if (strcmp(outcome, expected) == 0 || sample == failed)
        return;
    failed = sample;
    cr_expect_fail("%s, %s, %s %zu:\n%.2000s\nexpected:\n%.2000s", sample->name, sides[side].name, how, at, outcome, expected);
}

static void each(void carry_out(void))
{
    size_t count;
    const struct wire_sample *samples = wire_samples("http1", &count);
    cr_assert_geq(count, 60);
    for (size_t i = 0; i < count; i++)
        for (side = 0; side < sizeof sides / sizeof sides[0]; side++) {
            sample = &samples[i];
            if (sides[side].role != ROLE_UNKNOWN || client_speaks_first(sample))
                carry_out();
        }
}

static void whole_in_front_of_a_guard_page(void)
{
    for (int at_front = 0; at_front < 2; at_front++) {
        struct wire wire = begin();
        wire.at_front = at_front;
        for (size_t i = 0; i < sample->step_count; i++)
            wire_step(&wire, &sample->steps[i]);
        came_of_it(&wire, "whole", 0);
    }
}

Test(wire, whole)
{
    each(whole_in_front_of_a_guard_page);
}

/* Where it is worth while to cut a long step: near its ends everywhere, in between here and there. */
static size_t next_cut(size_t at, size_t len)
{
    return at < 600 || at + 600 > len ? at + 1 : at + 997;
}

static void cut_once(void)
{
    for (size_t cut = 0; cut < sample->step_count; cut++)
        for (size_t at = 1; at < sample->steps[cut].bytes.len; at = next_cut(at, sample->steps[cut].bytes.len)) {
            struct wire wire = begin();
            struct slice bytes = sample->steps[cut].bytes;
            for (size_t i = 0; i < sample->step_count; i++) {
                if (i != cut) {
                    wire_step(&wire, &sample->steps[i]);
                    continue;
                }
                wire_bytes(&wire, sample->steps[i].party, (struct slice){bytes.ptr, at});
                wire_bytes(&wire, sample->steps[i].party, slice_after(bytes, at));
            }
            came_of_it(&wire, "cut at", at);
        }
}

Test(wire, cut_in_two_at_every_byte)
{
    each(cut_once);
}

static void in_pieces_of(size_t size)
{
    struct wire wire = begin();
    for (size_t i = 0; i < sample->step_count; i++) {
        struct slice bytes = sample->steps[i].bytes;
        if (sample->steps[i].event != WIRE_BYTES)
            wire_step(&wire, &sample->steps[i]);
        for (; bytes.len; bytes = slice_after(bytes, size))
            wire_bytes(&wire, sample->steps[i].party, (struct slice){bytes.ptr, bytes.len < size ? bytes.len : size});
    }
    came_of_it(&wire, "in pieces of", size);
}

static bool is_long(void)
{
    size_t len = 0;
    for (size_t i = 0; i < sample->step_count; i++)
        len += sample->steps[i].bytes.len;
    return len > 16 * 1024;
}

static void byte_by_byte(void)
{
    if (sides[side].role != ROLE_UNKNOWN || !is_long())
        in_pieces_of(1);
}

Test(wire, byte_by_byte)
{
    each(byte_by_byte);
}

static void in_small_pieces(void)
{
    static const size_t sizes[] = {2, 3, 5, 7, 16, 64, 255, 2047, 2048, 2049, 4096, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i] > 64 || !is_long())
            in_pieces_of(sizes[i]);
}

Test(wire, in_pieces_of_every_kind)
{
    each(in_small_pieces);
}

/* Bytes of a conversation in which nothing goes wrong, and which is closed at its end if at all: there the order of the
 * two directions is free, as long as no response comes before its request. */
static bool order_is_free(void)
{
    for (size_t i = 0; i + 1 < sample->step_count; i++)
        if (sample->steps[i].event != WIRE_BYTES)
            return false;
    return client_speaks_first(sample) && !strchr(sample->expected[0], '=');
}

static void feed_all(struct wire *wire, enum party party)
{
    for (size_t i = 0; i < sample->step_count; i++)
        if (sample->steps[i].event == WIRE_BYTES && sample->steps[i].party == party)
            wire_step(wire, &sample->steps[i]);
}

static void all_requests_before_all_responses(void)
{
    if (!order_is_free())
        return;
    struct wire wire = begin();
    feed_all(&wire, PARTY_CLIENT);
    feed_all(&wire, PARTY_SERVER);
    if (sample->steps[sample->step_count - 1].event != WIRE_BYTES)
        wire_step(&wire, &sample->steps[sample->step_count - 1]);
    came_of_it(&wire, "requests first", 0);
}

/* A response and the request behind it in turn, some bytes of each. */
static void feed_in_turn(struct wire *wire, struct slice response, struct slice request, size_t size)
{
    while (response.len || request.len) {
        wire_bytes(wire, PARTY_SERVER, (struct slice){response.ptr, response.len < size ? response.len : size});
        wire_bytes(wire, PARTY_CLIENT, (struct slice){request.ptr, request.len < 2 * size ? request.len : 2 * size});
        response = slice_after(response, size);
        request = slice_after(request, 2 * size);
    }
}

static void both_directions_in_turn(void)
{
    for (size_t size = 1; order_is_free() && size < 20; size += 3) {
        struct wire wire = begin();
        for (size_t i = 0; i < sample->step_count; i++) {
            const struct wire_step *step = &sample->steps[i], *next = step + 1;
            bool are_two = i + 1 < sample->step_count && step->event == WIRE_BYTES && step->party == PARTY_SERVER &&
                           next->event == WIRE_BYTES;
            if (are_two) {
                feed_in_turn(&wire, step->bytes, next->bytes, size);
                i++;
            } else {
                wire_step(&wire, step);
            }
        }
        came_of_it(&wire, "in turn", size);
    }
}

Test(wire, in_any_order_that_can_be)
{
    runs = 0;
    each(all_requests_before_all_responses);
    cr_expect_gt(runs, 100);
    each(both_directions_in_turn);
    cr_expect_gt(runs, 1000);
}

/* --- what is no sample ----------------------------------------------------------------------------------------- */

static uint32_t random_state = 1;

static uint32_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return n ? random_state % (uint32_t)n : 0;
}

static const char *const pieces[] = {"\r\n", "\n", "\r", " ", "\t", ":", ",", "0", "\r\n\r\n", "Content-Length: 3\r\n",
                                     "Transfer-Encoding: chunked\r\n", "chunked", "HTTP/1.1 200 OK\r\n", "GET / HTTP/1.1\r\n",
                                     "HTTP/1.0 101 x\r\n\r\n", "ffffffffffffffff", "\x80", "traceparent: \r\n"};

/* A few changes: a bit, a byte taken out, a piece put in, the rest cut off, a stretch doubled. */
static struct slice mutated(struct slice bytes)
{
    static char room[16 * 1024];
    size_t len = bytes.len < 8 * 1024 ? bytes.len : 8 * 1024;
    memcpy(room, bytes.ptr, len);
    for (uint32_t changes = random_below(4); changes && len; changes--) {
        size_t at = random_below(len), n;
        const char *piece = pieces[random_below(sizeof pieces / sizeof pieces[0])];
        switch (random_below(5)) {
        case 0:
            room[at] = (char)(room[at] ^ (1 << random_below(8)));
            break;
        case 1:
            memmove(room + at, room + at + 1, len - at - 1);
            len--;
            break;
        case 2:
            n = strlen(piece);
            memmove(room + at + n, room + at, len - at);
            memcpy(room + at, piece, n);
            len += n;
            break;
        case 3:
            len = at;
            break;
        case 4:
            n = random_below(len - at < 500 ? len - at : 500);
            memmove(room + at + n, room + at, len - at);
            len += n;
            break;
        }
    }
    return (struct slice){room, len};
}

static void feed_mutated(struct wire *wire, const struct wire_step *step)
{
    struct slice bytes = mutated(step->bytes);
    while (bytes.len) {
        size_t n = 1 + random_below(random_below(8) ? bytes.len : 3);
        wire->at_front = random_below(2);
        wire_bytes(wire, step->party, (struct slice){bytes.ptr, n < bytes.len ? n : bytes.len});
        bytes = slice_after(bytes, n);
    }
}

/* Whatever comes: no crash, no byte read beyond the buffer (guard pages, sanitizers), every span accounted for. */
Test(wire, anything_at_all_is_survived_and_accounted_for)
{
    size_t count;
    const struct wire_sample *samples = wire_samples("http1", &count);
    clock_t end = clock() + 2 * CLOCKS_PER_SEC;
    unsigned rounds = 0;
    for (; clock() < end && rounds < 300000; rounds++) {
        unsigned which = random_below(sizeof sides / sizeof sides[0]);
        struct wire wire = wire_begin(sides[which].role, sides[which].us);
        const struct wire_sample *mine = &samples[random_below(count)];
        for (size_t i = 0; i < mine->step_count; i++) {
            const struct wire_sample *theirs = random_below(8) ? mine : &samples[random_below(count)];
            const struct wire_step *step = &theirs->steps[theirs == mine ? i : 0];
            if (step->event == WIRE_BYTES)
                feed_mutated(&wire, step);
            else if (theirs->step_count)
                wire_step(&wire, step);
        }
        wire_end(&wire);
    }
    cr_expect_gt(rounds, 500);
}
