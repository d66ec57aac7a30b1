/*
 * connection.h - one client of the receiver: its bytes in, its requests, its answers out.
 *
 * Non-blocking: each function does what can be done now. receiver.c asks when there is something to do.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "buffer.h"
#include "http_request.h"

#include <stdbool.h>
#include <stdint.h>

/* What a handler answers with. It appends to `text`. */
struct http_answer {
    int status;
    const char *content_type;
    struct buffer text;
};

/* Called for each complete request. The body belongs to the connection, a NUL follows it. */
typedef void http_handler(void *context, const struct http_head *head, const char *body, size_t len,
                          struct http_answer *answer);

struct connection {
    int fd;
    struct buffer input;                   /* received and not yet used */
    struct buffer body;                    /* of a chunked request, unwrapped so far */
    struct buffer output;                  /* answers not yet sent */
    struct http_head head;                 /* of the request in progress, if has_head */
    struct http_chunks chunks;
    bool has_head;
    bool is_closing;                       /* no more requests: ends when the answers are sent */
    bool is_lingering;                     /* answers are sent; waits for the client to hang up */
    bool has_ended;                        /* the client sends no more */
    int64_t touched_ms;
};

struct connection *connection_create(int fd, int64_t now_ms);
void connection_destroy(struct connection *connection);

/* Reads what has come, or sets has_ended. False when the connection has failed. */
bool connection_receive(struct connection *connection, int64_t now_ms);

/* Answers the complete requests. A request that needs more than `room` bytes is refused with 503. */
void connection_serve(struct connection *connection, size_t room, http_handler *handler, void *context);

/* Sends what can be sent. False when the connection has failed. */
bool connection_send(struct connection *connection);

bool connection_wants_bytes(const struct connection *connection);

/* Bytes of its request in progress that are held, or will be. */
size_t connection_load(const struct connection *connection);

/* True in the middle of a request, and while an answer has not left. */
bool connection_is_busy(const struct connection *connection);

#endif
