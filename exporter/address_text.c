/* address_text.c - an IP address as people write it. */
#include "address_text.h"

#include "decimal.h"
#include "pieces.h"

#include <sys/socket.h>

enum { GROUPS = 8 };

static void append_v4(struct text *out, const uint8_t bytes[4])
{
    char aside[16], *begin = pieces_begin(out, sizeof aside, aside), *at = begin;
    for (int i = 0; i < 4; i++) {
        at = decimal_write_short(at, bytes[i]);
        *at++ = '.';
    }
    pieces_end(out, begin, at - 1, aside);
}

static unsigned group(const uint8_t bytes[16], int i)
{
    return (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
}

static void append_group(struct text *out, unsigned value)
{
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 15;
        started |= digit || !shift;
        if (started)
            text_char(out, "0123456789abcdef"[digit]);
    }
}

/* The first of the longest runs of zero groups; one group alone is not shortened. Returns its length. */
static int find_gap(const uint8_t bytes[16], int *start)
{
    int longest = 1;
    for (int i = 0, run = 0; i < GROUPS; i++) {
        run = group(bytes, i) ? 0 : run + 1;
        if (run > longest) {
            longest = run;
            *start = i + 1 - run;
        }
    }
    return longest > 1 ? longest : 0;
}

static void append_v6(struct text *out, const uint8_t bytes[16])
{
    int start = GROUPS, len = find_gap(bytes, &start);
    for (int i = 0; i < GROUPS; i++) {
        if (i == start) {
            text_literal(out, "::");
            i += len - 1;
            continue;
        }
        if (i && i != start + len)
            text_char(out, ':');
        append_group(out, group(bytes, i));
    }
}

void address_append(struct text *out, const struct address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->family == AF_INET)
        append_v4(out, address->bytes);
    else if (address->family == AF_INET6 && memcmp(address->bytes, mapped, sizeof mapped) == 0)
        append_v4(out, address->bytes + sizeof mapped);
    else if (address->family == AF_INET6)
        append_v6(out, address->bytes);
}
