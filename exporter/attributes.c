/* attributes.c - a list of OTLP/JSON attributes being written, with the limits of the configuration. */
#include "attributes.h"

#include "decimal.h"
#include "pieces.h"

#define TEXT_VALUE "\",\"value\":{\"stringValue\":\""
#define NUMBER_VALUE "\",\"value\":{\"intValue\":\"" /* 64 bits are a string in JSON */

/* Counts one more. False: no more are allowed. */
static bool attributes_next(struct attributes *list)
{
    if (list->count >= list->count_limit) {
        list->dropped++;
        return false;
    }
    list->count++;
    return true;
}

/* Writes the key of an attribute and `value`, what its value begins with. Returns where `more` bytes are to follow, NULL
 * when there is no room for it all. */
static inline char *append_key(struct attributes *list, struct slice key, const char *value, size_t more)
{
    bool has_comma = list->count > 1;
    char *at = pieces_begin(list->out, has_comma + strlen("{\"key\":\"") + key.len + strlen(value) + more);
    if (!at)
        return NULL;
    *at = ',';
    at = piece(at + has_comma, "{\"key\":\"");
    at = piece_slice(at, key);
    return piece(at, value);
}

void attributes_add_text(struct attributes *list, struct slice key, struct slice value)
{
    if (!attributes_next(list))
        return;
    struct json_string string = {list->out, list->value_length_limit, JSON_TEXT};
    append_key(list, key, TEXT_VALUE, 0);
    json_string_append(&string, value);
    text_literal(list->out, "\"}}");
}

void attributes_add_number(struct attributes *list, struct slice key, int64_t value)
{
    struct decimal decimal;
    bool is_negative = value < 0;
    struct slice digits = decimal_of(&decimal, is_negative ? -(uint64_t)value : (uint64_t)value);
    if (!attributes_next(list))
        return;
    char *at = append_key(list, key, NUMBER_VALUE, is_negative + digits.len + strlen("\"}}"));
    if (!at)
        return;
    *at = '-';
    at = piece_slice(at + is_negative, digits);
    piece(at, "\"}}");
}

void attributes_pair(struct attributes *list, struct slice key, struct slice value)
{
    if (!attributes_next(list))
        return;
    if (list->count > 1)
        text_char(list->out, ',');
    text_literal(list->out, "{\"key\":");
    json_string(list->out, key, UINT32_MAX);
    text_literal(list->out, ",\"value\":{\"stringValue\":");
    json_string(list->out, value, list->value_length_limit);
    text_literal(list->out, "}}");
}

bool attributes_add_url(struct attributes *list, struct slice key, struct json_string *value)
{
    if (!attributes_next(list))
        return false;
    *value = (struct json_string){list->out, list->value_length_limit, JSON_URL};
    append_key(list, key, TEXT_VALUE, 0);
    return true;
}

void attributes_url_end(struct json_string *value)
{
    text_literal(value->out, "\"}}");
}
