/* file.c - a small file of the system, read whole. */
#include "file.h"

#include "system.h"

#include <fcntl.h>

struct slice file_read(const char *path, char *buffer, size_t capacity)
{
    /* O_NONBLOCK: it may be a FIFO, and nobody writes into it. */
    long fd = system(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    size_t len = 0;
    long n = 1;
    if (fd < 0)
        return (struct slice){NULL, 0};
    while (len < capacity && n > 0) {
        n = system(read, fd, buffer + len, capacity - len);
        if (n > 0)
            len += (size_t)n;
        else if (n == -EINTR)
            n = 1;
    }
    system(close, fd);
    return n < 0 ? (struct slice){NULL, 0} : (struct slice){buffer, len};
}

bool file_exists(const char *path)
{
    return system(faccessat, AT_FDCWD, path, 0 /* F_OK */) == 0;
}
