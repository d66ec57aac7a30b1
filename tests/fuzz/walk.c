/* walk.c - see walk.h. */
#include "walk.h"

#include "support.h"
#include "support_preload.h"

/* --- what must hold --------------------------------------------------------------------------------------------- */

static bool lies_within(struct slice inner, struct slice outer)
{
    return inner.ptr >= outer.ptr && inner.len <= outer.len && inner.ptr + inner.len <= outer.ptr + outer.len;
}

static void check_request(struct slice unit, const struct message *message)
{
    must(message->fact_count >= 2 && message->facts[0].key == FACT_METHOD && message->facts[1].key == FACT_TARGET,
         "a request without method or target");
    must(message->facts[0].text.len && message->facts[1].text.len, "an empty method or target");
    must(message->version_major == 1 && message->version_minor <= 1, "version %d.%d", message->version_major, message->version_minor);
    must(!message->traceparent.ptr || lies_within(message->traceparent, unit), "a traceparent from elsewhere");
    must(message->facts_dropped == 0 || message->fact_count == MESSAGE_FACTS, "facts dropped where there was room");
    for (size_t i = 0; i < message->fact_count; i++) {
        must(message->facts[i].key > 0 && message->facts[i].key < FACT_KEYS, "fact of key %d", message->facts[i].key);
        must(lies_within(message->facts[i].text, unit), "fact %d is not of this unit", message->facts[i].key);
    }
}

static void check_response(const struct message *message)
{
    bool is_interim = message->status / 100 == 1 && message->status != 101;
    must(message->status >= 100 && message->status <= 999, "status %d", message->status);
    must((message->kind == MESSAGE_INTERIM) == is_interim, "status %d of kind %d", message->status, message->kind);
    must(message->fact_count == 0 && !message->traceparent.ptr, "a response with facts");
}

void walk_check_unit(const struct walk_how *how, struct slice in, ssize_t n, const struct stream *stream,
                     const struct message *message)
{
    bool is_request = message->kind == MESSAGE_REQUEST;
    bool is_response = message->kind == MESSAGE_RESPONSE || message->kind == MESSAGE_INTERIM;
    must((size_t)n <= in.len, "a unit of %zd in %zu bytes", n, in.len);
    must(is_request || is_response || message->kind == MESSAGE_PART, "kind %d", message->kind);
    must(!(is_request && how->sender == PARTY_SERVER) && !(is_response && how->sender == PARTY_CLIENT), "of the wrong side");
    must(stream->skip != SKIP_UNTIL_CLOSE || how->sender == PARTY_SERVER, "a request that ends with its connection");
    must(!message->ends || !stream->skip, "a message that has ended goes on");
    must(!message->tunnel || message->kind == MESSAGE_RESPONSE, "a tunnel that no response opened");
    must(!(stream->seen || stream->judged), "what was seen of a unit is not forgotten behind it");
    if (is_request)
        check_request((struct slice){in.ptr, (size_t)n}, message);
    if (is_response)
        check_response(message);
}

/* --- units ------------------------------------------------------------------------------------------------------ */

static uint64_t hash(uint64_t sum, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return sum;
}

static uint64_t hash_of_facts(const struct message *message)
{
    uint64_t sum = hash(message->traceparent_twice, message->traceparent.ptr, message->traceparent.len);
    for (size_t i = 0; i < message->fact_count; i++) {
        sum = hash(sum * 31 + message->facts[i].text.len, &message->facts[i].key, 1);
        sum = hash(sum, message->facts[i].text.ptr, message->facts[i].text.len);
    }
    return sum;
}

static void keep_unit(struct walk *walk, const struct message *message, const char *in, size_t len, const struct stream *stream)
{
    struct unit *unit = &walk->units[walk->count++];
    memset(unit, 0, sizeof *unit);
    unit->at = walk->at;
    unit->len = len;
    unit->skip = stream->skip;
    unit->last = stream->last;
    unit->kind = (uint8_t)message->kind;
    unit->ends = message->ends;
    unit->tunnel = message->tunnel;
    unit->hint = message->hint;
    unit->status = message->status;
    unit->facts = hash_of_facts(message);
    unit->fact_count = (uint32_t)message->fact_count;
    unit->facts_dropped = (uint32_t)message->facts_dropped;
    if (message->kind != MESSAGE_PART)
        unit->version_minor = message->version_minor;
    if (message->kind != MESSAGE_REQUEST)
        return;
    unit->method_len = (uint32_t)message->facts[0].text.len;
    unit->target_at = (uint32_t)(message->facts[1].text.ptr - in);
    unit->target_len = (uint32_t)message->facts[1].text.len;
}

static size_t next_piece(uint32_t *seed, uint32_t pieces, size_t left)
{
    if (pieces <= 1)
        return pieces ? 1 : left;
    size_t n = 1 + random_below(seed, random_below(seed, 4) ? 7 : left) + left / 256;
    return n < left ? n : left;
}

static enum walk_end refused(ssize_t answer)
{
    return answer == PARSE_TOO_LARGE ? WALK_TOO_LARGE : WALK_REFUSED;
}

void walk(struct walk *walk, const struct walk_how *how, struct slice bytes)
{
    struct stream stream = {0};
    struct message message;
    uint32_t seed = how->pieces;
    size_t come = 0, answers = 0; /* bytes that have come so far; final responses that have begun */
    must(bytes.len <= WALK_MAX, "too long for a walk");
    walk->count = walk->at = walk->left = 0;
    for (;;) {
        if (stream.skip && come > walk->at) {
            uint64_t n = come - walk->at < stream.skip ? come - walk->at : stream.skip;
            walk->at += n;
            stream.skip -= stream.skip == SKIP_UNTIL_CLOSE ? 0 : n;
            continue;
        }
        ssize_t n = PARSE_MORE;
        if (come > walk->at) {
            struct slice in = guarded((struct slice){bytes.ptr + walk->at, come - walk->at}, how->at_front);
            n = how->protocol->parse(&stream, how->sender, how->hint ? how->hint(how->context, answers) : 0, in, &message);
            if (n > 0) {
                walk_check_unit(how, in, n, &stream, &message);
                keep_unit(walk, &message, in.ptr, (size_t)n, &stream);
                walk->at += (uint64_t)n;
                answers += message.kind == MESSAGE_RESPONSE;
            }
        }
        if (n < 0 || (n > 0 && message.tunnel)) {
            walk->end = n < 0 ? refused(n) : WALK_TUNNEL;
            return;
        }
        if (n > 0)
            continue;
        if (come == bytes.len)
            break;
        come += next_piece(&seed, how->pieces, bytes.len - come);
    }
    walk->left = stream.skip;
    walk->end = stream.skip ? WALK_IN_BODY : walk->at < bytes.len ? WALK_INCOMPLETE : WALK_OUT_OF_BYTES;
}
