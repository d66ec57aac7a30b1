/* strict_otlp.c - reads OTLP/JSON trace requests from files and prints everything in them that a strict back end refuses.
 *
 * The Collector accepts snake_case, enum names, numbers for 64-bit integers and upper-case ids: what it took is no proof.
 * This reader shares nothing with the writer under test: cJSON parses, the tables below say what a message may hold, and
 * the functions after them what a span must satisfy. One line per violation, `file: where: what`; exit status 1 if any.
 *
 * It knows traces only, and refuses fields it does not know: a new field of the exporter is a new row here.
 */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum type { STRING, TRACE_ID, SPAN_ID, SPAN_ID_OR_EMPTY, INT64, UINT64, UINT32, ENUM, BOOL, DOUBLE, BASE64, MESSAGE };

struct message;

struct field {
    const char *key;
    enum type type;
    bool required;
    bool is_list;
    bool may_be_empty; /* of a list */
    int enum_max;
    const struct message *message;
    void (*check)(const cJSON *object); /* run on each object of a MESSAGE field, after its fields */
};

struct message {
    const char *name;
    struct field fields[20];
};

static const char *file_name;
static char where[4096]; /* path of the value in hand, `$.resourceSpans[0]...` */
static int violations;

static void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void violation(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("%s: %s: ", file_name, where);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    violations++;
}

/* --- what a message may hold --------------------------------------------------------------------------------------- */

static void check_attributes(const cJSON *list);
static void check_any_value(const cJSON *object);
static void check_span(const cJSON *span);
static void check_status(const cJSON *status);

static const struct message key_value, any_value;

static const struct message array_value = {
    "ArrayValue", {{.key = "values", .type = MESSAGE, .is_list = true, .may_be_empty = true, .message = &any_value, .check = check_any_value}}};

static const struct message key_value_list = {
    "KeyValueList", {{.key = "values", .type = MESSAGE, .is_list = true, .may_be_empty = true, .message = &key_value}}};

static const struct message any_value = {"AnyValue",
                                         {{.key = "stringValue", .type = STRING},
                                          {.key = "boolValue", .type = BOOL},
                                          {.key = "intValue", .type = INT64},
                                          {.key = "doubleValue", .type = DOUBLE},
                                          {.key = "bytesValue", .type = BASE64},
                                          {.key = "arrayValue", .type = MESSAGE, .message = &array_value},
                                          {.key = "kvlistValue", .type = MESSAGE, .message = &key_value_list}}};

static const struct message key_value = {
    "KeyValue",
    {{.key = "key", .type = STRING, .required = true},
     {.key = "value", .type = MESSAGE, .required = true, .message = &any_value, .check = check_any_value}}};

#define ATTRIBUTES {.key = "attributes", .type = MESSAGE, .is_list = true, .may_be_empty = true, .message = &key_value}
#define DROPPED_ATTRIBUTES {.key = "droppedAttributesCount", .type = UINT32}

static const struct message status = {"Status", {{.key = "message", .type = STRING}, {.key = "code", .type = ENUM, .enum_max = 2}}};

static const struct message event = {"Event",
                                     {{.key = "timeUnixNano", .type = UINT64, .required = true},
                                      {.key = "name", .type = STRING, .required = true},
                                      ATTRIBUTES,
                                      DROPPED_ATTRIBUTES}};

static const struct message link_message = {"Link",
                                            {{.key = "traceId", .type = TRACE_ID, .required = true},
                                             {.key = "spanId", .type = SPAN_ID, .required = true},
                                             {.key = "traceState", .type = STRING},
                                             {.key = "flags", .type = UINT32},
                                             ATTRIBUTES,
                                             DROPPED_ATTRIBUTES}};

static const struct message span_message = {
    "Span",
    {{.key = "traceId", .type = TRACE_ID, .required = true},
     {.key = "spanId", .type = SPAN_ID, .required = true},
     {.key = "traceState", .type = STRING},
     {.key = "parentSpanId", .type = SPAN_ID_OR_EMPTY},
     {.key = "flags", .type = UINT32},
     {.key = "name", .type = STRING, .required = true},
     {.key = "kind", .type = ENUM, .required = true, .enum_max = 5},
     {.key = "startTimeUnixNano", .type = UINT64, .required = true},
     {.key = "endTimeUnixNano", .type = UINT64, .required = true},
     ATTRIBUTES,
     DROPPED_ATTRIBUTES,
     {.key = "events", .type = MESSAGE, .is_list = true, .may_be_empty = true, .message = &event},
     {.key = "droppedEventsCount", .type = UINT32},
     {.key = "links", .type = MESSAGE, .is_list = true, .may_be_empty = true, .message = &link_message},
     {.key = "droppedLinksCount", .type = UINT32},
     {.key = "status", .type = MESSAGE, .message = &status, .check = check_status}}};

static const struct message scope = {"InstrumentationScope",
                                     {{.key = "name", .type = STRING, .required = true},
                                      {.key = "version", .type = STRING},
                                      ATTRIBUTES,
                                      DROPPED_ATTRIBUTES}};

static const struct message scope_spans = {
    "ScopeSpans",
    {{.key = "scope", .type = MESSAGE, .required = true, .message = &scope},
     {.key = "spans", .type = MESSAGE, .required = true, .is_list = true, .message = &span_message, .check = check_span},
     {.key = "schemaUrl", .type = STRING}}};

static const struct message resource = {"Resource", {ATTRIBUTES, DROPPED_ATTRIBUTES}};

static const struct message resource_spans = {
    "ResourceSpans",
    {{.key = "resource", .type = MESSAGE, .required = true, .message = &resource},
     {.key = "scopeSpans", .type = MESSAGE, .required = true, .is_list = true, .message = &scope_spans},
     {.key = "schemaUrl", .type = STRING}}};

static const struct message request = {
    "ExportTraceServiceRequest",
    {{.key = "resourceSpans", .type = MESSAGE, .required = true, .is_list = true, .message = &resource_spans}}};

/* --- scalars ------------------------------------------------------------------------------------------------------- */

static bool is_text(const cJSON *value)
{
    if (cJSON_IsString(value)) return true;
    violation("not a string");
    return false;
}

static void check_id(const cJSON *value, size_t digits)
{
    if (!is_text(value)) return;
    const char *text = value->valuestring;
    if (strlen(text) != digits || strspn(text, "0123456789abcdef") != digits)
        violation("'%s' is not %zu lower-case hex digits", text, digits);
    else if (strspn(text, "0") == digits)
        violation("an id of zeros");
}

/* 64-bit integers are decimal strings, as the proto3 JSON mapping prints them: no sign but '-', no leading zero. */
static void check_int64(const cJSON *value, bool is_signed)
{
    if (!is_text(value)) return;
    const char *digits = value->valuestring + (is_signed && value->valuestring[0] == '-');
    size_t len = strlen(digits);
    if (len == 0 || len > 20 || strspn(digits, "0123456789") != len || (len > 1 && digits[0] == '0'))
        violation("'%s' is not a decimal integer", value->valuestring);
}

static void check_number(const cJSON *value, double max)
{
    double number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (!(number >= 0 && number <= max && number == (double)(uint64_t)number)) violation("not an integer in 0 .. %.0f", max);
}

static void check_double(const cJSON *value)
{
    static const char *const special[] = {"NaN", "Infinity", "-Infinity"};

    if (cJSON_IsNumber(value)) return;
    for (size_t i = 0; cJSON_IsString(value) && i < 3; i++)
        if (strcmp(value->valuestring, special[i]) == 0) return;
    violation("not a double");
}

static void check_base64(const cJSON *value)
{
    if (!is_text(value)) return;
    const char *text = value->valuestring;
    size_t len = strlen(text), body = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    if (len % 4 != 0 || len - body > 2 || strspn(text + body, "=") != len - body) violation("not base64 with padding");
}

/* --- objects ------------------------------------------------------------------------------------------------------- */

static void check_object(const cJSON *object, const struct field *of);

static void check_value(const cJSON *value, const struct field *field)
{
    switch (field->type) {
    case STRING: is_text(value); break;
    case TRACE_ID: check_id(value, 32); break;
    case SPAN_ID: check_id(value, 16); break;
    case SPAN_ID_OR_EMPTY:
        if (!cJSON_IsString(value) || value->valuestring[0] != '\0') check_id(value, 16);
        break;
    case INT64: check_int64(value, true); break;
    case UINT64: check_int64(value, false); break;
    case UINT32: check_number(value, 4294967295.0); break;
    case ENUM: check_number(value, field->enum_max); break;
    case BOOL:
        if (!cJSON_IsBool(value)) violation("not a boolean");
        break;
    case DOUBLE: check_double(value); break;
    case BASE64: check_base64(value); break;
    case MESSAGE: check_object(value, field); break;
    }
}

static void check_list(const cJSON *list, const struct field *field)
{
    size_t len = strlen(where);
    int index = 0;
    const cJSON *item;

    if (!cJSON_IsArray(list)) {
        violation("not an array");
        return;
    }
    if (cJSON_GetArraySize(list) == 0 && !field->may_be_empty) violation("an empty list");
    cJSON_ArrayForEach(item, list)
    {
        snprintf(where + len, sizeof where - len, "[%d]", index++);
        check_value(item, field);
        where[len] = '\0';
    }
    if (field->message == &key_value) check_attributes(list);
}

static const struct field *field_named(const struct message *message, const char *key)
{
    for (const struct field *field = message->fields; field->key; field++)
        if (strcmp(field->key, key) == 0) return field;
    return NULL;
}

static bool is_repeated(const cJSON *member)
{
    for (const cJSON *next = member->next; next; next = next->next)
        if (strcmp(next->string, member->string) == 0) return true;
    return false;
}

static void check_object(const cJSON *object, const struct field *of)
{
    size_t len = strlen(where);
    const cJSON *member;

    if (!cJSON_IsObject(object)) {
        violation("not an object");
        return;
    }
    cJSON_ArrayForEach(member, object)
    {
        const struct field *field = field_named(of->message, member->string);

        snprintf(where + len, sizeof where - len, ".%s", member->string);
        if (!field) violation("%s has no such field", of->message->name);
        if (is_repeated(member)) violation("the key occurs twice");
        if (field && field->is_list) check_list(member, field);
        if (field && !field->is_list) check_value(member, field);
        where[len] = '\0';
    }
    for (const struct field *field = of->message->fields; field->key; field++)
        if (field->required && !cJSON_GetObjectItemCaseSensitive(object, field->key)) violation("%s is missing", field->key);
    if (of->check) of->check(object);
}

/* --- what must hold between fields --------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text ? text : "";
}

static void check_any_value(const cJSON *object)
{
    int count = cJSON_GetArraySize(object);
    if (count != 1) violation("an AnyValue with %d members", count);
}

static void check_attributes(const cJSON *list)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        const char *key = text_of(item, "key");
        if (key[0] == '\0') violation("an attribute without a key");
        for (const cJSON *next = item->next; next; next = next->next)
            if (strcmp(key, text_of(next, "key")) == 0) violation("attribute %s occurs twice", key);
    }
}

static void check_status(const cJSON *object)
{
    double code = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, "code"));
    if (code == 1) violation("status OK: instrumentation leaves it unset");
    if (text_of(object, "message")[0] != '\0' && code != 2) violation("a status message without ERROR");
}

/* Times of a clock that somebody set: after 2020, and no more than a minute ahead of ours. */
static void check_times(const cJSON *span)
{
    uint64_t start = strtoull(text_of(span, "startTimeUnixNano"), NULL, 10);
    uint64_t end = strtoull(text_of(span, "endTimeUnixNano"), NULL, 10);
    uint64_t earliest = UINT64_C(1577836800000000000), latest = ((uint64_t)time(NULL) + 60) * UINT64_C(1000000000);

    if (end < start) violation("ends before it starts");
    if (start < earliest || end > latest) violation("times out of range: %llu .. %llu", (unsigned long long)start, (unsigned long long)end);
}

static void check_span(const cJSON *span)
{
    const cJSON *flags = cJSON_GetObjectItemCaseSensitive(span, "flags");
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(span, "kind");

    check_times(span);
    if (text_of(span, "name")[0] == '\0') violation("a span without a name");
    if (cJSON_IsNumber(kind) && kind->valuedouble == 0) violation("kind is unspecified");
    if (strcmp(text_of(span, "spanId"), text_of(span, "parentSpanId")) == 0) violation("a span that is its own parent");
    if (cJSON_IsNumber(flags) && flags->valuedouble >= 1024) violation("flags: bits 10 to 31 are not zero");
    if (cJSON_IsNumber(flags) && ((unsigned)flags->valuedouble & 1) == 0) violation("flags: exported but not sampled");
}

/* --- bytes ---------------------------------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at s, 0 if there is none: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    uint32_t code = count == 2 ? s[0] & 0x1fu : count == 3 ? s[0] & 0x0fu : s[0] & 0x07u;

    if (count == 0 || count > len) return 0;
    if (count == 1) return 1;
    for (size_t i = 1; i < count; i++) {
        if (s[i] >> 6 != 2) return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    return code < smallest[count] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : count;
}

/* cJSON takes any byte inside a string; JSON takes UTF-8 without bare control characters. */
static void check_bytes(const char *text, size_t len)
{
    for (size_t at = 0, step; at < len; at += step) {
        step = utf8_sequence((const unsigned char *)text + at, len - at);
        if (step == 0) violation("byte %zu is not UTF-8", at);
        if (step == 1 && iscntrl((unsigned char)text[at]) && text[at] != 0x7f) violation("byte %zu is a bare control character", at);
        if (step == 0) return;
    }
}

static void check_request(char *text, size_t len)
{
    static const struct field root = {.message = &request};
    const char *end = NULL;

    snprintf(where, sizeof where, "$");
    check_bytes(text, len);
    cJSON *json = cJSON_ParseWithOpts(text, &end, true);
    if (!json || strlen(text) != len)
        violation("not JSON near byte %td", end ? end - text : (ptrdiff_t)len);
    else
        check_object(json, &root);
    cJSON_Delete(json);
}

static void check_file(FILE *file)
{
    size_t size = 1 << 16, len = 0, got;
    char *text = malloc(size);

    while (text && (got = fread(text + len, 1, size - len - 1, file)) > 0) {
        len += got;
        if (size - len < 2) text = realloc(text, size *= 2);
    }
    if (!text) exit(2);
    text[len] = '\0';
    check_request(text, len);
    free(text);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(file_name = argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return 2;
        }
        check_file(file);
        fclose(file);
    }
    return violations > 0;
}
