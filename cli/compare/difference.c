/*
 * difference.c - whether what came out of the runs with the library is what comes out of those without.
 *
 * The first content without the library is the reference. Each other one without it marks the lines in which it is
 * unlike the reference, so which lines vary is known at any time and no content has to be kept for it. A content with
 * the library is judged as it comes, and only one that cannot be excused yet is kept: a line may turn out to vary later.
 * Lines that are marked stay marked; that is why what was excused once stays so.
 *
 * Of every content its length and sum are remembered, so whether it was seen without the library is known at the end
 * although it was closed, and whichever came first. Of one that could not be kept only this is not known: whether the
 * lines that were marked later would have excused it.
 *
 * Beyond LEN_BY_LINES a content is compared as a whole only. What bytes and lines are is content.c's, how a difference is
 * shown diff.c's.
 */
#include "difference.h"

#include "buffer.h"
#include "content.h"
#include "diff.h"
#include "statistics.h"
#include "tallies.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Few: of four kinds of contents both sides have to be open with 64 descriptors for everything. */
enum { CONTENTS_KEPT_WITH = 8, CONTENTS_KEPT_WITHOUT = 2, LEN_KEPT = 256 * 1024 * 1024, CONTENTS_FEW = 8 };

/* A content that at least one run left, and, with the library, what was known of it as it came. */
struct distinct {
    struct content content;
    bool is_excused;                       /* the same as the reference but for lines that vary */
    size_t lines_varying;                  /* that were marked */
};

struct side {
    struct buffer lens;                    /* a double for each run */
    struct buffer distinct;                /* struct distinct, no two the same; without the library, the first is open */
    size_t count_kept, len_kept;           /* of those that are open */
};

struct contents {
    struct side without, with;
    bool masks;
    struct lines lines;                    /* of the reference */
    struct tallies tallies;                /* of those of its lines that differ */
    bool varies_whole;                     /* not even the number of lines is always the same */
};

/* --- judging ----------------------------------------------------------------------------------------------------- */

static struct distinct *side_distinct(const struct side *side)
{
    return (struct distinct *)(void *)side->distinct.bytes;
}

static size_t side_count(const struct side *side)
{
    return side->distinct.len / sizeof(struct distinct);
}

/* The one that is the same, or NULL. */
static struct distinct *side_find(const struct side *side, const struct content *content)
{
    for (size_t i = 0; i < side_count(side); i++)
        if (contents_equal(&side_distinct(side)[i].content, content))
            return &side_distinct(side)[i];
    return NULL;
}

static const struct content *contents_reference(const struct contents *contents)
{
    return &side_distinct(&contents->without)[0].content;
}

/* The same as the reference but for lines that vary. */
static bool view_is_excused(const struct lines *lines, struct view reference, struct view view)
{
    for (size_t line = 0; line < lines->count; line++) {
        if (view.len == 0)
            return false;
        struct view expected = line_take(&reference), got = line_take(&view);
        if (!line_varies(lines, line) && !views_equal(expected, got))
            return false;
    }
    return view.len == 0;
}

static bool contents_excuse(const struct contents *contents, const struct content *content)
{
    if (contents->lines.varying_count == 0 || contents->varies_whole || !content_has_lines(content))
        return false;
    struct view reference = view_map(contents_reference(contents)), view = view_map(content);
    bool is_excused = view_is_excused(&contents->lines, reference, view);
    view_unmap(reference);
    view_unmap(view);
    return is_excused;
}

/* Marks the lines in which one more content without the library is unlike the reference. */
static void views_mark_varying(struct contents *contents, struct view reference, struct view view)
{
    if (lines_count(view) != contents->lines.count) {
        contents->varies_whole = true;
        return;
    }
    for (size_t line = 0; line < contents->lines.count; line++)
        if (!views_equal(line_take(&reference), line_take(&view)))
            line_mark_varying(&contents->lines, line);
}

static void contents_mark_varying(struct contents *contents, const struct content *content)
{
    const struct content *first = contents_reference(contents);
    if (!content_has_lines(first) || !content_has_lines(content))
        contents->varies_whole = true;
    if (contents->varies_whole)
        return;
    struct view reference = view_map(first), view = view_map(content);
    views_mark_varying(contents, reference, view);
    view_unmap(reference);
    view_unmap(view);
}

/* --- taking contents in ------------------------------------------------------------------------------------------ */

struct contents *contents_create(bool masks)
{
    struct contents *contents = memory_get(sizeof *contents);
    contents->masks = masks;
    return contents;
}

static void side_finish(struct side *side)
{
    for (size_t i = 0; i < side_count(side); i++)
        content_close(&side_distinct(side)[i].content);
    buffer_finish(&side->distinct);
    buffer_finish(&side->lens);
}

void contents_destroy(struct contents *contents)
{
    if (contents == NULL)
        return;
    side_finish(&contents->without);
    side_finish(&contents->with);
    tallies_finish(&contents->tallies);
    free(contents->lines.varying);
    free(contents);
}

/* Closes it if it would be one too many. */
static void side_keep(struct side *side, struct content *content, size_t count_most)
{
    bool has_room = side->count_kept < count_most && side->len_kept <= LEN_KEPT && content->len_kept <= LEN_KEPT - side->len_kept;
    if (side->count_kept > 0 && !has_room) {
        content_close(content);
        return;
    }
    side->count_kept++;
    side->len_kept += content->len_kept;
}

static void contents_take_without(struct contents *contents, struct distinct *distinct)
{
    struct content *content = &distinct->content;
    if (side_count(&contents->without) == 0) {
        struct view view = view_map(content);
        contents->lines.count = lines_count(view);
        view_unmap(view);
    } else if (contents->masks) {
        contents_mark_varying(contents, content);
    }
    side_keep(&contents->without, content, CONTENTS_KEPT_WITHOUT);
}

static void contents_take_with(struct contents *contents, struct distinct *distinct)
{
    struct content *content = &distinct->content;
    bool is_seen = side_find(&contents->without, content) != NULL;
    distinct->is_excused = !is_seen && contents_excuse(contents, content);
    distinct->lines_varying = contents->lines.varying_count;
    if (is_seen || distinct->is_excused)
        content_close(content);
    else
        side_keep(&contents->with, content, CONTENTS_KEPT_WITH);
}

/* Counts the values of the lines that differ from the reference's; one that has other lines has none of them. */
static void contents_tally_lines(struct contents *contents, bool is_instrumented, const struct content *content)
{
    bool has_reference = side_count(&contents->without) > 0;
    if (!contents->masks || contents->varies_whole || (!has_reference && is_instrumented))
        return;
    if (!has_reference || contents_equal(content, contents_reference(contents))) {
        contents->tallies.runs[is_instrumented]++;
        return;
    }
    if (!content_has_lines(content) || !content_has_lines(contents_reference(contents)))
        return;
    struct view reference = view_map(contents_reference(contents)), view = view_map(content);
    if (lines_count(view) == contents->lines.count)
        tallies_add(&contents->tallies, is_instrumented, reference, view);
    view_unmap(reference);
    view_unmap(view);
}

void contents_add(struct contents *contents, bool is_instrumented, int fd)
{
    contents_add_beginning(contents, is_instrumented, fd, &(struct beyond){0});
}

void contents_add_beginning(struct contents *contents, bool is_instrumented, int fd, const struct beyond *beyond)
{
    struct side *side = is_instrumented ? &contents->with : &contents->without;
    struct distinct distinct = {.content = content_begin(fd, beyond)};
    double len = (double)distinct.content.len;
    buffer_append(&side->lens, &len, sizeof len);
    contents_tally_lines(contents, is_instrumented, &distinct.content);

    struct distinct *same = side_find(side, &distinct.content);
    if (same != NULL) {
        same->content.times++;
        close(fd);
        return;
    }
    if (is_instrumented)
        contents_take_with(contents, &distinct);
    else
        contents_take_without(contents, &distinct);
    buffer_append(&side->distinct, &distinct, sizeof distinct);
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

enum likeness {
    SEEN,                                  /* without the library too */
    EXCUSED,                               /* but for lines that vary */
    UNLIKE,
    UNKNOWN,                               /* not kept, and lines were marked later: taken to be as those that were kept */
    LIKENESS_COUNT
};

struct tally {
    size_t runs[LIKENESS_COUNT];
    const struct content *unlike;          /* one that is open; NULL: none is */
};

static enum likeness contents_judge(const struct contents *contents, const struct distinct *distinct)
{
    const struct content *content = &distinct->content;
    if (side_find(&contents->without, content) != NULL)
        return SEEN;
    if (distinct->is_excused)
        return EXCUSED;
    if (content->fd >= 0)
        return contents_excuse(contents, content) ? EXCUSED : UNLIKE;
    bool may_be_excused = content_has_lines(content) && contents->lines.varying_count > distinct->lines_varying;
    return may_be_excused ? UNKNOWN : UNLIKE;
}

static struct tally contents_tally(const struct contents *contents)
{
    struct tally tally = {.unlike = NULL};
    for (size_t i = 0; i < side_count(&contents->with); i++) {
        const struct distinct *distinct = &side_distinct(&contents->with)[i];
        enum likeness likeness = contents_judge(contents, distinct);
        tally.runs[likeness] += distinct->content.times;
        if (likeness == UNLIKE && tally.unlike == NULL && distinct->content.fd >= 0)
            tally.unlike = &distinct->content;
    }
    return tally;
}

static char *contents_diff(const struct contents *contents, const struct content *unlike, bool unicode)
{
    if (unlike == NULL)
        return memory_copy_text("@@ too much to be kept and shown @@\n");
    const struct content *reference = contents_reference(contents);
    struct view without = view_map(reference), with = view_map(unlike);
    char *diff = views_equal(without, with) ? diff_show_beyond(without.len, reference->len, unlike->len)
                                            : diff_show(&contents->lines, without, with, unicode);
    view_unmap(without);
    view_unmap(with);
    return diff;
}

/* Where lines leave nothing to compare, what is not exactly as without the library is unlike it, and nobody knows why. */
static void difference_decide(struct difference *difference, const struct contents *contents, const struct tally *tally)
{
    const struct lines *lines = &contents->lines;
    bool varies_wholly = contents->varies_whole || (lines->count > 0 && lines->varying_count == lines->count);
    size_t unseen = tally->runs[EXCUSED] + tally->runs[UNLIKE] + tally->runs[UNKNOWN];
    difference->lines = lines->count;
    difference->lines_varying = varies_wholly ? 0 : lines->varying_count;
    if (tally->runs[UNLIKE] > 0 && !contents->varies_whole) {
        difference->kind = DIFFERENT;
        difference->runs_different = tally->runs[UNLIKE] + tally->runs[UNKNOWN];
        difference->lines_varying = lines->varying_count;
    } else if (varies_wholly && unseen > 0) {
        difference->kind = VARIES;
        difference->runs_different = unseen;
        difference->lines_varying = lines->count;
    }
}

/* --- too frequent ------------------------------------------------------------------------------------------------ */

static char *value_escape(struct view view, bool unicode)
{
    enum { VALUE_LEN = 40 };
    view.len -= view.len > 0 && view.bytes[view.len - 1] == '\n';
    if (view.len == 0 || view.len > VALUE_LEN || memchr(view.bytes, '\0', view.len) != NULL || memchr(view.bytes, '\n', view.len) != NULL)
        return NULL;
    char text[VALUE_LEN + 1] = "";
    memcpy(text, view.bytes, view.len);
    return text_escape(text, unicode);
}

static void difference_set_frequent(struct difference *difference, size_t runs_without, const size_t runs[2])
{
    difference->kind = DIFFERENT;
    difference->runs_different = runs[true];
    difference->runs_without = runs_without;
    difference->runs_without_alike = runs[false];
}

static void lines_decide(struct difference *difference, const struct contents *contents, bool unicode)
{
    struct view reference = view_map(contents_reference(contents));
    struct excess excess;
    if (tallies_judge(&contents->tallies, reference, &excess)) {
        difference_set_frequent(difference, contents->tallies.runs[false], excess.runs);
        difference->line = excess.line + 1;
        difference->lines_varying = contents->lines.varying_count;
        difference->value = excess.is_cut ? NULL : value_escape(excess.with, unicode);
        difference->is_digits_aside = excess.is_digits_aside;
        difference->diff = diff_show_line(excess.line, excess.without, excess.with, excess.is_cut, unicode);
    }
    view_unmap(reference);
}

/* The most frequent one without the library that is not the same; NULL if there is none. */
static const struct content *contents_other(const struct contents *contents, const struct content *content)
{
    const struct content *most = NULL;
    for (size_t i = 0; i < side_count(&contents->without); i++) {
        const struct content *other = &side_distinct(&contents->without)[i].content;
        if (!contents_equal(other, content) && (most == NULL || other->times > most->times))
            most = other;
    }
    return most;
}

static char *whole_diff(const struct contents *contents, const struct content *content, bool unicode)
{
    const struct distinct *kept = side_find(&contents->without, content);
    const struct content *other = contents_other(contents, content);
    struct view without, with;
    content = kept != NULL ? &kept->content : content;
    if (other == NULL || !content_see(content, &with))
        return contents_diff(contents, NULL, unicode);
    if (!content_see(other, &without)) {
        content_unsee(content, with);
        return contents_diff(contents, NULL, unicode);
    }
    char *diff = diff_show(&(struct lines){.count = lines_count(without)}, without, with, unicode);
    content_unsee(content, with);
    content_unsee(other, without);
    return diff;
}

/* With few different contents without the library, each is a value; where they may be masked, many are clocks. */
static bool contents_are_values(const struct contents *contents)
{
    size_t count = side_count(&contents->without);
    return !contents->masks || (count <= CONTENTS_FEW && count * 3 <= side_runs(&contents->without));
}

static void whole_decide(struct difference *difference, const struct contents *contents, bool unicode)
{
    size_t count = side_count(&contents->with), runs[2], runs_without = side_runs(&contents->without);
    const struct content *found = NULL;
    double least = 1;
    for (size_t i = 0; i < count && contents_are_values(contents); i++) {
        const struct content *content = &side_distinct(&contents->with)[i].content;
        const struct distinct *same = side_find(&contents->without, content);
        size_t without = same != NULL ? same->content.times : 0;
        double chance = chance_of_more(content->times, difference->runs, without, runs_without);
        if (chance >= least)
            continue;
        least = chance;
        found = content;
        runs[false] = without;
        runs[true] = content->times;
    }
    if (found == NULL || !is_beyond_chance(least, count))
        return;
    struct view view;
    difference_set_frequent(difference, runs_without, runs);
    difference->diff = whole_diff(contents, found, unicode);
    if (content_see(found, &view)) {
        difference->value = value_escape(view, unicode);
        content_unsee(found, view);
    }
}

void difference_append_frequency(struct buffer *text, const struct difference *difference)
{
    if (difference->line > 0)
        buffer_append_format(text, "line %zu: ", difference->line);
    buffer_append_format(text, "%s%s in %zu of %zu runs with the library, in %zu of %zu without",
                         difference->value != NULL ? difference->value : "one value", difference->is_digits_aside ? ", digits aside," : "",
                         difference->runs_different, difference->runs, difference->runs_without_alike, difference->runs_without);
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

struct difference contents_compare(const struct contents *contents, bool unicode)
{
    struct difference difference = {.kind = SAME};
    if (side_runs(&contents->without) == 0 || side_runs(&contents->with) == 0)
        return difference;
    struct tally tally = contents_tally(contents);
    difference.runs = side_runs(&contents->with);
    difference_decide(&difference, contents, &tally);
    if (difference.kind == DIFFERENT)
        difference.diff = contents_diff(contents, tally.unlike, unicode);
    else if (contents->masks && !contents->varies_whole)
        lines_decide(&difference, contents, unicode);
    else
        whole_decide(&difference, contents, unicode);
    return difference;
}
