/* resolve.h - addresses of the Collector's host, found without libc.
 *
 * In this order: a literal address; `localhost` and names below it (RFC 6761 section 6.3); /etc/hosts; the servers
 * of /etc/resolv.conf, asked over UDP for A and AAAA with search list, ndots, timeout, attempts and rotate.
 *
 * Threads: ours alone (raw system calls, descriptors of our own table). Memory: the caller's.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Asked again and again while waiting; true ends the waiting (the process is ending, or our thread is to stop). */
typedef bool resolve_interrupted(void);

/* Files in place of the real ones for tests; NULL members mean the real path. `dns_port` 0 means 53. */
struct resolve_sources {
    const char *hosts;
    const char *resolv_conf;
    uint16_t dns_port;
};

/* Fills at most `capacity` addresses, the ones to try first in front (loopback: IPv4 then IPv6; as the hosts file
 * orders them; of the DNS, IPv6 and IPv4 in turn), each with `port`. Returns how many, or -errno: -ENOENT no such name,
 * -EAGAIN no server could tell, -ETIMEDOUT past deadline_ns (CLOCK_MONOTONIC), -EINTR interrupted, -EINVAL what cannot
 * be a name, an address with a zone id, or no capacity. `sources` may be NULL. */
int resolve(const char *host, uint16_t port, const struct resolve_sources *sources, uint64_t deadline_ns,
            resolve_interrupted *interrupted, struct address *addresses, size_t capacity);

#endif
