/* decimal.h - numbers written eight digits at a time.
 *
 * A span has two times of 19 digits. Digit by digit each would wait for 18 multiplications in a row; here the digits of
 * a group of eight are worked out side by side in one word.
 */
#ifndef DECIMAL_H
#define DECIMAL_H

#include "text.h"

#define EIGHT_DIGITS 100000000u

/* Bytes that decimal_write may write: 20 digits, and the rest of the last group. */
enum { DECIMAL_ROOM = 24 };

/* The digits of a number below EIGHT_DIGITS as values 0 to 9, the first in the lowest byte: halves of it, their halves,
 * and theirs, each divided in its own part of the word. Both machines that we run on are little-endian. */
static inline uint64_t decimal_digits(uint32_t number)
{
    uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
    uint64_t hundreds = fours * 10486 >> 20 & 0x0000007f0000007f;
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = twos * 103 >> 10 & 0x000f000f000f000f;
    return tens | (twos - tens * 10) << 8;
}

/* Exactly eight digits of a number below EIGHT_DIGITS. Returns where they end, as all of these do. */
static inline char *decimal_write_eight(char *at, uint32_t number)
{
    uint64_t digits = decimal_digits(number) | 0x3030303030303030;
    memcpy(at, &digits, sizeof digits);
    return at + 8;
}

/* The two digits of a number below 100; or, of one below 10, its only one. */
static inline char *decimal_write_pair(char *at, uint32_t number, bool is_first)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    size_t zeros = is_first && number < 10;
    memcpy(at, pairs + 2 * number + zeros, 2);
    return at + 2 - zeros;
}

/* A number below 1000000: most numbers of a span are shorter than half of a group. */
static inline char *decimal_write_short(char *at, uint32_t number)
{
    if (number < 100)
        return decimal_write_pair(at, number, true);
    if (number < 10000) {
        at = decimal_write_pair(at, number / 100, true);
    } else {
        at = decimal_write_pair(at, number / 10000, true);
        at = decimal_write_pair(at, number / 100 % 100, false);
    }
    return decimal_write_pair(at, number % 100, false);
}

/* A number below EIGHT_DIGITS without the zeros in front. */
static inline char *decimal_write_first(char *at, uint32_t number)
{
    if (number < 1000000)
        return decimal_write_short(at, number);
    uint64_t digits = decimal_digits(number);
    unsigned zeros = (unsigned)__builtin_ctzll(digits) / 8;
    digits = (digits | 0x3030303030303030) >> zeros * 8;
    memcpy(at, &digits, sizeof digits);
    return at + 8 - zeros;
}

/* Any number. Writes up to DECIMAL_ROOM bytes. */
static inline char *decimal_write(char *at, uint64_t number)
{
    if (number < EIGHT_DIGITS)
        return decimal_write_first(at, (uint32_t)number);
    uint64_t front = number / EIGHT_DIGITS;
    if (front < EIGHT_DIGITS) {
        at = decimal_write_first(at, (uint32_t)front);
    } else {
        at = decimal_write_short(at, (uint32_t)(front / EIGHT_DIGITS));
        at = decimal_write_eight(at, (uint32_t)(front % EIGHT_DIGITS));
    }
    return decimal_write_eight(at, (uint32_t)(number % EIGHT_DIGITS));
}

void decimal_append(struct text *out, uint64_t number);

#endif
