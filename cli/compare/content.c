/*
 * content.c - what one run left, and the lines of it.
 *
 * Bytes and newlines; what they are compared for is not known here. difference.c decides over them, diff.c shows them.
 */
#include "content.h"

#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void content_end_without(const char *what)
{
    fprintf(stderr, "spanload: cannot %s what a run left: %s\n", what, strerror(errno));
    exit(EXIT_OWN_FAILURE);
}

struct view view_map(const struct content *content)
{
    if (content->len == 0)                 /* mmap(2) refuses */
        return (struct view){"", 0};
    void *bytes = mmap(NULL, content->len, PROT_READ, MAP_SHARED, content->fd, 0);
    if (bytes == MAP_FAILED)
        content_end_without("read");
    return (struct view){bytes, content->len};
}

void view_unmap(struct view view)
{
    if (view.len > 0)
        munmap((void *)view.bytes, view.len);
}

bool views_equal(struct view a, struct view b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

struct view line_take(struct view *rest)
{
    const char *newline = memchr(rest->bytes, '\n', rest->len);
    struct view line = {rest->bytes, newline != NULL ? (size_t)(newline - rest->bytes) + 1 : rest->len};
    *rest = (struct view){rest->bytes + line.len, rest->len - line.len};
    return line;
}

struct view line_take_last(struct view *rest)
{
    const char *newline = memrchr(rest->bytes, '\n', rest->len - 1);
    size_t before = newline != NULL ? (size_t)(newline - rest->bytes) + 1 : 0;
    struct view line = {rest->bytes + before, rest->len - before};
    rest->len = before;
    return line;
}

size_t lines_count(struct view view)
{
    size_t count = 0;
    for (; view.len > 0; count++)
        line_take(&view);
    return count;
}

bool line_varies(const struct lines *lines, size_t line)
{
    return lines->varying != NULL && (lines->varying[line / 8] & 1 << line % 8) != 0;
}
