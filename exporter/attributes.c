/* attributes.c - a list of OTLP/JSON attributes being written, with the limits of the configuration. */
#include "attributes.h"

#include "decimal.h"

/* Counts one more, and writes the comma before it. False: no more are allowed. */
static bool attributes_next(struct attributes *list)
{
    if (list->count >= list->count_limit) {
        list->dropped++;
        return false;
    }
    if (list->count++)
        text_char(list->out, ',');
    return true;
}

static void append_key(struct attributes *list, struct slice key)
{
    text_literal(list->out, "{\"key\":\"");
    text_slice(list->out, key);
}

void attributes_add_text(struct attributes *list, struct slice key, struct slice value)
{
    if (!attributes_next(list))
        return;
    append_key(list, key);
    text_literal(list->out, "\",\"value\":{\"stringValue\":");
    json_string(list->out, value, list->value_length_limit);
    text_literal(list->out, "}}");
}

void attributes_add_number(struct attributes *list, struct slice key, int64_t value)
{
    if (!attributes_next(list))
        return;
    append_key(list, key);
    text_literal(list->out, "\",\"value\":{\"intValue\":\""); /* 64 bits are a string in JSON */
    if (value < 0)
        text_char(list->out, '-');
    decimal_append(list->out, value < 0 ? -(uint64_t)value : (uint64_t)value);
    text_literal(list->out, "\"}}");
}

void attributes_pair(struct attributes *list, struct slice key, struct slice value)
{
    if (!attributes_next(list))
        return;
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
    append_key(list, key);
    text_literal(list->out, "\",\"value\":{\"stringValue\":");
    json_string_begin(value, list->out, list->value_length_limit, JSON_URL);
    return true;
}

void attributes_url_end(struct json_string *value)
{
    json_string_end(value);
    text_literal(value->out, "}}");
}
