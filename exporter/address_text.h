/* address_text.h - an IP address as people write it. */
#ifndef ADDRESS_TEXT_H
#define ADDRESS_TEXT_H

#include "address.h"
#include "text.h"

enum { ADDRESS_TEXT_SIZE = 40 }; /* eight groups of four digits and seven colons */

/* Appends an IPv4 address with dots, an IPv6 address as RFC 5952 section 4 wants it; nothing for another family. An
 * IPv4 peer of a socket for both (::ffff:192.0.2.1) is the IPv4 address that it is. */
void address_append(struct text *out, const struct address *address);

#endif
