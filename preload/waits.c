/* waits.c - back at the loop. See waits.h. */
#include "waits.h"

#include "causality.h"
#include "connection.h"
#include "fdtable.h"
#include "process.h"
#include "readable.h"
#include "thread.h"

bool waits_in_loop(void)
{
    if (!process.enabled || thread.vfork_depth)
        return false;
    causality_wait_begins();
    return true;
}

void waits_ended(bool is_loop)
{
    thread.work.waits++;
    if (is_loop)
        causality_wait_ended();
}

/* A listener, or the connection of a request that is not the one being worked on. */
static bool is_for_loop(int fd)
{
    uintptr_t entry = fdtable_entry(fd);
    if (entry <= FDTABLE_STREAM)
        return entry;
    const struct connection *connection = (const struct connection *)entry;
    return atomic_load_explicit(&connection->role, memory_order_relaxed) == ROLE_SERVER && connection->newest.id != thread.work.current.id;
}

bool waits_polls(const struct pollfd *fds, nfds_t count)
{
    if (!count || !readable(fds, count * sizeof *fds))
        return false;
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].fd >= 0 && is_for_loop(fds[i].fd))
            return waits_in_loop();
    return false;
}

/* As the kernel reads it: a number of words for `count` bits. */
static bool has_one_for_loop(int count, const fd_set *set)
{
    enum { BITS = 8 * sizeof(unsigned long) };
    const unsigned long *words = (const unsigned long *)set;
    size_t length = ((size_t)count + BITS - 1) / BITS;
    if (!set || !readable(set, length * sizeof *words))
        return false;
    for (size_t i = 0; i < length; i++)
        for (unsigned long word = words[i]; word; word &= word - 1) {
            int fd = (int)(i * BITS) + __builtin_ctzl(word);
            if (fd < count && is_for_loop(fd))
                return true;
        }
    return false;
}

bool waits_selects(int count, const fd_set *readable, const fd_set *writable)
{
    if (count <= 0 || !(has_one_for_loop(count, readable) || has_one_for_loop(count, writable)))
        return false;
    return waits_in_loop();
}
