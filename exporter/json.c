/* json.c - JSON strings written from bytes that came off the wire.
 *
 * Nearly all of them need no escape. So sixteen bytes at a time are asked whether each stands for itself, a run of those
 * is copied at once, and only what is left is looked at character by character.
 */
#include "json.h"

#include "halves.h"
#include "utf8.h"

/* Where the special ones are of sixteen bytes. As numbers with a sign those that are not ASCII are below 0x20; with the bit
 * 0x02 turned in each, `"` stands next to them. */
static inline where16 find_special(bytes16 bytes)
{
    typedef signed char numbers16 __attribute__((vector_size(16)));
    const where16 everywhere = BITS_PER_BYTE == 1 ? 0xffff : UINT64_MAX;
    bytes16 turned = bytes ^ 0x02, others = (bytes16)(turned == ('\\' ^ 0x02)) | (bytes16)(turned == (0x7f ^ 0x02));
    return bytes16_where((bytes16)((numbers16)turned > 0x20) & ~others) ^ everywhere;
}

static bool is_special(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x7f;
}

static inline size_t copy_16_or_more(char *to, const char *from, size_t len)
{
    for (size_t at = 0;; at = at + 32 <= len ? at + 16 : len - 16) { /* the last sixteen, of which some have been copied */
        bytes16 bytes = bytes16_at(from + at);
        where16 special = find_special(bytes);
        memcpy(to + at, &bytes, sizeof bytes);
        if (special)
            return at + where16_first(special);
        if (at + 16 == len)
            return len;
    }
}

static inline size_t copy_less_than_16(char *to, const char *from, size_t len)
{
    if (len >= 2) {
        bytes16 halves = halves_at(from, len);
        where16 special = find_special(halves);
        halves_put(to, halves, len);
        return special ? halves_index(where16_first(special), len) : len;
    }
    if (!len || is_special(from[0]))
        return 0;
    to[0] = from[0];
    return 1;
}

size_t json_copy_plain(char *to, struct slice from)
{
    return from.len >= 16 ? copy_16_or_more(to, from.ptr, from.len) : copy_less_than_16(to, from.ptr, from.len);
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
    len = json_copy_plain(out->ptr + out->len, (struct slice){bytes.ptr, len});
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
    if (bytes.len <= max_characters && bytes.len + 2 <= out->capacity - out->len) { /* as nearly always, and needs no escape */
        char *at = out->ptr + out->len;
        if (json_copy_plain(at + 1, bytes) == bytes.len) {
            at[0] = at[bytes.len + 1] = '"';
            out->len += bytes.len + 2;
            return;
        }
    }
    text_char(out, '"');
    append(&string, bytes);
    text_char(out, '"');
}
