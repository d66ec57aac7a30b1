/*
 * family.h - the spans of a trace by descent: who is whose child, in order of their start.
 *
 * The spans stay the trace's; a family lives shorter than its trace.
 */
#ifndef FAMILY_H
#define FAMILY_H

#include "span_store.h"

struct branch {
    const struct span *span;
    struct branch *parent;                 /* NULL: a root */
    struct branch *first_child;
    struct branch *next_sibling;           /* of a root: the next root */
    int depth;                             /* 0 for a root */
    bool parent_is_unseen;                 /* a root that names a parent which is not here */
    size_t walk;                           /* which walk towards the root came by (family.c) */
};

struct family {
    struct branch *branches;               /* one per span, without repeated ones */
    size_t count;
    struct branch *first_root;
};

struct family family_of(const struct trace *trace);
void family_finish(struct family *family);

/* The branches from family.first_root on, each before its children; NULL after the last. */
struct branch *family_next(const struct branch *branch);

#endif
