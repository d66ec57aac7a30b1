/* hosts.h - a name looked up in /etc/hosts (hosts(5)). */
#ifndef HOSTS_H
#define HOSTS_H

#include "address.h"
#include "patience.h"
#include "slice.h"

/* Fills at most `capacity` addresses of every line that has `name`, in the order of the file, port 0. Returns how many,
 * 0 also where there is no file, or patience_check's -errno. `name` has no dot at its end. */
int hosts_find(const char *path, struct slice name, const struct patience *patience, struct address *addresses,
               size_t capacity);

#endif
