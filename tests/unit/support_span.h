/* support_span.h - spans for the tests of the exporter: records made by hand, and JSON looked at from outside. */
#ifndef SUPPORT_SPAN_H
#define SUPPORT_SPAN_H

#include "span.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <sys/socket.h>

/* A record of a server's or a client's HTTP/1.1 request, answered with 200 by 192.0.2.7:50000, without facts. One at a
 * time. */
struct span_record *span_new(enum span_kind kind);

void span_add(struct span_record *record, enum fact_key key, struct slice text);
void span_add_string(struct span_record *record, enum fact_key key, const char *text);

/* The record in a block of exactly its size, so that a sanitizer sees what is read behind it. free() it. */
struct span_record *span_exact(const struct span_record *record);

/* Ends the test unless `text` is valid JSON, valid UTF-8 by the definition (RFC 3629), and free of control characters.
 * cJSON_Delete() it. */
cJSON *json_checked(struct slice text);

/* The value of an attribute as text, integers with a `#` before them; NULL where there is none. Ends the test when the
 * attribute is there twice. */
const char *attribute_of(const cJSON *attributes, const char *key);

#endif
