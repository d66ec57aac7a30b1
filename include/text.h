/* text.h - text written into memory that the caller has, without stdio.
 *
 * Writing past the end is not an error of the caller's to check at each step: the text is cut at its
 * capacity and `overflowed` says so. It is not ended by a NUL.
 *
 * Threads: any, one at a time for one text. Memory: the caller's.
 */
#ifndef TEXT_H
#define TEXT_H

#include "slice.h"

#include <stdint.h>

struct text {
    char *ptr;
    size_t len;
    size_t capacity;
    bool overflowed;
};

#define TEXT(array) ((struct text){.ptr = (array), .capacity = sizeof(array)})

static inline void text_bytes(struct text *text, const char *ptr, size_t len)
{
    size_t room = text->capacity - text->len;
    if (__builtin_expect(len > room, false)) {
        memcpy(text->ptr + text->len, ptr, room);
        text->len = text->capacity;
        text->overflowed = true;
        return;
    }
    memcpy(text->ptr + text->len, ptr, len); /* of a literal: a few stores, no call */
    text->len += len;
}

static inline void text_slice(struct text *text, struct slice s)
{
    if (s.len)
        text_bytes(text, s.ptr, s.len);
}

static inline void text_char(struct text *text, char c)
{
    text_bytes(text, &c, 1);
}

static inline void text_string(struct text *text, const char *string)
{
    text_bytes(text, string, strlen(string));
}

/* For literals: the length is known when compiling. */
#define text_literal(text, literal) text_bytes((text), (literal), sizeof(literal) - 1)

static inline void text_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    text_bytes(text, digits + at, sizeof digits - at);
}

/* Lower-case hexadecimal, two digits a byte, as W3C Trace Context writes ids. */
static inline void text_hex(struct text *text, const uint8_t *bytes, size_t count)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        char pair[2] = {digit[bytes[i] >> 4], digit[bytes[i] & 15]};
        text_bytes(text, pair, 2);
    }
}

static inline struct slice text_as_slice(const struct text *text)
{
    return (struct slice){text->ptr, text->len};
}

#endif
