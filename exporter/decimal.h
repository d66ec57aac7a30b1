/* decimal.h - numbers written two digits at a time. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include "text.h"

struct decimal {
    char digits[24];
};

/* The digits, which are at the end of `decimal`. */
struct slice decimal_of(struct decimal *decimal, uint64_t number);

void decimal_append(struct text *out, uint64_t number);

#endif
