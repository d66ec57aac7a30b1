/* test_json.c - what becomes of bytes in a JSON string. */
#include <criterion/criterion.h>

#include "decimal.h"
#include "json.h"
#include "support_span.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_LIMIT UINT32_MAX
#define BAD "\xef\xbf\xbd" /* U+FFFD */

static char room[1 << 16];

static struct slice write_string(struct slice in, uint32_t limit, enum json_repair repair)
{
    static struct text text;
    struct json_string string;
    text = TEXT(room);
    json_string_begin(&string, &text, limit, repair);
    json_string_append(&string, in);
    json_string_end(&string);
    cr_assert(!text.overflowed);
    return text_as_slice(&text);
}

static const struct {
    struct slice in;
    const char *text, *url;
} rows[] = {
    {{"", 0}, "\"\"", "\"\""},
    {{"plain", 5}, "\"plain\"", "\"plain\""},
    {{"a\"b\\c/d", 7}, "\"a\\\"b\\\\c/d\"", "\"a\\\"b\\\\c/d\""},
    {{"\b\t\n\f\r", 5}, "\"\\b\\t\\n\\f\\r\"", "\"%08%09%0A%0C%0D\""},
    {{"\0\1\v\x1f\x7f", 5}, "\"\\u0000\\u0001\\u000b\\u001f\\u007f\"", "\"%00%01%0B%1F%7F\""},
    {{"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", 8}, "\"\\u0080\\u009b\\u009f\xc2\xa0\"", "\"%C2%80%C2%9B%C2%9F\xc2\xa0\""},
    {{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9f", 9}, "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9f\"", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9f\""},
    {{"\xff", 1}, "\"" BAD "\"", "\"%FF\""},
    {{"\xe2\x82", 2}, "\"" BAD "\"", "\"%E2%82\""},                       /* cut short: one for both */
    {{"\xe2\x82z", 3}, "\"" BAD "z\"", "\"%E2%82z\""},
    {{"\xc0\xaf", 2}, "\"" BAD BAD "\"", "\"%C0%AF\""},                   /* a longer form of `/` */
    {{"\xe0\x80\xaf", 3}, "\"" BAD BAD BAD "\"", "\"%E0%80%AF\""},
    {{"\xf0\x80\x80\xaf", 4}, "\"" BAD BAD BAD BAD "\"", "\"%F0%80%80%AF\""},
    {{"\xed\xa0\x80", 3}, "\"" BAD BAD BAD "\"", "\"%ED%A0%80\""},        /* a surrogate */
    {{"\xf4\x90\x80\x80", 4}, "\"" BAD BAD BAD BAD "\"", "\"%F4%90%80%80\""}, /* above U+10FFFF */
    {{"\xf4\x8f\xbf\xbf\xee\x80\x80", 7}, "\"\xf4\x8f\xbf\xbf\xee\x80\x80\"", "\"\xf4\x8f\xbf\xbf\xee\x80\x80\""},
    {{"\x80\xbf", 2}, "\"" BAD BAD "\"", "\"%80%BF\""},
    /* Unicode 15, table 3-8: one for each maximal subpart */
    {{"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", 13}, "\"a" BAD BAD BAD "b" BAD "c" BAD BAD "d\"", "\"a%F1%80%80%E1%80%C2b%80c%80%BFd\""},
};

Test(json, escapes_what_must_be_and_repairs_what_is_no_text)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice text = write_string(rows[i].in, NO_LIMIT, JSON_TEXT);
        cr_expect(slice_equals(text, slice_of(rows[i].text)), "row %zu: %.*s", i, (int)text.len, text.ptr);
        cJSON_Delete(json_checked(text));
        text = write_string(rows[i].in, NO_LIMIT, JSON_URL);
        cr_expect(slice_equals(text, slice_of(rows[i].url)), "row %zu as URL: %.*s", i, (int)text.len, text.ptr);
        cJSON_Delete(json_checked(text));
    }
}

Test(json, finds_what_is_special_at_every_place_of_every_length)
{
    static const char specials[] = "\"\\\x01\x1f\x7f\xff\n";
    for (size_t len = 1; len <= 40; len++)
        for (size_t at = 0; at < len; at++)
            for (size_t s = 0; s < sizeof specials - 1; s++) {
                char *in = malloc(len); /* of exactly this size, for the sanitizer */
                for (size_t i = 0; i < len; i++)
                    in[i] = (char)('!' + (i % 2 ? 2 + i : i * 3 % 58 == 1)); /* never a special one */
                for (size_t i = 0; i < len; i++)
                    if (in[i] == '"' || in[i] == '\\')
                        in[i] = '~';
                in[at] = specials[s];
                struct slice text = write_string((struct slice){in, len}, NO_LIMIT, JSON_TEXT);
                cr_assert(text.len > len + 2 && memcmp(text.ptr + 1, in, at) == 0, "length %zu, at %zu", len, at);
                cr_assert(memcmp(text.ptr + text.len - 1 - (len - at - 1), in + at + 1, len - at - 1) == 0);
                cr_assert(text.ptr[1 + at] == '\\' || s == 5, "length %zu, at %zu: %.*s", len, at, (int)text.len, text.ptr);
                cJSON_Delete(json_checked(text));
                free(in);
            }
}

Test(json, copies_every_plain_length_as_it_is)
{
    char in[100];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (char)('#' + i % 50);
    for (size_t len = 0; len <= sizeof in; len++) {
        struct slice text = write_string((struct slice){in, len}, NO_LIMIT, JSON_TEXT);
        cr_assert(text.len == len + 2 && memcmp(text.ptr + 1, in, len) == 0, "length %zu", len);
    }
}

Test(json, random_bytes_give_valid_json_that_reads_back_as_the_valid_part_of_them)
{
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char in[64];
        size_t len = (size_t)rand() % sizeof in;
        for (size_t i = 0; i < len; i++)
            in[i] = (char)(rand() % 4 ? 1 + rand() % 127 : 128 + rand() % 128);
        cJSON *json = json_checked(write_string((struct slice){in, len}, NO_LIMIT, JSON_TEXT));
        const char *back = json->valuestring;
        for (size_t i = 0; i < len; i++) { /* ASCII survives in its order, whatever stands between */
            if ((unsigned char)in[i] >= 0x80)
                continue;
            while (*back && (unsigned char)*back >= 0x80)
                back++;
            cr_assert_eq(*back, in[i]);
            back++;
        }
        cJSON_Delete(json);
        cJSON_Delete(json_checked(write_string((struct slice){in, len}, NO_LIMIT, JSON_URL)));
    }
}

static const struct {
    const char *in;
    uint32_t limit;
    const char *text, *url;
} limits[] = {
    {"abcdefghijkl", 0, "\"\"", "\"\""},
    {"abcdefghijkl", 1, "\"a\"", "\"a\""},
    {"abcdefghijkl", 9, "\"abcdefghi\"", "\"abcdefghi\""},
    {"abcdefghijkl", 12, "\"abcdefghijkl\"", "\"abcdefghijkl\""},
    {"\xc3\xa4\xc3\xb6\xc3\xbc", 2, "\"\xc3\xa4\xc3\xb6\"", "\"\xc3\xa4\xc3\xb6\""}, /* characters, not bytes */
    {"\"\"\"", 2, "\"\\\"\\\"\"", "\"\\\"\\\"\""},                                 /* of the value, not of its escapes */
    {"a\nb", 2, "\"a\\n\"", "\"a\""},                                              /* %0A would be three more */
    {"a\nb", 4, "\"a\\nb\"", "\"a%0A\""},
    {"a\nb", 5, "\"a\\nb\"", "\"a%0Ab\""},
};

Test(json, counts_characters)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct slice text = write_string(slice_of(limits[i].in), limits[i].limit, JSON_TEXT);
        cr_expect(slice_equals(text, slice_of(limits[i].text)), "row %zu: %.*s", i, (int)text.len, text.ptr);
        text = write_string(slice_of(limits[i].in), limits[i].limit, JSON_URL);
        cr_expect(slice_equals(text, slice_of(limits[i].url)), "row %zu as URL: %.*s", i, (int)text.len, text.ptr);
    }
}

Test(json, pieces_share_one_limit)
{
    struct text text = TEXT(room);
    struct json_string string;
    json_string_begin(&string, &text, 5, JSON_TEXT);
    json_string_append(&string, SLICE("abc"));
    json_string_append(&string, SLICE("def"));
    json_string_append(&string, SLICE("ghi"));
    json_string_end(&string);
    cr_assert(slice_equals(text_as_slice(&text), SLICE("\"abcde\"")));
}

Test(json, stops_at_every_capacity)
{
    const char in[] = "plain and longer than eight\n\"\xc3\xa4\xff end";
    char whole[200];
    struct text text = TEXT(whole);
    json_string(&text, slice_of(in), NO_LIMIT);
    for (size_t capacity = 0; capacity <= text.len; capacity++) {
        char *exact = malloc(capacity + 1);
        struct text small = {.ptr = exact, .capacity = capacity};
        exact[capacity] = '!';
        json_string(&small, slice_of(in), NO_LIMIT);
        cr_assert_eq(small.overflowed, capacity < text.len, "capacity %zu", capacity);
        cr_assert(small.len <= capacity && memcmp(exact, whole, small.len) == 0 && exact[capacity] == '!');
        free(exact);
    }
}

Test(decimal, writes_every_short_number)
{
    for (uint32_t number = 0; number < 1100000; number++) {
        char expected[32], got[DECIMAL_ROOM];
        size_t len = (size_t)(decimal_write(got, number) - got);
        snprintf(expected, sizeof expected, "%" PRIu32, number);
        cr_assert(slice_equals((struct slice){got, len}, slice_of(expected)), "%s: %.*s", expected, (int)len, got);
    }
}

Test(decimal, writes_as_printf_does)
{
    uint64_t numbers[2000] = {0, UINT64_MAX, UINT64_MAX - 1, 1755734400123456789, INT64_MAX};
    size_t count = 5;
    for (uint64_t power = 1; count < 5 + 3 * 20; power *= 10) {
        numbers[count++] = power;
        numbers[count++] = power - 1;
        numbers[count++] = power + 1;
    }
    srand(1);
    while (count < 2000)
        numbers[count++] = ((uint64_t)rand() << 40 ^ (uint64_t)rand() << 20 ^ (uint64_t)rand()) >> rand() % 64;
    for (size_t i = 0; i < count; i++) {
        char expected[32], got[32];
        struct text text = TEXT(got);
        decimal_append(&text, numbers[i]);
        snprintf(expected, sizeof expected, "%" PRIu64, numbers[i]);
        cr_assert(slice_equals(text_as_slice(&text), slice_of(expected)), "%s: %.*s", expected, (int)text.len, got);
    }
}
