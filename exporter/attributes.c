/* attributes.c - a list of OTLP/JSON attributes being written: what is not usual. See attributes.h. */
#include "attributes.h"

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

/* Those to come are as before: there is less room for them. */
static void attributes_expect_again(struct attributes *list)
{
    if (list->sure_below)
        attributes_expect(list);
}

static void append_value(struct attributes *list, struct slice value, enum json_repair repair)
{
    struct json_string string = {list->out, list->value_length_limit, repair};
    json_string_append(&string, value);
    text_literal(list->out, ATTRIBUTE_END);
    attributes_expect_again(list);
}

void attributes_add_text(struct attributes *list, struct slice front, struct slice value, enum json_repair repair)
{
    if (!attributes_next(list))
        return;
    text_slice(list->out, front);
    append_value(list, value, repair);
}

void attributes_add_number(struct attributes *list, struct slice front, uint64_t number)
{
    if (!attributes_next(list))
        return;
    text_slice(list->out, front);
    decimal_append(list->out, number);
    text_literal(list->out, ATTRIBUTE_END);
}

void attributes_pair(struct attributes *list, struct slice key, struct slice value)
{
    if (!attributes_next(list))
        return;
    text_literal(list->out, "{\"key\":");
    json_string(list->out, key, UINT32_MAX);
    text_literal(list->out, ",\"value\":{\"stringValue\":\"");
    append_value(list, value, JSON_TEXT);
}

bool attributes_begin_url(struct attributes *list, struct slice front, struct json_string *value)
{
    if (!attributes_next(list))
        return false;
    *value = (struct json_string){list->out, list->value_length_limit, JSON_URL};
    text_slice(list->out, front);
    return true;
}

void attributes_url_end(struct attributes *list, struct json_string *value)
{
    text_literal(value->out, ATTRIBUTE_END);
    attributes_expect_again(list);
}
