/*
 * content.h - what one run left, and the lines of it.
 *
 * A content stays in its file and is mapped while it is looked at; a view is what is seen then, or a part of it. Beyond
 * LEN_BY_LINES nobody should look at lines: a program that writes gigabytes seldom writes a clock on every one.
 *
 * Memory: a view owns nothing; the one that view_map() returned is given to view_unmap().
 * Errors: a content that cannot be read ends the command with a message (exit status 125).
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>
#include <stddef.h>

enum { LEN_BY_LINES = 64 * 1024 * 1024 };

struct content {
    int fd;
    size_t len;
    size_t times;                          /* that it was seen */
};

struct view {
    const char *bytes;
    size_t len;
};

/* The lines of the content that others are held against. */
struct lines {
    size_t count;
    unsigned char *varying;                /* a bit for each of them; NULL: none varies */
};

struct view view_map(const struct content *content);
void view_unmap(struct view view);
bool views_equal(struct view a, struct view b);

/* The first line with its newline; what follows it is left in *rest. */
struct view line_take(struct view *rest);

/* The same with the last one, of a view that is not empty. */
struct view line_take_last(struct view *rest);

size_t lines_count(struct view view);

/* `line` counts from 0. */
bool line_varies(const struct lines *lines, size_t line);

/* Ends the command: "cannot `what` what a run left", with the reason in errno. */
__attribute__((noreturn)) void content_end_without(const char *what);

#endif
