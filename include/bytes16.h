/* bytes16.h - sixteen bytes in one register, asked all at once where a byte of some kind stands.
 *
 * Heads are looked at on the application's threads, and most of their bytes only to find the next line end. Both machines
 * that we run on have registers of sixteen bytes as a part of what every program may use (SSE2, Advanced SIMD).
 *
 * Nothing is read beyond the bytes that are given: the one at their end may be the last of its page.
 */
#ifndef BYTES16_H
#define BYTES16_H

#include "slice.h"

#include <stdint.h>

typedef unsigned char bytes16 __attribute__((vector_size(16)));

/* Where the bytes are that were asked for: BITS_PER_BYTE bits for each, the first lowest. */
typedef uint64_t where16;

#if defined(__x86_64__)
#include <emmintrin.h>
enum { BITS_PER_BYTE = 1 };

static inline where16 bytes16_where(bytes16 are)
{
    return (where16)(unsigned)_mm_movemask_epi8((__m128i)are);
}
#else
#include <arm_neon.h>
enum { BITS_PER_BYTE = 4 };

static inline where16 bytes16_where(bytes16 are)
{
    /* Each byte is all ones or all zeros: of every pair the middle eight bits. */
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8((uint8x16_t)are), 4)), 0);
}
#endif

/* Index of the first; `where` is not 0. */
static inline size_t where16_first(where16 where)
{
    return (size_t)__builtin_ctzll(where) / BITS_PER_BYTE;
}

/* Those from `index` (0 to 15) on. */
static inline where16 where16_from(where16 where, size_t index)
{
    return where >> (index * BITS_PER_BYTE) << (index * BITS_PER_BYTE);
}

static inline bytes16 bytes16_at(const char *at)
{
    bytes16 bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

/* All ones where a byte is from `first` to `last`: moved so that it can be asked as the machines ask, with a sign. */
static inline bytes16 bytes16_within(bytes16 bytes, unsigned char first, unsigned char last)
{
    typedef signed char numbers16 __attribute__((vector_size(16)));
    const signed char limit = (signed char)(last - first - 128);
    return (bytes16)((numbers16)(bytes + (unsigned char)(128 - first)) <= limit);
}

static inline where16 bytes16_line_ends(bytes16 bytes)
{
    return bytes16_where((bytes16)((bytes == '\n') | (bytes == '\r')));
}

/* Index of the first CR or LF at or behind `from`, or `s.len` where there is none. */
static inline size_t find_line_end(struct slice s, size_t from)
{
    size_t at = from;
    for (; at + 16 <= s.len; at += 16) {
        where16 ends = bytes16_line_ends(bytes16_at(s.ptr + at));
        if (ends)
            return at + where16_first(ends);
    }
    if (s.len >= 16 && at < s.len) { /* the last sixteen, of which some have been looked at */
        where16 ends = where16_from(bytes16_line_ends(bytes16_at(s.ptr + s.len - 16)), at + 16 - s.len);
        return ends ? s.len - 16 + where16_first(ends) : s.len;
    }
    while (at < s.len && s.ptr[at] != '\n' && s.ptr[at] != '\r')
        at++;
    return at;
}

#endif
