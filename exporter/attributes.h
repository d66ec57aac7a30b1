/* attributes.h - a list of OTLP/JSON attributes being written, with the limits of the configuration.
 *
 * The brackets of the list are the caller's. What is beyond `count_limit` is counted in `dropped`, not written.
 *
 * Behind each attribute stands a comma; the last one's goes with attributes_end. So nothing of one hangs on its place in
 * the list, and all that stands before its value is one literal, which the compiler makes a few stores of: that is why this
 * is here and inline. Limits and room are asked for once for all that are to come (attributes_expect); what may be beyond
 * them, or holds what must be escaped, is written in attributes.c, with a question at every step.
 */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include "decimal.h"
#include "json.h"
#include "pieces.h"

struct attributes {
    struct text *out;
    uint32_t count;
    uint32_t dropped;             /* beyond count_limit */
    uint32_t count_limit;
    uint32_t value_length_limit;  /* characters */
    uint32_t sure_below;          /* values of fewer bytes are within all limits, escapes not counted; 0: must be asked */
};

#define ATTRIBUTE(key, type) "{\"key\":\"" key "\",\"value\":{\"" type "\":\""
#define ATTRIBUTE_END "\"}},"

/* Each appends one {"key":...,"value":{...}}; `key` is a literal of ours and needs no escaping. In a URL, or a part of
 * one, what is no text is percent-encoded. 64 bits are a string in JSON. */
#define attributes_text(list, key, value) attributes_put_text((list), ATTRIBUTE(key, "stringValue"), (value), JSON_TEXT)
#define attributes_url(list, key, value) attributes_put_text((list), ATTRIBUTE(key, "stringValue"), (value), JSON_URL)
#define attributes_number(list, key, number) attributes_put_number((list), ATTRIBUTE(key, "intValue"), (number))

/* The same with a text that is a literal and needs no escaping either. */
#define attributes_literal(list, key, text)                                                                  \
    attributes_put_literal((list), ATTRIBUTE(key, "stringValue") text ATTRIBUTE_END, \
                           SLICE(ATTRIBUTE(key, "stringValue")), SLICE(text))

/* One whose key is somebody else's. */
void attributes_pair(struct attributes *list, struct slice key, struct slice value);

/* One whose text is a URL, or a part of one, appended to `value` in pieces between the two. False, and nothing is to be
 * appended, beyond the limit. */
#define attributes_url_begin(list, key, value) attributes_begin_url((list), SLICE(ATTRIBUTE(key, "stringValue")), (value))
void attributes_url_end(struct attributes *list, struct json_string *value);

/* At most ATTRIBUTES_EXPECTED are to come, of keys of ours. */
enum { ATTRIBUTES_EXPECTED = 16, ATTRIBUTE_MAX_LEN = 128 };
#define LONGEST ATTRIBUTE("http.request.method_original", "stringValue") ATTRIBUTE_END
_Static_assert(sizeof LONGEST + DECIMAL_ROOM <= ATTRIBUTE_MAX_LEN, "a key is too long");

static inline void attributes_expect(struct attributes *list)
{
    size_t each = (list->out->capacity - list->out->len) / ATTRIBUTES_EXPECTED;
    size_t len = each > ATTRIBUTE_MAX_LEN ? each - ATTRIBUTE_MAX_LEN : 0;
    if (len > list->value_length_limit)
        len = list->value_length_limit;
    list->sure_below = list->count_limit - list->count >= ATTRIBUTES_EXPECTED ? (uint32_t)len : 0;
}

/* No more come. Where the text was too short, there may be nothing of them, and no comma. */
static inline void attributes_end(struct attributes *list)
{
    list->out->len -= list->count > 0 && !list->out->overflowed;
}

/* --- how --------------------------------------------------------------------------------------------------------------- */

/* Whatever the value is. `front` is all before it. */
void attributes_add_text(struct attributes *list, struct slice front, struct slice value, enum json_repair repair);
void attributes_add_number(struct attributes *list, struct slice front, uint64_t number);
bool attributes_begin_url(struct attributes *list, struct slice front, struct json_string *value);

static inline __attribute__((always_inline)) void attributes_put_text(struct attributes *list, const char *front,
                                                                      struct slice value, enum json_repair repair)
{
    struct text *out = list->out;
    if (__builtin_expect(value.len < list->sure_below, true)) {
        char *at = piece(out->ptr + out->len, front);
        if (__builtin_expect(json_copy_plain(at, value) == value.len, true)) {
            piece(at + value.len, ATTRIBUTE_END);
            out->len += strlen(front) + value.len + strlen(ATTRIBUTE_END);
            list->count++;
            return;
        }
    }
    attributes_add_text(list, slice_of(front), value, repair);
}

static inline __attribute__((always_inline)) void attributes_put_literal(struct attributes *list, const char *whole,
                                                                         struct slice front, struct slice value)
{
    struct text *out = list->out;
    if (__builtin_expect(value.len < list->sure_below, true)) {
        piece(out->ptr + out->len, whole);
        out->len += strlen(whole);
        list->count++;
        return;
    }
    attributes_add_text(list, front, value, JSON_TEXT);
}

static inline __attribute__((always_inline)) void attributes_put_number(struct attributes *list, const char *front,
                                                                        uint64_t number)
{
    struct text *out = list->out;
    if (__builtin_expect(list->sure_below > 0, true)) {
        char *at = decimal_write(piece(out->ptr + out->len, front), number);
        out->len = (size_t)(piece(at, ATTRIBUTE_END) - out->ptr);
        list->count++;
        return;
    }
    attributes_add_number(list, slice_of(front), number);
}

#endif
