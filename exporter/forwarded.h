/* forwarded.h - what proxies say about the request they passed on: Forwarded (RFC 7239) and X-Forwarded-*.
 *
 * Pure functions over bytes that may be anything. Memory: slices of what came in.
 */
#ifndef FORWARDED_H
#define FORWARDED_H

#include "slice.h"

/* The value of the first parameter `name` (in lower case) in a Forwarded field, without quotes; ptr NULL where there is
 * none. What follows a mistake in the field is not read, and neither is a value with a quoted-pair: no address, host or
 * scheme needs one. */
struct slice forwarded_parameter(struct slice field, struct slice name);

/* The first element of an X-Forwarded-* list; ptr NULL when it is empty or absent. */
struct slice forwarded_first(struct slice field);

/* The address in a node (RFC 7239 section 6), without brackets and port; ptr NULL for `unknown`, for an identifier that
 * hides the node (`_hidden`), and for anything else that is not an IP address. */
struct slice forwarded_address(struct slice node);

#endif
