/* hostname.c - text that stands for a host, checked and read.
 *
 * Strict where inet_aton is lenient: "127.1", "0x7f.0.0.1" and "010.0.0.1" mean different hosts to different readers,
 * so they mean none to this one. Underscores are let through because service names of containers have them.
 */
#include "hostname.h"

#include <sys/socket.h>

enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63 }; /* RFC 1035 section 2.3.4, without the length bytes */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool read_v4(struct slice text, uint8_t bytes[4])
{
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        size_t begin = at;
        unsigned number = 0;
        for (; at < text.len && at - begin < 3 && is_digit(text.ptr[at]); at++)
            number = number * 10 + (unsigned)(text.ptr[at] - '0');
        if (at == begin || number > 255 || (at - begin > 1 && text.ptr[begin] == '0'))
            return false;
        bytes[i] = (uint8_t)number;
        if (i < 3 && (at == text.len || text.ptr[at++] != '.'))
            return false;
    }
    return at == text.len;
}

/* One to four hexadecimal digits, 16 bits. */
static bool read_group(struct slice text, uint8_t bytes[2])
{
    unsigned value = 0;
    if (text.len < 1 || text.len > 4)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.ptr[i]);
        if (!is_digit(c) && (c < 'a' || c > 'f'))
            return false;
        value = value * 16 + (unsigned)(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
    return true;
}

/* Moves what stands behind the `::` to the end. It stands for at least one group of zeros. */
static bool fill_gap(uint8_t bytes[16], size_t gap, size_t len)
{
    if (len > 14)
        return false;
    memmove(bytes + 16 - (len - gap), bytes + gap, len - gap);
    memset(bytes + gap, 0, 16 - len);
    return true;
}

static bool read_v6(struct slice text, uint8_t bytes[16])
{
    const size_t none = 17;
    size_t len = 0, gap = none;
    if (slice_starts_with(text, SLICE("::"))) {
        gap = 0;
        text = slice_after(text, 2);
    }
    while (text.len) {
        size_t n = slice_find(text, ':');
        struct slice group = {text.ptr, n};
        if (n == text.len && len <= 12 && read_v4(group, bytes + len)) {
            len += 4;
            break;
        }
        if (len == 16 || !read_group(group, bytes + len))
            return false;
        len += 2;
        if (n == text.len)
            break;
        text = slice_after(text, n + 1);
        if (!text.len)
            return false; /* a single colon at the end */
        if (text.ptr[0] == ':') {
            if (gap != none)
                return false;
            gap = len;
            text = slice_after(text, 1);
        }
    }
    return gap == none ? len == 16 : fill_gap(bytes, gap, len);
}

bool hostname_read_literal(struct slice text, struct address *address)
{
    struct address read = {0};
    if (read_v4(text, read.bytes))
        read.family = AF_INET;
    else if (read_v6(text, read.bytes))
        read.family = AF_INET6;
    else
        return false;
    *address = read;
    return true;
}

static bool label_is_valid(struct slice label)
{
    if (label.len < 1 || label.len > LABEL_MAX_LEN)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = ascii_lower(label.ptr[i]);
        if (!is_digit(c) && (c < 'a' || c > 'z') && c != '-' && c != '_')
            return false;
    }
    return true;
}

bool hostname_is_valid(struct slice name)
{
    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len < 1 || name.len > NAME_MAX_LEN)
        return false;
    size_t numeric = 0;
    while (numeric < name.len && (is_digit(name.ptr[numeric]) || name.ptr[numeric] == '.'))
        numeric++;
    if (numeric == name.len)
        return false;
    for (struct slice label; slice_next(&name, '.', &label);)
        if (!label_is_valid(label))
            return false;
    return true;
}
