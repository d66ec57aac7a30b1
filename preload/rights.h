/* rights.h - descriptors that travel in messages: one that comes may be a connection, one that goes belongs to two processes.
 *
 * Threads: any of the application's.
 */
#ifndef RIGHTS_H
#define RIGHTS_H

#include <sys/socket.h>

void rights_received(const struct msghdr *message);
void rights_sent(const struct msghdr *message);

#endif
