/* sink.c - an OTLP receiver that costs next to nothing: reads, counts, discards, answers 200.
 *
 *     sink PORT        prints `requests N bytes N spans N` when its stdin ends
 *
 * A span is counted by the word `"spanId"`, wherever it is cut.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"partialSuccess\":{}}";
static const char WORD[] = "\"spanId\"";

static atomic_ullong requests, bytes, spans;

enum { SIZE = 1 << 20 };

/* The length of the body that this head announces. */
static size_t length_in(const char *head, size_t length)
{
    const char *field = memmem(head, length, "Content-Length: ", 16);
    return field ? strtoull(field + 16, NULL, 10) : 0;
}

static void count(const char *body, size_t length)
{
    unsigned long long found = 0;
    for (const char *at = body, *end = body + length; (at = memmem(at, (size_t)(end - at), WORD, sizeof WORD - 1)); at += sizeof WORD - 1)
        found++;
    atomic_fetch_add(&spans, found);
    atomic_fetch_add(&bytes, length);
    atomic_fetch_add(&requests, 1);
}

/* Requests one after the other; the body is read whole, so the buffer grows to the largest. */
static void *serve(void *argument)
{
    int connection = (int)(intptr_t)argument;
    size_t have = 0, room = SIZE, need = 0;
    char *buffer = malloc(room);
    for (;;) {
        ssize_t got;
        if (room - have < SIZE / 2) buffer = realloc(buffer, room *= 2);
        got = read(connection, buffer + have, room - have);
        if (got <= 0) break;
        have += (size_t)got;
        for (;;) {
            char *end = need ? NULL : memmem(buffer, have, "\r\n\r\n", 4);
            if (!need && !end) break;
            if (!need) need = (size_t)(end - buffer) + 4 + length_in(buffer, (size_t)(end - buffer));
            if (have < need) break;
            count(buffer, need);
            if (write(connection, ANSWER, sizeof ANSWER - 1) < 0) break;
            memmove(buffer, buffer + need, have -= need);
            need = 0;
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
