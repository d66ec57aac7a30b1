/* resource_attributes.h - OTEL_RESOURCE_ATTRIBUTES taken apart: `key=value,...`, percent-encoded.
 *
 * OpenTelemetry specification, "Resource SDK", Specifying resource information via an environment variable. Commas and
 * equals signs in keys and values must be encoded, anything else may be, `+` is itself. One mistake discards the whole
 * list. Items that are empty are none: templates leave them behind.
 */
#ifndef RESOURCE_ATTRIBUTES_H
#define RESOURCE_ATTRIBUTES_H

#include "slice.h"

enum { RESOURCE_ATTRIBUTES_MAX = 128, RESOURCE_ATTRIBUTES_SIZE = 8192 };

struct resource_attribute {
    struct slice key, value;
};

/* Keys are unique; of several the last counts. Large: keep it static. */
struct resource_attributes {
    size_t count;
    struct resource_attribute list[RESOURCE_ATTRIBUTES_MAX];
    size_t len;
    char decoded[RESOURCE_ATTRIBUTES_SIZE];
};

/* NULL, or what is wrong: then the list is empty. The slices point into the struct. */
const char *resource_attributes_read(struct resource_attributes *attributes, struct slice text);

/* The value; ptr NULL where there is none. */
struct slice resource_attributes_find(const struct resource_attributes *attributes, struct slice key);

#endif
