/*
 * process_tree.h - the processes below a process, and what they have used, from /proc.
 *
 * Works for any user on processes of their own. What a process has used is asked of its CPU clock (clock_getcpuclockid(3)):
 * nanoseconds, threads that have ended counted.
 */
#ifndef PROCESS_TREE_H
#define PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent, session;
    unsigned long long started;            /* clock ticks since boot: tells a process from a later one of its number */
};

/* Writes `root` and all its descendants, at most `most`, but for the `but_count` processes of `but` and what is below
 * them. Returns how many; 0 without /proc, or where /proc is that of others (another pid namespace). */
size_t process_tree(pid_t root, const pid_t *but, size_t but_count, struct process *processes, size_t most);

/* Whether /proc is there, and is that of this process: without, no process is found. */
bool processes_are_seen(void);

/* What a tree has used since it began. NaN: cannot be read. */
struct tree_usage {
    double cpu_ns;                         /* of the processes that are there, and of ended ones they waited for */
    double context_switches;               /* voluntary and not, of the threads that are there */
    double page_faults;                    /* minor and major, of the processes that are there, and of ended ones they waited for */
    double peak_bytes;                     /* the sum of the processes' peaks of resident memory */
};

enum { TREE_MOST = 1024 };

/* A tree at one moment. */
struct tree_look {
    struct tree_usage usage;
    struct process processes[TREE_MOST];
    size_t count;
};

void tree_look_at(struct tree_look *look, pid_t root);

/* What it has used between two looks; the peak is that of the second. NaN where processes, or for switches threads, of the first look
 * have ended: what they had used is gone with them. */
struct tree_usage tree_usage_between(const struct tree_look *before, const struct tree_look *after);

#endif
