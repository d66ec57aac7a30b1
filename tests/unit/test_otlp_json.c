/* test_otlp_json.c - whole requests as they go out, compared with tests/golden, and read back by cJSON.
 *
 * After a change on purpose: GOLDEN_UPDATE=1 writes the files anew; read the difference before you commit it.
 */
#include <criterion/criterion.h>

#include "config.h"
#include "http_span.h"
#include "otlp_json.h"
#include "support_span.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOURCE "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]}"

#define OFFSET_NS 1700000000000000000

static char room[1 << 21];

static void defaults(void)
{
    config.attribute_count_limit = 128;
    config.attribute_value_length_limit = CONFIG_NO_LIMIT;
    config.known_methods = (struct slice){NULL, 0};
}

TestSuite(otlp_json, .init = defaults);

/* --- requests as they go out --------------------------------------------------------------------------------------- */

static void make_server(struct span_record *record)
{
    span_add_string(record, FACT_METHOD, "GET");
    span_add_string(record, FACT_TARGET, "/items/4711?page=2&sig=abc");
    span_add_string(record, FACT_HOST, "shop.example.com:8080");
    span_add_string(record, FACT_USER_AGENT, "Mozilla/5.0 \"quoted\"");
    record->has_parent = record->parent_is_remote = 1;
    memcpy(record->parent_id, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x73", 8);
    record->trace_flags = 3;
    span_add_string(record, FACT_TRACESTATE, "ot=th:c;rv:01234567890123, ,");
    span_add_string(record, FACT_TRACESTATE, "vendor@x=a \"b\\");
}

static void make_client(struct span_record *record)
{
    span_add_string(record, FACT_METHOD, "POST");
    span_add_string(record, FACT_TARGET, "/v1/pay");
    span_add_string(record, FACT_HOST, "pay.internal");
    record->has_parent = 1;
    memcpy(record->parent_id, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x73", 8);
    record->status = 503;
}

static void make_cut(struct span_record *record)
{
    span_add_string(record, FACT_METHOD, "BREW");
    span_add_string(record, FACT_TARGET, "/pot-0");
    record->status = 0;
    record->error = SPAN_ERROR_ERRNO;
    record->error_number = ECONNRESET;
    record->facts_dropped = 2;
    record->version_minor = 0;
}

static void make_forwarded(struct span_record *record)
{
    span_add_string(record, FACT_METHOD, "PUT");
    span_add_string(record, FACT_TARGET, "/a");
    span_add_string(record, FACT_HOST, "10.0.0.3");
    span_add_string(record, FACT_FORWARDED, "for=\"[2001:db8:cafe::17]:4711\";proto=https;host=shop.example.com");
    record->peer = (struct address){.family = AF_INET6, .port = 40000, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
}

static void make_unix(struct span_record *record)
{
    span_add_string(record, FACT_METHOD, "GET");
    span_add_string(record, FACT_TARGET, "http://localhost/containers/json");
    span_add_string(record, FACT_UNIX_PATH, "/var/run/docker.sock");
    record->peer = (struct address){.family = AF_UNIX};
    record->error = SPAN_ERROR_CANCELLED;
}

static const struct {
    const char *file;
    enum span_kind kind;
    void (*make)(struct span_record *);
} golden[] = {
    {"http_server", SPAN_SERVER, make_server},       {"http_client_503", SPAN_CLIENT, make_client},
    {"http_client_reset", SPAN_CLIENT, make_cut},    {"http_server_forwarded", SPAN_SERVER, make_forwarded},
    {"http_client_unix", SPAN_CLIENT, make_unix},
};

/* The version of the build is the one thing in it that may change without anybody meaning to. */
static void blank_version(char *text)
{
    char *at = strstr(text, "\"version\":\"");
    cr_assert(at);
    at += strlen("\"version\":\"");
    memmove(at, strchr(at, '"'), strlen(strchr(at, '"')) + 1);
}

static void compare_with_file(const char *name, const char *text)
{
    static char expected[1 << 16];
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s.jsonl", name);
    FILE *file = fopen(path, getenv("GOLDEN_UPDATE") ? "w+" : "r");
    cr_assert(file, "%s: %s", path, strerror(errno));
    if (getenv("GOLDEN_UPDATE")) {
        fprintf(file, "%s\n", text);
        rewind(file);
    }
    size_t len = fread(expected, 1, sizeof expected - 1, file);
    fclose(file);
    expected[len ? len - 1 : 0] = '\0';
    cr_expect_str_eq(text, expected, "%s:\n%s\nis not\n%s", path, text, expected);
}

static struct slice request_of(const struct span_record *const *records, size_t count)
{
    static struct text text;
    text = TEXT(room);
    otlp_json_begin(&text, SLICE(RESOURCE));
    for (size_t i = 0; i < count; i++)
        cr_assert(otlp_json_span(&text, records[i], OFFSET_NS, i == 0));
    size_t before = text.len;
    otlp_json_end(&text);
    cr_assert(!text.overflowed && text.len - before <= OTLP_JSON_END_SIZE);
    return text_as_slice(&text);
}

Test(otlp_json, requests_are_what_the_golden_files_say)
{
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct span_record *record = span_new(golden[i].kind);
        golden[i].make(record);
        struct slice request = request_of((const struct span_record *[]){record}, 1);
        cJSON_Delete(json_checked(request));
        room[request.len] = '\0';
        blank_version(room);
        compare_with_file(golden[i].file, room);
    }
}

/* --- read back ----------------------------------------------------------------------------------------------------- */

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *get_string(const cJSON *object, const char *key)
{
    const cJSON *item = get(object, key);
    return cJSON_IsString(item) ? item->valuestring : "(none)";
}

static int get_number(const cJSON *object, const char *key, int fallback)
{
    const cJSON *item = get(object, key);
    cr_assert(!item || cJSON_IsNumber(item));
    return item ? item->valueint : fallback;
}

static const cJSON *spans_of(const cJSON *request)
{
    const cJSON *resource_spans = get(request, "resourceSpans");
    cr_assert_eq(cJSON_GetArraySize(request), 1);
    cr_assert_eq(cJSON_GetArraySize(resource_spans), 1);
    const cJSON *scope_spans = get(resource_spans->child, "scopeSpans");
    cr_assert_eq(cJSON_GetArraySize(scope_spans), 1);
    cr_assert_str_eq(get_string(scope_spans->child, "schemaUrl"), "https://opentelemetry.io/schemas/1.44.0");
    cr_assert_str_eq(get_string(get(scope_spans->child, "scope"), "name"), "spanload");
    return get(scope_spans->child, "spans");
}

static void check_id(const char *hex, const uint8_t *bytes, size_t count)
{
    char expected[33];
    for (size_t i = 0; i < count; i++)
        snprintf(expected + 2 * i, 3, "%02x", bytes[i]);
    cr_expect_str_eq(hex, expected);
}

static void check_span(const cJSON *span, const struct span_record *record)
{
    char number[32];
    int flags = record->trace_flags | 0x100 | (record->has_parent && record->parent_is_remote ? 0x200 : 0);
    check_id(get_string(span, "traceId"), record->trace_id, 16);
    check_id(get_string(span, "spanId"), record->span_id, 8);
    cr_expect_eq(get(span, "parentSpanId") != NULL, record->has_parent);
    if (record->has_parent)
        check_id(get_string(span, "parentSpanId"), record->parent_id, 8);
    cr_expect_eq(get_number(span, "flags", -1), flags);
    cr_expect_eq(get_number(span, "kind", -1), record->kind);
    snprintf(number, sizeof number, "%" PRIu64, record->start_ns + OFFSET_NS);
    cr_expect_str_eq(get_string(span, "startTimeUnixNano"), number);
    snprintf(number, sizeof number, "%" PRIu64, record->end_ns + OFFSET_NS);
    cr_expect_str_eq(get_string(span, "endTimeUnixNano"), number);
    cr_expect_eq(get_number(get(span, "status"), "code", 0), http_span_is_error(record) ? 2 : 0);
    cr_expect(!get(get(span, "status"), "message"));
    cr_expect(cJSON_IsArray(get(span, "attributes")));
    cr_expect_neq(get_number(span, "droppedAttributesCount", -1), 0); /* at its default it is left out */
}

Test(otlp_json, a_span_reads_back_as_what_went_in)
{
    srand(1);
    for (int round = 0; round < 500; round++) {
        struct span_record *record = span_new(rand() % 2 ? SPAN_SERVER : SPAN_CLIENT);
        uint8_t *ids[] = {record->trace_id, record->span_id, record->parent_id};
        for (size_t i = 0; i < 3; i++)
            for (size_t n = 0; n < (i ? 8 : 16); n++)
                ids[i][n] = (uint8_t)rand();
        record->trace_flags = (uint8_t)(rand() % 4);
        record->has_parent = (uint8_t)(rand() % 2);
        record->parent_is_remote = (uint8_t)(rand() % 2);
        record->status = (uint16_t)(100 + rand() % 500);
        record->start_ns = (uint64_t)rand() << 31 | (uint64_t)rand();
        record->end_ns = record->start_ns + (uint64_t)rand();
        record->facts_dropped = (uint16_t)(rand() % 2 * 7);
        span_add_string(record, FACT_METHOD, "DELETE");
        cJSON *json = json_checked(request_of((const struct span_record *[]){record}, 1));
        const cJSON *span = spans_of(json)->child;
        check_span(span, record);
        cr_expect_str_eq(get_string(span, "name"), "DELETE");
        cr_expect_eq(get_number(span, "droppedAttributesCount", 0), record->facts_dropped);
        cJSON_Delete(json);
    }
}

Test(otlp_json, several_spans_are_one_list_and_no_resource_is_no_comma)
{
    struct span_record *first = span_exact(span_new(SPAN_SERVER)), *second = span_exact(span_new(SPAN_CLIENT));
    cJSON *json = json_checked(request_of((const struct span_record *[]){first, second, first}, 3));
    cr_assert_eq(cJSON_GetArraySize(spans_of(json)), 3);
    check_span(cJSON_GetArrayItem(spans_of(json), 1), second);
    cJSON_Delete(json);
    struct text text = TEXT(room);
    otlp_json_begin(&text, (struct slice){NULL, 0});
    otlp_json_end(&text);
    json = json_checked(text_as_slice(&text));
    cr_assert_eq(cJSON_GetArraySize(spans_of(json)), 0);
    cJSON_Delete(json);
    free(first);
    free(second);
}

Test(otlp_json, counts_what_is_over_the_limit_and_what_was_never_recorded)
{
    struct span_record *record = span_new(SPAN_SERVER);
    span_add_string(record, FACT_METHOD, "GET");
    record->facts_dropped = 3;
    config.attribute_count_limit = 2;
    cJSON *json = json_checked(request_of((const struct span_record *[]){record}, 1));
    const cJSON *span = spans_of(json)->child;
    cr_expect_eq(cJSON_GetArraySize(get(span, "attributes")), 2);
    /* method, scheme | client, peer address and port, version, status */
    cr_expect_eq(get_number(span, "droppedAttributesCount", 0), 5 + 3);
    cJSON_Delete(json);
}

/* --- tracestate ------------------------------------------------------------------------------------------------------ */

#define KEY_256                                                                                                        \
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" \
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define MEMBERS_8(n) n "a=1," n "b=1," n "c=1," n "d=1," n "e=1," n "f=1," n "g=1," n "h=1"
#define MEMBERS_32 MEMBERS_8("1") "," MEMBERS_8("2") "," MEMBERS_8("3") "," MEMBERS_8("4")

static const struct {
    const char *fields[3];
    const char *state; /* NULL: left out */
} tracestates[] = {
    {{"a=1"}, "a=1"},
    {{"a=1,b=2"}, "a=1,b=2"},
    {{"a=1", "b=2", "c=3"}, "a=1,b=2,c=3"},
    {{" a=1 ,\tb=2\t"}, "a=1,b=2"},
    {{",a=1,,b=2,"}, "a=1,b=2"},
    {{"", "a=1"}, "a=1"},
    {{"a=1", "a=2"}, "a=1,a=2"},
    {{"foo@=1,foo@@bar=2,a@b@c=3,0x=4,a_-*/=5"}, "foo@=1,foo@@bar=2,a@b@c=3,0x=4,a_-*/=5"},
    {{"a= 1"}, "a= 1"},
    {{"a=\"\\~!"}, "a=\"\\~!"},
    {{KEY_256 "=" KEY_256}, KEY_256 "=" KEY_256},
    {{MEMBERS_32}, MEMBERS_32},
    {{MEMBERS_32 ",x=1"}, NULL},
    {{MEMBERS_32, "x=1"}, NULL},
    {{"k" KEY_256 "=1"}, NULL},
    {{"a=v" KEY_256}, NULL},
    {{""}, NULL},
    {{", ,"}, NULL},
    {{"a"}, NULL},
    {{"a="}, NULL},
    {{"=1"}, NULL},
    {{"FOO=1"}, NULL},
    {{"foo.bar=1"}, NULL},
    {{"foo =1"}, NULL},
    {{"@foo=1"}, NULL},
    {{"foo=bar=baz"}, NULL},
    {{"a=1\x7f"}, NULL},
    {{"a=\xc3\xa4"}, NULL},
    {{"a=1\t2"}, NULL},
    {{"a=1", "b=2", "C=3"}, NULL}, /* one wrong member is one too many */
};

Test(otlp_json, tracestate_is_one_valid_list_or_absent)
{
    for (size_t i = 0; i < sizeof tracestates / sizeof *tracestates; i++) {
        struct span_record *record = span_new(SPAN_SERVER);
        for (size_t n = 0; n < 3 && tracestates[i].fields[n]; n++)
            span_add_string(record, FACT_TRACESTATE, tracestates[i].fields[n]);
        cJSON *json = json_checked(request_of((const struct span_record *[]){record}, 1));
        const cJSON *state = get(spans_of(json)->child, "traceState");
        cr_expect_eq(state != NULL, tracestates[i].state != NULL, "row %zu: %s", i, state ? state->valuestring : "absent");
        if (state && tracestates[i].state)
            cr_expect_str_eq(state->valuestring, tracestates[i].state);
        cJSON_Delete(json);
    }
}

/* --- anything at all ----------------------------------------------------------------------------------------------- */

/* Pieces that mean something, so that random text gets past the first check. */
static const char *const words[] = {"http://", "https://", "@", ":", "[::1]", "/", "?", "&", "sig=", "=", "for=", ";",
                                    ",", "\"", "\\", "192.0.2.1", "GET", "CONNECT", "*", "host=", "%", "%4", "a=1", " "};

static size_t random_text(char *to, size_t capacity)
{
    size_t len = 0, wanted = (size_t)rand() % capacity;
    while (len < wanted) {
        const char *word = words[(size_t)rand() % (sizeof words / sizeof *words)];
        size_t n = strlen(word);
        if (rand() % 3 && len + n <= wanted) {
            memcpy(to + len, word, n);
            len += n;
        } else {
            to[len++] = (char)rand();
        }
    }
    return len;
}

Test(otlp_json, random_facts_give_valid_json)
{
    srand(2);
    for (int round = 0; round < 20000; round++) {
        static char text[2000];
        struct span_record *record = span_new(rand() % 2 ? SPAN_SERVER : SPAN_CLIENT);
        record->peer.family = (uint16_t[]){0, AF_INET, AF_INET6, AF_UNIX}[rand() % 4];
        for (size_t i = 0; i < sizeof record->peer.bytes; i++)
            record->peer.bytes[i] = (uint8_t)(rand() % 3 ? 0 : rand());
        record->status = (uint16_t)rand();
        record->error = (uint8_t)(rand() % 6);
        record->version_major = (uint8_t)rand();
        record->version_minor = (uint8_t)rand();
        for (int i = rand() % 12; i > 0; i--)
            span_add(record, (enum fact_key)(rand() % (FACT_KEYS + 3)), (struct slice){text, random_text(text, rand() % 20 ? 40 : sizeof text)});
        config.attribute_count_limit = rand() % 3 ? 128 : (uint32_t)(rand() % 14);
        config.attribute_value_length_limit = rand() % 3 ? CONFIG_NO_LIMIT : (uint32_t)(rand() % 30);
        struct span_record *exact = span_exact(record);
        cJSON *json = json_checked(request_of((const struct span_record *[]){exact}, 1));
        cr_assert_eq(cJSON_GetArraySize(spans_of(json)), 1);
        cJSON_Delete(json);
        free(exact);
    }
}

Test(otlp_json, every_prefix_of_every_fact_gives_valid_json)
{
    static const struct {
        enum fact_key key;
        const char *text;
    } facts[] = {
        {FACT_METHOD, "CONNECT"},
        {FACT_TARGET, "http://u:p@[2001:db8::1]:80/p\xc3\xa4?a=1&sig=\xf0\x9f\x90\x9f&s%69g=2"},
        {FACT_HOST, "[2001:db8::1]:8080"},
        {FACT_FORWARDED, "for=\"[2001:db8::1]:1\";proto=https;host=\"h:1\", for=_x"},
        {FACT_X_FORWARDED_FOR, "2001:db8::1, 10.0.0.1"},
        {FACT_USER_AGENT, "\xe2\x82\xac\n"},
        {FACT_TRACESTATE, "a=1,b@c=2"},
    };
    for (int kind = SPAN_SERVER; kind <= SPAN_CLIENT; kind++)
        for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
            for (size_t len = 0; len <= strlen(facts[i].text); len++) {
                struct span_record *record = span_new((enum span_kind)kind);
                span_add(record, facts[i].key, (struct slice){facts[i].text, len});
                struct span_record *exact = span_exact(record);
                cJSON_Delete(json_checked(request_of((const struct span_record *[]){exact}, 1)));
                free(exact);
            }
}

Test(otlp_json, a_span_that_does_not_fit_leaves_no_trace)
{
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct span_record *record = span_new(golden[i].kind);
        golden[i].make(record);
        struct text whole = TEXT(room);
        text_literal(&whole, "before");
        cr_assert(otlp_json_span(&whole, record, OFFSET_NS, false));
        for (size_t capacity = 6; capacity <= whole.len; capacity++) {
            char *exact = malloc(capacity);
            struct text text = {.ptr = exact, .capacity = capacity};
            text_literal(&text, "before");
            bool fits = otlp_json_span(&text, record, OFFSET_NS, false);
            cr_assert_eq(fits, capacity == whole.len);
            cr_assert(!text.overflowed && text.len == (fits ? whole.len : 6) && memcmp(exact, room, text.len) == 0);
            free(exact);
        }
    }
}

Test(otlp_json, nothing_is_added_to_a_text_that_has_overflowed_already)
{
    struct text text = {.ptr = room, .capacity = sizeof room, .len = 5, .overflowed = true};
    cr_assert(!otlp_json_span(&text, span_new(SPAN_SERVER), 0, true));
    cr_assert(text.len == 5 && text.overflowed);
}
