/* endpoint.h - where the Collector is: the URL of the configuration, taken apart.
 *
 * Rules: OpenTelemetry specification, "OTLP exporter", Endpoint URLs for OTLP/HTTP.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "slice.h"

#include <stdint.h>

struct endpoint {
    char host[256];       /* host name or literal, without brackets, NUL-ended; the path of a unix socket */
    bool is_unix;
    bool unusable;        /* nothing can be sent; host is empty, and the rest means nothing */
    uint16_t port;        /* 0 for a unix socket */
    char authority[300];  /* of the Host header, NUL-ended */
    char path[1024];      /* of the request line: begins with '/', NUL-ended */
    const char *variable; /* the variable it came from, for notices */
};

/* Chooses among the variables of config and takes the URL apart. A URL that cannot be used gives a notice and an
 * endpoint that is `unusable`, never the default: spans go where they were asked to go, or nowhere. */
void endpoint_read(struct endpoint *endpoint);

#endif
