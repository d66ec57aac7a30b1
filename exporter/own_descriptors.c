/* own_descriptors.c - a descriptor table of our thread's own. See own_descriptors.h.
 *
 * With a table shared with the application every socket of ours would take, for a moment, the lowest free number: a
 * daemon that closes 0 and opens /dev/null would get another one. And what the application closes would be ours to
 * meet. Kept apart, neither can happen; nor do we hold open what it has closed.
 */
#include "own_descriptors.h"

#include "system.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/resource.h>

#define CLOSE_RANGE_UNSHARE_FLAG (1U << 1) /* close_range(2), Linux 5.9 */

struct directory_entry { /* getdents64(2) */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static long number_of(const char *name)
{
    long number = 0;
    for (; *name >= '0' && *name <= '9'; name++)
        number = number * 10 + (*name - '0');
    return *name ? -1 : number;
}

/* Closes what a listing of the table names; true when it named nothing but the listing itself. */
static bool close_listed(long directory)
{
    static _Alignas(8) char listing[2048];
    bool none = true;
    for (long n; (n = system(getdents64, directory, listing, sizeof listing)) > 0;)
        for (long at = 0; at < n;) {
            const struct directory_entry *entry = (const struct directory_entry *)(listing + at);
            long fd = number_of(entry->name);
            if (entry->name[0] != '.' && fd >= 0 && fd != directory) {
                none = false;
                system(close, fd);
            }
            at += entry->length;
        }
    return none;
}

static void close_by_listing(long directory)
{
    for (int round = 0; round < 100 && !close_listed(directory); round++)
        system(lseek, directory, 0, 0);
    system(close, directory);
}

static void close_by_number(void)
{
    struct rlimit limit;
    if (system(prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) != 0 || limit.rlim_cur > 65536)
        limit.rlim_cur = 65536;
    for (unsigned fd = 0; fd < limit.rlim_cur; fd++)
        system(close, fd);
}

static void close_copy(void)
{
    long directory = system(openat, AT_FDCWD, "/proc/thread-self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0)
        close_by_listing(directory);
    else
        close_by_number();
}

bool own_descriptors_begin(enum exporter_table how)
{
    if (how == TABLE_BY_CLOSE_RANGE)
        return system(close_range, 0, UINT32_MAX, CLOSE_RANGE_UNSHARE_FLAG) == 0;
    if (how == TABLE_BY_UNSHARE && system(unshare, CLONE_FILES) != 0)
        return false;
    close_copy();
    return true;
}
