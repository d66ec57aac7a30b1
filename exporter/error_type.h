/* error_type.h - how a request ended that was cut short, as `error.type` of OpenTelemetry (general conventions).
 *
 * The same for every protocol: the connection failed, not the conversation on it.
 */
#ifndef ERROR_TYPE_H
#define ERROR_TYPE_H

#include "span.h"

/* A literal; ptr NULL when the request was not cut short. */
struct slice error_type(const struct span_record *record);

#endif
