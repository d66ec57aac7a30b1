/* hex.h - ids as W3C Trace Context writes them: lower-case hexadecimal, sixteen bytes at a time. */
#ifndef HEX_H
#define HEX_H

#include "bytes16.h"

/* Bytes of two registers in turn: a0 b0 a1 b1 ... of their first halves, or of their last. */
#if defined(__x86_64__)
static inline bytes16 bytes16_zip_first(bytes16 a, bytes16 b)
{
    return (bytes16)_mm_unpacklo_epi8((__m128i)a, (__m128i)b);
}

static inline bytes16 bytes16_zip_last(bytes16 a, bytes16 b)
{
    return (bytes16)_mm_unpackhi_epi8((__m128i)a, (__m128i)b);
}
#else
static inline bytes16 bytes16_zip_first(bytes16 a, bytes16 b)
{
    return (bytes16)vzip1q_u8((uint8x16_t)a, (uint8x16_t)b);
}

static inline bytes16 bytes16_zip_last(bytes16 a, bytes16 b)
{
    return (bytes16)vzip2q_u8((uint8x16_t)a, (uint8x16_t)b);
}
#endif

/* The digits of numbers below 16. (With a sign: as the machines compare.) */
static inline bytes16 hex_digits(bytes16 numbers)
{
    typedef signed char numbers16 __attribute__((vector_size(16)));
    return numbers + '0' + ((bytes16)((numbers16)numbers > 9) & ('a' - '0' - 10));
}

struct hex {
    bytes16 first, last; /* 16 digits each */
};

static inline struct hex hex_of(bytes16 bytes)
{
    bytes16 high = hex_digits(bytes >> 4), low = hex_digits(bytes & 15);
    return (struct hex){bytes16_zip_first(high, low), bytes16_zip_last(high, low)};
}

#endif
