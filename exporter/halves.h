/* halves.h - two to fifteen bytes in one register, as two parts that overlap: nothing is read or written beside them. */
#ifndef HALVES_H
#define HALVES_H

#include "bytes16.h"

typedef uint64_t words16 __attribute__((vector_size(16)));

/* Fewer than eight are there twice, or four times, so that what is in a register is always theirs. */
static inline bytes16 halves_at(const char *from, size_t len)
{
    uint64_t first, last;
    uint32_t first4, last4;
    uint16_t first2, last2;
    if (len >= 8) {
        memcpy(&first, from, 8);
        memcpy(&last, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(&first4, from, 4);
        memcpy(&last4, from + len - 4, 4);
        first = last = first4 | (uint64_t)last4 << 32;
    } else {
        memcpy(&first2, from, 2);
        memcpy(&last2, from + len - 2, 2);
        first4 = first2 | (uint32_t)last2 << 16;
        first = last = first4 | (uint64_t)first4 << 32;
    }
    return (bytes16)(words16){first, last};
}

static inline void halves_put(char *to, bytes16 halves, size_t len)
{
    uint64_t first = ((words16)halves)[0], last = ((words16)halves)[1];
    if (len >= 8) {
        memcpy(to, &first, 8);
        memcpy(to + len - 8, &last, 8);
    } else if (len >= 4) {
        uint32_t first4 = (uint32_t)first, last4 = (uint32_t)(first >> 32);
        memcpy(to, &first4, 4);
        memcpy(to + len - 4, &last4, 4);
    } else {
        uint16_t first2 = (uint16_t)first, last2 = (uint16_t)(first >> 16);
        memcpy(to, &first2, 2);
        memcpy(to + len - 2, &last2, 2);
    }
}

/* Index of the byte that is the first of its kind at `index` of the register. */
static inline size_t halves_index(size_t index, size_t len)
{
    size_t half = len >= 8 ? 8 : len >= 4 ? 4 : 2;
    return index < half ? index : index + len - 2 * half;
}

#endif
