/* slice.h - a piece of somebody else's bytes: where they begin and how many there are.
 *
 * A slice owns nothing and ends nowhere in particular: there is no NUL to find. An absent value is
 * the slice whose `ptr` is NULL; a present and empty one has `len` 0 and a `ptr`.
 */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *string)
{
    return (struct slice){string, string ? strlen(string) : 0};
}

static inline bool slice_equals(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ASCII letters without regard to case; `lower` is written in lower case. */
static inline bool slice_equals_nocase(struct slice a, struct slice lower)
{
    if (a.len != lower.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != lower.ptr[i])
            return false;
    return true;
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

/* What follows the first `n` bytes; the empty slice at the end when there are fewer. */
static inline struct slice slice_after(struct slice s, size_t n)
{
    return n < s.len ? (struct slice){s.ptr + n, s.len - n} : (struct slice){s.len ? s.ptr + s.len : s.ptr, 0};
}

/* Optional white space of RFC 9110 section 5.6.3 (SP and HTAB) taken off both ends. */
static inline struct slice slice_trim(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s.ptr++, s.len--;
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Index of the first `c`, or `s.len` where there is none. */
static inline size_t slice_find(struct slice s, char c)
{
    const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

/* Cuts the next part off `rest`, up to `separator` or the end. False when `rest` is used up. */
static inline bool slice_next(struct slice *rest, char separator, struct slice *part)
{
    if (!rest->ptr)
        return false;
    size_t n = slice_find(*rest, separator);
    *part = (struct slice){rest->ptr, n};
    *rest = n < rest->len ? slice_after(*rest, n + 1) : (struct slice){NULL, 0};
    return true;
}

/* Decimal digits only. False for the empty slice, for anything else in it, and above `max`. */
static inline bool slice_to_number(struct slice s, unsigned long long max, unsigned long long *number)
{
    const size_t sure = 18; /* digits that are in any number of 64 bits, without a division to find out */
    unsigned long long n = 0;
    if (!s.len)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - '0';
        if (digit > 9 || (i >= sure && n > (max - digit) / 10))
            return false;
        n = n * 10 + digit;
    }
    if (n > max)
        return false;
    *number = n;
    return true;
}

#endif
