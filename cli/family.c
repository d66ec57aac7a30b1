/*
 * family.c - the spans of a trace by descent: who is whose child, in order of their start.
 *
 * What arrives need not be a tree. A span may come twice (an exporter repeats a batch whose answer was
 * lost: kept once), its parent may never come (a root, marked), and ids may form a ring (cut at the
 * earliest span of it). Nothing here recurses: a chain of 100,000 spans is only long.
 */
#include "family.h"

#include "buffer.h"

#include <stdlib.h>
#include <string.h>

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By start; of those that start together the longer first, since a parent is longer than its child. */
static int branch_compare_start(const void *left, const void *right)
{
    const struct span *a = ((const struct branch *)left)->span, *b = ((const struct branch *)right)->span;
    int order = compare_numbers(a->start_ns, b->start_ns);
    if (order == 0)
        order = compare_numbers(b->end_ns, a->end_ns);
    return order != 0 ? order : strcmp(a->span_id, b->span_id);
}

static int branch_compare_id(const void *left, const void *right)
{
    const struct branch *a = *(struct branch *const *)left, *b = *(struct branch *const *)right;
    int order = strcmp(a->span->span_id, b->span->span_id);
    return order != 0 ? order : (a > b) - (a < b);
}

static bool span_repeats(const struct span *span, const struct span *other)
{
    return strcmp(span->span_id, other->span_id) == 0 && span->start_ns == other->start_ns
        && span->end_ns == other->end_ns && span->kind == other->kind && strcmp(span->name, other->name) == 0;
}

static void family_collect(struct family *family, const struct trace *trace)
{
    size_t count = 0;
    family->branches = memory_get(trace->span_count * sizeof *family->branches);
    for (const struct span *span = trace->first; span != NULL; span = span->next)
        family->branches[count++].span = span;
    qsort(family->branches, count, sizeof *family->branches, branch_compare_start);
    for (size_t i = 0; i < count; i++) {
        const struct span *span = family->branches[i].span;
        if (family->count == 0 || !span_repeats(span, family->branches[family->count - 1].span))
            family->branches[family->count++].span = span;
    }
}

/* The first branch of that id in the index, which is sorted by id. */
static struct branch *index_find(struct branch **index, size_t count, const char *id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index[middle]->span->span_id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && strcmp(index[low]->span->span_id, id) == 0 ? index[low] : NULL;
}

static void family_find_parents(struct family *family)
{
    struct branch **index = memory_get(family->count * sizeof *index);
    for (size_t i = 0; i < family->count; i++)
        index[i] = &family->branches[i];
    qsort(index, family->count, sizeof *index, branch_compare_id);
    for (size_t i = 0; i < family->count; i++) {
        struct branch *branch = &family->branches[i];
        if (branch->span->parent_id[0] == '\0')
            continue;
        branch->parent = index_find(index, family->count, branch->span->parent_id);
        branch->parent_is_unseen = branch->parent == NULL;
    }
    free(index);
}

/* Each walk goes up until it meets an older walk or a root; one that meets itself has found a ring. */
static void family_cut_rings(struct family *family)
{
    for (size_t i = 0; i < family->count; i++) {
        struct branch *branch = &family->branches[i];
        while (branch != NULL && branch->walk == 0) {
            branch->walk = i + 1;
            branch = branch->parent;
        }
        if (branch == NULL || branch->walk != i + 1)
            continue;
        struct branch *earliest = branch;
        for (struct branch *member = branch->parent; member != branch; member = member->parent)
            if (member < earliest)
                earliest = member;
        earliest->parent = NULL;
    }
}

static void family_link_children(struct family *family)
{
    for (size_t i = family->count; i-- > 0;) {
        struct branch *branch = &family->branches[i];
        struct branch **head = branch->parent ? &branch->parent->first_child : &family->first_root;
        branch->next_sibling = *head;
        *head = branch;
    }
    for (struct branch *branch = family->first_root; branch != NULL; branch = family_next(branch))
        branch->depth = branch->parent ? branch->parent->depth + 1 : 0;
}

struct family family_of(const struct trace *trace)
{
    struct family family = {0};
    family_collect(&family, trace);
    family_find_parents(&family);
    family_cut_rings(&family);
    family_link_children(&family);
    return family;
}

void family_finish(struct family *family)
{
    free(family->branches);
    *family = (struct family){0};
}

struct branch *family_next(const struct branch *branch)
{
    if (branch->first_child != NULL)
        return branch->first_child;
    while (branch->next_sibling == NULL && branch->parent != NULL)
        branch = branch->parent;
    return branch->next_sibling;
}
