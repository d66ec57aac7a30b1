/*
 * difference.h - whether what came out of the runs with the library is what comes out of those without.
 *
 * Programs print clocks, process ids and ports: what differs between two runs without the library says nothing about
 * it. So lines that are not the same in all the contents without the library are left out of the comparison (masked), and
 * that is told. Where that would leave nothing to compare, because every line varies or not even the number of lines is
 * the same in all of them, only a content that is exactly one of those seen without the library is called the same, and
 * what is not is VARIES: one line that a clock is in says nothing about the line it becomes. It is DIFFERENT all the same
 * if its number of lines is one that never varied.
 *
 * An exit status is no clock: one that varies and one that only the library brings are two things. Contents that are not
 * to be masked are compared whole: one that was never seen without the library is DIFFERENT, whatever varied without it.
 *
 * What was seen without the library, or varies, may still be far more frequent with it: an exit status that is 7 once in 40 runs
 * without and always with. So values are counted on both sides (of lines that vary: tallies.h), and one that has a larger share
 * with the library than chance allows (Fisher's exact test, one-sided, 1 in 100 for all values of a content together) is DIFFERENT too.
 *
 * A content over 64 MiB is not looked at by lines: it is the same or it is not. Two contents are the same if their lengths
 * and 64-bit sums are; so nothing more has to be kept of what is far behind the beginning.
 *
 * Memory: contents stay in their files (descriptors, which are taken over), and those files are memory too: of each side
 *         8 at most and 256 MiB stay open (without the library 2), but always one, so that a difference can be shown. What is one too many is
 *         judged as it comes and closed; only its sum is kept. The heap stays small, because the peak memory of a child
 *         is at least what its parent had on the heap as it forked.
 * Errors: a content that cannot be read ends the command with a message (exit status 125).
 */
#ifndef DIFFERENCE_H
#define DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

enum difference_kind {
    SAME,                      /* as without the library, every time; lines that vary anyway left out */
    DIFFERENT,                 /* the library changes it */
    VARIES,                    /* it changes from run to run without the library too, as a whole: nothing can be said */
};

struct difference {
    enum difference_kind kind;
    size_t runs, runs_different;           /* with the library; of them, those unlike any without (after masking; if
                                              VARIES, before) */
    size_t lines, lines_varying;           /* of a content without the library; of them, left out because they vary
                                              (all, if VARIES; none, if nothing is masked) */
    size_t runs_without;                   /* not 0: DIFFERENT because something is too frequent: runs without the library, */
    size_t runs_without_alike;             /* and of them, those that have it too; with the library runs_different have it */
    size_t line;                           /* it is this line, counted from 1; 0: the whole */
    char *value;                           /* it, if it is short, escaped; else NULL. The caller frees it. */
    bool is_digits_aside;                  /* it, or what differs from it in numbers alone */
    char *diff;                            /* if DIFFERENT: a few lines, "-" without, "+" with the library, escaped; else NULL.
                                              Ends with a newline. The caller frees it. */
};

struct buffer;
struct contents;

/* `masks`: whether lines that vary without the library are left out. */
struct contents *contents_create(bool masks);
void contents_destroy(struct contents *contents);          /* NULL is fine */

/* One run's content: a regular file (or memfd), which is taken over; its offset means nothing. */
void contents_add(struct contents *contents, bool is_instrumented, int fd);

/* The same for one of which only the beginning is in the file. */
struct beyond;
void contents_add_beginning(struct contents *contents, bool is_instrumented, int fd, const struct beyond *beyond);

/* The same for a content that is a short text. */
void contents_add_text(struct contents *contents, bool is_instrumented, const char *text);

/* The median length in bytes of the contents of one side, NaN if there are none. */
double contents_median_len(const struct contents *contents, bool is_instrumented);

/* Decides. With nothing to compare, one side or both being without contents, it is SAME with 0 runs. `unicode`: whether
 * escaping may leave what is not ASCII. */
struct difference contents_compare(const struct contents *contents, bool unicode);

/* Where something is too frequent: "line 2: FAILED in 6 of 6 runs with the library, in 1 of 12 without". */
void difference_append_frequency(struct buffer *text, const struct difference *difference);

#endif
