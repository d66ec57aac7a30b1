/* container_id.h - which container this process is in, as far as it can be seen from inside.
 *
 * Pure functions over /proc/self/cgroup and /proc/self/mountinfo (proc(5)), which may be cut off at the end. An id is
 * 64 hexadecimal digits, as Docker, containerd, CRI-O and Podman make them.
 */
#ifndef CONTAINER_ID_H
#define CONTAINER_ID_H

#include "slice.h"

/* Of the control groups; ptr NULL where they do not tell, as in a cgroup namespace of one's own. */
struct slice container_id_of_cgroup(struct slice file);

/* Of the files that the runtime has mounted; ptr NULL where they do not tell, or contradict each other. */
struct slice container_id_of_mounts(struct slice file);

/* Whether the mounts look like those of a container, with or without an id in them. */
bool container_is_around(struct slice mountinfo);

#endif
