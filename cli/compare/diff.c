/*
 * diff.c - where two contents part, in a few lines for people.
 *
 * With as many lines on both sides, lines of the same number are held against each other; else what is between a common
 * beginning and a common end is shown. Nothing more clever: the first lines that differ tell what the library changed.
 * Contents too long to be looked at by lines are shown around the first byte that differs.
 *
 * Whether there is a difference, and which lines vary, is decided in difference.c.
 */
#include "diff.h"

#include "buffer.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum {
    LINES_SHOWN = 6,
    WIDTH_SHOWN = 160,
    LEN_ESCAPED = 1024,            /* of each end of a long line: more than WIDTH_SHOWN of any characters */
    LEN_BEFORE = 16,               /* shown before the place where wide lines part: even escaped, less than half of it */
};

struct diff {
    struct buffer text;
    bool unicode;
};

/* Some lines of one side. */
struct block {
    struct view view;
    size_t count;
};

/* --- a line ------------------------------------------------------------------------------------------------------ */

static void escaped_append(struct buffer *escaped, struct view view, bool unicode)
{
    while (view.len > 0) {
        size_t len = strnlen(view.bytes, view.len);
        char *plain = memory_get(len + 1);
        memcpy(plain, view.bytes, len);
        char *text = text_escape(plain, unicode);
        buffer_append_text(escaped, text);
        free(text);
        free(plain);
        if (len < view.len) {
            buffer_append_text(escaped, "\\x00");
            len++;
        }
        view = (struct view){view.bytes + len, view.len - len};
    }
}

/* One line of a diff; the first `skip` bytes are left out. */
static void diff_append(struct diff *diff, const char *sign, struct view view, size_t skip)
{
    struct buffer escaped = {0};
    buffer_append_text(&escaped, skip == 0 ? "" : diff->unicode ? "…" : "...");
    view = (struct view){view.bytes + skip, view.len - skip};
    if (view.len > 2 * LEN_ESCAPED) {
        escaped_append(&escaped, (struct view){view.bytes, LEN_ESCAPED}, diff->unicode);
        view = (struct view){view.bytes + view.len - LEN_ESCAPED, LEN_ESCAPED};
    }
    escaped_append(&escaped, view, diff->unicode);
    buffer_append_text(&diff->text, sign);
    text_append_elided(&diff->text, escaped.bytes, WIDTH_SHOWN, diff->unicode);
    buffer_append_text(&diff->text, "\n");
    buffer_finish(&escaped);
}

/* Where the two part, or the shorter one ends. */
static size_t views_part(struct view a, struct view b)
{
    size_t len = a.len < b.len ? a.len : b.len, at = 0;
    for (size_t step = 64 * 1024; step > 0; step = step == 1 ? 0 : 1)
        while (at < len && memcmp(a.bytes + at, b.bytes + at, step < len - at ? step : len - at) == 0)
            at += step < len - at ? step : len - at;
    return at;
}

/* Once it is escaped, whatever may be. */
static bool view_is_wide(struct view view)
{
    size_t columns = view.len;
    for (size_t i = 0; i < view.len && columns <= WIDTH_SHOWN; i++)
        if (view.bytes[i] < ' ' || view.bytes[i] > '~')
            columns += strlen("\\x00") - 1;
    return columns > WIDTH_SHOWN;
}

/* How much of the beginning of two lines is left out so that the place where they part is seen. */
static size_t lines_skip(struct view a, struct view b)
{
    size_t at = views_part(a, b);
    if (at <= LEN_BEFORE + 3 || (!view_is_wide(a) && !view_is_wide(b)))
        return 0;
    size_t skip = at - LEN_BEFORE;
    for (int i = 0; i < 3 && (a.bytes[skip] & 0xc0) == 0x80; i++)      /* within a character */
        skip--;
    return skip;
}

/* --- a hunk ------------------------------------------------------------------------------------------------------ */

static void diff_append_more(struct diff *diff, size_t count, const char *what)
{
    if (count > 0)
        buffer_append_format(&diff->text, "... %zu more line%s%s\n", count, count == 1 ? "" : "s", what);
}

static void diff_append_block(struct diff *diff, const char *sign, struct block block, size_t limit, size_t skip)
{
    for (size_t i = 0; i < block.count && i < limit; i++) {
        struct view line = line_take(&block.view);
        bool has_newline = line.bytes[line.len - 1] == '\n';
        diff_append(diff, sign, (struct view){line.bytes, line.len - has_newline}, i == 0 ? skip : 0);
        if (!has_newline)
            buffer_append_text(&diff->text, "\\ no newline at the end\n");
    }
    diff_append_more(diff, block.count > limit ? block.count - limit : 0, "");
}

static void diff_append_hunk(struct diff *diff, size_t line, struct block without, struct block with, size_t limit)
{
    struct view a = without.view, b = with.view;
    size_t skip = without.count > 0 && with.count > 0 ? lines_skip(line_take(&a), line_take(&b)) : 0;
    buffer_append_format(&diff->text, "@@ line %zu @@\n", line + 1);
    diff_append_block(diff, "-", without, limit, skip);
    diff_append_block(diff, "+", with, limit, skip);
}

/* --- which lines ------------------------------------------------------------------------------------------------- */

/* How many lines in a row differ from here on; both views are left behind them. */
static size_t run_take(const struct lines *lines, size_t line, struct view *a, struct view *b)
{
    size_t count = 0;
    while (a->len > 0) {
        struct view a_rest = *a, b_rest = *b;
        if (views_equal(line_take(&a_rest), line_take(&b_rest)) || line_varies(lines, line + count))
            break;
        *a = a_rest;
        *b = b_rest;
        count++;
    }
    return count;
}

/* With as many lines on both sides a line belongs to the one of its number. */
static void diff_pairs(struct diff *diff, const struct lines *lines, struct view a, struct view b)
{
    size_t shown = 0, more = 0;
    for (size_t line = 0; a.len > 0; line++) {
        struct block without = {.view = a}, with = {.view = b};
        without.count = with.count = run_take(lines, line, &a, &b);
        if (without.count > 0 && shown < LINES_SHOWN)
            diff_append_hunk(diff, line, without, with, LINES_SHOWN - shown);
        else
            more += without.count;
        shown += without.count;
        line += without.count;
        line_take(&a);
        line_take(&b);
    }
    diff_append_more(diff, more, " that differ");
}

/* A line that varies may be any line if lines are missing or new; one that is half the same is taken for it. */
static bool lines_match(const struct lines *lines, size_t line, struct view a, struct view b)
{
    if (views_equal(a, b))
        return true;
    if (!line_varies(lines, line))
        return false;
    size_t longer = a.len > b.len ? a.len : b.len, shorter = a.len + b.len - longer;
    size_t head = views_part(a, b), tail = 0;
    while (head + tail < shorter && a.bytes[a.len - 1 - tail] == b.bytes[b.len - 1 - tail])
        tail++;
    return 2 * (head + tail) >= longer;
}

/* Else what is between the beginning and the end that are the same. */
static void diff_middle(struct diff *diff, const struct lines *lines, struct block without, struct block with)
{
    size_t first = 0, last = lines->count;
    while (without.count > 0 && with.count > 0) {
        struct view a = without.view, b = with.view;
        if (!lines_match(lines, first, line_take(&a), line_take(&b)))
            break;
        without = (struct block){a, without.count - 1};
        with = (struct block){b, with.count - 1};
        first++;
    }
    while (without.count > 0 && with.count > 0) {
        struct view a = without.view, b = with.view;
        if (!lines_match(lines, --last, line_take_last(&a), line_take_last(&b)))
            break;
        without = (struct block){a, without.count - 1};
        with = (struct block){b, with.count - 1};
    }
    diff_append_hunk(diff, first, without, with, LINES_SHOWN);
}

static void diff_bytes(struct diff *diff, struct view a, struct view b)
{
    size_t at = views_part(a, b), before = at < LEN_BEFORE ? at : LEN_BEFORE;
    buffer_append_format(&diff->text, "@@ byte %zu @@\n", at + 1);     /* as cmp(1) counts */
    for (int i = 0; i < 2; i++) {
        struct view side = i == 0 ? a : b;
        size_t len = side.len - at + before;
        diff_append(diff, i == 0 ? "-" : "+", (struct view){side.bytes + at - before, len < WIDTH_SHOWN ? len : WIDTH_SHOWN}, 0);
        if (side.len == at)
            buffer_append_text(&diff->text, "\\ it ends here\n");
    }
}

char *diff_show(const struct lines *lines, struct view without, struct view with, bool unicode)
{
    struct diff diff = {.unicode = unicode};
    size_t count = lines_count(with);
    if (without.len > LEN_BY_LINES || with.len > LEN_BY_LINES)
        diff_bytes(&diff, without, with);
    else if (lines->count == count)
        diff_pairs(&diff, lines, without, with);
    else
        diff_middle(&diff, lines, (struct block){without, lines->count}, (struct block){with, count});
    return diff.text.bytes;
}

char *diff_show_line(size_t line, struct view without, struct view with, size_t skip, bool unicode)
{
    struct diff diff = {.unicode = unicode};
    buffer_append_format(&diff.text, "@@ line %zu @@\n", line + 1);
    diff_append(&diff, "-", without, without.len > 0 ? skip : 0);
    diff_append(&diff, "+", with, with.len > 0 ? skip : 0);
    return diff.text.bytes;
}

char *diff_show_beyond(size_t len_kept, size_t len_without, size_t len_with)
{
    struct buffer text = {0};
    buffer_append_format(&text, "@@ behind the first %zu bytes, which are the same: more is not kept @@\n-%zu bytes in all\n+%zu bytes in all\n",
                         len_kept, len_without, len_with);
    return text.bytes;
}
