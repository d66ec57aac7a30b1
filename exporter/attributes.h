/* attributes.h - a list of OTLP/JSON attributes being written, with the limits of the configuration.
 *
 * The brackets of the list are the caller's. What is beyond `count_limit` is counted in `dropped`, not written.
 */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include "json.h"

struct attributes {
    struct text *out;
    uint32_t count;
    uint32_t dropped;             /* beyond count_limit */
    uint32_t count_limit;
    uint32_t value_length_limit;  /* characters */
};

/* Each appends one {"key":...,"value":{...}}; `key` is a literal of ours and needs no escaping. */
static inline void attributes_text(struct attributes *list, const char *key, struct slice value);
static inline void attributes_number(struct attributes *list, const char *key, int64_t value);

/* One whose key is somebody else's. */
void attributes_pair(struct attributes *list, struct slice key, struct slice value);

/* One whose text is a URL, or a part of one, appended to `value` in pieces between the two. False, and nothing is to be
 * appended or ended, when it is beyond count_limit. */
static inline bool attributes_url_begin(struct attributes *list, const char *key, struct json_string *value);
void attributes_url_end(struct json_string *value);

/* The length of a literal is known when compiling; these pass it on. */
void attributes_add_text(struct attributes *list, struct slice key, struct slice value);
void attributes_add_number(struct attributes *list, struct slice key, int64_t value);
bool attributes_add_url(struct attributes *list, struct slice key, struct json_string *value);

static inline void attributes_text(struct attributes *list, const char *key, struct slice value)
{
    attributes_add_text(list, slice_of(key), value);
}

static inline void attributes_number(struct attributes *list, const char *key, int64_t value)
{
    attributes_add_number(list, slice_of(key), value);
}

static inline bool attributes_url_begin(struct attributes *list, const char *key, struct json_string *value)
{
    return attributes_add_url(list, slice_of(key), value);
}

#endif
