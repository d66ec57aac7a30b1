/* system_files.h - what files of the system say about this process and its host: proc(5), passwd(5), os-release(5),
 * machine-id(5).
 *
 * Pure functions over the bytes of a file, which may be anything, and may be cut off at the end.
 */
#ifndef SYSTEM_FILES_H
#define SYSTEM_FILES_H

#include "text.h"

/* When the process was started, of /proc/self/stat: clock ticks since the system was. */
bool stat_start_ticks(struct slice file, uint64_t *ticks);

/* The name of a user; ptr NULL for one that the file does not have. */
struct slice passwd_user(struct slice file, uint32_t uid);

/* Appends a value of os-release, without its quotes. False when it is absent, empty or too long for `out`. */
bool os_release_append(struct text *out, struct slice file, struct slice name);

/* The id; ptr NULL when there is none (yet). */
struct slice machine_id(struct slice file);

#endif
