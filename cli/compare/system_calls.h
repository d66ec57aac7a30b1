/*
 * system_calls.h - counts the system calls of a program, by ptrace(2), in a run of its own.
 *
 * A process between this one and the program is the tracer: everything that the program starts is followed. A traced
 * program is many times slower, which is why nothing else is measured in such a run.
 */
#ifndef SYSTEM_CALLS_H
#define SYSTEM_CALLS_H

#include "child.h"

#include <stddef.h>
#include <stdint.h>

enum { SYSTEM_CALLS_MOST = 1024 };

/* By number; those of another architecture (a 32-bit program) are counted apart. Shared with the tracer. */
struct system_call_counts {
    uint64_t of[SYSTEM_CALLS_MOST];
    uint64_t others;
};

struct traced {
    struct child tracer;                   /* ends as the program does */
    struct traced_shared *shared;
};

/* Starts the program under a tracer. 0, or errno: EPERM where ptrace is denied, ENOSYS where the kernel is older than
 * Linux 5.3. */
int traced_start(struct traced *traced, const struct child_wishes *wishes);

/* What has been counted so far. */
struct system_call_counts traced_counts(const struct traced *traced);

/* How the program ended, as waitpid(2) gives it, once the tracer has. */
int traced_wait_status(const struct traced *traced);

/* Ends the program, if it lives, and the tracer. */
void traced_end(struct traced *traced, int grace_ms);

/* "openat"; "call 471" for one that was unknown when this was built (static memory, until the next call). */
const char *system_call_name(size_t number);

#endif
