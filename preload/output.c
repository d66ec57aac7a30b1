/* output.c - lines on the program's stderr. See output.h. */
#include "output.h"

#include "system.h"

#include <poll.h>
#include <sys/stat.h>

static struct stat meant;

void output_stderr_is(void)
{
    if (system(fstat, 2, &meant) != 0)
        meant.st_ino = 0;
}

void output_stderr(struct slice lines)
{
    struct stat now;
    struct pollfd stderr_ready = {.fd = 2, .events = POLLOUT};
    struct timespec at_once = {0};
    if (!meant.st_ino || system(fstat, 2, &now) != 0 || now.st_ino != meant.st_ino || now.st_dev != meant.st_dev)
        return;
    if (system(ppoll, &stderr_ready, 1, &at_once, NULL, 8) == 1 && (stderr_ready.revents & POLLOUT))
        system(write, 2, lines.ptr, lines.len);
}
