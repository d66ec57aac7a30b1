/* retry_after.h - the Retry-After field in both its forms (RFC 9110 section 10.2.3). */
#ifndef RETRY_AFTER_H
#define RETRY_AFTER_H

#include "slice.h"

#include <stdint.h>

/* Delay seconds, or an IMF-fixdate (RFC 9110 section 5.6.7) compared with `now_s`, seconds since 1970; a date that has
 * passed is no delay. False for anything else. */
bool retry_after_read(struct slice value, int64_t now_s, uint64_t *delay_ms);

#endif
