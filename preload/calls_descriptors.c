/* calls_descriptors.c - hooks on descriptors that need more than a row (OWN in hooks.def). */
#include "hooks.h"
#include "outgoing.h"
#include "output.h"
#include "process.h"
#include "readable.h"
#include "system.h"

#include <errno.h>
#include <signal.h>

int *__errno_location(void);

static int fail(long rc)
{
    *__errno_location() = (int)-rc;
    return -1;
}

/* Where accept writes the peer's address: into the caller's memory if it asked, else into ours, so that nothing has to
 * be asked of the kernel for it. */
struct peer {
    struct sockaddr *address;
    socklen_t *len;
    socklen_t room; /* of the caller; 0: not known */
    socklen_t own_len;
    struct sockaddr_storage own;
};

static void peer_asked_for(struct peer *peer, int fd, struct sockaddr *address, socklen_t *len)
{
    /* Where no address is wanted some families have none to give, and would fail (AF_ALG). */
    bool is_own = !address && process.enabled && fdtable_entry(fd) == FDTABLE_STREAM;
    peer->own_len = sizeof peer->own;
    peer->address = is_own ? (struct sockaddr *)&peer->own : address;
    peer->len = is_own ? &peer->own_len : len;
    peer->room = is_own ? sizeof peer->own : 0;
    if (!is_own && address && len && process.enabled && readable(len, sizeof *len))
        peer->room = *len;
}

static int peer_accepted(const struct peer *peer, int fd)
{
    if (fd >= 0 && process.enabled && (!peer->address || !peer->room)) /* a listener that we have not seen begin; no room */
        descriptor_handed_to_us(fd, ROLE_SERVER);
    else if (fd >= 0 && process.enabled) /* an address that did not fit was cut, and its true length returned: accept(2) */
        descriptor_accepted(fd, peer->address, *peer->len < peer->room ? *peer->len : peer->room);
    return fd;
}

int hook_accept(int fd, struct sockaddr *address, socklen_t *len)
{
    struct peer peer;
    peer_asked_for(&peer, fd, address, len);
    return peer_accepted(&peer, NEXT(accept)(fd, peer.address, peer.len));
}

int hook_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    struct peer peer;
    peer_asked_for(&peer, fd, address, len);
    return peer_accepted(&peer, NEXT(accept4)(fd, peer.address, peer.len, flags));
}

#define MESSAGES_MAX 1024 /* UIO_MAXIOV: of more than these the kernel sends these */

/* The kernel writes the length for us: where it cannot, as it could not have either, the call fails as its own would. With no set
 * given, rt_sigprocmask only writes: the eight bytes that are the length and its padding. */
static bool write_length(struct mmsghdr *message, size_t sent)
{
    _Static_assert(sizeof *message - offsetof(struct mmsghdr, msg_len) == sizeof(uint64_t), "the length and its padding");
    if (system(rt_sigprocmask, SIG_BLOCK, NULL, &message->msg_len, sizeof(uint64_t)) != 0)
        return false;
    message->msg_len = (unsigned)sent;
    return true;
}

/* Several messages of which one may leave with changes: one by one, as the kernel sends them (sendmmsg(2)). The first that
 * fails, or goes in part, is the last. */
static int send_each(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned done = 0;
    if (count > MESSAGES_MAX)
        count = MESSAGES_MAX;
    while (done < count && readable(&messages[done], sizeof *messages)) {
        const struct msghdr *message = &messages[done].msg_hdr;
        uint64_t length = outgoing_length(&(struct outgoing){.iov = message->msg_iov, .count = message->msg_iovlen});
        ssize_t sent = hook_sendmsg(fd, message, flags);
        if (sent < 0)
            return done ? (int)done : -1;
        if (!write_length(&messages[done], (size_t)sent))
            break;
        done++;
        if ((uint64_t)sent < length)
            break;
    }
    return done || !count ? (int)done : fail(-EFAULT);
}

int hook_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    int (*libc)(int, struct mmsghdr *, unsigned, int) = NEXT(sendmmsg);
    struct call call;
    if (call_begins_on(&call, fd) && connection_may_propagate(call.connection))
        return send_each(fd, messages, count, flags);
    if (call.connection)
        sending_messages(&call, messages, count);
    int rc = libc(fd, messages, count, flags);
    call_sent_messages(messages, flags);
    return rc;
}

ssize_t hook_splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t len, unsigned flags)
{
    struct call source, target;
    call_begins_on(&source, from);
    if (call_begins_on(&target, to))
        sending_unseen(&target);
    ssize_t rc = target.must_wait ? sending_waits() : NEXT(splice)(from, from_offset, to, to_offset, len, flags);
    if (source.connection && (rc > 0 || len))
        call_passed_unseen(&source, DIRECTION_RECEIVED, rc);
    if (target.connection)
        call_passed_unseen(&target, DIRECTION_SENT, rc);
    return rc;
}

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

/* Where libc has no such function the program found ours, so it must be one (Linux 5.9; close_range(2)). */
int hook_close_range(unsigned first, unsigned last, int flags)
{
    if (!((unsigned)flags & CLOSE_RANGE_CLOEXEC) && first <= last)
        descriptor_range_closes(first, last);
    if (NEXT(close_range) && !next_is_missing(next.close_range))
        return next.close_range(first, last, flags);
    long rc = system(close_range, first, last, flags);
    return rc < 0 ? fail(rc) : (int)rc;
}

void hook_closefrom(int first)
{
    unsigned from = first < 0 ? 0 : (unsigned)first;
    descriptor_range_closes(from, UINT32_MAX);
    if (NEXT(closefrom) && !next_is_missing(next.closefrom))
        next.closefrom(first);
    else if (system(close_range, from, UINT32_MAX, 0) < 0)
        for (unsigned fd = from; fd < 65536; fd++)
            system(close, fd);
}

/* The descriptor of a stream, -1 when it has none (fmemopen), with errno as it was. */
static int descriptor_of(FILE *stream)
{
    int before = *__errno_location();
    int fd = stream && process.enabled ? next.fileno(stream) : -1;
    *__errno_location() = before;
    return fd;
}

int hook_fclose(FILE *stream)
{
    int (*libc)(FILE *) = NEXT(fclose);
    descriptor_closes(descriptor_of(stream));
    return libc(stream);
}

static FILE *reopened(FILE *stream)
{
    if (descriptor_of(stream) == 2)
        output_stderr_is();
    return stream;
}

FILE *hook_freopen(const char *path, const char *mode, FILE *stream)
{
    FILE *(*libc)(const char *, const char *, FILE *) = NEXT(freopen);
    descriptor_closes(descriptor_of(stream));
    return reopened(libc(path, mode, stream));
}

FILE *hook_freopen64(const char *path, const char *mode, FILE *stream)
{
    FILE *(*libc)(const char *, const char *, FILE *) = NEXT(freopen64);
    descriptor_closes(descriptor_of(stream));
    return reopened(libc(path, mode, stream));
}

/* What libc prints to a descriptor it writes by calls of its own: on a connection that is a part we do not see. */
int hook_vdprintf(int fd, const char *format, va_list list)
{
    descriptor_opened_as_stream("", fd);
    return NEXT(vdprintf)(fd, format, list);
}

int hook_dprintf(int fd, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int rc = hook_vdprintf(fd, format, list);
    va_end(list);
    return rc;
}

int hook___vdprintf_chk(int fd, int flag, const char *format, va_list list)
{
    descriptor_opened_as_stream("", fd);
    return NEXT(__vdprintf_chk)(fd, flag, format, list);
}

int hook___dprintf_chk(int fd, int flag, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int rc = hook___vdprintf_chk(fd, flag, format, list);
    va_end(list);
    return rc;
}
