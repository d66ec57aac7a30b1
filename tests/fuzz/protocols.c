/* protocols.c - every row of protocols.def by itself, on any bytes.
 *
 * An input is three characters and then the bytes of one direction: which protocol and who sends; which hints the
 * responses are read with; the seed of the pieces. They may be digits, so that an input can be written by hand.
 *
 * Whatever the bytes are: all at once, in pieces and one by one they give the same units. What is said of a prefix is
 * never taken back. No unit is longer than what was given, no fact points elsewhere, and nothing is read beyond the bytes.
 */
#include "support.h"
#include "support_preload.h"
#include "walk.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROTOCOL(name) extern const struct protocol name##_protocol;
#include "protocols.def"
#undef PROTOCOL

static const struct protocol *const protocols[] = {
#define PROTOCOL(name) &name##_protocol,
#include "protocols.def"
#undef PROTOCOL
};

/* The n-th response is read with the n-th pair of bits. */
static uint8_t hint_of_bits(const void *context, size_t answers)
{
    return *(const uint8_t *)context >> answers % 4 * 2 & 3;
}

/* A long line that comes in pieces is not judged at each of them (protocol.h, `judged`): what is wrong in it may be found
 * later than in one piece, never earlier, and never with another unit in between. */
#define JUDGED_LATE 1024

static void check_same(const struct walk *whole, const struct walk *pieces, size_t len, const char *how)
{
    for (size_t i = 0; i < whole->count && i < pieces->count; i++)
        must(memcmp(&whole->units[i], &pieces->units[i], sizeof whole->units[i]) == 0,
             "%s: unit %zu at %llu of %llu is another: at %llu of %llu", how, i, (unsigned long long)whole->units[i].at,
             (unsigned long long)whole->units[i].len, (unsigned long long)pieces->units[i].at, (unsigned long long)pieces->units[i].len);
    must(whole->count == pieces->count && whole->at == pieces->at && whole->left == pieces->left,
         "%s: %zu units, then %zu", how, whole->count, pieces->count);
    bool is_late = pieces->end == WALK_INCOMPLETE && whole->end == WALK_REFUSED && len - whole->at >= JUDGED_LATE;
    must(whole->end == pieces->end || is_late, "%s: end %d, then %d", how, whole->end, pieces->end);
}

/* PARSE_MORE up to some length, then one answer for ever. */
static void check_recognise(const struct protocol *protocol, struct slice bytes)
{
    int verdict = PARSE_MORE;
    for (size_t len = 1; len <= bytes.len && len < 200; len++) {
        int now = protocol->recognise(guarded((struct slice){bytes.ptr, len}, len & 1));
        must(now == PARSE_MORE || now == PARSE_NO || now == 1, "recognise says %d", now);
        must(verdict == PARSE_MORE || now == verdict, "recognised %d at %zu bytes, %d before", now, len, verdict);
        verdict = now;
    }
    if (verdict == PARSE_MORE)
        return;
    int now = protocol->recognise(guarded(bytes, false));
    must(now == verdict, "recognised %d in the end, %d before", now, verdict);
}

/* The unit that begins at `at`, by prefixes that know nothing of each other. Shorter than the unit they ask for more (or
 * refuse what the whole refuses), longer they give the same unit. */
static void check_prefixes(const struct walk_how *how, struct stream before, uint8_t hint, struct slice rest, size_t unit)
{
    bool is_refused = unit == 0;
    ssize_t verdict = PARSE_MORE;
    for (size_t len = 1; len <= rest.len && len < unit + 80; len += 1 + len / 48) {
        struct stream stream = before;
        struct message message;
        ssize_t n = how->protocol->parse(&stream, how->sender, hint, guarded((struct slice){rest.ptr, len}, len & 1), &message);
        must(n >= PARSE_TOO_LARGE && n <= (ssize_t)len, "%zu bytes: %zd", len, n);
        must(n != PARSE_MORE || (stream.step == before.step && !stream.skip), "asking for more has changed the state");
        if (is_refused)
            must(n <= 0 && (verdict == PARSE_MORE || n < 0), "refused in whole, a unit of %zd in %zu bytes", n, len);
        else
            must(n == (len < unit ? PARSE_MORE : (ssize_t)unit), "a unit of %zu, but of %zu bytes %zd", unit, len, n);
        verdict = n;
    }
}

/* Goes through the units again, for the state before each. */
static void check_all_prefixes(const struct walk_how *how, const struct walk *walk, struct slice bytes)
{
    struct stream stream = {0};
    struct message message;
    size_t answers = 0;
    for (size_t i = 0; i < walk->count && i < 64; i++) {
        const struct unit *unit = &walk->units[i];
        uint8_t hint = how->hint(how->context, answers);
        struct slice rest = slice_after(bytes, unit->at);
        check_prefixes(how, stream, hint, rest, unit->len);
        how->protocol->parse(&stream, how->sender, hint, guarded(rest, false), &message);
        stream.skip = 0; /* passed by */
        answers += message.kind == MESSAGE_RESPONSE;
    }
    if (walk->end == WALK_REFUSED && walk->count < 64)
        check_prefixes(how, stream, how->hint(how->context, answers), slice_after(bytes, walk->at), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct walk whole, pieces;
    if (size < 3 || size - 3 > WALK_MAX)
        return 0;
    size_t count = sizeof protocols / sizeof *protocols;
    struct walk_how how = {
        .protocol = protocols[(data[0] >> 1) % count],
        .sender = data[0] & 1 ? PARTY_SERVER : PARTY_CLIENT,
        .hint = hint_of_bits,
        .context = &data[1],
    };
    struct slice bytes = {(const char *)data + 3, size - 3};
    if (how.sender == PARTY_CLIENT)
        check_recognise(how.protocol, bytes);
    walk(&whole, &how, bytes);
    how.at_front = true;
    how.pieces = 2 + (uint32_t)data[2];
    walk(&pieces, &how, bytes);
    check_same(&whole, &pieces, bytes.len, "in pieces");
    if (bytes.len <= 1500) {
        how.pieces = 1;
        walk(&pieces, &how, bytes);
        check_same(&whole, &pieces, bytes.len, "byte by byte");
    }
    check_all_prefixes(&how, &whole, bytes);
    return 0;
}
