/*
 * endpoint.h - where traces go by the OTEL_ variables, and whether somebody is there.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>

struct endpoint {
    char url[1024];                        /* in full, as it is requested */
    char host[256];                        /* or the path of a unix socket */
    char port[8];
    char path[768];
    bool is_unix, is_tls, is_grpc;
};

/* Takes the endpoint for traces: `base` if not NULL, else as the OpenTelemetry specification reads the
 * environment. False if it is no URL that can be used; `url` then holds what was found. */
bool endpoint_find(struct endpoint *endpoint, const char *base);

enum probe_outcome { PROBE_UNREACHABLE, PROBE_CONNECTED, PROBE_ANSWERED };

struct probe {
    enum probe_outcome outcome;
    char detail[256];                      /* the address, or why nobody is reached */
    int status;                            /* of the HTTP answer */
};

/* Connects (1 s for each address) and posts an empty request (2 s for the answer). With TLS or gRPC it
 * only connects. */
struct probe endpoint_probe(const struct endpoint *endpoint);

#endif
