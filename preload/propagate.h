/* propagate.h - what is written into the head of a request, so that it names our span.
 *
 * A head that is whole, and proven to be one, is given; what comes out is a short list of changes to it: digits that take
 * the place of as many others, and header lines between two of its own. Nothing is written here: the head may lie in the
 * caller's memory or partly in the kernel's already, and whoever asked knows how to bring the changes about.
 *
 *   - A field that is there is rewritten in place, same length, exactly once; one that is there and cannot be read, or is
 *     there twice, stays as it is, and nothing is added.
 *   - One that is not there becomes a line behind the request line, or, when that has gone already, before the empty line.
 *
 * Threads: any; pure. Memory: the caller's.
 */
#ifndef PROPAGATE_H
#define PROPAGATE_H

#include "context.h"
#include "exchange.h"
#include "protocol.h"

#include <stdint.h>

struct change {
    uint32_t at;   /* offset, counted from where the caller counts */
    uint32_t cut;  /* bytes that it takes the place of: `len`, or 0 */
    uint32_t len;
    uint32_t sent; /* of a line: how much of it has gone */
    const char *text;
};

/* In the order of `at`. */
struct changes {
    unsigned count, max;
    struct change *of;
    char *text; /* room, `size` bytes */
    uint32_t used, size;
};

struct head {
    struct slice bytes;
    uint32_t gone; /* how many of them cannot be changed any more */
    const struct message *message;
};

/* Adds the changes that make this head name the span of `exchange`; offsets are from the head's beginning, and `at` is added
 * to them. `onward`: what is handed on with it where the head has none of its own; NULL: nothing. False: some format that is
 * asked for could not be written; what could is in the list. */
bool propagate(struct changes *changes, uint32_t at, const struct head *head, const struct exchange *exchange, const struct context *onward);

/* Bytes of all lines that a head can be given, without `onward`. */
size_t propagate_lines(void);

#endif
