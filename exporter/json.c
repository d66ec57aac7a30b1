/* json.c - JSON strings written from bytes that came off the wire.
 *
 * Nearly all of them need no escape. So sixteen bytes at a time are asked whether each stands for itself, a run of those
 * is copied at once, and only what is left is looked at character by character.
 */
#include "json.h"

#include "utf8.h"

/* Sixteen bytes in one register of either machine (GCC's and Clang's vector extensions). */
typedef signed char bytes16 __attribute__((vector_size(16)));
typedef uint64_t words16 __attribute__((vector_size(16)));

static bool is_special(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x7f;
}

/* Whether one of sixteen bytes is special; as signed numbers those that are not ASCII are below 0x20. */
static inline bool any_special(words16 sixteen)
{
    bytes16 bytes = (bytes16)sixteen;
    words16 hits = (words16)((bytes < 0x20) | (bytes == '"') | (bytes == '\\') | (bytes == 0x7f));
    return (hits[0] | hits[1]) != 0;
}

static inline bool copy_16(char *to, const char *from)
{
    words16 sixteen;
    memcpy(&sixteen, from, 16);
    if (any_special(sixteen))
        return false;
    memcpy(to, &sixteen, 16);
    return true;
}

/* Eight to sixteen bytes, or four to eight, as two halves that overlap. */
static inline bool copy_8_to_16(char *to, const char *from, size_t len)
{
    uint64_t first, last;
    memcpy(&first, from, 8);
    memcpy(&last, from + len - 8, 8);
    if (any_special((words16){first, last}))
        return false;
    memcpy(to, &first, 8);
    memcpy(to + len - 8, &last, 8);
    return true;
}

static inline bool copy_4_to_8(char *to, const char *from, size_t len)
{
    uint32_t first, last;
    memcpy(&first, from, 4);
    memcpy(&last, from + len - 4, 4);
    uint64_t both = (uint64_t)last << 32 | first;
    if (any_special((words16){both, both}))
        return false;
    memcpy(to, &first, 4);
    memcpy(to + len - 4, &last, 4);
    return true;
}

/* Copies bytes up to the first special one. Returns how many. */
static inline size_t copy_plain(char *to, const char *from, size_t len)
{
    size_t n = 0;
    while (len - n > 16 && copy_16(to + n, from + n))
        n += 16;
    if (len - n <= 16) {
        if (len >= 16 && copy_16(to + len - 16, from + len - 16))
            return len;
        if (len < 16 && len >= 8 && copy_8_to_16(to, from, len))
            return len;
        if (len < 8 && len >= 4 && copy_4_to_8(to, from, len))
            return len;
    }
    for (; n < len && !is_special(from[n]); n++)
        to[n] = from[n];
    return n;
}

static void append_hex(struct text *out, struct slice prefix, unsigned char byte, const char digit[static 16])
{
    char pair[2] = {digit[byte >> 4], digit[byte & 15]};
    text_slice(out, prefix);
    text_bytes(out, pair, sizeof pair);
}

/* Control characters are C0, DEL and, as two bytes that begin with 0xc2, C1. */
static bool is_control(struct slice character)
{
    unsigned char last = (unsigned char)character.ptr[character.len - 1];
    return character.len == 1 ? last < 0x20 || last == 0x7f
                              : character.len == 2 && (unsigned char)character.ptr[0] == 0xc2 && last < 0xa0;
}

static void append_escape(struct text *out, struct slice character)
{
    static const char shorthand[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    unsigned char code = (unsigned char)character.ptr[character.len - 1]; /* C1: the last byte is the code */
    if (code >= sizeof shorthand || !shorthand[code]) {
        append_hex(out, SLICE("\\u00"), code, "0123456789abcdef");
        return;
    }
    text_char(out, '\\');
    text_char(out, shorthand[code]);
}

static void append_percent(struct text *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        append_hex(out, SLICE("%"), (unsigned char)bytes.ptr[i], "0123456789ABCDEF");
}

/* Appends one character, or what stands for it. Returns how many characters of the value that makes: 0 when it would
 * be more than are left. */
static uint32_t append_special(struct json_string *string, struct slice character, bool valid)
{
    struct text *out = string->out;
    uint32_t characters = 1;
    if (valid && !is_control(character)) {
        if (character.ptr[0] == '"' || character.ptr[0] == '\\')
            text_char(out, '\\');
        text_slice(out, character);
    } else if (string->repair == JSON_URL) {
        characters = (uint32_t)character.len * 3;
        if (characters > string->characters_left)
            return 0;
        append_percent(out, character);
    } else if (valid) {
        append_escape(out, character);
    } else {
        text_literal(out, "\xef\xbf\xbd");
    }
    return characters;
}

/* Appends a run of bytes that stand for themselves, as far as there is room for it; returns how many. */
static inline size_t append_plain(struct json_string *string, struct slice bytes)
{
    struct text *out = string->out;
    size_t len = bytes.len, room = out->capacity - out->len;
    if (len > string->characters_left)
        len = string->characters_left;
    if (len > room)
        len = room;
    len = copy_plain(out->ptr + out->len, bytes.ptr, len);
    out->len += len;
    string->characters_left -= (uint32_t)len;
    return len;
}

/* Never inline: the rare case must not cost the usual one its registers. */
static __attribute__((noinline)) void append_mixed(struct json_string *string, struct slice bytes)
{
    while (bytes.len && string->characters_left) {
        bool valid;
        size_t len = utf8_next(bytes, &valid);
        uint32_t characters = append_special(string, (struct slice){bytes.ptr, len}, valid);
        string->characters_left = characters ? string->characters_left - characters : 0;
        bytes = slice_after(bytes, len);
        bytes = slice_after(bytes, append_plain(string, bytes));
    }
}

static inline void append(struct json_string *string, struct slice bytes)
{
    size_t len = append_plain(string, bytes);
    if (__builtin_expect(len < bytes.len, false))
        append_mixed(string, slice_after(bytes, len));
}

void json_string_begin(struct json_string *string, struct text *out, uint32_t max_characters, enum json_repair repair)
{
    *string = (struct json_string){out, max_characters, repair};
    text_char(out, '"');
}

void json_string_append(struct json_string *string, struct slice bytes)
{
    append(string, bytes);
}

void json_string_end(struct json_string *string)
{
    text_char(string->out, '"');
}

void json_string(struct text *out, struct slice bytes, uint32_t max_characters)
{
    struct json_string string = {out, max_characters, JSON_TEXT};
    text_char(out, '"');
    append(&string, bytes);
    text_char(out, '"');
}
