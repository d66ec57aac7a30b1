/* delivery.c - posting a batch, and again where that is allowed. See delivery.h.
 *
 * Only 429, 502, 503, 504 and broken connections are tried again, with growing, jittered pauses or after the time
 * that the Collector named. While the process is ending there is one attempt and no pause.
 */
#include "delivery.h"

#include "config.h"
#include "exporter.h"
#include "exporter_state.h"
#include "notice.h"
#include "request_head.h"
#include "transport.h"

#define PAUSE_FIRST_MS 500
#define PAUSE_MAX_MS 30000
#define NEVER UINT64_MAX

static struct endpoint endpoint;
static char head_room[16 * 1024];
static struct text head;
static size_t head_len; /* up to the length */
static uint64_t jitter_state;
static uint64_t not_before_ns; /* no attempt before: the Collector asked for it, or the last one failed. Outlasts batch and thread. */
static bool was_asked;         /* by the Collector */
static uint64_t pause_ms;      /* after the next failure */

/* Each is said once. */
static bool said_unreachable, said_refused, said_rejected;

void delivery_prepare(void)
{
    said_unreachable = said_refused = said_rejected = false;
    jitter_state = clock_ns() | 1;
    not_before_ns = 0;
    pause_ms = PAUSE_FIRST_MS;
    endpoint_read(&endpoint);
    head = TEXT(head_room);
    request_head_write(&head, &endpoint);
    head_len = head.len;
    if (head.overflowed) {
        notice_add("OTEL_EXPORTER_OTLP_HEADERS", (struct slice){NULL, 0}, "longer than 16 kB; nothing is exported");
        endpoint.unusable = true;
    }
}

static uint64_t export_deadline(void)
{
    uint64_t limit_ms = config.export_attempt_timeout_ms;
    if (!limit_ms || (config.export_timeout_ms && config.export_timeout_ms < limit_ms))
        limit_ms = config.export_timeout_ms;
    return limit_ms ? clock_ns() + limit_ms * 1000000 : NEVER;
}

/* A pause of half to one and a half times `about_ms` (xorshift; nothing hangs on its quality). */
static uint64_t jittered_ns(uint64_t about_ms)
{
    jitter_state ^= jitter_state << 13;
    jitter_state ^= jitter_state >> 7;
    jitter_state ^= jitter_state << 17;
    return about_ms * 500000 + jitter_state % (about_ms * 1000000);
}

static bool may_be_retried(uint16_t status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* "spanload: HOST: what: why", once. `why` may be the Collector's own words: cut, and without control characters. */
static void say(bool *said, const char *what, struct slice why)
{
    char room[256];
    struct text text = {.ptr = room, .capacity = sizeof room - 1};
    if (*said)
        return;
    *said = true;
    text_string(&text, what);
    for (size_t i = 0; i < why.len; i++)
        text_char(&text, (unsigned char)why.ptr[i] < ' ' || why.ptr[i] == 0x7f ? '?' : why.ptr[i]);
    room[text.len] = '\0';
    notice_add(endpoint.is_unix ? endpoint.host : endpoint.authority, (struct slice){NULL, 0}, room);
}

static const char *reason_of(int rc)
{
    switch (-rc) {
    case ECONNREFUSED: return "connection refused";
    case ECONNRESET: return "connection closed without an answer";
    case ETIMEDOUT: return "no answer in time";
    case ENOENT: return "no such host or socket";
    case EAGAIN: return "no name server answered";
    case EHOSTUNREACH:
    case ENETUNREACH: return "unreachable";
    case EACCES:
    case EPERM: return "not permitted";
    case EMSGSIZE: return "the answer is larger than 4 MiB";
    case EPROTO: return "the answer is not HTTP";
    }
    return "connection failed";
}

static void say_status(uint16_t status)
{
    char number[16];
    struct text text = TEXT(number);
    text_number(&text, status);
    say(&said_refused, "spans are refused: HTTP status ", text_as_slice(&text));
}

/* What stands behind `"key":` in a JSON text, to its end; empty where the key is not. */
static struct slice behind_key(struct slice json, struct slice key)
{
    for (; json.len > key.len; json = slice_after(json, 1)) {
        if (!slice_starts_with(json, key))
            continue;
        json = slice_after(json, key.len);
        while (json.len && memchr(": \t\r\n", json.ptr[0], 5))
            json = slice_after(json, 1);
        return json;
    }
    return (struct slice){"", 0};
}

/* A decimal number, quoted or not; 0 for anything else. */
static uint64_t number_in(struct slice json)
{
    unsigned long long number = 0;
    size_t digits = 0;
    if (json.len && json.ptr[0] == '"')
        json = slice_after(json, 1);
    while (digits < json.len && json.ptr[digits] >= '0' && json.ptr[digits] <= '9')
        digits++;
    slice_to_number((struct slice){json.ptr, digits}, INT64_MAX, &number);
    return number;
}

/* A string, up to its quote; escapes stay as they are. Empty for anything else. */
static struct slice string_in(struct slice json)
{
    if (!json.len || json.ptr[0] != '"')
        return (struct slice){"", 0};
    json = slice_after(json, 1);
    return (struct slice){json.ptr, slice_find(json, '"')};
}

/* Partial success: some were rejected, or all were taken with a warning. Never sent again. */
static enum delivery accepted(const struct answer *answer, uint64_t *rejected)
{
    if (answer->status != 200)
        return DELIVERY_DONE;
    *rejected = number_in(behind_key(answer->body, SLICE("\"rejectedSpans\"")));
    struct slice message = string_in(behind_key(answer->body, SLICE("\"errorMessage\"")));
    if (*rejected || message.len)
        say(&said_rejected, *rejected ? "the Collector rejected spans: " : "the Collector warns: ", message);
    return DELIVERY_DONE;
}

/* Waits unless the pause would outlast the deadline. */
static enum delivery pause_between(uint64_t pause_ns, uint64_t deadline_ns)
{
    uint64_t until_ns = clock_ns() + pause_ns;
    if (until_ns >= deadline_ns)
        return DELIVERY_TIMED_OUT;
    return exporter_pause_until(until_ns) ? DELIVERY_INTERRUPTED : DELIVERY_DONE;
}

/* One attempt. True when it is decided, false when it may be tried again. */
static bool attempt(struct slice body, const struct patience *patience, struct answer *answer, enum delivery *result, uint64_t *rejected)
{
    int rc = transport_post(&endpoint, text_as_slice(&head), body, patience, answer);
    if (rc == -EINTR) {
        *result = DELIVERY_INTERRUPTED;
        return true;
    }
    if (rc == 0 && answer->status / 100 == 2) {
        *result = accepted(answer, rejected);
        return true;
    }
    *result = DELIVERY_REFUSED;
    if (rc == -EMSGSIZE || rc == -EPROTO)
        say(&said_refused, "spans are refused: ", slice_of(reason_of(rc)));
    else if (rc < 0)
        say(&said_unreachable, "spans cannot be delivered: ", slice_of(reason_of(rc)));
    else if (!may_be_retried(answer->status))
        say_status(answer->status);
    return rc == -EMSGSIZE || rc == -EPROTO || (rc == 0 && !may_be_retried(answer->status));
}

/* An attempt failed, or was broken off: what the Collector asked for, else a pause that grows. "Retry-After: 0" asks for nothing. */
static void put_off(const struct answer *answer)
{
    was_asked = answer->has_retry_after && answer->retry_after_ms;
    not_before_ns = clock_ns() + (was_asked ? answer->retry_after_ms * 1000000 : jittered_ns(pause_ms));
    pause_ms = pause_ms < PAUSE_MAX_MS / 2 ? pause_ms * 2 : PAUSE_MAX_MS;
}

/* False when waiting came to an end that ends the delivery too. A process that is ending does not wait. */
static bool wait_for_turn(uint64_t deadline_ns, enum delivery *result)
{
    uint64_t now_ns = clock_ns();
    if (now_ns >= not_before_ns || (exporter_is_ending() && !was_asked))
        return true;
    *result = pause_between(not_before_ns - now_ns, deadline_ns);
    return *result == DELIVERY_DONE || (*result == DELIVERY_INTERRUPTED && exporter_is_ending());
}

/* A batch was given up. The next one has its own time, and need not sit out a pause that had grown too long for this one. */
static void begin_again(void)
{
    pause_ms = PAUSE_FIRST_MS;
    uint64_t soon_ns = clock_ns() + jittered_ns(pause_ms);
    if (!was_asked && soon_ns < not_before_ns)
        not_before_ns = soon_ns;
}

static enum delivery attempts(struct slice body, const struct patience *patience, uint64_t *rejected)
{
    enum delivery result;
    while (wait_for_turn(patience->deadline_ns, &result)) {
        struct answer answer = {0};
        bool is_last = exporter_is_ending(); /* the attempt that the end finds under way is not the one that it is worth */
        bool is_decided = attempt(body, patience, &answer, &result, rejected);
        if (is_decided && result != DELIVERY_INTERRUPTED) {
            pause_ms = PAUSE_FIRST_MS;
            not_before_ns = 0;
            return result;
        }
        put_off(&answer);
        if (is_decided || is_last)
            return DELIVERY_INTERRUPTED;
    }
    if (result == DELIVERY_TIMED_OUT)
        begin_again();
    return result;
}

enum delivery deliver(struct slice body, uint64_t *rejected)
{
    struct patience patience = {.deadline_ns = export_deadline(), .interrupted = exporter_is_interrupted, .rest = exporter_rest};
    *rejected = 0;
    if (endpoint.unusable)
        return DELIVERY_REFUSED;
    head.len = head_len;
    request_head_finish(&head, body.len);
    return attempts(body, &patience, rejected);
}
