/* sdk.h - whether an OpenTelemetry SDK traces this program already (SPANLOAD_WITH_SDK).
 *
 * Known from the variables and arguments by which SDKs are loaded into programs that were not written with one, else from what
 * it does: a request leaves that belongs to a trace which came to us, and carries the id of a span that we have not made.
 *
 * Threads: any; sdk_start once, by process_start.
 */
#ifndef SDK_H
#define SDK_H

#include "protocol.h"

#include <stdbool.h>

/* `program`: as it was called. */
void sdk_start(const char *program, char *const *envp);

/* Its requests are to get no spans of ours. */
bool sdk_has_precedence(void);

/* A request leaves that carries a context: one of ours, or one of its trace that is not. */
void sdk_saw_ours(void);
void sdk_saw_other(void);

/* An export of its own, which it does not trace itself; whether or not it is known otherwise. */
bool sdk_is_exporting(const struct message *request);

#endif
