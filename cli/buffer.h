/*
 * buffer.h - bytes that grow at the end.
 *
 * Everything the command assembles before it writes it: a request as it arrives, a page of a trace,
 * an answer. One write(2) per page is what keeps two processes' output from mixing within a line.
 *
 * Memory: the buffer owns `bytes`; a zeroed struct is an empty buffer. Always followed by a NUL that
 *         `len` does not count, so that text in it is a C string.
 * Errors: none: a desk tool that is out of memory ends with a message (buffer.c).
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>

struct buffer {
    char *bytes;
    size_t len;
    size_t capacity;
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t len);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the first `len` bytes. */
void buffer_consume(struct buffer *buffer, size_t len);

/* Forgets the content, keeps the memory unless it is much. */
void buffer_clear(struct buffer *buffer);
void buffer_finish(struct buffer *buffer);

/* malloc and strdup that end the command with a message instead of returning NULL. */
void *memory_get(size_t size);
char *memory_copy_text(const char *text);

#endif
