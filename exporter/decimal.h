/* decimal.h - numbers written two digits at a time. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include "text.h"

void decimal_append(struct text *out, uint64_t number);

#endif
