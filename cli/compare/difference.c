/*
 * difference.c - whether what came out of the runs with the library is what comes out of those without.
 *
 * The first content without the library is the reference. Each other one without it marks the lines in which it is
 * unlike the reference, so which lines vary is known at any time and no content has to be kept for it. A content with
 * the library is judged as it comes, and only one that cannot be excused yet is kept: a line may turn out to vary later.
 * Lines that are marked stay marked; that is why what was excused once stays so.
 *
 * Beyond LEN_BY_LINES a content is compared byte by byte only. What bytes and lines are is content.c's, how a difference is
 * shown diff.c's.
 */
#include "difference.h"

#include "buffer.h"
#include "content.h"
#include "diff.h"
#include "statistics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTENTS_KEPT = 32 };

struct side {
    struct buffer lens;                    /* a double for each run */
    struct content kept[CONTENTS_KEPT];    /* no two the same */
    size_t count;
};

struct contents {
    struct side without, with;
    struct lines lines;                    /* of the reference, which is without.kept[0] */
    bool varies_whole;                     /* not even the number of lines is always the same */
    size_t excused;                        /* runs with the library, not kept: the same but for lines that vary */
    size_t unkept;                         /* and those that were one too many */
};

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
    if (contents->lines.varying == NULL || contents->varies_whole || view.len > LEN_BY_LINES)
        return false;
    for (size_t line = 0; line < contents->lines.count; line++) {
        if (view.len == 0)
            return false;
        struct view expected = line_take(&reference), got = line_take(&view);
        if (!line_varies(&contents->lines, line) && !views_equal(expected, got))
            return false;
    }
    return view.len == 0;
}

/* Marks the lines in which one more content without the library is unlike the reference. */
static void contents_mark_varying(struct contents *contents, struct view reference, struct view view)
{
    if (reference.len > LEN_BY_LINES || view.len > LEN_BY_LINES || lines_count(view) != contents->lines.count)
        contents->varies_whole = true;
    if (contents->varies_whole)
        return;
    if (contents->lines.varying == NULL)
        contents->lines.varying = memory_get(contents->lines.count / 8 + 1);
    for (size_t line = 0; line < contents->lines.count; line++)
        if (!views_equal(line_take(&reference), line_take(&view)))
            contents->lines.varying[line / 8] |= (unsigned char)(1 << line % 8);
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
    free(contents->lines.varying);
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
        contents->lines.count = lines_count(view);
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
        content_end_without("find");
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
            content_end_without("keep");
        text += written;
        left -= (size_t)written;
    }
    if (fd < 0)
        content_end_without("keep");
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
    for (size_t line = 0; line < contents->lines.count; line++)
        count += line_varies(&contents->lines, line);
    return count;
}

static char *contents_diff(const struct contents *contents, const struct content *unlike, bool unicode)
{
    struct view without = view_map(&contents->without.kept[0]), with = view_map(unlike);
    char *diff = diff_show(&contents->lines, without, with, unicode);
    view_unmap(without);
    view_unmap(with);
    return diff;
}

struct difference contents_compare(const struct contents *contents, bool unicode)
{
    struct difference difference = {.kind = SAME};
    const struct content *unlike;
    if (side_runs(&contents->without) == 0 || side_runs(&contents->with) == 0)
        return difference;
    difference.runs = side_runs(&contents->with);
    difference.runs_different = contents_count_unlike(contents, &unlike);
    difference.lines = contents->lines.count;
    if (!contents->varies_whole)
        difference.lines_varying = contents_count_varying(contents);
    else if (difference.runs_different > 0)
        difference.lines_varying = contents->lines.count;
    if (difference.runs_different == 0)
        return difference;
    difference.kind = contents->varies_whole ? VARIES : DIFFERENT;
    if (difference.kind == DIFFERENT)
        difference.diff = contents_diff(contents, unlike, unicode);
    return difference;
}
