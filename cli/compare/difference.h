/*
 * difference.h - whether what came out of the runs with the library is what comes out of those without.
 *
 * Programs print clocks, process ids and ports: what differs between two runs without the library says nothing about
 * it. So lines that are not the same in all the contents without the library are left out of the comparison, and that is
 * told. Where not even the number of lines is the same in all of them, the whole counts as varying: only a content that
 * is exactly one of those seen without the library is then called the same, and what is not is VARIES, never DIFFERENT.
 * A content over 64 MiB is not looked at by lines: it is the same or it is not.
 *
 * Memory: contents stay in their files (descriptors, which are taken over; 32 of each side at most stay open): the heap
 *         stays small, because the peak memory of a child is at least what its parent had on the heap as it forked.
 * Errors: a content that cannot be read ends the command with a message (exit status 125).
 */
#ifndef DIFFERENCE_H
#define DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

enum difference_kind {
    SAME,                      /* as without the library, every time; lines that vary anyway left out */
    DIFFERENT,                 /* the library changes it */
    VARIES,                    /* it changes from run to run without the library too: nothing can be said */
};

struct difference {
    enum difference_kind kind;
    size_t runs, runs_different;           /* with the library; of them, those unlike any without (after masking) */
    size_t lines, lines_varying;           /* of a content without the library; of them, left out because they vary
                                              (all, if VARIES) */
    char *diff;                            /* if DIFFERENT: a few lines, "-" without, "+" with the library, escaped; else NULL.
                                              Ends with a newline. The caller frees it. */
};

struct contents;

struct contents *contents_create(void);
void contents_destroy(struct contents *contents);          /* NULL is fine */

/* One run's content: a regular file (or memfd), which is taken over; its offset means nothing. */
void contents_add(struct contents *contents, bool is_instrumented, int fd);

/* The same for a content that is a short text. */
void contents_add_text(struct contents *contents, bool is_instrumented, const char *text);

/* The median length in bytes of the contents of one side, NaN if there are none. */
double contents_median_len(const struct contents *contents, bool is_instrumented);

/* Decides. With nothing to compare, one side or both being without contents, it is SAME with 0 runs. `unicode`: whether
 * escaping may leave what is not ASCII. */
struct difference contents_compare(const struct contents *contents, bool unicode);

#endif
