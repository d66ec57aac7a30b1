/* support_wire.h - samples of conversations (tests/wire/README), read, and carried out on a connection. */
#ifndef SUPPORT_WIRE_H
#define SUPPORT_WIRE_H

#include "connection.h"

enum wire_event { WIRE_BYTES, WIRE_CLOSES, WIRE_HALF_CLOSES };

struct wire_step {
    enum wire_event event;
    enum party party;
    struct slice bytes;
};

#define WIRE_STEPS 16

struct wire_sample {
    char name[64];
    struct wire_step steps[WIRE_STEPS];
    size_t step_count;
    char *expected[2]; /* where this process is the server, the client: spans, a line each, and a line of counters */
};

/* The samples of tests/wire/<protocol>/, in the order of their names, found from the project's directory. Ends the test
 * when one cannot be read. Memory: kept until the process ends. */
const struct wire_sample *wire_samples(const char *protocol, size_t *count);

/* A conversation under way, in which this process is `us`. */
struct wire {
    struct connection *connection;
    enum party us;
    bool at_front; /* where the guard page of each buffer lies */
    bool is_over;  /* we have closed it */
};

struct wire wire_begin(enum role role, enum party us);

/* Each an event as call.c brings it. Nothing happens any more when it is over. */
void wire_bytes(struct wire *wire, enum party sender, struct slice bytes);
void wire_step(struct wire *wire, const struct wire_step *step);

/* Closes it unless that has happened. The accounts must hold; returns what came of it, as in `expected`.
 * Valid until the next call. */
const char *wire_end(struct wire *wire);

#endif
