/* unit.h - one unit of a protocol, read and understood: what it says becomes a span's beginning or end.
 *
 * A unit is what a protocol reads at once, a head or a chunk's line. Fed by conversation.c with what has passed, and by
 * announced.c with what is about to be sent; feeds the tracer.
 *
 * Threads: between connection_enter and connection_leave of that direction. Memory: the caller's.
 */
#ifndef UNIT_H
#define UNIT_H

#include "clock.h"
#include "connection.h"
#include "lineage.h"
#include "propagate.h"

/* Room in the caller's memory behind the bytes that were received. */
struct room {
    char *end;
    size_t left;
    size_t added; /* bytes that were put in */
};

/* What a piece of traffic carries with it; the clock is read when somebody asks, once. */
struct event {
    struct connection *connection;
    enum party sender;
    uint64_t since_ns;
    uint64_t now_ns;
    struct exchange *begun; /* by the last unit */
    struct room *room;      /* of what was received; NULL: it may not be changed */
    char *writable;         /* where the unit's first byte would lie in it */
    uint32_t gone;          /* bytes of the unit that the program or the kernel has already */
    uint32_t at;            /* where the unit begins, in what is about to be sent */
    struct changes *changes; /* to what is about to be sent; or NULL */
    const struct lineage *resumed;
    bool has_context;        /* the last head that is about to be sent */
    size_t added;            /* bytes that were put into what was received */
};

static inline uint64_t event_now(struct event *event)
{
    if (!event->now_ns)
        event->now_ns = clock_ns();
    return event->now_ns;
}

/* Reads one unit from `in`: its length, or an answer of the protocol's (protocol.h). */
ssize_t unit_read(struct event *event, struct slice in);

/* Bytes that nobody needs to look at. Returns how many of `count` they are. */
uint64_t unit_skip(struct event *event, uint64_t count);

#endif
