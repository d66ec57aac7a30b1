/* descriptors.c - what happens to descriptors, entered in the table.
 *
 * A connection begins with accept, connect, socketpair, or a descriptor that another process hands us; it ends
 * with its last descriptor. The entry is taken out before libc closes the number, since another thread may be given
 * the same number at once. In the child of a vfork, however it was made, nothing is touched: the table is its parent's.
 */
#include "descriptors.h"

#include "fdtable.h"
#include "output.h"
#include "process.h"
#include "readable.h"
#include "system.h"
#include "tracer.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SOCKET_TYPE_MASK 0xf /* SOCK_NONBLOCK and SOCK_CLOEXEC lie above */

static bool may_act(void)
{
    if (!process.enabled || thread.vfork_depth)
        return false;
    process_check();
    return !process_is_another();
}

static bool is_stream_family(int family)
{
    return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
}

static void release(uintptr_t entry)
{
    if (entry <= FDTABLE_STREAM)
        return;
    bool entered = tracer_enter(); /* in a signal handler not, and it is released all the same */
    connection_release((struct connection *)entry);
    if (entered)
        thread_leave();
}

static void replace(int fd, uintptr_t entry)
{
    bool stored;
    release(fdtable_set(fd, entry, &stored));
    if (!stored)
        release(entry);
}

/* A request without an answer, at the end: "cancelled", unless the answer was read by a way that passes us by (io_uring, a
 * plugin in a scope of its own). TCP counts what came, and the end of it as one. */
static void look_for_unseen(int fd)
{
    struct connection *connection = fdtable_get(fd);
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int waiting = 0;
    if (!connection || !connection_awaits_answer(connection) || system(getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received || system(ioctl, fd, FIONREAD, &waiting) != 0)
        return;
    if (info.tcpi_bytes_received > connection->received + (uint64_t)waiting + 1)
        connection_was_read_unseen(connection);
}

static void forget(int fd)
{
    look_for_unseen(fd);
    release(fdtable_take(fd));
}

static struct address address_of(const struct sockaddr *socket, socklen_t len)
{
    struct address address = {.family = 0};
    if (!socket || len < (socklen_t)sizeof(sa_family_t))
        return address;
    if (socket->sa_family == AF_INET && len >= (socklen_t)sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)socket;
        address.port = __builtin_bswap16(in->sin_port);
        memcpy(address.bytes, &in->sin_addr, 4);
    } else if (socket->sa_family == AF_INET6 && len >= (socklen_t)offsetof(struct sockaddr_in6, sin6_scope_id)) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)socket;
        address.port = __builtin_bswap16(in6->sin6_port);
        memcpy(address.bytes, &in6->sin6_addr, 16);
    } else if (socket->sa_family != AF_UNIX) {
        return address;
    }
    address.family = socket->sa_family;
    return address;
}

/* The path of a unix address; of an abstract one with its leading NUL. Empty when it has none. */
static struct slice unix_path_of(const struct sockaddr *socket, socklen_t len)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    if (!socket || len <= head || socket->sa_family != AF_UNIX)
        return (struct slice){NULL, 0};
    struct slice path = {((const struct sockaddr_un *)socket)->sun_path, len - head};
    if (path.len > sizeof(((struct sockaddr_un *)0)->sun_path))
        path.len = sizeof(((struct sockaddr_un *)0)->sun_path);
    if (path.ptr[0])
        path.len = slice_find(path, '\0');
    return path;
}

/* `is_new`: the kernel has just made it, nothing has passed it yet. */
static void watch(int fd, enum role role, const struct sockaddr *peer, socklen_t len, bool is_new)
{
    struct address address = address_of(peer, len);
    struct connection *connection = connection_create(role, &address, unix_path_of(peer, len));
    if (connection && is_new)
        connection_is_new(connection);
    replace(fd, (uintptr_t)connection);
}

void descriptor_made(int fd, int domain, int type)
{
    if (fd < 0 || !may_act())
        return;
    if ((type & SOCKET_TYPE_MASK) == SOCK_STREAM && is_stream_family(domain))
        replace(fd, FDTABLE_STREAM);
    else
        forget(fd);
}

void descriptor_pair_made(int rc, const int pair[2], int domain, int type)
{
    if (rc != 0 || !may_act())
        return;
    for (int i = 0; i < 2; i++) {
        if ((type & SOCKET_TYPE_MASK) == SOCK_STREAM && domain == AF_UNIX)
            watch(pair[i], ROLE_UNKNOWN, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t), false);
        else
            forget(pair[i]);
    }
}

void descriptor_accepted(int fd, const struct sockaddr *peer, socklen_t len)
{
    if (fd < 0 || !may_act())
        return;
    if (len < (socklen_t)sizeof(sa_family_t) || is_stream_family(peer->sa_family))
        watch(fd, ROLE_SERVER, peer, len, true);
    else
        forget(fd);
}

static int socket_option(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    return system(getsockopt, fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

static bool is_stream_socket(int fd)
{
    return fdtable_entry(fd) || socket_option(fd, SO_TYPE) == SOCK_STREAM;
}

int *__errno_location(void);

void descriptor_connected(int rc, int fd, const struct sockaddr *peer, socklen_t len)
{
    if (!process.enabled || !peer || len < (socklen_t)sizeof(sa_family_t))
        return;
    int error_number = rc < 0 ? *__errno_location() : 0;
    bool under_way = rc == 0 || error_number == EINPROGRESS || error_number == EINTR;
    bool is_repeated = error_number == EALREADY || error_number == EISCONN;
    struct connection *connection = fdtable_get(fd);
    /* A second connect on a socket that is connecting asks how it went. */
    if (is_repeated || (rc == 0 && connection && connection->state == CONNECTION_FRESH))
        return;
    if (!may_act())
        return;
    if (under_way && is_stream_family(peer->sa_family) && is_stream_socket(fd))
        watch(fd, ROLE_CLIENT, peer, len, true);
    else if (connection)
        replace(fd, FDTABLE_STREAM); /* refused, or taken back by AF_UNSPEC: it may be connected again */
}

/* TCP Fast Open connects by sending (tcp(7)). */
void descriptor_connects_by_sending(int fd, int flags, const struct sockaddr *to, socklen_t len)
{
    if ((flags & MSG_FASTOPEN) && fdtable_entry(fd) == FDTABLE_STREAM && may_act() && len >= (socklen_t)sizeof(sa_family_t) &&
        len <= (socklen_t)sizeof(struct sockaddr_storage) && readable(to, len) && is_stream_family(to->sa_family))
        watch(fd, ROLE_CLIENT, to, len, true);
}

void descriptor_shuts(int fd, int how)
{
    struct connection *connection = fdtable_get(fd);
    if (!connection || how == SHUT_RD || !tracer_enter())
        return;
    if (connection_enter(connection, DIRECTION_SENT)) {
        connection_finished_sending(connection);
        connection_leave(connection, DIRECTION_SENT);
    }
    thread_leave();
}

void descriptor_closes(int fd)
{
    if (fdtable_entry(fd) && may_act())
        forget(fd);
}

void descriptor_range_closes(unsigned first, unsigned last)
{
    if (!may_act())
        return;
    for (int fd = fdtable_next(first, last); fd >= 0; fd = fdtable_next((unsigned)fd + 1, last)) {
        forget(fd);
        if ((unsigned)fd == last)
            return;
    }
}

/* Another thread may close the descriptor while it is copied, and its connection's block be used again. */
static bool share(int fd, uintptr_t entry)
{
    if (!connection_share((struct connection *)entry))
        return false;
    if (fdtable_entry(fd) == entry)
        return true;
    release(entry);
    return false;
}

void descriptor_copied(int copy, int fd)
{
    uintptr_t entry = fdtable_entry(fd);
    if (copy == 2 && may_act())
        output_stderr_is();
    if (copy < 0 || copy == fd || (!entry && !fdtable_entry(copy)) || !may_act())
        return;
    if (entry > FDTABLE_STREAM && !share(fd, entry))
        entry = 0;
    if (entry > FDTABLE_STREAM && copy <= 2)
        connection_is_standard((struct connection *)entry);
    replace(copy, entry);
}

void descriptor_controlled(int rc, int fd, int command)
{
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        descriptor_copied(rc, fd);
}

void descriptor_opened_as_stream(const void *stream, int fd)
{
    struct connection *connection = stream ? fdtable_get(fd) : NULL;
    if (connection && may_act())
        connection_leave_to_stdio(connection);
}

/* A descriptor that we did not see begin: watched from here on when it is a connected stream. What is in the middle of
 * a message shows by its first bytes, which are no request. */
void descriptor_handed_to_us(int fd, enum role role)
{
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } peer;
    socklen_t len = sizeof peer;
    if (!may_act())
        return;
    forget(fd);
    if (socket_option(fd, SO_TYPE) != SOCK_STREAM || !is_stream_family(socket_option(fd, SO_DOMAIN)))
        return;
    if (system(getpeername, fd, &peer, &len) == 0)
        watch(fd, role, &peer.any, len, role == ROLE_SERVER);
}

void descriptor_handed_over(int fd)
{
    struct connection *connection = fdtable_get(fd);
    if (connection && may_act())
        connection_hand_over(connection);
}

/* One of several threads has a table of its own from here on, which ours says nothing about: as the child of a vfork it
 * touches nothing. (A program of one thread takes its table along.) */
void descriptors_unshared(int rc, int flags)
{
    if (rc == 0 && (flags & CLONE_FILES) && libc_single_threaded && !*libc_single_threaded)
        thread.vfork_depth++;
}

void descriptors_process_exit(void)
{
    for (int fd = fdtable_next(0, UINT32_MAX); fd >= 0; fd = fdtable_next((unsigned)fd + 1, UINT32_MAX)) {
        struct connection *connection = fdtable_get(fd);
        look_for_unseen(fd);
        if (connection)
            connection_process_exit(connection);
    }
}
