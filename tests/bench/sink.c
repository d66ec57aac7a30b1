/* sink.c - an OTLP receiver that costs next to nothing: reads, counts, discards, answers 200.
 *
 *     sink PORT [MS]    prints `requests N bytes N spans N` when its stdin ends; answers MS milliseconds late
 *
 * A span is counted by the word `"spanId"`; in protobuf by what its first two fields look like. Bodies are of known length, or
 * chunked as node sends them.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"partialSuccess\":{}}";
static const char ANSWER_PROTOBUF[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
static const char WORD[] = "\"spanId\"";

static atomic_ullong requests, bytes, spans;
static unsigned late_us;

enum { SIZE = 1 << 20, ID = 16 };

/* What follows that name in the head, or NULL. */
static const char *field_in(const char *head, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    for (const char *at = head, *end = head + length; (at = memchr(at, '\n', (size_t)(end - at))) && (size_t)(end - ++at) > name_length;)
        if (strncasecmp(at, name, name_length) == 0) return at + name_length;
    return NULL;
}

/* How many bytes of a chunked body there are up to its end; 0: the end is not there yet. */
static size_t chunked_length(const char *body, size_t have)
{
    for (size_t at = 0; memchr(body + at, '\n', have - at);) {
        char *line_end;
        size_t size = strtoull(body + at, &line_end, 16);
        at = (size_t)(line_end - body) + 2 + size + 2;
        if (at > have) return 0;
        if (!size) return at;
    }
    return 0;
}

/* The length of the request that begins here; 0: it is not whole yet. */
static size_t request_length(const char *buffer, size_t have)
{
    const char *end = memmem(buffer, have, "\r\n\r\n", 4), *field;
    if (!end) return 0;
    size_t head = (size_t)(end - buffer) + 4, body = 0;
    if ((field = field_in(buffer, head, "Content-Length: "))) {
        body = strtoull(field, NULL, 10);
        return have - head >= body ? head + body : 0;
    }
    if (!field_in(buffer, head, "Transfer-Encoding: chunked")) return head;
    body = chunked_length(end + 4, have - head);
    return body ? head + body : 0;
}

static unsigned long long spans_in_json(const char *body, size_t length)
{
    unsigned long long found = 0;
    for (const char *at = body, *end = body + length; (at = memmem(at, (size_t)(end - at), WORD, sizeof WORD - 1)); at += sizeof WORD - 1)
        found++;
    return found;
}

/* trace_id = 1 of 16 bytes, then span_id = 2 of 8 (opentelemetry/proto/trace/v1/trace.proto). One that a chunk's edge cuts is missed. */
static unsigned long long spans_in_protobuf(const char *body, size_t length)
{
    unsigned long long found = 0;
    for (const char *at = body, *end = body + length; (at = memmem(at, (size_t)(end - at), "\x0a\x10", 2)) && end - at > ID + 4;)
        if (at[ID + 2] == 0x12 && at[ID + 3] == 8)
            found++, at += ID + 4;
        else
            at++;
    return found;
}

/* Counts one request; returns its answer. */
static const char *count(const char *request, size_t length)
{
    const char *type = field_in(request, length, "Content-Type: ");
    int is_json = !type || strncmp(type, "application/json", 16) == 0;
    atomic_fetch_add(&spans, is_json ? spans_in_json(request, length) : spans_in_protobuf(request, length));
    atomic_fetch_add(&bytes, length);
    atomic_fetch_add(&requests, 1);
    return is_json ? ANSWER : ANSWER_PROTOBUF;
}

/* Requests one after the other; the body is read whole, so the buffer grows to the largest. */
static void *serve(void *argument)
{
    int connection = (int)(intptr_t)argument;
    size_t have = 0, room = SIZE, length;
    char *buffer = malloc(room);
    for (;;) {
        ssize_t got;
        if (room - have < SIZE / 2) buffer = realloc(buffer, room *= 2);
        got = read(connection, buffer + have, room - have);
        if (got <= 0) break;
        have += (size_t)got;
        while ((length = request_length(buffer, have))) {
            const char *answer = count(buffer, length);
            if (late_us) usleep(late_us);
            if (write(connection, answer, strlen(answer)) < 0) break;
            memmove(buffer, buffer + length, have -= length);
        }
    }
    free(buffer);
    close(connection);
    return NULL;
}

static void *accept_all(void *argument)
{
    int listener = (int)(intptr_t)argument;
    for (;;) {
        pthread_t thread;
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection) == 0) pthread_detach(thread);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0")),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    pthread_t thread;
    char byte;

    late_us = argc > 2 ? (unsigned)atoi(argv[2]) * 1000 : 0;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 100) != 0) {
        perror("sink");
        return 1;
    }
    pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener);
    while (read(0, &byte, 1) > 0) continue;
    printf("requests %llu bytes %llu spans %llu\n", (unsigned long long)requests, (unsigned long long)bytes, (unsigned long long)spans);
    return 0;
}
