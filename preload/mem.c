/* mem.c - memcpy and its kin, our own.
 *
 * The compiler calls them on its own account, so they must exist; and libc's are not always libc's:
 * sanitizers and profilers put versions of theirs in front that use thread-local state, which a thread
 * unknown to libc does not have. Hidden, so the host never meets them.
 *
 * Copies here are short (a field, a record); long ones are left to the string instructions.
 */
#include <stdint.h>
#include <string.h>

#define LONG_COPY 256 /* from here on the string instructions are faster */

typedef uint64_t word __attribute__((may_alias, aligned(1)));

typedef unsigned char vector __attribute__((vector_size(16), may_alias, aligned(1)));
typedef uint32_t half __attribute__((may_alias, aligned(1)));

/* Up to sixteen bytes, as two parts that overlap. */
static void copy_short(unsigned char *d, const unsigned char *s, size_t n)
{
    if (n >= 8) {
        word first = *(const word *)s, last = *(const word *)(s + n - 8);
        *(word *)d = first;
        *(word *)(d + n - 8) = last;
    } else if (n >= 4) {
        half first = *(const half *)s, last = *(const half *)(s + n - 4);
        *(half *)d = first;
        *(half *)(d + n - 4) = last;
    } else if (n) {
        unsigned char first = s[0], middle = s[n / 2], last = s[n - 1];
        d[0] = first;
        d[n / 2] = middle;
        d[n - 1] = last;
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if (n <= 16) {
        copy_short(d, s, n);
        return to;
    }
#if defined(__x86_64__)
    if (n >= LONG_COPY) {
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        return to;
    }
#endif
    vector last = *(const vector *)(s + n - 16);
    for (size_t at = 0; at < n - 16; at += 16)
        *(vector *)(d + at) = *(const vector *)(s + at);
    *(vector *)(d + n - 16) = last;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if (d == s || n == 0)
        return to;
    if (d < s || d >= s + n) {
        for (; n >= 8 && (d < s ? (size_t)(s - d) : 8) >= 8; n -= 8, d += 8, s += 8)
            *(word *)d = *(const word *)s;
        while (n--)
            *d++ = *s++;
    } else {
        while (n--)
            d[n] = s[n];
    }
    return to;
}

void *memset(void *to, int value, size_t n)
{
    unsigned char *d = to;
    word pattern = 0x0101010101010101u * (unsigned char)value;
#if defined(__x86_64__)
    if (n >= LONG_COPY) {
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(value) : "memory");
        return to;
    }
#endif
    for (; n >= 8; n -= 8, d += 8)
        *(word *)d = pattern;
    while (n--)
        *d++ = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;
    for (; n >= 8 && *(const word *)p == *(const word *)q; n -= 8, p += 8, q += 8)
        ;
    for (; n; n--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

#if defined(__x86_64__)
#include <emmintrin.h>

/* 16 bytes at a time, aligned so that no load reaches into a page that may not be there. */
void *memchr(const void *from, int value, size_t n)
{
    const unsigned char *s = from, *end = s + n;
    const __m128i wanted = _mm_set1_epi8((char)value);
    if (!n)
        return NULL;
    const unsigned char *at = (const unsigned char *)((uintptr_t)s & ~(uintptr_t)15);
    unsigned hits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128((const __m128i *)at), wanted));
    hits &= ~0u << (s - at);
    while (!hits) {
        at += 16;
        if (at >= end)
            return NULL;
        hits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128((const __m128i *)at), wanted));
    }
    at += __builtin_ctz(hits);
    return at < end ? (void *)(uintptr_t)at : NULL;
}
#else
void *memchr(const void *from, int value, size_t n)
{
    const unsigned char *s = from;
    for (; n; n--, s++)
        if (*s == (unsigned char)value)
            return (void *)(uintptr_t)s;
    return NULL;
}
#endif

size_t strlen(const char *string)
{
    const char *s = string;
    while (*s)
        s++;
    return (size_t)(s - string);
}
