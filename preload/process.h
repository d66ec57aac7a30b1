/* process.h - this process: whether it is traced, and whether it is still the one it was.
 *
 * However a child was made, a page under MADV_WIPEONFORK reads as zero in it: process_check sees that at the next
 * event and begins anew (design, "Fork"). The child keeps the connection table, which is a copy and true of its
 * descriptors; it forgets the parent's spans, queue, thread and accounts.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "system.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum process_life {
    PROCESS_WIPED, /* as a child finds it */
    PROCESS_ALIVE,
    PROCESS_BEGINS, /* one of its threads is at work in process_reborn */
};

struct process {
    bool enabled;          /* false: every hook passes straight through */
    uint32_t generation;   /* 1, and one more in each child of a fork: what another generation began is not ours to end */
    _Atomic uint32_t forks; /* children that this process has made: what was open then may go on in them */
    int id;                /* process id: another one on this memory is a child made by vfork or its kin */
    _Atomic uint32_t *alive; /* enum process_life, in the page that a fork wipes; NULL: the kernel cannot (before 4.14) */
};

extern struct process process;

/* Once, by the constructor or by the first hook that is called before it. */
void process_start(void);

/* In the child of a fork: by process_check, and from the hook of fork, which need not wait for the next event. Of several
 * threads that find the page wiped one does it, and the others wait for it. */
void process_reborn(void);

static inline void process_check(void)
{
    /* Acquire: pairs with the release in process_reborn. */
    if (process.alive && __builtin_expect(atomic_load_explicit(process.alive, memory_order_acquire) != PROCESS_ALIVE, 0))
        process_reborn();
}

/* Whether this is the child of a raw vfork, or of a clone with CLONE_VM: on our memory, with a table of its own. One system
 * call: for what is done seldom. */
static inline bool process_is_another(void)
{
    return process.id && system(getpid) != process.id;
}

/* libc's own word on it (glibc 2.32 and later): not 0 while the program has one thread. NULL: nobody says. */
extern const char *libc_single_threaded;

/* False also where it is not known. */
static inline bool process_has_one_thread(void)
{
    return libc_single_threaded && *libc_single_threaded;
}

/* Before the image is replaced or the process ends, with this status: spans out, within the budget. */
void process_before_exec(void);
void process_ending(int status);

/* exit(3) was called: destructors and handlers are still to run. */
void process_exit_called(int status);

/* The process has put itself under a seccomp filter, which may kill it for a call that it never makes itself: from here
 * on nothing is watched and no system call made. What was held has been let out, and counted, by process_before_exec. */
void process_retire(void);

#endif
