/* decimal.c - a number appended to a text, where that is rare. */
#include "decimal.h"

void decimal_append(struct text *out, uint64_t number)
{
    char digits[DECIMAL_ROOM];
    text_bytes(out, digits, (size_t)(decimal_write(digits, number) - digits));
}
