/*
 * content.h - what one run left, and the lines of it.
 *
 * A content stays in its file and is mapped while it is looked at; a view is what is seen then, or a part of it. Beyond
 * LEN_BY_LINES nobody should look at lines: a program that writes gigabytes seldom writes a clock on every one.
 *
 * A file's sum stands for its bytes where they are not kept. Holes count as the zeros they are read as, whatever their
 * length, and are not read: reading a hole of a mapped file in memory would fill it.
 *
 * Memory: a view owns nothing; the one that view_map() returned is given to view_unmap().
 * Errors: a content that cannot be read ends the command with a message (exit status 125).
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LEN_BY_LINES = 64 * 1024 * 1024 };

/* What stands for the bytes of a content that are not in its file. All zeros: there are none. */
struct beyond {
    size_t len;
    uint64_t sum;
    unsigned char word[8];                 /* the last len % 8 bytes, which are not in the sum yet */
};

struct content {
    int fd;                                /* -1 once it is closed: len and sum are left */
    size_t len, len_kept;                  /* the whole; what of it is in the file */
    uint64_t sum;
    size_t times;                          /* that it was seen */
    char beginning[24];                    /* all of it, if len is not more */
};

struct view {
    const char *bytes;
    size_t len;
};

/* The lines of the content that others are held against. */
struct lines {
    size_t count;
    unsigned char *varying;                /* a bit for each of them; NULL: none varies */
    size_t varying_count;
};

/* The next bytes behind. */
void beyond_add(struct beyond *beyond, const char *bytes, size_t len);

/* Takes the descriptor over. */
struct content content_begin(int fd, const struct beyond *beyond);
void content_close(struct content *content);

/* It is all there, and short enough to be looked at by lines. */
bool content_has_lines(const struct content *content);

bool contents_equal(const struct content *a, const struct content *b);

/* Of what is kept. */
struct view view_map(const struct content *content);
void view_unmap(struct view view);

/* The same of one that may be closed. False: it is, and was not short. */
bool content_see(const struct content *content, struct view *view);
void content_unsee(const struct content *content, struct view view);

bool views_equal(struct view a, struct view b);

/* The first line with its newline; what follows it is left in *rest. */
struct view line_take(struct view *rest);

/* The same with the last one, of a view that is not empty. */
struct view line_take_last(struct view *rest);

size_t lines_count(struct view view);

/* `line` counts from 0. */
bool line_varies(const struct lines *lines, size_t line);
void line_mark_varying(struct lines *lines, size_t line);

uint64_t bytes_sum(const char *bytes, size_t len);

/* The sum of what is in the file from `begin` on, a multiple of 8, and before `end`; bytes that are not there any more
 * count for nothing. Moves the offset. False with errno. */
bool file_sum(int fd, off_t begin, off_t end, uint64_t *sum);

/* Ends the command: "cannot `what` what a run left", with the reason in errno. */
__attribute__((noreturn)) void content_end_without(const char *what);

#endif
