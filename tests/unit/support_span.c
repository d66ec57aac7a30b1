/* support_span.c - spans for the tests of the exporter. See support_span.h. */
#include "support_span.h"

#include "resource.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

char process_command[256]; /* resource.h: preload/ has it in the library */

static union {
    struct span_record record;
    char room[1 << 20];
} block;

struct span_record *span_new(enum span_kind kind)
{
    block.record = (struct span_record){
        .size = sizeof block.record,
        .protocol = SPAN_HTTP,
        .kind = (uint8_t)kind,
        .trace_flags = 1,
        .version_major = 1,
        .version_minor = 1,
        .status = 200,
        .start_ns = 1000000007,
        .end_ns = 3000000011,
        .trace_id = {0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c},
        .span_id = {0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74},
        .peer = {.family = AF_INET, .port = 50000, .bytes = {192, 0, 2, 7}},
    };
    return &block.record;
}

void span_add(struct span_record *record, enum fact_key key, struct slice text)
{
    span_add_fact(record, sizeof block, key, text);
}

void span_add_string(struct span_record *record, enum fact_key key, const char *text)
{
    span_add(record, key, slice_of(text));
}

struct span_record *span_exact(const struct span_record *record)
{
    struct span_record *copy = malloc(record->size);
    memcpy(copy, record, record->size);
    return copy;
}

/* RFC 3629 section 3, by decoding and asking whether the value needed so many bytes. */
static void check_utf8(struct slice text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < text.len;) {
        unsigned char lead = (unsigned char)text.ptr[i];
        size_t len = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
        uint32_t code = len == 1 ? lead : lead & (0x7fu >> len);
        cr_assert(len && i + len <= text.len, "byte %zu, %02x, begins no character", i, lead);
        for (size_t n = 1; n < len; n++) {
            cr_assert(((unsigned char)text.ptr[i + n] & 0xc0) == 0x80, "byte %zu continues nothing", i + n);
            code = code << 6 | ((unsigned char)text.ptr[i + n] & 0x3f);
        }
        cr_assert(code >= least[len] && code <= 0x10ffff && code >> 11 != 0x1b, "U+%X at byte %zu", code, i);
        cr_assert(code >= 0x20 && (code < 0x7f || code > 0x9f), "control character U+%04X at byte %zu", code, i);
        i += len;
    }
}

cJSON *json_checked(struct slice text)
{
    char *string = malloc(text.len + 1);
    memcpy(string, text.ptr, text.len);
    string[text.len] = '\0';
    check_utf8(text);
    cJSON *json = cJSON_ParseWithOpts(string, NULL, true);
    cr_assert(json, "not JSON: %s", string);
    free(string);
    return json;
}

const char *attribute_of(const cJSON *attributes, const char *key)
{
    static char number[32];
    const char *found = NULL;
    const cJSON *attribute;
    cJSON_ArrayForEach(attribute, attributes) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(attribute, "value");
        if (strcmp(cJSON_GetObjectItemCaseSensitive(attribute, "key")->valuestring, key) != 0)
            continue;
        cr_assert(!found, "%s is there twice", key);
        cr_assert(cJSON_GetArraySize(value) == 1 && cJSON_IsString(value->child), "%s has no such value", key);
        found = value->child->valuestring;
        if (strcmp(value->child->string, "intValue") == 0) {
            snprintf(number, sizeof number, "#%s", found);
            found = number;
        }
    }
    return found;
}
