/* json.c - JSON strings written from bytes that came off the wire.
 *
 * Nearly all of them need no escape. So eight bytes at a time are asked whether each stands for itself, a run of those
 * is copied at once, and only what is left is looked at character by character.
 */
#include "json.h"

#include "utf8.h"

#define EACH_BYTE(byte) (0x0101010101010101ull * (byte))

/* Not 0 when one of eight bytes is a control character, a quote, a backslash, DEL, or not ASCII. The well-known test
 * for a zero byte, (x - 0x01..) & ~x & 0x80.., may report a byte above a zero one wrongly, which is of no matter here. */
static uint64_t special_bytes(uint64_t eight)
{
    uint64_t quote = eight ^ EACH_BYTE('"'), backslash = eight ^ EACH_BYTE('\\');
    uint64_t is_control = (eight - EACH_BYTE(0x20)) & ~eight;
    uint64_t is_quote = (quote - EACH_BYTE(1)) & ~quote;
    uint64_t is_backslash = (backslash - EACH_BYTE(1)) & ~backslash;
    uint64_t is_delete_or_not_ascii = (eight + EACH_BYTE(1)) | eight;
    return (is_control | is_quote | is_backslash | is_delete_or_not_ascii) & EACH_BYTE(0x80);
}

static bool is_special(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x7f;
}

static bool copy_eight(char *to, const char *from)
{
    uint64_t eight;
    memcpy(&eight, from, sizeof eight);
    if (special_bytes(eight))
        return false;
    memcpy(to, &eight, sizeof eight);
    return true;
}

/* Copies bytes up to the first that does not stand for itself. Returns how many. The last seven or fewer are copied as
 * the end of eight, of which the others are there already. */
static size_t copy_plain(char *to, const char *from, size_t len)
{
    size_t n = 0;
    while (len - n >= 8 && copy_eight(to + n, from + n))
        n += 8;
    if (n && n < len && len - n < 8 && copy_eight(to + len - 8, from + len - 8))
        return len;
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

void json_string_begin(struct json_string *string, struct text *out, uint32_t max_characters, enum json_repair repair)
{
    *string = (struct json_string){out, max_characters, repair};
    text_char(out, '"');
}

/* Appends a run of bytes that stand for themselves, as long as there are any; returns how many. */
static size_t append_plain(struct json_string *string, struct slice bytes)
{
    struct text *out = string->out;
    size_t len = bytes.len, room = out->capacity - out->len;
    if (len > string->characters_left)
        len = string->characters_left;
    if (len > room)
        len = room;
    len = copy_plain(out->ptr + out->len, bytes.ptr, len);
    out->len += len;
    return len;
}

void json_string_append(struct json_string *string, struct slice bytes)
{
    while (bytes.len && string->characters_left) {
        size_t len = append_plain(string, bytes), characters = len;
        if (!len) {
            bool valid;
            len = utf8_next(bytes, &valid);
            characters = append_special(string, (struct slice){bytes.ptr, len}, valid);
        }
        string->characters_left = characters ? string->characters_left - (uint32_t)characters : 0;
        bytes = slice_after(bytes, len);
    }
}

void json_string_end(struct json_string *string)
{
    text_char(string->out, '"');
}

void json_string(struct text *out, struct slice bytes, uint32_t max_characters)
{
    struct json_string string;
    json_string_begin(&string, out, max_characters, JSON_TEXT);
    json_string_append(&string, bytes);
    json_string_end(&string);
}
