/* protocol.h - what a protocol is: bytes in, messages out.
 *
 * A protocol is pure: it sees bytes and one small struct of its own per direction, and says where
 * messages begin and end. It knows nothing of descriptors, spans, threads or time. The connection
 * (preload/conversation.c) feeds it, skips what it may skip, and keeps what is cut in two until the rest
 * arrives. To add one: preload/protocols/<name>.c, a row in protocols.def, samples in tests/wire/<name>/.
 *
 * Threads: any; a `struct stream` belongs to one direction of one connection, and so to one thread at a time.
 * Memory: facts point into the bytes that were given.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "slice.h"
#include "span.h"

#include <stdint.h>
#include <sys/types.h>

/* Who sent the bytes, in the conversation, not in the process. */
enum party { PARTY_CLIENT, PARTY_SERVER };

#define SKIP_UNTIL_CLOSE UINT64_MAX

/* Framing state of one direction. All zero at the beginning of a connection. */
struct stream {
    uint64_t skip;   /* bytes to come that nobody needs to see; SKIP_UNTIL_CLOSE */
    uint8_t step;    /* the protocol's own */
    uint8_t counted; /* the protocol's own */
    bool last;       /* the message ends when `skip` has passed by */
    uint32_t seen;   /* bytes of an incomplete unit that were looked at already: the protocol's own */
    uint32_t judged; /* bytes of an incomplete unit that were judged already */
};

enum message_kind {
    MESSAGE_PART,     /* framing only: nothing to tell */
    MESSAGE_REQUEST,  /* a request began: facts are valid */
    MESSAGE_INTERIM,  /* a response that is not the answer yet (HTTP 1xx) */
    MESSAGE_RESPONSE, /* the answer to the oldest open request began */
};

#define MESSAGE_FACTS 16

/* Fields of a request that carry context, besides traceparent and what is a fact. */
enum context_field {
    CONTEXT_B3,             /* https://github.com/openzipkin/b3-propagation, single header */
    CONTEXT_B3_TRACE_ID,    /* and several */
    CONTEXT_B3_SPAN_ID,
    CONTEXT_B3_PARENT_SPAN_ID,
    CONTEXT_B3_SAMPLED,
    CONTEXT_B3_FLAGS,
    CONTEXT_FIELDS
};

struct message {
    enum message_kind kind;
    bool ends;             /* nothing of this message follows */
    bool tunnel;           /* whatever follows, in both directions, is none of ours */
    uint8_t hint;          /* of a request: what its response must be read with */
    uint8_t version_major;
    uint8_t version_minor;
    uint16_t status;
    bool traceparent_twice; /* two fields are no field (W3C Trace Context section 3.2.1) */
    struct slice traceparent;
    uint8_t context_seen;   /* of a request: a bit for each of `context` that is there */
    uint8_t context_twice;  /* and that is there more than once: which one counts cannot be told */
    uint16_t fields;        /* field lines of the head */
    uint32_t first_field;   /* where in the head the first field line begins, behind the first line */
    uint32_t last_line;     /* where the empty line begins that ends it */
    struct slice context[CONTEXT_FIELDS];
    size_t fact_count;
    size_t facts_dropped;
    uint32_t fact_keys; /* a bit for each enum fact_key that is there */
    struct {
        enum fact_key key;
        struct slice text;
    } facts[MESSAGE_FACTS];
};

/* Answers of `parse` that are no length. */
enum {
    PARSE_MORE = 0,      /* the unit is not complete: come again with these bytes and more behind them */
    PARSE_NO = -1,       /* not what this protocol allows, or ambiguous */
    PARSE_TOO_LARGE = -2 /* longer than this protocol accepts */
};

struct protocol {
    const char *name;
    uint8_t span_protocol; /* enum span_protocol */

    /* Could a conversation begin with these bytes of the client's? PARSE_NO, PARSE_MORE, or 1 for certain.
     * Never NO on a prefix of a YES, never YES on a prefix of a NO. */
    int (*recognise)(struct slice first);

    /* Reads one unit from the beginning of `in`, called only while stream->skip is 0. Returns its length and fills
     * `message`, or one of the answers above. `hint` is that of the oldest request without an answer; for PARTY_CLIENT 0. */
    ssize_t (*parse)(struct stream *stream, enum party sender, uint8_t hint, struct slice in, struct message *message);
};

#endif
