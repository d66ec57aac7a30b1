/* utf8.h - one character of UTF-8 at a time, from bytes that may be anything. */
#ifndef UTF8_H
#define UTF8_H

#include "slice.h"

/* Bytes of the character that `s`, which is not empty, begins with (Unicode, table 3-7: shortest form, no surrogates,
 * nothing above U+10FFFF). Where they are no character `valid` is false, and the bytes are those that one U+FFFD stands
 * for (Unicode, section 3.9, "maximal subpart"). */
static inline size_t utf8_next(struct slice s, bool *valid)
{
    const unsigned char *bytes = (const unsigned char *)s.ptr;
    unsigned char lead = bytes[0], low = 0x80, high = 0xbf;
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    *valid = lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4);
    if (!*valid)
        return 1;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    size_t n = 1;
    for (; n < len && n < s.len && bytes[n] >= low && bytes[n] <= high; n++) {
        low = 0x80;
        high = 0xbf;
    }
    *valid = n == len;
    return n;
}

#endif
