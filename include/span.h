/* span.h - one request as raw facts: what crosses from the application's threads to ours.
 *
 * A record is a fixed part and, behind it, facts: pieces of text that were on the wire, each with a
 * key and a length. Nothing in it has been interpreted: names, redaction, escaping and attributes are
 * worked out by the exporter (design, section 2). A record holds no pointer, so it can be copied.
 *
 * Memory: one block of `size` bytes, aligned to 8. Threads: one writer until it is in the queue,
 * read-only from then on.
 */
#ifndef SPAN_H
#define SPAN_H

#include "address.h"
#include "slice.h"

#include <stdint.h>

/* OTLP's numbers (opentelemetry-proto trace.proto, Span.SpanKind). */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 };

enum span_protocol {
    SPAN_HTTP = 1,
    SPAN_COMMAND = 2, /* the life of a process */
    SPAN_PROTOCOLS
};

/* How a request ended that was cut short: `error.type` of the span (semconv, general section).
 * The spelling for errno follows the vocabulary of the conventions: lower case, words joined by `_`. */
enum span_error {
    SPAN_ERROR_NONE = 0,
    SPAN_ERROR_CONNECTION_CLOSED, /* the peer ended the connection before the response was complete */
    SPAN_ERROR_CANCELLED,         /* this program closed it before the response was complete */
    SPAN_ERROR_PROCESS_EXIT,      /* this program ended before the response was complete */
    SPAN_ERROR_ERRNO,             /* a call failed: `error_number` says how */
};

/* What the text of a fact is. The order is of no meaning; numbers are not reused. */
enum fact_key {
    FACT_METHOD = 1,
    FACT_TARGET = 2,            /* request-target as it stood in the request line */
    FACT_HOST = 3,
    FACT_USER_AGENT = 4,
    FACT_FORWARDED = 5,         /* RFC 7239 */
    FACT_X_FORWARDED_FOR = 6,
    FACT_X_FORWARDED_HOST = 7,
    FACT_X_FORWARDED_PROTO = 8,
    FACT_TRACESTATE = 9,        /* only beside a valid traceparent; a list cut in several fields is several facts */
    FACT_UNIX_PATH = 10,        /* of the socket, when the peer is AF_UNIX; a leading NUL stands for the abstract namespace */
    FACT_EXECUTABLE_PATH = 11,  /* of a process, as /proc/self/exe said when it started */
    FACT_BAGGAGE = 13,          /* of a message only: it is handed on and never recorded */
    FACT_KEYS
};

struct fact {
    uint16_t key; /* enum fact_key */
    uint16_t len; /* bytes of text that follow; the next fact begins at the next multiple of 4 */
};

struct span_record {
    uint32_t size;           /* bytes: this struct and the facts */
    uint32_t error_number;   /* errno, with SPAN_ERROR_ERRNO */
    uint8_t protocol;        /* enum span_protocol */
    uint8_t kind;            /* enum span_kind */
    uint8_t error;           /* enum span_error */
    uint8_t trace_flags;     /* W3C: 0x01 sampled, 0x02 random */
    uint8_t has_parent;      /* 1: parent_id is valid */
    uint8_t parent_is_remote;
    uint8_t version_major;   /* of the protocol, as the request said: 1 */
    uint8_t version_minor;   /* 0 or 1 */
    uint16_t status;         /* of the response; 0: none came. Of a process, with has_exit_status: 0 to 255 */
    uint16_t facts_dropped;  /* facts that did not fit, never silently */
    uint32_t reserved;
    uint64_t start_ns;       /* CLOCK_MONOTONIC */
    uint64_t end_ns;         /* CLOCK_MONOTONIC, >= start_ns */
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_id[8];
    struct address peer;     /* the other end of the socket */
    uint8_t has_exit_status; /* 1: it is known with which status the process ended */
    uint8_t reserved2[3];
};

static inline size_t fact_size(size_t len)
{
    return sizeof(struct fact) + ((len + 3) & ~(size_t)3);
}

/* Goes through the facts. `at` is 0 at first; false after the last. */
static inline bool span_next_fact(const struct span_record *record, size_t *at, enum fact_key *key, struct slice *text)
{
    if (!*at)
        *at = sizeof *record;
    if (*at + sizeof(struct fact) > record->size)
        return false;
    const struct fact *fact = (const struct fact *)((const char *)record + *at);
    if (*at + fact_size(fact->len) > record->size)
        return false;
    *key = (enum fact_key)fact->key;
    *text = (struct slice){(const char *)(fact + 1), fact->len};
    *at += fact_size(fact->len);
    return true;
}

/* The first fact of this key; `ptr` NULL where there is none. */
static inline struct slice span_fact(const struct span_record *record, enum fact_key wanted)
{
    enum fact_key key;
    struct slice text;
    for (size_t at = 0; span_next_fact(record, &at, &key, &text);)
        if (key == wanted)
            return text;
    return (struct slice){NULL, 0};
}

/* Appends a fact to a record whose block has `capacity` bytes; counts it as dropped when it does not fit. */
static inline void span_add_fact(struct span_record *record, size_t capacity, enum fact_key key, struct slice text)
{
    if (text.len > UINT16_MAX || fact_size(text.len) > capacity - record->size) {
        record->facts_dropped++;
        return;
    }
    struct fact *fact = (struct fact *)((char *)record + record->size);
    *fact = (struct fact){.key = (uint16_t)key, .len = (uint16_t)text.len};
    memcpy(fact + 1, text.ptr, text.len);
    record->size += (uint32_t)fact_size(text.len);
}

#endif
