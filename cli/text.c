/*
 * text.c - strings of strangers, made fit to print: no control characters, a known width.
 *
 * Decodes UTF-8 itself: mbrtowc() depends on the locale, and a byte it refuses still has to be shown.
 * Knows widths from wcwidth(), which knows them only for characters the locale has; the others are
 * escaped, and an escape is as wide as it is long.
 */
#include "text.h"

#include <string.h>
#include <wchar.h>

enum { NOT_UTF8 = -1 };

/* Decodes the character at `text` into *len bytes. Returns it, or NOT_UTF8 with *len = 1. RFC 3629. */
static int32_t utf8_decode(const char *text, int *len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    *len = 1;
    if (bytes[0] < 0x80)
        return bytes[0];
    int count = bytes[0] >= 0xf0 && bytes[0] < 0xf5 ? 4 : bytes[0] >= 0xe0 && bytes[0] < 0xf0 ? 3
              : bytes[0] >= 0xc2 && bytes[0] < 0xe0 ? 2 : 0;
    if (count == 0)
        return NOT_UTF8;
    int32_t character = bytes[0] & (0x7f >> count);
    for (int i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return NOT_UTF8;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    if (character < least[count] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
        return NOT_UTF8;
    *len = count;
    return character;
}

/* Invisible characters that reorder, join or hide their neighbours (Unicode TR36, "bidirectional spoofing"). */
static bool character_deceives(int32_t character)
{
    static const struct { int32_t first, last; } ranges[] = {
        {0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x061c, 0x061c}, {0x115f, 0x1160}, {0x180e, 0x180e},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0x10ffff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

static bool character_is_printable(int32_t character, bool unicode)
{
    if (character == NOT_UTF8 || character_deceives(character))
        return false;
    return character < 0x80 || (unicode && wcwidth((wchar_t)character) >= 0);
}

static void escape_append(struct buffer *buffer, int32_t character, unsigned char byte)
{
    if (character == '\n')
        buffer_append_text(buffer, "\\n");
    else if (character == '\r')
        buffer_append_text(buffer, "\\r");
    else if (character == '\t')
        buffer_append_text(buffer, "\\t");
    else if (character == NOT_UTF8 || character < 0x80)
        buffer_append_format(buffer, "\\x%02x", byte);
    else if (character < 0x10000)
        buffer_append_format(buffer, "\\u%04x", (unsigned)character);
    else
        buffer_append_format(buffer, "\\U%08x", (unsigned)character);
}

char *text_escape(const char *text, bool unicode)
{
    struct buffer escaped = {0};
    buffer_append(&escaped, "", 0);
    while (*text != '\0') {
        int len;
        int32_t character = utf8_decode(text, &len);
        if (character_is_printable(character, unicode))
            buffer_append(&escaped, text, (size_t)len);
        else
            escape_append(&escaped, character, (unsigned char)*text);
        text += len;
    }
    return escaped.bytes;
}

static int character_width(const char *text, int *len)
{
    int32_t character = utf8_decode(text, len);
    if (character < 0x80)
        return 1;
    int width = wcwidth((wchar_t)character);
    return width < 0 ? 1 : width;
}

int text_width(const char *text)
{
    int width = 0;
    for (int len; *text != '\0'; text += len)
        width += character_width(text, &len);
    return width;
}

/* Bytes of the longest beginning of `text` that fits into `width` columns, which become *used. */
static size_t text_fit_head(const char *text, int width, int *used)
{
    const char *end = text;
    *used = 0;
    for (int len; *end != '\0'; end += len) {
        int columns = character_width(end, &len);
        if (*used + columns > width)
            break;
        *used += columns;
    }
    return (size_t)(end - text);
}

/* Where the longest ending of `text` begins that fits into `width` columns. */
static const char *text_fit_tail(const char *text, int width)
{
    int left = text_width(text);
    for (int len; *text != '\0' && left > width; text += len)
        left -= character_width(text, &len);
    int len;
    while (*text != '\0' && character_width(text, &len) == 0)      /* an accent without its letter */
        text += len;
    return text;
}

int text_append_elided(struct buffer *buffer, const char *text, int width, bool unicode)
{
    int used;
    if (width <= 0)
        return 0;
    size_t head = text_fit_head(text, width, &used);
    if (text[head] == '\0') {
        buffer_append(buffer, text, head);
        return used;
    }
    const char *ellipsis = unicode ? "…" : "...";
    int ellipsis_width = unicode ? 1 : width < 3 ? width : 3;
    int kept = width - ellipsis_width;
    head = text_fit_head(text, kept - kept / 2, &used);
    const char *tail = text_fit_tail(text + head, kept - used);
    buffer_append(buffer, text, head);
    buffer_append(buffer, ellipsis, unicode ? strlen(ellipsis) : (size_t)ellipsis_width);
    buffer_append_text(buffer, tail);
    return used + ellipsis_width + text_width(tail);
}

void text_append_duration(struct buffer *buffer, uint64_t ns, bool unicode)
{
    const char *micro = unicode ? "µs" : "us";
    if (ns < 1000)
        buffer_append_format(buffer, "%u ns", (unsigned)ns);
    else if (ns < 9950)
        buffer_append_format(buffer, "%.1f %s", (double)ns / 1e3, micro);
    else if (ns < 999500)
        buffer_append_format(buffer, "%.0f %s", (double)ns / 1e3, micro);
    else if (ns < 99950000)
        buffer_append_format(buffer, "%.1f ms", (double)ns / 1e6);
    else if (ns < 999500000)
        buffer_append_format(buffer, "%.0f ms", (double)ns / 1e6);
    else if (ns < 9995000000)
        buffer_append_format(buffer, "%.2f s", (double)ns / 1e9);
    else if (ns < 59950000000)
        buffer_append_format(buffer, "%.1f s", (double)ns / 1e9);
    else {
        uint64_t seconds = (ns + 500000000) / 1000000000;
        if (seconds < 3600)
            buffer_append_format(buffer, "%um %02us", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
        else
            buffer_append_format(buffer, "%lluh %02um", (unsigned long long)(seconds / 3600), (unsigned)(seconds / 60 % 60));
    }
}
