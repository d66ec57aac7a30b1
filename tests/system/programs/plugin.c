/* plugin.c - a plugin that odd.c opens and closes: it sends for the program, by the send that its own scope finds first. */
#include <sys/socket.h>

ssize_t plugin_send(int fd, const void *buffer, size_t len);

ssize_t plugin_send(int fd, const void *buffer, size_t len)
{
    return send(fd, buffer, len, 0);
}
