/* rights.c - descriptors that travel in messages (unix(7), SCM_RIGHTS). See rights.h. */
#include "rights.h"

#include "descriptors.h"

#include <string.h>

static void each_right(const struct msghdr *message, void visit(int fd))
{
    const char *end = (const char *)message->msg_control + message->msg_controllen;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;) {
        if (part->cmsg_len < sizeof *part || part->cmsg_len > (size_t)(end - (const char *)part))
            return;
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < count; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
                visit(fd);
            }
        }
        /* CMSG_NXTHDR is a function of libc's in some versions; this is what it does. */
        char *next = (char *)part + CMSG_ALIGN(part->cmsg_len);
        part = end - next >= (ptrdiff_t)sizeof *part ? (struct cmsghdr *)next : NULL;
    }
}

static void received_right(int fd)
{
    descriptor_handed_to_us(fd, ROLE_UNKNOWN);
}

void rights_received(const struct msghdr *message)
{
    each_right(message, received_right);
}

void rights_sent(const struct msghdr *message)
{
    each_right(message, descriptor_handed_over);
}
