/* pieces.h - several pieces appended to a text as one.
 *
 * Each append to a text waits for the length that the one before it has stored; where a dozen short pieces follow each
 * other that is most of the time. Here the room is asked for once, and they are written behind a pointer that stays in a
 * register.
 */
#ifndef PIECES_H
#define PIECES_H

#include "text.h"

/* Where pieces of `max` bytes at most are to be written: at the end of the text, or, where there may be too little room
 * for them, `aside`, which has `max` bytes. */
static inline char *pieces_begin(const struct text *text, size_t max, char *aside)
{
    return __builtin_expect(max <= text->capacity - text->len, true) ? text->ptr + text->len : aside;
}

/* What was written from `begin` on, up to `end`, becomes a part of the text, as far as it has room. */
static inline void pieces_end(struct text *text, const char *begin, const char *end, const char *aside)
{
    size_t len = (size_t)(end - begin);
    if (__builtin_expect(begin != aside, true))
        text->len += len;
    else
        text_bytes(text, begin, len);
}

/* Writes a literal, whose length is known when compiling, and returns where the next piece begins. */
static inline __attribute__((always_inline)) char *piece(char *at, const char *literal)
{
    memcpy(at, literal, strlen(literal));
    return at + strlen(literal);
}

#endif
