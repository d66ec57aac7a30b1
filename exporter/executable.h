/* executable.h - the path of a process's executable as the kernel tells it (/proc/self/exe), and its name.
 *
 * Threads: any; pure. Memory: slices of the caller's text.
 */
#ifndef EXECUTABLE_H
#define EXECUTABLE_H

#include "slice.h"

/* A file that was replaced by a newer one is still the one that runs, under its name. */
static inline struct slice executable_path(struct slice link)
{
    struct slice deleted = SLICE(" (deleted)");
    if (link.len > deleted.len && slice_equals(slice_after(link, link.len - deleted.len), deleted))
        link.len -= deleted.len;
    return link;
}

static inline struct slice executable_name(struct slice path)
{
    for (size_t n; (n = slice_find(path, '/')) < path.len;)
        path = slice_after(path, n + 1);
    return path;
}

#endif
