/*
 * process_tree.h - the processes below a process, and what they have used, from /proc.
 *
 * Works for any user on processes of their own. What a process has used is asked of its CPU clock (clock_getcpuclockid(3)):
 * nanoseconds, threads that have ended counted.
 */
#ifndef PROCESS_TREE_H
#define PROCESS_TREE_H

#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent, session;
};

/* Writes `root` and all its descendants, at most `most`, but for the `but_count` processes of `but` and what is below
 * them. Returns how many; 0 without /proc, or where /proc is that of others (another pid namespace). */
size_t process_tree(pid_t root, const pid_t *but, size_t but_count, struct process *processes, size_t most);

/* What a tree has used since it began. NaN: cannot be read. */
struct tree_usage {
    double cpu_ns;                         /* of the processes that are there, and of ended ones they waited for */
    double context_switches;               /* voluntary and not, of the threads that are there */
    double page_faults;                    /* minor and major */
    double peak_bytes;                     /* the sum of the processes' peaks of resident memory */
};

struct tree_usage tree_usage_of(pid_t root);

#endif
