/*
 * otlp.c - reads an ExportTraceServiceRequest in OTLP's JSON encoding.
 *
 * As a receiver must, it ignores fields it does not know and takes 64-bit numbers as strings or as
 * numbers. It is stricter than a Collector in three points, because whoever tests an exporter at this
 * desk wants to know: an all-zero or missing id is refused, and so is anything after the JSON value,
 * and names of enumerators are not understood.
 *
 * cJSON is included here and nowhere else. It spends some 64 bytes on a value of one byte, therefore
 * values are counted before it sees them.
 */
#include "otlp.h"

#include "buffer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALUE_LIMIT = 4 * 1000 * 1000,     /* JSON values in a request: 256 MB while it is read */
    TEXT_LIMIT = 2048,                 /* bytes of one string that are kept */
};

/* ---- attributes ---- */

/* The attribute `key` of an OTLP attribute list as text in `number` or within the JSON; NULL if absent. */
static const char *attribute_text(const cJSON *attributes, const char *key, char number[32])
{
    const cJSON *attribute;
    cJSON_ArrayForEach(attribute, attributes) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(attribute, "key"));
        if (name == NULL || strcmp(name, key) != 0)
            continue;
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(attribute, "value");
        value = value ? value->child : NULL;
        if (cJSON_IsString(value))
            return value->valuestring;
        if (!cJSON_IsNumber(value))
            return NULL;
        snprintf(number, 32, "%.15g", value->valuedouble);
        return number;
    }
    return NULL;
}

static const char *attribute_first(const cJSON *attributes, const char *const keys[], char number[32])
{
    const char *text = NULL;
    for (; *keys != NULL && text == NULL; keys++)
        text = attribute_text(attributes, *keys, number);
    return text;
}

static bool text_ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Appends address:port. */
static void target_append_address(struct buffer *target, const char *address, const char *port)
{
    bool is_ipv6 = port != NULL && strchr(address, ':') != NULL;
    buffer_append_format(target, is_ipv6 ? "[%s]" : "%s", address);
    if (port != NULL)
        buffer_append_format(target, ":%s", port);
}

/* Appends path?query, without the path if the name of the span ends with it. False without url.path. */
static bool target_append_path(struct buffer *target, const cJSON *attributes, const char *name)
{
    char path_number[32], query_number[32];
    const char *path = attribute_text(attributes, "url.path", path_number);
    const char *query = attribute_text(attributes, "url.query", query_number);
    if (path == NULL)
        return false;
    if (!text_ends_with(name, path))
        buffer_append_text(target, path);
    if (query != NULL && query[0] != '\0')
        buffer_append_format(target, "?%s", query);
    return true;
}

/* What the span asked for, where its name does not say it already: a URL, a query, or at least whom. */
static void target_find(struct buffer *target, const cJSON *attributes, const char *name)
{
    static const char *const keys[] = {
        "url.full", "db.query.summary", "db.query.text", "db.collection.name", "db.namespace",
        "messaging.destination.name", "dns.question.name", "rpc.method", NULL,
    };
    static const char *const addresses[] = {"server.address", "network.peer.address", NULL};
    static const char *const ports[] = {"server.port", "network.peer.port", NULL};
    char number[32], port_number[32];
    if (target_append_path(target, attributes, name))
        return;
    for (size_t i = 0; keys[i] != NULL; i++) {
        const char *text = attribute_text(attributes, keys[i], number);
        if (text == NULL || text[0] == '\0' || text_ends_with(name, text))
            continue;
        buffer_append_text(target, text);
        return;
    }
    const char *address = attribute_first(attributes, addresses, number);
    if (address != NULL)
        target_append_address(target, address, attribute_first(attributes, ports, port_number));
}

/* ---- fields ---- */

static uint64_t field_ns(const cJSON *object, const char *key)
{
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsString(field))
        return strtoull(field->valuestring, NULL, 10);
    if (cJSON_IsNumber(field) && field->valuedouble > 0 && field->valuedouble < 1.8e19)
        return (uint64_t)field->valuedouble;
    return 0;
}

static int field_int(const cJSON *object, const char *key)
{
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(field) ? field->valueint : 0;
}

static const char *field_text(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text ? text : "";
}

/* Copies an id of `digits` hex digits in lower case; false if it is none, or all zero. */
static bool field_id(const cJSON *object, const char *key, char *id, size_t digits)
{
    const char *text = field_text(object, key);
    bool is_zero = true;
    if (strlen(text) != digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        char digit = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + ('a' - 'A')) : text[i];
        if (strchr("0123456789abcdef", digit) == NULL)
            return false;
        is_zero = is_zero && digit == '0';
        id[i] = digit;
    }
    return !is_zero;
}

/* ---- a span ---- */

struct span_texts {
    const char *service, *name, *target, *answer, *error;
};

/* The length of `text` to keep, not ending within a UTF-8 character. */
static size_t text_kept_len(const char *text)
{
    size_t len = strnlen(text, TEXT_LIMIT + 1);
    if (len <= TEXT_LIMIT)
        return len;
    for (len = TEXT_LIMIT; len > TEXT_LIMIT - 4 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

static const char *text_place(char **place, const char *text)
{
    size_t len = text_kept_len(text);
    char *copy = *place;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *place += len + 1;
    return copy;
}

static struct span *span_create(const struct span_texts *texts)
{
    size_t size = sizeof(struct span) + 5 + text_kept_len(texts->service) + text_kept_len(texts->name)
                + text_kept_len(texts->target) + text_kept_len(texts->answer) + text_kept_len(texts->error);
    struct span *span = memory_get(size);
    char *place = (char *)(span + 1);
    span->size = size;
    span->service = text_place(&place, texts->service);
    span->name = text_place(&place, texts->name);
    span->target = text_place(&place, texts->target);
    span->answer = text_place(&place, texts->answer);
    span->error = text_place(&place, texts->error);
    return span;
}

void span_destroy(struct span *span)
{
    free(span);
}

static const char *span_read_fields(struct span *span, const cJSON *json)
{
    if (!field_id(json, "traceId", span->trace_id, TRACE_ID_DIGITS))
        return "traceId is not 32 hex digits that are not all zero";
    if (!field_id(json, "spanId", span->span_id, SPAN_ID_DIGITS))
        return "spanId is not 16 hex digits that are not all zero";
    if (field_text(json, "parentSpanId")[0] != '\0'
        && !field_id(json, "parentSpanId", span->parent_id, SPAN_ID_DIGITS))
        return "parentSpanId is not 16 hex digits that are not all zero";
    int kind = field_int(json, "kind");
    span->kind = kind < 0 || kind > KIND_CONSUMER ? KIND_UNSPECIFIED : (enum span_kind)kind;
    span->start_ns = field_ns(json, "startTimeUnixNano");
    span->end_ns = field_ns(json, "endTimeUnixNano");
    return NULL;
}

static const char *span_read(const cJSON *json, const char *service, struct otlp_spans *spans)
{
    static const char *const answers[] = {
        "http.response.status_code", "rpc.response.status_code", "rpc.grpc.status_code",
        "db.response.status_code", NULL,
    };
    if (!cJSON_IsObject(json))
        return "a span is not an object";
    const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(json, "attributes");
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
    char answer_number[32], error_number[32];
    const char *answer = attribute_first(attributes, answers, answer_number);
    const char *error = attribute_text(attributes, "error.type", error_number);
    bool has_failed = field_int(status, "code") == 2;
    if (error == NULL)
        error = has_failed ? field_text(status, "message") : "";
    struct buffer target = {0};
    buffer_append_text(&target, "");
    target_find(&target, attributes, field_text(json, "name"));
    struct span *span = span_create(&(struct span_texts){
        .service = service,
        .name = field_text(json, "name"),
        .target = target.bytes,
        .answer = answer ? answer : "",
        .error = error,
    });
    buffer_finish(&target);
    span->has_failed = has_failed;
    const char *problem = span_read_fields(span, json);
    if (spans->last != NULL)
        spans->last->next = span;
    else
        spans->first = span;
    spans->last = span;
    spans->count++;
    return problem;
}

/* ---- the request ---- */

static const char *resource_spans_read(const cJSON *json, struct otlp_spans *spans)
{
    const cJSON *resource = cJSON_GetObjectItemCaseSensitive(json, "resource");
    char number[32];
    const char *service = attribute_text(cJSON_GetObjectItemCaseSensitive(resource, "attributes"),
                                         "service.name", number);
    const cJSON *scope_spans, *span;
    cJSON_ArrayForEach(scope_spans, cJSON_GetObjectItemCaseSensitive(json, "scopeSpans")) {
        cJSON_ArrayForEach(span, cJSON_GetObjectItemCaseSensitive(scope_spans, "spans")) {
            const char *problem = span_read(span, service ? service : "unknown_service", spans);
            if (problem != NULL)
                return problem;
        }
    }
    return NULL;
}

static const char *request_read(const cJSON *request, struct otlp_spans *spans)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(request, "resourceSpans");
    if (!cJSON_IsObject(request))
        return "the body is not a JSON object";
    if (list != NULL && !cJSON_IsArray(list) && !cJSON_IsNull(list))
        return "resourceSpans is not an array";
    const cJSON *resource_spans;
    cJSON_ArrayForEach(resource_spans, list) {
        const char *problem = resource_spans_read(resource_spans, spans);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

/* A bound of the values in the JSON: what lies between its punctuation, within strings or not. */
static bool has_too_many_values(const char *body, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += body[i] == ',' || body[i] == '[' || body[i] == '{';
    return count > VALUE_LIMIT;
}

static bool is_blank(const char *from, const char *end)
{
    for (; from < end; from++)
        if (*from != ' ' && *from != '\t' && *from != '\n' && *from != '\r')
            return false;
    return true;
}

const char *otlp_read(const char *body, size_t len, struct otlp_spans *spans)
{
    *spans = (struct otlp_spans){0};
    if (has_too_many_values(body, len))
        return "too many JSON values in one request";
    const char *end = NULL;
    cJSON *request = len > 0 ? cJSON_ParseWithLengthOpts(body, len, &end, 0) : NULL;
    const char *problem = "the body is not JSON";
    if (request != NULL && is_blank(end, body + len))
        problem = request_read(request, spans);
    else if (len == 0)
        problem = "the body is empty";
    cJSON_Delete(request);
    if (problem != NULL)
        otlp_spans_finish(spans);
    return problem;
}

void otlp_spans_finish(struct otlp_spans *spans)
{
    for (struct span *span = spans->first, *next; span != NULL; span = next) {
        next = span->next;
        span_destroy(span);
    }
    *spans = (struct otlp_spans){0};
}
