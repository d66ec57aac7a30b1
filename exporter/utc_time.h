/* utc_time.h - a point in time as people and ISO 8601 write it. */
#ifndef UTC_TIME_H
#define UTC_TIME_H

#include "text.h"

/* Appends `2026-02-28T23:59:59.999Z`; `unix_ns` are nanoseconds since 1970. */
void utc_time_append(struct text *out, uint64_t unix_ns);

#endif
