/*
 * units.h - figures as people read them: to three digits, with their unit.
 */
#ifndef UNITS_H
#define UNITS_H

#include "buffer.h"

#include <stdbool.h>

enum unit { UNIT_NS, UNIT_BYTES, UNIT_COUNT, UNIT_PER_SECOND };

/* "1.24 ms", "4.20 MB", "17", "71,070/s"; "-" for what is no number, or infinite. */
void unit_append(struct buffer *text, enum unit unit, double value, bool unicode);

/* "1.153", "0.600", "140", "3.2e+08"; "-" for what is no number, or infinite. */
void ratio_text_append(struct buffer *text, double ratio);

/* A part of 1: "0.35 %", "1.2 %", "19.9 %", "140 %", without its sign; "less than 0.01 %" for what would be 0.00 %, "any %" for what
 * is infinite. */
void percent_append(struct buffer *text, double part, bool rounds_up);

#endif
