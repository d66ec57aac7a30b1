/* receiving.h - bytes that have been received, told to their connection.
 *
 * Threads: any of the application's.
 */
#ifndef RECEIVING_H
#define RECEIVING_H

#include "call.h"

#include <sys/socket.h>
#include <sys/uio.h>

/* `length` is rc of the call, `flags` its MSG_ flags. Returns what the caller is told: what the program reads may be longer than
 * what came. */
ssize_t receiving_done(const struct call *call, const struct iovec *iov, size_t count, ssize_t length, int flags);

#endif
