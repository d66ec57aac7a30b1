/* address.h - one end of a connection, in the few bytes that a span needs of it.
 *
 * Unix paths are not here: they are long and rare, and travel as a fact of the span (span.h).
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdint.h>

struct address {
    uint16_t family;   /* AF_INET, AF_INET6, AF_UNIX, or 0 when nothing is known */
    uint16_t port;     /* host byte order; 0 for AF_UNIX */
    uint8_t bytes[16]; /* network byte order; the first 4 for AF_INET */
};

#endif
