/*
 * tree.c - paints a trace: a line about it, then a line per span.
 *
 * Two passes, because the columns of a trace stand below each other: first every cell as text
 * (struct row), from which the widths follow (struct layout), then the lines. What gives way when the
 * window is narrow, in this order: the bar's length, the middle of the target, the bar, the kind, the
 * duration. An error is always told.
 *
 * family.c says who is whose child; text.c makes strings harmless and cuts them.
 */
#include "tree.h"

#include "family.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GAP = 2, GUIDE_WIDTH = 3, WHAT_LEAST = 16, BAR_LEAST = 10, BAR_MOST = 40, TARGET_LEAST = 8,
    ANSWER_LEAST = 9,                      /* "error=503" */
    NARROW = 40,
};

/* What is drawn with: guides are three columns each. */
struct glyphs {
    const char *fork, *corner, *line, *blank;
    const char *unseen;                    /* before a root whose parent was not seen */
    const char *full, *left, *right;       /* a cell of the bar: whole, its left half, its right half */
};

static const struct glyphs unicode_glyphs = {"├─ ", "└─ ", "│  ", "   ", "↑ ", "█", "▌", "▐"};
static const struct glyphs ascii_glyphs = {"|- ", "`- ", "|  ", "   ", "^ ", "#", "#", "#"};

static const char red[] = "31", bold[] = "1", faint[] = "2";

struct row {
    const struct branch *branch;
    char *service, *name, *target;         /* escaped */
    char *answer;                          /* "200", "error=503", "200 error=timeout" */
    char *duration;
};

struct layout {
    int who, kind, what, answer, duration, bar;        /* columns; 0: left out */
};

struct painter {
    struct buffer *page;
    const struct terminal *terminal;
    const struct glyphs *glyphs;
    struct row *rows;
    size_t row_count;
    struct layout layout;
    uint64_t start_ns, end_ns;             /* of the trace */
    int levels_shown;                      /* guides are drawn down to this depth */
};

/* ---- cells as text ---- */

static const char *kind_name(enum span_kind kind)
{
    static const char *const names[] = {"INTERNAL", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"};
    return names[kind];
}

static char *answer_text(const struct span *span, bool unicode)
{
    struct buffer text = {0};
    bool says_more = strcmp(span->error, span->answer) != 0;
    bool has_error = span->has_failed || span->error[0] != '\0';
    buffer_append_text(&text, has_error && !says_more ? "" : span->answer);
    if (has_error)
        buffer_append_format(&text, "%s%s%s", text.len > 0 ? " " : "", span->error[0] ? "error=" : "error", span->error);
    char *escaped = text_escape(text.bytes, unicode);
    buffer_finish(&text);
    return escaped;
}

static bool span_has_duration(const struct span *span)
{
    return span->start_ns > 0 && span->end_ns >= span->start_ns;
}

static char *duration_text(const struct span *span, bool unicode)
{
    struct buffer text = {0};
    if (span_has_duration(span))
        text_append_duration(&text, span->end_ns - span->start_ns, unicode);
    else
        buffer_append_text(&text, "?");
    return text.bytes;
}

static struct row row_of(const struct branch *branch, bool unicode)
{
    const struct span *span = branch->span;
    return (struct row){
        .branch = branch,
        .service = text_escape(span->service, unicode),
        .name = text_escape(span->name, unicode),
        .target = text_escape(span->target, unicode),
        .answer = answer_text(span, unicode),
        .duration = duration_text(span, unicode),
    };
}

static void row_finish(struct row *row)
{
    free(row->service);
    free(row->name);
    free(row->target);
    free(row->answer);
    free(row->duration);
}

/* ---- widths ---- */

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* The width of what stands before the service. Beyond the levels shown it is "(depth) " and one guide. */
static int guides_width(const struct painter *painter, const struct branch *branch)
{
    if (branch->depth == 0)
        return branch->parent_is_unseen ? 2 : 0;
    if (branch->depth <= painter->levels_shown)
        return branch->depth * GUIDE_WIDTH;
    char number[16];
    return snprintf(number, sizeof number, "(%d) ", branch->depth) + GUIDE_WIDTH;
}

static int what_width(const struct row *row)
{
    int target = text_width(row->target);
    return text_width(row->name) + (target > 0 ? 1 + target : 0);
}

static struct layout widths_wanted(const struct painter *painter)
{
    struct layout wanted = {0};
    for (size_t i = 0; i < painter->row_count; i++) {
        const struct row *row = &painter->rows[i];
        wanted.who = larger(wanted.who, guides_width(painter, row->branch) + text_width(row->service));
        wanted.kind = larger(wanted.kind, (int)strlen(kind_name(row->branch->span->kind)));
        wanted.what = larger(wanted.what, what_width(row));
        wanted.answer = larger(wanted.answer, text_width(row->answer));
        wanted.duration = larger(wanted.duration, text_width(row->duration));
    }
    return wanted;
}

/* Columns left for the description when all others, and the gaps between them, have theirs. */
static int columns_left(const struct layout *layout, int width)
{
    const int others[] = {layout->who, layout->kind, layout->answer, layout->duration, layout->bar};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        width -= others[i] > 0 ? others[i] + GAP : 0;
    return width;
}

static void layout_decide(struct painter *painter)
{
    int width = painter->terminal->width;
    struct layout layout = widths_wanted(painter);
    int what_wanted = larger(layout.what, 1);
    layout.who = smaller(layout.who, width < NARROW ? width / 4 : width * 2 / 5);
    layout.answer = smaller(layout.answer, larger(ANSWER_LEAST, width / 4));
    layout.bar = larger(BAR_LEAST, smaller(width / 5, BAR_MOST));
    if (columns_left(&layout, width) < smaller(what_wanted, WHAT_LEAST))
        layout.bar = 0;
    if (columns_left(&layout, width) < smaller(what_wanted, WHAT_LEAST))
        layout.kind = 0;
    if (columns_left(&layout, width) < smaller(what_wanted, TARGET_LEAST))
        layout.duration = 0;
    int left = columns_left(&layout, width);
    layout.what = larger(1, smaller(left, what_wanted));
    if (layout.bar > 0)
        layout.bar = smaller(BAR_MOST, layout.bar + left - layout.what);
    painter->layout = layout;
}

/* ---- lines ---- */

static void colour_begin(struct painter *painter, const char *colour)
{
    if (painter->terminal->has_colour && colour != NULL)
        buffer_append_format(painter->page, "\033[%sm", colour);
}

static void colour_end(struct painter *painter, const char *colour)
{
    if (painter->terminal->has_colour && colour != NULL)
        buffer_append_text(painter->page, "\033[0m");
}

static void blanks_append(struct painter *painter, int count)
{
    for (; count > 0; count--)
        buffer_append(painter->page, " ", 1);
}

/* Appends escaped text in at most `width` columns. Returns the columns used. */
static int cell_append(struct painter *painter, const char *text, int width, const char *colour)
{
    colour_begin(painter, colour);
    int used = text_append_elided(painter->page, text, width, painter->terminal->has_unicode);
    colour_end(painter, colour);
    return used;
}

/* One service has one colour in the whole page, never the one of errors. */
static const char *service_colour(const char *service)
{
    static const char *const colours[] = {"36", "32", "35", "34", "33"};
    unsigned hash = 5381;
    for (; *service != '\0'; service++)
        hash = hash * 33 + (unsigned char)*service;
    return colours[hash % (sizeof colours / sizeof *colours)];
}

/* The guide at the level of `ancestor`: a line only if a sibling of it is still to come. */
static const char *guide_of(const struct painter *painter, const struct branch *ancestor, bool is_own)
{
    const struct glyphs *glyphs = painter->glyphs;
    if (is_own)
        return ancestor->next_sibling ? glyphs->fork : glyphs->corner;
    return ancestor->next_sibling ? glyphs->line : glyphs->blank;
}

static void guides_text(struct buffer *text, const struct painter *painter, const struct branch *branch)
{
    buffer_append_text(text, branch->parent_is_unseen ? painter->glyphs->unseen : "");
    if (branch->depth == 0)
        return;
    if (branch->depth > painter->levels_shown) {
        buffer_append_format(text, "(%d) %s", branch->depth, guide_of(painter, branch, true));
        return;
    }
    const char *guides[branch->depth];
    const struct branch *ancestor = branch;
    for (int level = branch->depth; level-- > 0; ancestor = ancestor->parent)
        guides[level] = guide_of(painter, ancestor, ancestor == branch);
    for (int level = 0; level < branch->depth; level++)
        buffer_append_text(text, guides[level]);
}

static void who_append(struct painter *painter, const struct row *row)
{
    struct buffer guides = {0};
    int width = painter->layout.who;
    guides_text(&guides, painter, row->branch);
    int used = cell_append(painter, guides.bytes, width, faint);
    used += cell_append(painter, row->service, width - used, service_colour(row->service));
    blanks_append(painter, width - used);
    buffer_finish(&guides);
}

/* The name, and of the target what has room beside it. */
static void what_append(struct painter *painter, const struct row *row)
{
    int width = painter->layout.what;
    int used = cell_append(painter, row->name, width, NULL);
    int left = width - used - (used > 0);
    if (row->target[0] != '\0' && left >= smaller(TARGET_LEAST, text_width(row->target))) {
        blanks_append(painter, used > 0);
        used = width - left + cell_append(painter, row->target, left, NULL);
    }
    blanks_append(painter, width - used);
}

/* The span's place in the trace's time, to half a cell: what is short is still seen. */
static void bar_append(struct painter *painter, const struct row *row)
{
    const struct span *span = row->branch->span;
    if (span->start_ns == 0)
        return;
    const struct glyphs *glyphs = painter->glyphs;
    uint64_t end_ns = span_has_duration(span) ? span->end_ns : span->start_ns;
    double halves = 2.0 * painter->layout.bar;
    double scale = painter->end_ns > painter->start_ns ? halves / (double)(painter->end_ns - painter->start_ns) : 0;
    int first = smaller((int)((double)(span->start_ns - painter->start_ns) * scale), (int)halves - 1);
    int last = larger(first + 1, smaller((int)((double)(end_ns - painter->start_ns) * scale + 0.999), (int)halves));
    const char *colour = span->has_failed ? red : service_colour(row->service);
    blanks_append(painter, GAP + first / 2);
    colour_begin(painter, colour);
    for (int cell = first / 2; cell * 2 < last; cell++) {
        bool has_left = cell * 2 >= first, has_right = cell * 2 + 1 < last;
        buffer_append_text(painter->page, has_left && has_right ? glyphs->full : has_left ? glyphs->left : glyphs->right);
    }
    colour_end(painter, colour);
}

static void line_end(struct buffer *page)
{
    while (page->len > 0 && page->bytes[page->len - 1] == ' ')
        page->len--;
    buffer_append_text(page, "\n");
}

static void line_append(struct painter *painter, const struct row *row)
{
    const struct layout *layout = &painter->layout;
    const struct span *span = row->branch->span;
    who_append(painter, row);
    if (layout->kind > 0) {
        blanks_append(painter, GAP);
        blanks_append(painter, layout->kind - cell_append(painter, kind_name(span->kind), layout->kind, faint));
    }
    blanks_append(painter, GAP);
    what_append(painter, row);
    if (layout->answer > 0) {
        blanks_append(painter, GAP);
        int used = cell_append(painter, row->answer, layout->answer, span->has_failed ? red : NULL);
        blanks_append(painter, layout->answer - used);
    }
    if (layout->duration > 0) {
        blanks_append(painter, GAP + layout->duration - text_width(row->duration));
        cell_append(painter, row->duration, layout->duration, NULL);
    }
    if (layout->bar > 0)
        bar_append(painter, row);
    line_end(painter->page);
}

/* ---- the line about the trace ---- */

struct census {
    size_t failed_count, unseen_count;
};

static struct census rows_count(const struct painter *painter)
{
    struct census census = {0};
    for (size_t i = 0; i < painter->row_count; i++) {
        census.failed_count += painter->rows[i].branch->span->has_failed;
        census.unseen_count += painter->rows[i].branch->parent_is_unseen;
    }
    return census;
}

/* Appends one statement of the header if it still fits. */
static void header_append(struct painter *painter, int *left, const char *text, const char *colour)
{
    int width = text_width(text) + GAP;
    if (width > *left)
        return;
    *left -= width;
    blanks_append(painter, GAP);
    cell_append(painter, text, width, colour);
}

/* A 64-bit id that came from an older system is padded with zeros: they tell nothing. */
static const char *trace_id_telling(const char *id)
{
    return strspn(id, "0") >= 16 ? id + 16 : id;
}

static void header_paint(struct painter *painter, const struct trace *trace)
{
    struct buffer text = {0};
    struct census census = rows_count(painter);
    int left = painter->terminal->width;
    buffer_append_format(&text, "trace %.8s", trace_id_telling(trace->id));
    left -= cell_append(painter, text.bytes, left, bold);
    buffer_clear(&text);
    buffer_append_format(&text, "%zu span%s", painter->row_count, painter->row_count == 1 ? "" : "s");
    header_append(painter, &left, text.bytes, NULL);
    buffer_clear(&text);
    text_append_duration(&text, painter->end_ns - painter->start_ns, painter->terminal->has_unicode);
    header_append(painter, &left, text.bytes, NULL);
    buffer_clear(&text);
    buffer_append_format(&text, "%zu error%s", census.failed_count, census.failed_count == 1 ? "" : "s");
    if (census.failed_count > 0)
        header_append(painter, &left, text.bytes, red);
    if (trace->is_continued)
        header_append(painter, &left, "(continued)", bold);
    buffer_clear(&text);
    buffer_append_format(&text, "(%sparent not seen)", painter->glyphs->unseen);
    if (census.unseen_count > 0)
        header_append(painter, &left, text.bytes, faint);
    buffer_append_text(painter->page, "\n");
    buffer_finish(&text);
}

/* ---- the page ---- */

static void painter_take_span(struct painter *painter, const struct span *span)
{
    if (span->start_ns == 0)
        return;
    uint64_t end_ns = span->end_ns > span->start_ns ? span->end_ns : span->start_ns;
    if (painter->start_ns == 0 || span->start_ns < painter->start_ns)
        painter->start_ns = span->start_ns;
    if (end_ns > painter->end_ns)
        painter->end_ns = end_ns;
}

void tree_paint(struct buffer *page, const struct trace *trace, const struct terminal *terminal)
{
    struct family family = family_of(trace);
    struct painter painter = {
        .page = page,
        .terminal = terminal,
        .glyphs = terminal->has_unicode ? &unicode_glyphs : &ascii_glyphs,
        .rows = memory_get(family.count * sizeof *painter.rows),
        .levels_shown = terminal->width / 4 / GUIDE_WIDTH,
    };
    for (const struct branch *branch = family.first_root; branch != NULL; branch = family_next(branch)) {
        painter_take_span(&painter, branch->span);
        painter.rows[painter.row_count++] = row_of(branch, terminal->has_unicode);
    }
    layout_decide(&painter);
    header_paint(&painter, trace);
    for (size_t i = 0; i < painter.row_count; i++)
        line_append(&painter, &painter.rows[i]);
    for (size_t i = 0; i < painter.row_count; i++)
        row_finish(&painter.rows[i]);
    free(painter.rows);
    family_finish(&family);
}
