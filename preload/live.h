/* live.h - a server's request that is open, held on to without keeping it: by its place and its span's id.
 *
 * The block of a request that has ended is used again; its `open` word then says another id, or none.
 */
#ifndef LIVE_H
#define LIVE_H

#include <stdint.h>

struct exchange;

struct live {
    struct exchange *exchange; /* NULL: none */
    uint64_t id;               /* its span's id, as it lies in memory */
};

#endif
