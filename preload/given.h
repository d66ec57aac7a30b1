/* given.h - the ids under which the application has seen the server requests that are open.
 *
 * A request that it makes and that carries one of them names its parent exactly (design, section 4, order of evidence 1).
 * Of the traces that came by the last are kept in mind; that an id has been given is never forgotten: one of such a trace that
 * has not was made by somebody else in this process, an SDK. After many thousands hardly any is sure to be another's.
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

/* A request of this trace came by, not long ago. An open or an ended one was known as `id`, or perhaps not: false is certain. */
bool given_saw_trace(const uint8_t *trace_id);
bool given_was_given(uint64_t id);

#endif
