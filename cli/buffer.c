/*
 * buffer.c - bytes that grow at the end.
 *
 * Out of memory ends the command: it is an ordinary program at a desk, and nobody's requests pass
 * through it. (The library in the traced program does the opposite, see preload/.)
 */
#include "buffer.h"
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 256, CAPACITY_KEPT = 64 * 1024 };

static void *memory_require(void *memory)
{
    if (memory == NULL) {
        fputs("spanload: out of memory\n", stderr);
        exit(EXIT_OWN_FAILURE);
    }
    return memory;
}

void *memory_get(size_t size)
{
    return memory_require(calloc(1, size ? size : 1));
}

char *memory_copy_text(const char *text)
{
    return memory_require(strdup(text));
}

static void buffer_reserve(struct buffer *buffer, size_t len)
{
    size_t needed = buffer->len + len + 1;
    if (needed <= buffer->capacity)
        return;
    size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_FIRST;
    while (capacity < needed)
        capacity *= 2;
    buffer->bytes = memory_require(realloc(buffer->bytes, capacity));
    buffer->capacity = capacity;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t len)
{
    buffer_reserve(buffer, len);
    if (len > 0)
        memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    buffer->bytes[buffer->len] = '\0';
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    buffer_reserve(buffer, (size_t)len);
    va_start(arguments, format);
    vsnprintf(buffer->bytes + buffer->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buffer->len += (size_t)len;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    if (len == 0)
        return;
    memmove(buffer->bytes, buffer->bytes + len, buffer->len - len);
    buffer->len -= len;
    buffer->bytes[buffer->len] = '\0';
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->capacity > CAPACITY_KEPT) {
        buffer_finish(buffer);
        return;
    }
    buffer->len = 0;
    if (buffer->bytes != NULL)
        buffer->bytes[0] = '\0';
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}
