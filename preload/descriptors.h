/* descriptors.h - what happened to a descriptor: which connection it is, if any.
 *
 * Threads: any of the application's. Errors: none; a descriptor that is none of ours costs a look.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "connection.h"

#include <sys/socket.h>

void descriptor_made(int fd, int domain, int type);
void descriptor_pair_made(int rc, const int pair[2], int domain, int type);
void descriptor_accepted(int fd, const struct sockaddr *peer, socklen_t len);
void descriptor_connected(int rc, int fd, const struct sockaddr *peer, socklen_t len);
void descriptor_connects_by_sending(int fd, int flags, const struct sockaddr *to, socklen_t len);
void descriptor_shuts(int fd, int how);
void descriptor_closes(int fd);
void descriptor_range_closes(unsigned first, unsigned last);
void descriptor_copied(int copy, int fd);
void descriptor_controlled(int rc, int fd, int command);
void descriptor_opened_as_stream(const void *stream, int fd);
void descriptor_handed_to_us(int fd, enum role role);
void descriptor_handed_over(int fd);
void descriptors_unshared(int rc, int flags);

/* The process ends: every request that is open ends with it. */
void descriptors_process_exit(void);

#endif
