/*
 * http_request.h - finds the end of an HTTP/1 request and says what it asks.
 *
 * Pure: bytes in, answer out, no allocation, no state but the caller's. Called again with more bytes
 * until it decides (RFC 9112).
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HEAD_LIMIT = 64 * 1024,                    /* request line and header fields */
    BODY_LIMIT = 20 * 1024 * 1024,             /* max_request_body_size of a Collector */
};

struct http_head {
    char method[16];
    char path[256];                            /* without query; "/" at least */
    char content_type[64];                     /* lower case, without parameters */
    char content_encoding[32];
    size_t len;                                /* of the head, with its empty line */
    size_t body_len;                           /* Content-Length; 0 if chunked */
    bool is_chunked;
    bool keeps_alive;
    bool expects_continue;
};

/* Reads a head at the beginning of bytes[0..len). Returns its length, 0 if it is not complete yet, or the
 * negative HTTP status it is to be refused with. */
int http_head_read(struct http_head *head, const char *bytes, size_t len);

/* A chunked body, unwrapped as it comes. A zeroed struct is one that has not begun. */
struct http_chunks {
    enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_DONE } part;
    size_t left;                               /* of the data of the current chunk */
    size_t trailer_len;                        /* so far */
};

/* Unwraps bytes[0..len) in place: *data_len bytes of body remain at its beginning. Returns how many of
 * the bytes it has used, or -1 if they are no chunked body. `part` says when it is complete. */
long http_chunks_read(struct http_chunks *chunks, char *bytes, size_t len, size_t *data_len);

#endif
