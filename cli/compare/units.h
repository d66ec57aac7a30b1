/*
 * units.h - figures as people read them: to three digits, with their unit.
 */
#ifndef UNITS_H
#define UNITS_H

#include "buffer.h"

#include <stdbool.h>

enum unit { UNIT_NS, UNIT_BYTES, UNIT_COUNT, UNIT_PER_SECOND };

/* "1.24 ms", "4.20 MB", "17", "71,070/s"; "-" for NaN. */
void unit_append(struct buffer *text, enum unit unit, double value, bool unicode);

/* A part of 1: "0.35 %", "1.2 %", "19.9 %", "140 %", without its sign. */
void percent_append(struct buffer *text, double part, bool rounds_up);

#endif
