/* yielding.c - a library to be preloaded beside ours: it too stands in front of send and recv, and calls the program back in
 * the middle of them, as user-space threading does.
 */
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

void in_the_middle(void) __attribute__((weak));

static void call_back(void)
{
    if (in_the_middle) in_the_middle();
}

ssize_t send(int fd, const void *buffer, size_t len, int flags)
{
    ssize_t (*libc)(int, const void *, size_t, int) = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
    call_back();
    ssize_t rc = libc(fd, buffer, len, flags);
    call_back();
    return rc;
}

ssize_t recv(int fd, void *buffer, size_t len, int flags)
{
    ssize_t (*libc)(int, void *, size_t, int) = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    call_back();
    ssize_t rc = libc(fd, buffer, len, flags);
    call_back();
    return rc;
}

ssize_t write(int fd, const void *buffer, size_t len)
{
    ssize_t (*libc)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return libc(fd, buffer, len);
}
