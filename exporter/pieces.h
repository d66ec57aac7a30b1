/* pieces.h - several pieces appended to a text as one.
 *
 * Each append to a text waits for the length that the one before it has stored; where a dozen short pieces follow each
 * other that is most of the time. Here room is taken for all of them, and they are written behind a pointer that stays
 * in a register.
 */
#ifndef PIECES_H
#define PIECES_H

#include "text.h"

/* Room for `len` bytes at the end, counted as written. NULL, and overflowed, when there is less: then nothing of them is
 * to be written. */
static inline char *pieces_begin(struct text *text, size_t len)
{
    char *at = text->ptr + text->len;
    if (__builtin_expect(len > text->capacity - text->len, false)) {
        text->overflowed = true;
        return NULL;
    }
    text->len += len;
    return at;
}

/* Each writes one piece and returns where the next begins. */
static inline char *piece_slice(char *at, struct slice piece)
{
    memcpy(at, piece.ptr, piece.len);
    return at + piece.len;
}

/* For literals: the length is known when compiling. */
static inline char *piece(char *at, const char *literal)
{
    return piece_slice(at, slice_of(literal));
}

#endif
