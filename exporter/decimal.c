/* decimal.c - numbers written two digits at a time.
 *
 * A span has two times of 19 digits. Digit by digit each would wait for 18 multiplications in a row.
 */
#include "decimal.h"

#define EIGHT_DIGITS 100000000u

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
                            "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
                            "9899";

/* Exactly eight digits: four pairs that do not wait for each other. */
static void write_eight(char *to, uint32_t number)
{
    uint32_t high = number / 10000, low = number % 10000;
    memcpy(to, pairs + high / 100 * 2, 2);
    memcpy(to + 2, pairs + high % 100 * 2, 2);
    memcpy(to + 4, pairs + low / 100 * 2, 2);
    memcpy(to + 6, pairs + low % 100 * 2, 2);
}

struct slice decimal_of(struct decimal *decimal, uint64_t number)
{
    char *end = decimal->digits + sizeof decimal->digits, *at = end;
    while (number >= EIGHT_DIGITS) {
        at -= 8;
        write_eight(at, (uint32_t)(number % EIGHT_DIGITS));
        number /= EIGHT_DIGITS;
    }
    uint32_t rest = (uint32_t)number;
    for (; rest >= 100; rest /= 100) {
        at -= 2;
        memcpy(at, pairs + rest % 100 * 2, 2);
    }
    at -= 2;
    memcpy(at, pairs + rest * 2, 2);
    at += rest < 10; /* no zero in front */
    return (struct slice){at, (size_t)(end - at)};
}

void decimal_append(struct text *out, uint64_t number)
{
    struct decimal decimal;
    text_slice(out, decimal_of(&decimal, number));
}
