/* command.h - the span of a whole process, SPANLOAD_COMMAND_SPANS: what a command did, from its start to its exit status
 * (OpenTelemetry semantic conventions, "CLI programs": the span of the program itself).
 *
 * Its identity is there from the start, since whatever the process does continues it. It is reported when the process ends;
 * one that dies by a signal reports nothing. A child that is forked and executes nothing is a part of its parent's work:
 * it has no such span of its own. A process that executes another program goes on with the one it has.
 *
 * Threads: any.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "context.h"

#include <stdbool.h>

enum { COMMAND_STATUS_UNKNOWN = -1 };

/* Once, by process_start, behind carrier_start: the process's context is then this span (carrier_becomes). */
void command_start(char *const *envp);

/* For the new image of this very process: the value of SPANLOAD_COMMAND, and the context that the span itself continues.
 * `ptr` NULL: there is no such span, or it is another process's, such as a vfork child's parent. */
struct slice command_handover(struct context *context, bool *has_ids);

/* exit(3) was called with this status; the end is still to come. */
void command_will_exit(int status);

/* The process ends. The status is what the caller knows, or COMMAND_STATUS_UNKNOWN. */
void command_ends(int status);

#endif
