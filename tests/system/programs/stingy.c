/* stingy.c - a kernel that takes less than it could: preloaded behind the library, so that it stands where libc would.
 *
 * The n-th sending call on one descriptor takes as many bytes as the plan says, or fails with the plan's error; after the plan
 * everything passes. A program finds `stingy_plan` with dlsym.
 */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARTS 1024

static struct {
    int fd;
    const long *limits; /* bytes at most; negative: -errno */
    int count;
} plan = {.fd = -1};

void stingy_plan(int fd, const long *limits, int count);

void stingy_plan(int fd, const long *limits, int count)
{
    plan.fd = fd;
    plan.limits = limits;
    plan.count = count;
}

static ssize_t cut(int fd, const struct msghdr *message, int flags, int is_write)
{
    long limit = LONG_MAX;
    struct iovec parts[PARTS];
    struct msghdr shorter = *message;
    size_t count = 0;
    if (fd == plan.fd && plan.count > 0) {
        limit = *plan.limits++;
        plan.count--;
    }
    if (limit <= 0) {
        errno = limit ? (int)-limit : EAGAIN;
        return -1;
    }
    for (; count < message->msg_iovlen && count < PARTS && limit; count++) {
        parts[count] = message->msg_iov[count];
        if (parts[count].iov_len > (size_t)limit)
            parts[count].iov_len = (size_t)limit;
        limit -= (long)parts[count].iov_len;
    }
    shorter.msg_iov = parts;
    shorter.msg_iovlen = count;
    return is_write ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_sendmsg, fd, &shorter, flags);
}

static struct msghdr one(struct iovec *part)
{
    return (struct msghdr){.msg_iov = part, .msg_iovlen = 1};
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    struct msghdr message = one(&(struct iovec){(void *)(size_t)bytes, len});
    return fd == plan.fd ? cut(fd, &message, 0, 1) : syscall(SYS_write, fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    return fd == plan.fd ? cut(fd, &(struct msghdr){.msg_iov = (struct iovec *)(size_t)iov, .msg_iovlen = (size_t)count}, 0, 1) : syscall(SYS_writev, fd, iov, count);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    return fd == plan.fd ? cut(fd, &(struct msghdr){.msg_iov = (struct iovec *)(size_t)iov, .msg_iovlen = (size_t)count}, 0, 1) : syscall(SYS_pwritev2, fd, iov, count, offset, 0, flags);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    struct msghdr message = one(&(struct iovec){(void *)(size_t)bytes, len});
    return cut(fd, &message, flags, 0);
}

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    struct msghdr message = one(&(struct iovec){(void *)(size_t)bytes, len});
    message.msg_name = (void *)(size_t)to;
    message.msg_namelen = to_len;
    return cut(fd, &message, flags, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return cut(fd, message, flags, 0);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned done = 0;
    if (fd != plan.fd)
        return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
    for (; done < count; done++) {
        size_t length = 0;
        for (size_t i = 0; i < messages[done].msg_hdr.msg_iovlen; i++)
            length += messages[done].msg_hdr.msg_iov[i].iov_len;
        ssize_t sent = cut(fd, &messages[done].msg_hdr, flags, 0);
        if (sent < 0)
            return done ? (int)done : -1;
        messages[done].msg_len = (unsigned)sent;
        if ((size_t)sent < length)
            return (int)done + 1;
    }
    return (int)done;
}
