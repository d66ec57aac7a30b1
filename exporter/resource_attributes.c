/* resource_attributes.c - OTEL_RESOURCE_ATTRIBUTES taken apart. See resource_attributes.h. */
#include "resource_attributes.h"

#define IGNORED "; the whole list is ignored"

static int hex_value(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into the struct, where there is room: nothing becomes longer. False for a `%` without two digits. */
static bool decode(struct resource_attributes *attributes, struct slice text, struct slice *decoded)
{
    char *to = attributes->decoded + attributes->len;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_value(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        to[len++] = c;
    }
    attributes->len += len;
    *decoded = (struct slice){to, len};
    return true;
}

static struct resource_attribute *find(struct resource_attributes *attributes, struct slice key)
{
    size_t i = 0;
    while (i < attributes->count && !slice_equals(attributes->list[i].key, key))
        i++;
    return &attributes->list[i];
}

static const char *read_item(struct resource_attributes *attributes, struct slice item)
{
    struct slice key = {item.ptr, slice_find(item, '=')}, value = slice_after(item, key.len + 1), decoded_key, decoded_value;
    if (key.len == item.len)
        return "an item without `=`" IGNORED;
    if (slice_find(value, '=') < value.len)
        return "a second `=` in an item, which has to be written as %3D" IGNORED;
    if (!decode(attributes, slice_trim(key), &decoded_key) || !decode(attributes, slice_trim(value), &decoded_value))
        return "a `%` without two hexadecimal digits behind it" IGNORED;
    if (!decoded_key.len)
        return "an item without a key" IGNORED;
    if (attributes->count == RESOURCE_ATTRIBUTES_MAX)
        return "more than 128 attributes" IGNORED;
    struct resource_attribute *place = find(attributes, decoded_key);
    attributes->count += place == &attributes->list[attributes->count];
    *place = (struct resource_attribute){decoded_key, decoded_value};
    return NULL;
}

const char *resource_attributes_read(struct resource_attributes *attributes, struct slice text)
{
    const char *problem = NULL;
    attributes->count = attributes->len = 0;
    if (text.len > sizeof attributes->decoded)
        problem = "longer than 8192 bytes" IGNORED;
    for (struct slice item; !problem && slice_next(&text, ',', &item);) {
        item = slice_trim(item);
        if (item.len)
            problem = read_item(attributes, item);
    }
    if (problem)
        attributes->count = 0;
    return problem;
}

struct slice resource_attributes_find(const struct resource_attributes *attributes, struct slice key)
{
    for (size_t i = 0; i < attributes->count; i++)
        if (slice_equals(attributes->list[i].key, key))
            return attributes->list[i].value;
    return (struct slice){NULL, 0};
}
