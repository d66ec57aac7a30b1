/* dns.h - one question of the DNS and what a message says about it (RFC 1035).
 *
 * Functions of their arguments alone: whoever sends and receives is resolve.c. A message received may be anything.
 *
 * Threads: one at a time (the scratch memory of dns_read_answer is static). Memory: the caller's.
 */
#ifndef DNS_H
#define DNS_H

#include "address.h"
#include "slice.h"

enum dns_type { DNS_A = 1, DNS_AAAA = 28 }; /* RFC 1035 section 3.2.2, RFC 3596 section 2.1 */

enum { DNS_QUERY_MAX = 12 + 255 + 4 }; /* header, name, type and class */

/* Writes the query for the addresses of one type of `name` (with or without a dot at its end), recursion desired.
 * Returns its length; 0 for what hostname_is_valid refuses. */
size_t dns_write_query(uint8_t query[DNS_QUERY_MAX], struct slice name, uint16_t id, enum dns_type type);

/* What `message` says to `query`. Fills at most `capacity` addresses, in the order of the message, port 0, and returns
 * how many, or
 *   0         the name exists and has no address of this type (or `capacity` is 0)
 *   -ENOENT   the name does not exist
 *   -EAGAIN   the server could not tell, told only a part, or wrote nonsense: another one may know
 *   -ENOMSG   it is not an answer to this query: wait for the one that is */
int dns_read_answer(struct slice query, struct slice message, struct address *addresses, size_t capacity);

#endif
