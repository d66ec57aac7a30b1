/* resource.h - who makes these spans: the resource of OTLP, as JSON.
 *
 * service, process, host, os, container and telemetry attributes of the semantic conventions, detected
 * once per process from /proc, /etc and uname, below what the environment says (OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES).
 *
 * Threads: ours. Memory: appended to the caller's text.
 */
#ifndef RESOURCE_H
#define RESOURCE_H

#include "text.h"

/* Appends `"resource":{"attributes":[...]}`. `instance_id` is the service.instance.id to use unless the environment
 * names one. Bad configuration gives a notice (notice.h). When it does not fit even without OTEL_RESOURCE_ATTRIBUTES
 * the text is as before, and overflowed. */
void resource_write(struct text *out, const char *instance_id);

#endif
