/* given.h - the ids under which the application has seen the server requests that are open.
 *
 * A request that it makes and that carries one of them names its parent exactly (design, section 4, order of evidence 1).
 * Traces whose requests passed by are kept in mind for a while, and the requests of them that have ended: an id that is
 * neither was made by somebody else in this process, an SDK.
 *
 * A small table without a lock. One that has no room forgets, and the request is then named by its header all the same.
 *
 * Threads: any.
 */
#ifndef GIVEN_H
#define GIVEN_H

#include "exchange.h"

#include <stdbool.h>

/* `exchange->known_as` is set. */
void given_add(struct exchange *exchange);
void given_remove(struct exchange *exchange);

/* The open request that the application knows as `id`; none when there are two. It may end, and its block be used again, at
 * any time: what is read of it counts if it is still known as `id` and open after that. */
struct live given_find(uint64_t id);

/* There is one, or several. */
bool given_is_known(uint64_t id);

/* A request of this trace came by, not long ago; one that was known as `id` has ended since. */
bool given_saw_trace(const uint8_t *trace_id);
bool given_ended(uint64_t id);

#endif
