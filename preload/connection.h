/* connection.h - one stream connection: two directions of bytes, and the requests that are open on it.
 *
 * Its life is here: who uses it, whether it is watched, how its requests end. What passes it is told to conversation.h, what is
 * about to pass to ahead.h and announced.h.
 *
 * Each direction is fed by whichever thread reads or writes it; the two may run at once and share nothing but the
 * hand-over of a request (open_requests.h), which is one atomic word. Two threads in the same direction at once cannot
 * be put in order, so the connection is given up. `users` counts the descriptors and the threads at work, so
 * that the last of them, whoever it is, ends it: nobody waits.
 *
 * Threads: as said at each function. Memory: blocks of a pool, reused after the last user left; `generation` tells
 * a reuse apart.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "address.h"
#include "counters.h"
#include "open_requests.h"
#include "protocol.h"

#include <stdatomic.h>

/* Which way the bytes went, seen from this process. */
enum direction { DIRECTION_RECEIVED, DIRECTION_SENT };

enum role {
    ROLE_UNKNOWN, /* socketpair, a descriptor that was handed to us: whoever asks first is the client */
    ROLE_SERVER,  /* accepted */
    ROLE_CLIENT,  /* connected */
};

enum connection_state {
    CONNECTION_FRESH,   /* nothing has passed yet that told the protocol */
    CONNECTION_WATCHED,
    CONNECTION_LEFT,    /* not ours to look at any more */
    CONNECTION_OWES,    /* nor this one; but the rest of a line of ours must go out before what is sent next */
};

struct altered;
struct gather;
struct unix_path;

struct connection {
    struct pool_block block;
    _Atomic uint32_t users;      /* descriptors << 16 | threads sending << 8 | threads receiving */
    _Atomic uint32_t generation; /* counted up at each reuse of the block */
    _Atomic uint8_t state;       /* enum connection_state */
    _Atomic uint8_t role;        /* enum role */
    _Atomic bool reentered;      /* a signal handler used it while we looked at it */
    _Atomic bool handed_over;    /* its descriptor was sent to another process */
    _Atomic bool standard;       /* is descriptor 0, 1 or 2, where libc's own streams write what we do not see */
    bool peer_closed;            /* the peer has ended its direction */
    uint16_t send_error;         /* errno with which sending failed on a client: the reading decides what it means */
    _Atomic(const struct protocol *) protocol; /* set by the direction of requests, looked at by both */
    struct stream streams[2];    /* by enum party */
    struct gather *gathered[2];  /* by enum party: the beginning of a unit that is not complete; or NULL */
    struct open_requests open;
    _Atomic uint64_t received;   /* bytes that came in and that we know of, looked at or not */
    /* What is looked at for each call ends here: two cache lines. */
    struct unix_path *unix_path; /* of the peer; or NULL */
    struct address peer;
    bool was_full;        /* the program's buffer, when it read last, */
    uint32_t full_at;     /* and how often its thread had waited by then */
    bool is_whole;        /* we have seen it begin: what passes is all that has passed */
    uint32_t generation_of_process; /* that saw it begin */
    struct live opener;   /* of a client: what was being worked on when it was opened */
    struct live newest;   /* of a server: the request that began last, by the direction of requests */
    _Atomic(struct altered *) pending; /* of a client: a head that has left in part, with changes (altered.h); or NULL */
};

/* Nothing that passes it is looked at any more. */
static inline bool connection_is_left(const struct connection *connection)
{
    return atomic_load_explicit(&connection->state, memory_order_relaxed) >= CONNECTION_LEFT;
}

/* A call on it goes straight to libc. */
static inline bool connection_is_nothing_to_us(const struct connection *connection)
{
    return atomic_load_explicit(&connection->state, memory_order_relaxed) == CONNECTION_LEFT;
}

static inline enum role connection_role(const struct connection *connection)
{
    return (enum role)atomic_load_explicit(&connection->role, memory_order_relaxed);
}

/* Nothing more is looked at, for the reason that is counted. Threads: any. */
void connection_stop_watching(struct connection *connection, enum counter why);

/* Whether a request that leaves may be given the context of its span: only where nothing that has passed was missed, or may
 * have been sent by another process. */
bool connection_may_propagate(const struct connection *connection);

/* How much of a buffer of `len` bytes, into which the head of a request may be read, the kernel is not to be shown: what it has
 * beyond comes behind the line that is put in, or is read after all (receiving.c). A hint. */
uint16_t connection_reserve(const struct connection *connection, size_t len, int flags);

/* Whether the next byte sent may begin a request of this process's: then the time is read before the call. A hint. */
static inline bool connection_may_ask(const struct connection *connection)
{
    return connection_role(connection) != ROLE_SERVER && !connection->streams[PARTY_CLIENT].skip &&
           !connection_is_left(connection);
}

/* A connection with one descriptor, or NULL without memory. `peer` may have family 0; `unix_path` is copied. */
struct connection *connection_create(enum role role, const struct address *peer, struct slice unix_path);

/* Of the peer, NULL and 0 for none. */
struct slice connection_unix_path(const struct connection *connection);

/* It has just begun, so nothing has passed it. */
void connection_is_new(struct connection *connection);

/* One more descriptor, one less. After the last, its open requests have ended and the block is free. Sharing fails when
 * the last one went meanwhile: the block may be somebody else's. */
bool connection_share(struct connection *connection);
void connection_release(struct connection *connection);

/* An event on a connection: begun before anything is looked at, ended after. False: nothing may be done (it was
 * closed meanwhile, another thread is in this direction, or nobody watches it). */
bool connection_enter(struct connection *connection, enum direction direction);
void connection_leave(struct connection *connection, enum direction direction);

/* The program's buffer is full: it may ask the kernel how much more there is, and count what it reads until it has that (FIONREAD;
 * nginx does). A line that is put in then would be counted for what is still there. */
void connection_read_into(struct connection *connection, bool is_full);

/* What this program asked is not answered yet, as far as we have seen. */
bool connection_awaits_answer(struct connection *connection);

/* The kernel has given it more bytes than we know of: whatever is open was perhaps answered by them. Threads: any. */
void connection_was_read_unseen(struct connection *connection);

/* Endings, between enter and leave of a direction. A response that is complete is no error; what is open and has none is. */
void connection_peer_closed(struct connection *connection);
void connection_failed(struct connection *connection, enum direction direction, int error_number);
void connection_finished_sending(struct connection *connection);

/* The response that passes is complete. By the direction of responses. */
void connection_finish_oldest(struct connection *connection, uint64_t end_ns);

/* A head that has left in part, with changes: taken for a call, put back after it. */
struct altered *connection_take_pending(struct connection *connection);
void connection_put_pending(struct connection *connection, struct altered *pending);

/* Another process got the descriptor: requests that are open may be answered there. */
void connection_hand_over(struct connection *connection);

/* It is a standard descriptor now: an answer that is not seen may have been printed. */
void connection_is_standard(struct connection *connection);

/* The program has put a stdio stream on it, whose bytes pass us by (libc's own calls are not hooked). */
void connection_leave_to_stdio(struct connection *connection);

/* How many of the bytes that are sent next may pass unseen, because they are a body's or nobody watches. A hint. */
uint64_t connection_sent_unseen(const struct connection *connection);

/* The process is ending: what is open ends with it. For a connection that nobody else is using. */
void connection_process_exit(struct connection *connection);

#endif
