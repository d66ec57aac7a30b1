/*
 * connection.c - one client of the receiver: its bytes in, its requests, its answers out.
 *
 * A refused request may be followed by megabytes that nobody will read. Closing with bytes unread makes
 * the kernel send a reset, which can overtake the answer; so the sending side is closed, the rest is
 * thrown away until the client hangs up (RFC 9112 section 9.6), and receiver.c limits how long.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024, OUTPUT_LIMIT = 64 * 1024 };

struct connection *connection_create(int fd, int64_t now_ms)
{
    struct connection *connection = memory_get(sizeof *connection);
    connection->fd = fd;
    connection->touched_ms = now_ms;
    return connection;
}

void connection_destroy(struct connection *connection)
{
    close(connection->fd);
    buffer_finish(&connection->input);
    buffer_finish(&connection->body);
    buffer_finish(&connection->output);
    free(connection);
}

bool connection_receive(struct connection *connection, int64_t now_ms)
{
    char bytes[READ_SIZE];
    ssize_t len = recv(connection->fd, bytes, sizeof bytes, 0);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR;
    if (!connection->is_lingering)
        connection->touched_ms = now_ms;
    if (len == 0)
        connection->has_ended = true;          /* it may still read what it asked for */
    else if (!connection->is_closing)
        buffer_append(&connection->input, bytes, (size_t)len);
    return true;
}

/* ---- answers ---- */

static const char *status_reason(int status)
{
    static const struct { int status; const char *reason; } reasons[] = {
        {200, "OK"}, {400, "Bad Request"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {415, "Unsupported Media Type"}, {431, "Request Header Fields Too Large"}, {501, "Not Implemented"},
        {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

static void answer_append(struct connection *connection, const struct http_answer *answer)
{
    struct buffer *output = &connection->output;
    bool is_head = strcmp(connection->head.method, "HEAD") == 0;
    buffer_append_format(output, "HTTP/1.1 %d %s\r\n", answer->status, status_reason(answer->status));
    buffer_append_format(output, "Content-Type: %s\r\n", answer->content_type);
    buffer_append_format(output, "Content-Length: %zu\r\n", answer->text.len);
    if (answer->status == 405)
        buffer_append_text(output, "Allow: POST\r\n");
    if (answer->status == 503)
        buffer_append_text(output, "Retry-After: 1\r\n");
    buffer_append_format(output, "Connection: %s\r\n\r\n", connection->is_closing ? "close" : "keep-alive");
    if (!is_head)
        buffer_append(output, answer->text.bytes, answer->text.len);
}

/* Answers a request whose end is not known or not waited for. */
static void connection_refuse(struct connection *connection, int status, const char *reason)
{
    struct http_answer answer = {.status = status, .content_type = "text/plain; charset=utf-8"};
    buffer_append_format(&answer.text, "%d %s\n", status, reason);
    connection->is_closing = true;
    answer_append(connection, &answer);
    buffer_finish(&answer.text);
    buffer_finish(&connection->input);
    buffer_finish(&connection->body);
    connection->has_head = false;
}

static const char *head_refusal(int status)
{
    switch (status) {
    case 431: return "the header fields take more than 64 KiB";
    case 501: return "the only transfer coding understood here is chunked";
    case 505: return "only HTTP/1 is understood here: no HTTP/2, no gRPC";
    default: return "this is no HTTP/1 request; is it TLS? Only http:// is served here";
    }
}

/* ---- requests ---- */

/* Takes the head off the input. False if it is not complete, or refused. */
static bool connection_take_head(struct connection *connection, size_t room)
{
    struct buffer *input = &connection->input;
    if (input->len == 0)
        return false;
    int len = http_head_read(&connection->head, input->bytes, input->len);
    if (len < 0)
        connection_refuse(connection, -len, head_refusal(-len));
    if (len <= 0)
        return false;
    buffer_consume(input, (size_t)len);
    connection->has_head = true;
    connection->chunks = (struct http_chunks){0};
    if (connection->head.body_len > BODY_LIMIT)
        connection_refuse(connection, 400, "the body is larger than 20 MiB");
    else if (connection->head.body_len > room)
        connection_refuse(connection, 503, "too many large requests at once");
    else if (connection->head.expects_continue && input->len == 0)
        buffer_append_text(&connection->output, "HTTP/1.1 100 Continue\r\n\r\n");
    return connection->has_head;
}

/* Moves what has come of a chunked body. False if it is not complete, or refused. */
static bool connection_take_chunks(struct connection *connection, size_t room)
{
    struct buffer *input = &connection->input;
    size_t len = 0;
    long used = input->len > 0 ? http_chunks_read(&connection->chunks, input->bytes, input->len, &len) : 0;
    buffer_append(&connection->body, input->bytes, len);
    if (used < 0)
        connection_refuse(connection, 400, "the chunked body is malformed");
    else if (connection->body.len > BODY_LIMIT)
        connection_refuse(connection, 400, "the body is larger than 20 MiB");
    else if (connection_load(connection) > room)
        connection_refuse(connection, 503, "too many large requests at once");
    else
        buffer_consume(input, (size_t)used);
    return connection->has_head && connection->chunks.part == CHUNK_DONE;
}

static void connection_answer(struct connection *connection, const char *body, size_t len,
                              http_handler *handler, void *context)
{
    struct http_answer answer = {.content_type = "text/plain; charset=utf-8"};
    handler(context, &connection->head, body, len, &answer);
    connection->is_closing = !connection->head.keeps_alive;
    answer_append(connection, &answer);
    buffer_finish(&answer.text);
    connection->has_head = false;
}

/* Answers one request. False if none is complete. */
static bool connection_serve_one(struct connection *connection, size_t room, http_handler *handler, void *context)
{
    struct buffer *input = &connection->input;
    if (!connection->has_head && !connection_take_head(connection, room))
        return false;
    if (connection->head.is_chunked) {
        if (!connection_take_chunks(connection, room))
            return false;
        connection_answer(connection, connection->body.bytes, connection->body.len, handler, context);
        buffer_clear(&connection->body);
        return true;
    }
    size_t len = connection->head.body_len;
    if (input->len < len)
        return false;
    char next = input->bytes[len];             /* of the next request, or the buffer's own NUL */
    input->bytes[len] = '\0';
    connection_answer(connection, input->bytes, len, handler, context);
    input->bytes[len] = next;
    buffer_consume(input, len);
    return true;
}

void connection_serve(struct connection *connection, size_t room, http_handler *handler, void *context)
{
    while (!connection->is_closing && connection->output.len < OUTPUT_LIMIT
           && connection_serve_one(connection, room, handler, context))
        continue;
    if (connection->input.len == 0 && !connection->has_head)
        buffer_clear(&connection->input);
}

bool connection_send(struct connection *connection)
{
    struct buffer *output = &connection->output;
    while (output->len > 0) {
        ssize_t len = send(connection->fd, output->bytes, output->len, MSG_NOSIGNAL);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        buffer_consume(output, (size_t)len);
    }
    if (connection->is_closing && !connection->is_lingering) {
        connection->is_lingering = true;
        shutdown(connection->fd, SHUT_WR);
    }
    return true;
}

bool connection_wants_bytes(const struct connection *connection)
{
    return !connection->has_ended && connection->output.len < OUTPUT_LIMIT;
}

size_t connection_load(const struct connection *connection)
{
    size_t held = connection->input.len + connection->body.len;
    size_t announced = connection->has_head ? connection->head.body_len : 0;
    return held > announced ? held : announced;
}

bool connection_is_busy(const struct connection *connection)
{
    return connection->has_head || connection->is_closing || connection->input.len > 0 || connection->output.len > 0;
}
