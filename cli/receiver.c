/*
 * receiver.c - an HTTP/1 server for small requests on loopback or a unix socket.
 *
 * One thread and poll(2): the clients are a handful of exporters at one desk, and what they send is
 * printed in order anyway. What a connection does is connection.c's; here is who gets served, how much
 * all together may hold, and who has been silent too long.
 */
#include "receiver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    LISTENER_LIMIT = 8,
    CONNECTION_LIMIT = 512,
    LOAD_LIMIT = 64 * 1024 * 1024,         /* bytes of requests in progress, all together */
    STALLED_MS = 30 * 1000,                /* in the middle of a request */
    LINGER_MS = 1000,
    DEAF_MS = 100,                         /* pause of accepting when there are no descriptors left */
    BACKLOG = 128,
};

struct receiver {
    http_handler *handler;
    void *context;
    int listeners[LISTENER_LIMIT];
    int listener_count;
    struct connection *connections[CONNECTION_LIMIT];
    size_t connection_count;
    int64_t deaf_until_ms;
    char *unix_path;
};

int64_t clock_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct receiver *receiver_create(http_handler *handler, void *context)
{
    struct receiver *receiver = memory_get(sizeof *receiver);
    receiver->handler = handler;
    receiver->context = context;
    return receiver;
}

void receiver_destroy(struct receiver *receiver)
{
    if (receiver == NULL)
        return;
    for (size_t i = 0; i < receiver->connection_count; i++)
        connection_destroy(receiver->connections[i]);
    for (int i = 0; i < receiver->listener_count; i++)
        close(receiver->listeners[i]);
    if (receiver->unix_path != NULL)
        unlink(receiver->unix_path);
    free(receiver->unix_path);
    free(receiver);
}

size_t receiver_connection_count(const struct receiver *receiver)
{
    return receiver->connection_count;
}

/* ---- listening ---- */

static int listener_add(struct receiver *receiver, int fd, const struct sockaddr *address, socklen_t len)
{
    if (fd < 0)
        return -errno;
    if (receiver->listener_count == LISTENER_LIMIT || bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0) {
        int reason = receiver->listener_count == LISTENER_LIMIT ? EMFILE : errno;
        close(fd);
        return -reason;
    }
    receiver->listeners[receiver->listener_count++] = fd;
    return 0;
}

static int port_of(const struct sockaddr *address)
{
    return ntohs(address->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                                : ((const struct sockaddr_in *)address)->sin_port);
}

static void port_set(struct sockaddr *address, int port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
}

/* Listens on one address. Returns the port or -errno. */
static int listen_on_address(struct receiver *receiver, const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    int answer = listener_add(receiver, fd, address->ai_addr, address->ai_addrlen);
    if (answer < 0)
        return answer;
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return -errno;
    return port_of((struct sockaddr *)&bound);
}

int receiver_listen_tcp(struct receiver *receiver, const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *addresses;
    if (getaddrinfo(host, port, &hints, &addresses) != 0)
        return -EADDRNOTAVAIL;
    int bound_port = -EADDRNOTAVAIL;
    for (struct addrinfo *address = addresses; address != NULL; address = address->ai_next) {
        if (bound_port > 0)
            port_set(address->ai_addr, bound_port);
        int answer = listen_on_address(receiver, address);
        if (answer > 0)
            bound_port = answer;
        else if (answer != -EAFNOSUPPORT && answer != -EADDRNOTAVAIL) {      /* no IPv6 here: fine */
            bound_port = answer;
            break;
        }
    }
    freeaddrinfo(addresses);
    return bound_port;
}

/* Removes a socket file that nobody listens on, the remainder of a receiver that was killed. */
static void socket_file_clean(const struct sockaddr_un *address)
{
    struct stat file;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stat(address->sun_path, &file) == 0 && S_ISSOCK(file.st_mode)
        && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED)
        unlink(address->sun_path);
    close(fd);
}

int receiver_listen_unix(struct receiver *receiver, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    socket_file_clean(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int answer = listener_add(receiver, fd, (struct sockaddr *)&address, sizeof address);
    if (answer == 0)
        receiver->unix_path = memory_copy_text(path);
    return answer;
}

/* ---- connections ---- */

static void connection_drop(struct receiver *receiver, size_t index)
{
    connection_destroy(receiver->connections[index]);
    receiver->connections[index] = receiver->connections[--receiver->connection_count];
}

/* Makes room by hanging up on the connection that has been idle longest. False if all are busy. */
static bool connection_evict(struct receiver *receiver)
{
    size_t longest = SIZE_MAX;
    for (size_t i = 0; i < receiver->connection_count; i++) {
        const struct connection *connection = receiver->connections[i];
        if (!connection_is_busy(connection)
            && (longest == SIZE_MAX || connection->touched_ms < receiver->connections[longest]->touched_ms))
            longest = i;
    }
    if (longest != SIZE_MAX)
        connection_drop(receiver, longest);
    return longest != SIZE_MAX;
}

static void connections_accept(struct receiver *receiver, int listener, int64_t now_ms)
{
    for (;;) {
        if (receiver->connection_count == CONNECTION_LIMIT && !connection_evict(receiver)) {
            receiver->deaf_until_ms = now_ms + DEAF_MS;
            return;
        }
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            receiver->deaf_until_ms = now_ms + DEAF_MS;
        if (fd < 0)
            return;
        receiver->connections[receiver->connection_count++] = connection_create(fd, now_ms);
    }
}

static size_t receiver_room(const struct receiver *receiver, const struct connection *except)
{
    size_t load = 0;
    for (size_t i = 0; i < receiver->connection_count; i++)
        if (receiver->connections[i] != except)
            load += connection_load(receiver->connections[i]);
    return load < LOAD_LIMIT ? LOAD_LIMIT - load : 0;
}

/* Does what poll said can be done. False when the connection is over. */
static bool connection_attend(struct receiver *receiver, struct connection *connection, int events, int64_t now_ms)
{
    bool lives = true;
    if (events & (POLLIN | POLLHUP | POLLERR))
        lives = connection_receive(connection, now_ms);
    size_t room = receiver_room(receiver, connection), input_before, output_before;
    do {                                       /* what was sent may have made room for the next answers */
        input_before = connection->input.len;
        output_before = connection->output.len;
        connection_serve(connection, room, receiver->handler, receiver->context);
        lives = lives && connection_send(connection);
    } while (lives && connection->output.len == 0 && (connection->input.len < input_before || output_before > 0));
    return lives && !(connection->has_ended && connection->output.len == 0);
}

static bool connection_is_stalled(const struct connection *connection, int64_t now_ms)
{
    int64_t silent_ms = now_ms - connection->touched_ms;
    if (connection->is_lingering)
        return silent_ms > LINGER_MS;
    return connection_is_busy(connection) && silent_ms > STALLED_MS;
}

/* ---- the loop ---- */

struct watch {
    struct pollfd fds[1 + LISTENER_LIMIT + CONNECTION_LIMIT];
    nfds_t count;
};

static void watch_add(struct watch *watch, int fd, short events)
{
    watch->fds[watch->count++] = (struct pollfd){.fd = fd, .events = events};
}

/* The other descriptor first, the listeners, the connections: an order that receiver_attend relies on. */
static bool watch_fill(struct watch *watch, const struct receiver *receiver, int other_fd, int64_t now_ms)
{
    bool has_busy = false;
    watch->count = 0;
    watch_add(watch, other_fd, POLLIN);
    for (int i = 0; i < receiver->listener_count; i++)
        watch_add(watch, now_ms < receiver->deaf_until_ms ? -1 : receiver->listeners[i], POLLIN);
    for (size_t i = 0; i < receiver->connection_count; i++) {
        const struct connection *connection = receiver->connections[i];
        int events = (connection_wants_bytes(connection) ? POLLIN : 0) | (connection->output.len > 0 ? POLLOUT : 0);
        watch_add(watch, connection->fd, (short)events);
        has_busy = has_busy || connection_is_busy(connection);
    }
    return has_busy || now_ms < receiver->deaf_until_ms;
}

/* Backwards, because dropping a connection puts the last one into its place. */
static bool receiver_attend(struct receiver *receiver, const struct watch *watch, int64_t now_ms)
{
    const struct pollfd *listeners = watch->fds + 1, *connections = listeners + receiver->listener_count;
    bool saw_traffic = false;
    for (size_t i = receiver->connection_count; i-- > 0;) {
        struct connection *connection = receiver->connections[i];
        bool lives = true;
        if (connections[i].revents != 0)
            lives = connection_attend(receiver, connection, connections[i].revents, now_ms);
        saw_traffic = saw_traffic || connections[i].revents != 0;
        if (!lives || connection_is_stalled(connection, now_ms))
            connection_drop(receiver, i);
    }
    for (int i = 0; i < receiver->listener_count; i++)
        if (listeners[i].revents != 0) {
            connections_accept(receiver, receiver->listeners[i], now_ms);
            saw_traffic = true;
        }
    return saw_traffic;
}

int receiver_wait(struct receiver *receiver, int other_fd, int timeout_ms)
{
    enum { BUSY_TICK_MS = 100 };               /* how late a deadline may be noticed */
    struct watch watch;
    if (watch_fill(&watch, receiver, other_fd, clock_now_ms()) && (timeout_ms < 0 || timeout_ms > BUSY_TICK_MS))
        timeout_ms = BUSY_TICK_MS;
    int ready = poll(watch.fds, watch.count, timeout_ms);
    if (ready < 0)
        return 0;
    bool saw_traffic = receiver_attend(receiver, &watch, clock_now_ms());
    return (watch.fds[0].revents ? RECEIVER_SIGNAL : 0) | (saw_traffic ? RECEIVER_TRAFFIC : 0);
}
