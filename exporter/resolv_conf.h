/* resolv_conf.h - whom to ask for a name and how: /etc/resolv.conf (resolver(5)). */
#ifndef RESOLV_CONF_H
#define RESOLV_CONF_H

#include "address.h"
#include "patience.h"
#include "slice.h"
#include "text.h"

struct resolv_conf {
    struct address servers[3]; /* port 0 */
    size_t server_count;       /* at least 1 */
    struct text domains;       /* the search list, blanks between; empty: names are asked for as they are */
    uint32_t ndots;            /* a name with fewer dots is tried with the search list first */
    uint32_t timeout_ms;       /* for one server */
    uint32_t attempts;         /* rounds through the servers */
    bool rotate;               /* each name begins with another server */
};

/* Fills the whole of `conf`; where there is no file, with the defaults of resolver(5). 0 or patience_check's -errno.
 * Memory: `domains` points into a buffer of this file, written again by the next call. */
int resolv_conf_read(struct resolv_conf *conf, const char *path, const struct patience *patience);

#endif
