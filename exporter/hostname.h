/* hostname.h - text that stands for a host: an address written out, or a name of the DNS.
 *
 * Pure functions over bytes that may be anything.
 */
#ifndef HOSTNAME_H
#define HOSTNAME_H

#include "address.h"
#include "slice.h"

/* Reads an IPv4 address of four decimal numbers, or an IPv6 address without brackets (RFC 4291 section 2.2).
 * Fills family and bytes of `address` and sets its port to 0; false, and nothing filled, for anything else, a zone id
 * (RFC 4007 section 11) included: `struct address` could not hold it. */
bool hostname_read_literal(struct slice text, struct address *address);

/* Whether a DNS or a hosts file may know this name: 1 to 253 bytes, a dot at the end not counted; labels of 1 to 63
 * letters, digits, `-` and `_`. A name of digits and dots alone is a mistyped address, not a name. */
bool hostname_is_valid(struct slice name);

#endif
