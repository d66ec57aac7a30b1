/*
 * difference.c - whether what came out of the runs with the library is what comes out of those without.
 *
 * The first content without the library is the reference. Each other one without it marks the lines in which it is
 * unlike the reference, so which lines vary is known at any time and no content has to be kept for it. A content with
 * the library is judged as it comes, and only one that cannot be excused yet is kept: a line may turn out to vary later.
 * Lines that are marked stay marked; that is why what was excused once stays so.
 *
 * A content is mapped while it is looked at. Beyond LEN_BY_LINES it is compared byte by byte only: a program that writes
 * gigabytes seldom writes a clock on every line.
 */
#include "difference.h"

#include "buffer.h"
#include "options.h"
#include "statistics.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONTENTS_KEPT = 32,
    LEN_BY_LINES = 64 * 1024 * 1024,
    LINES_SHOWN = 6,
    WIDTH_SHOWN = 160,
    LEN_ESCAPED = 1024,            /* of each end of a long line: more than WIDTH_SHOWN of any characters */
    LEN_BEFORE = 16,               /* shown before the place where wide lines part: even escaped, less than half of it */
};

struct view {
    const char *bytes;
    size_t len;
};

struct content {
    int fd;
    size_t len;
    size_t times;
};

struct side {
    struct buffer lens;                    /* a double for each run */
    struct content kept[CONTENTS_KEPT];    /* no two the same */
    size_t count;
};

struct contents {
    struct side without, with;
    size_t lines;                          /* of the reference, which is without.kept[0] */
    unsigned char *varying;                /* a bit for each of them; NULL: none varies */
    bool varies_whole;                     /* not even the number of lines is always the same */
    size_t excused;                        /* runs with the library, not kept: the same but for lines that vary */
    size_t unkept;                         /* and those that were one too many */
};

__attribute__((noreturn)) static void end_without(const char *what)
{
    fprintf(stderr, "spanload: cannot %s what a run left: %s\n", what, strerror(errno));
    exit(EXIT_OWN_FAILURE);
}

/* --- contents, lines --------------------------------------------------------------------------------------------- */

static struct view view_map(const struct content *content)
{
    if (content->len == 0)                 /* mmap(2) refuses */
        return (struct view){"", 0};
    void *bytes = mmap(NULL, content->len, PROT_READ, MAP_SHARED, content->fd, 0);
    if (bytes == MAP_FAILED)
        end_without("read");
    return (struct view){bytes, content->len};
}

static void view_unmap(struct view view)
{
    if (view.len > 0)
        munmap((void *)view.bytes, view.len);
}

static bool views_equal(struct view a, struct view b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

/* The first line with its newline; what follows it is left in *rest. */
static struct view line_take(struct view *rest)
{
    const char *newline = memchr(rest->bytes, '\n', rest->len);
    struct view line = {rest->bytes, newline != NULL ? (size_t)(newline - rest->bytes) + 1 : rest->len};
    *rest = (struct view){rest->bytes + line.len, rest->len - line.len};
    return line;
}

/* The same with the last one, of a view that is not empty. */
static struct view line_take_last(struct view *rest)
{
    const char *newline = memrchr(rest->bytes, '\n', rest->len - 1);
    size_t before = newline != NULL ? (size_t)(newline - rest->bytes) + 1 : 0;
    struct view line = {rest->bytes + before, rest->len - before};
    rest->len = before;
    return line;
}

static size_t lines_count(struct view view)
{
    size_t count = 0;
    for (; view.len > 0; count++)
        line_take(&view);
    return count;
}

static bool line_varies(const struct contents *contents, size_t line)
{
    return contents->varying != NULL && (contents->varying[line / 8] & 1 << line % 8) != 0;
}

/* --- judging ----------------------------------------------------------------------------------------------------- */

/* The kept content that has the same bytes, or NULL. */
static struct content *side_find(const struct side *side, struct view view)
{
    for (size_t i = 0; i < side->count; i++) {
        const struct content *kept = &side->kept[i];
        if (kept->len != view.len)
            continue;
        struct view other = view_map(kept);
        bool is_equal = views_equal(other, view);
        view_unmap(other);
        if (is_equal)
            return (struct content *)kept;
    }
    return NULL;
}

/* The same as the reference but for lines that vary. */
static bool view_is_excused(const struct contents *contents, struct view reference, struct view view)
{
    if (contents->varying == NULL || contents->varies_whole || view.len > LEN_BY_LINES)
        return false;
    for (size_t line = 0; line < contents->lines; line++) {
        if (view.len == 0)
            return false;
        struct view expected = line_take(&reference), got = line_take(&view);
        if (!line_varies(contents, line) && !views_equal(expected, got))
            return false;
    }
    return view.len == 0;
}

/* Marks the lines in which one more content without the library is unlike the reference. */
static void contents_mark_varying(struct contents *contents, struct view reference, struct view view)
{
    if (reference.len > LEN_BY_LINES || view.len > LEN_BY_LINES || lines_count(view) != contents->lines)
        contents->varies_whole = true;
    if (contents->varies_whole)
        return;
    if (contents->varying == NULL)
        contents->varying = memory_get(contents->lines / 8 + 1);
    for (size_t line = 0; line < contents->lines; line++)
        if (!views_equal(line_take(&reference), line_take(&view)))
            contents->varying[line / 8] |= (unsigned char)(1 << line % 8);
}

static bool contents_excuse(const struct contents *contents, struct view view)
{
    if (contents->without.count == 0)
        return false;
    struct view reference = view_map(&contents->without.kept[0]);
    bool is_excused = view_is_excused(contents, reference, view);
    view_unmap(reference);
    return is_excused;
}

/* --- taking contents in ------------------------------------------------------------------------------------------ */

struct contents *contents_create(void)
{
    return memory_get(sizeof(struct contents));
}

static void side_finish(struct side *side)
{
    for (size_t i = 0; i < side->count; i++)
        close(side->kept[i].fd);
    buffer_finish(&side->lens);
}

void contents_destroy(struct contents *contents)
{
    if (contents == NULL)
        return;
    side_finish(&contents->without);
    side_finish(&contents->with);
    free(contents->varying);
    free(contents);
}

/* True if it was kept. */
static bool side_keep(struct side *side, const struct content *content)
{
    if (side->count == CONTENTS_KEPT)
        return false;
    side->kept[side->count++] = *content;
    return true;
}

static bool contents_take_without(struct contents *contents, const struct content *content, struct view view)
{
    if (contents->without.count == 0) {
        contents->lines = lines_count(view);
    } else {
        struct view reference = view_map(&contents->without.kept[0]);
        contents_mark_varying(contents, reference, view);
        view_unmap(reference);
    }
    return side_keep(&contents->without, content);
}

static bool contents_take_with(struct contents *contents, const struct content *content, struct view view)
{
    if (side_find(&contents->without, view) != NULL)
        return false;
    if (contents_excuse(contents, view)) {
        contents->excused++;
        return false;
    }
    if (side_keep(&contents->with, content))
        return true;
    contents->unkept++;
    return false;
}

void contents_add(struct contents *contents, bool is_instrumented, int fd)
{
    struct side *side = is_instrumented ? &contents->with : &contents->without;
    struct stat status;
    if (fstat(fd, &status) != 0)
        end_without("find");
    struct content content = {.fd = fd, .len = (size_t)status.st_size, .times = 1};
    double len = (double)content.len;
    buffer_append(&side->lens, &len, sizeof len);

    struct view view = view_map(&content);
    struct content *same = side_find(side, view);
    bool is_kept = false;
    if (same != NULL)
        same->times++;
    else if (is_instrumented)
        is_kept = contents_take_with(contents, &content, view);
    else
        is_kept = contents_take_without(contents, &content, view);
    view_unmap(view);
    if (!is_kept)
        close(fd);
}

void contents_add_text(struct contents *contents, bool is_instrumented, const char *text)
{
    int fd = memfd_create("spanload-content", MFD_CLOEXEC);
    size_t left = strlen(text);
    while (fd >= 0 && left > 0) {
        ssize_t written = write(fd, text, left);
        if (written < 0)
            end_without("keep");
        text += written;
        left -= (size_t)written;
    }
    if (fd < 0)
        end_without("keep");
    contents_add(contents, is_instrumented, fd);
}

static size_t side_runs(const struct side *side)
{
    return side->lens.len / sizeof(double);
}

double contents_median_len(const struct contents *contents, bool is_instrumented)
{
    const struct side *side = is_instrumented ? &contents->with : &contents->without;
    return median_of((const double *)(const void *)side->lens.bytes, side_runs(side));
}

/* --- showing it -------------------------------------------------------------------------------------------------- */

struct diff {
    struct buffer text;
    bool unicode;
};

/* Some lines of one side. */
struct block {
    struct view view;
    size_t count;
};

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

/* How many lines in a row differ from here on; both views are left behind them. */
static size_t run_take(const struct contents *contents, size_t line, struct view *a, struct view *b)
{
    size_t count = 0;
    while (a->len > 0) {
        struct view a_rest = *a, b_rest = *b;
        if (views_equal(line_take(&a_rest), line_take(&b_rest)) || line_varies(contents, line + count))
            break;
        *a = a_rest;
        *b = b_rest;
        count++;
    }
    return count;
}

/* With as many lines on both sides a line belongs to the one of its number. */
static void diff_pairs(struct diff *diff, const struct contents *contents, struct view a, struct view b)
{
    size_t shown = 0, more = 0;
    for (size_t line = 0; a.len > 0; line++) {
        struct block without = {.view = a}, with = {.view = b};
        without.count = with.count = run_take(contents, line, &a, &b);
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
static bool lines_match(const struct contents *contents, size_t line, struct view a, struct view b)
{
    if (views_equal(a, b))
        return true;
    if (!line_varies(contents, line))
        return false;
    size_t longer = a.len > b.len ? a.len : b.len, shorter = a.len + b.len - longer;
    size_t head = views_part(a, b), tail = 0;
    while (head + tail < shorter && a.bytes[a.len - 1 - tail] == b.bytes[b.len - 1 - tail])
        tail++;
    return 2 * (head + tail) >= longer;
}

/* Else what is between the beginning and the end that are the same. */
static void diff_middle(struct diff *diff, const struct contents *contents, struct block without, struct block with)
{
    size_t first = 0, last = contents->lines;
    while (without.count > 0 && with.count > 0) {
        struct view a = without.view, b = with.view;
        if (!lines_match(contents, first, line_take(&a), line_take(&b)))
            break;
        without = (struct block){a, without.count - 1};
        with = (struct block){b, with.count - 1};
        first++;
    }
    while (without.count > 0 && with.count > 0) {
        struct view a = without.view, b = with.view;
        if (!lines_match(contents, --last, line_take_last(&a), line_take_last(&b)))
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

static char *contents_diff(const struct contents *contents, const struct content *unlike, bool unicode)
{
    struct diff diff = {.unicode = unicode};
    struct view a = view_map(&contents->without.kept[0]), b = view_map(unlike);
    struct block without = {a, contents->lines}, with = {b, lines_count(b)};
    if (a.len > LEN_BY_LINES || b.len > LEN_BY_LINES)
        diff_bytes(&diff, a, b);
    else if (without.count == with.count)
        diff_pairs(&diff, contents, a, b);
    else
        diff_middle(&diff, contents, without, with);
    view_unmap(a);
    view_unmap(b);
    return diff.text.bytes;
}

/* --- the verdict ------------------------------------------------------------------------------------------------- */

/* Runs with the library that nothing without it is like. *unlike becomes the first of their contents. */
static size_t contents_count_unlike(const struct contents *contents, const struct content **unlike)
{
    size_t count = 0;
    *unlike = NULL;
    for (size_t i = 0; i < contents->with.count; i++) {
        const struct content *content = &contents->with.kept[i];
        struct view view = view_map(content);
        if (side_find(&contents->without, view) == NULL && !contents_excuse(contents, view)) {
            count += content->times;
            *unlike = *unlike != NULL ? *unlike : content;
        }
        view_unmap(view);
    }
    if (contents->varies_whole)            /* what was excused when lines seemed to do */
        count += contents->excused;
    return count > 0 ? count + contents->unkept : 0;       /* taken to be as those that were kept */
}

static size_t contents_count_varying(const struct contents *contents)
{
    size_t count = 0;
    for (size_t line = 0; line < contents->lines; line++)
        count += line_varies(contents, line);
    return count;
}

struct difference contents_compare(const struct contents *contents, bool unicode)
{
    struct difference difference = {.kind = SAME};
    const struct content *unlike;
    if (side_runs(&contents->without) == 0 || side_runs(&contents->with) == 0)
        return difference;
    difference.runs = side_runs(&contents->with);
    difference.runs_different = contents_count_unlike(contents, &unlike);
    difference.lines = contents->lines;
    if (!contents->varies_whole)
        difference.lines_varying = contents_count_varying(contents);
    else if (difference.runs_different > 0)
        difference.lines_varying = contents->lines;
    if (difference.runs_different == 0)
        return difference;
    difference.kind = contents->varies_whole ? VARIES : DIFFERENT;
    if (difference.kind == DIFFERENT)
        difference.diff = contents_diff(contents, unlike, unicode);
    return difference;
}
