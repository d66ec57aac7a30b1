/* carrier.h - the environment as a carrier of context (OpenTelemetry specification, "Environment Variables as Context
 * Propagation Carriers"): read once when the process starts, written into the copy that a new program is given.
 *
 * TRACEPARENT, TRACESTATE and BAGGAGE, and B3 in one variable or in several, as far as OTEL_PROPAGATORS asks for them. What
 * the process itself was started with is inherited by whatever it starts, and gives way to what it works on now. What the
 * program has put there since then is the program's own (a script's, an SDK's), and is left as it is: under a parent of its
 * own nothing is changed.
 *
 * Threads: any, once carrier_start has run; the child of a vfork too, since nothing is written but the caller's memory.
 */
#ifndef CARRIER_H
#define CARRIER_H

#include "context.h"

#include <stdbool.h>
#include <stdint.h>

/* Once, by process_start. */
void carrier_start(char *const *envp);

/* The context of this process: the span that carrier_becomes named, else what it was started with. False: none; there may be
 * baggage all the same. Its texts stay where they are. */
bool carrier_context(struct context *context);

/* Whether that context is another process's, and not a span of this one. */
bool carrier_is_remote(void);

/* From here on the process's context is this span of its own. Once, by process_start. */
void carrier_becomes(const struct trace_context *span);

/* The value of a variable of ours in an environment that the program has not had in hand yet; `ptr` NULL: none. */
struct slice carrier_variable(char *const *envp, struct slice name);

/* What a new program is given, in the place of `envp`. It is first measured, then written into memory of the caller's: the
 * stack, for there is nothing else that a vfork's child may write to. */
struct carrier_copy {
    char *const *envp;
    struct context context; /* to be handed on; its ids with has_ids */
    bool has_ids;
    struct slice command;   /* value of SPANLOAD_COMMAND (command.h); `ptr` NULL: it is taken out */
    /* as measured: */
    uint32_t replaced;      /* a bit for each variable that is taken out, to be put in anew */
    size_t entries;         /* of envp */
    size_t size;            /* bytes that the copy takes; 0: envp is handed on itself */
};

/* Sets `size`, 0 as well where envp cannot be read to its end (the call will say EFAULT) or has thousands of entries. */
void carrier_measure(struct carrier_copy *copy);

/* Writes the copy to `room`, aligned as a pointer. Returns it, or envp where the size is 0. */
char *const *carrier_write(const struct carrier_copy *copy, void *room);

/* libc's system and popen hand on `environ`: it stands for the copy while they work. Only in a program of one thread. False:
 * it does not, and nothing is to be taken back. */
bool carrier_lend(const struct carrier_copy *copy);
void carrier_take_back(void);

/* Takes it back from a call that was left by longjmp. */
void carrier_recover(void);

#endif
