/* support_name_server.c - two name servers for tests, in a thread. The header says what they do. */
#include "support_name_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct row *_Atomic script;
static int server_fds[2], spoof_fd;
static char asked[4096];
static _Atomic int marks_read[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct packet {
    unsigned char bytes[1024];
    size_t len, query_len;
    bool is_aaaa;
};

/* Reads the dotted name out of a query; its end tells where the type is. */
static void read_query(struct packet *packet, char *name)
{
    size_t at = 12;
    name[0] = '\0';
    while (packet->bytes[at]) {
        snprintf(name + strlen(name), 256 - strlen(name), "%s%.*s", name[0] ? "." : "", packet->bytes[at],
                 (char *)packet->bytes + at + 1);
        at += 1 + packet->bytes[at];
    }
    packet->is_aaaa = packet->bytes[at + 2] == 28;
    packet->query_len = at + 5;
    packet->len = packet->query_len;
}

static void add_record(struct packet *packet, const char *owner, size_t owner_len, int type, const void *data,
                       size_t len)
{
    unsigned char *to = packet->bytes + packet->len;
    const unsigned char fixed[10] = {0, (unsigned char)type, 0, 1, 0, 0, 0, 60, 0, (unsigned char)len};
    memcpy(to, owner, owner_len);
    memcpy(to + owner_len, fixed, sizeof fixed);
    memcpy(to + owner_len + sizeof fixed, data, len);
    packet->len += owner_len + sizeof fixed + len;
    packet->bytes[7]++;
}

static void add_address(struct packet *packet, const char *owner, size_t owner_len, unsigned char second,
                        unsigned char last)
{
    const unsigned char v4[4] = {10, second, second, last}, v6[16] = {0xfd, [15] = last};
    if (packet->is_aaaa)
        add_record(packet, owner, owner_len, 28, v6, 16);
    else
        add_record(packet, owner, owner_len, 1, v4, 4);
}

/* Turns the query into the answer. False: none is sent. */
static bool write_answer(struct packet *packet, enum behaviour behaviour)
{
    unsigned char *flags = packet->bytes + 2;
    bool is_aaaa = packet->is_aaaa;
    flags[0] = 0x81;
    flags[1] = 0x80;
    switch (behaviour) {
    case NO_SUCH_NAME:
        flags[1] |= 3;
        return true;
    case HAS_A:
        if (!is_aaaa)
            add_address(packet, "\xc0\x0c", 2, 0, 1);
        return true;
    case HAS_AAAA:
        if (is_aaaa)
            add_address(packet, "\xc0\x0c", 2, 0, 1);
        return true;
    case LATE:
        usleep(is_aaaa ? 300000 : 0);
        add_address(packet, "\xc0\x0c", 2, 0, 1);
        return true;
    case HAS_BOTH:
        add_address(packet, "\xc0\x0c", 2, 0, 1);
        return true;
    case HAS_MANY:
        for (unsigned char i = 1; i <= 12; i++)
            add_address(packet, "\xc0\x0c", 2, 0, i);
        return true;
    case HAS_ALIAS:
        add_record(packet, "\xc0\x0c", 2, 5, "\4real\xc0\x0c", 7);
        add_address(packet, "\4real\xc0\x0c", 7, 0, 1);
        return true;
    case NO_DATA:
        return true;
    case SERVFAIL:
        flags[1] |= 2;
        return true;
    case REFUSED:
        flags[1] |= 5;
        return true;
    case FORMERR:
        flags[1] |= 1;
        packet->bytes[5] = 0;
        packet->len = 12;
        return true;
    case TRUNCATED_EMPTY:
        flags[0] |= 2;
        return true;
    case TRUNCATED_WITH_A:
        flags[0] |= 2;
        if (!is_aaaa)
            add_address(packet, "\xc0\x0c", 2, 0, 1);
        return true;
    case POINTER_LOOP: {
        char self[2] = {(char)0xc0, (char)packet->query_len};
        add_record(packet, self, 2, 1, "\12\0\0\1", 4);
        return true;
    }
    case SILENT:
        return false;
    case SILENT_ABOUT_AAAA:
        add_address(packet, "\xc0\x0c", 2, 0, 1);
        return !is_aaaa;
    case NO_NAME_OF_AAAA:
        if (is_aaaa)
            flags[1] |= 3;
        else
            add_address(packet, "\xc0\x0c", 2, 0, 1);
        return true;
    case FAILS_AAAA:
        flags[1] |= is_aaaa ? 2 : 0;
        return true;
    default: /* FORGED_*, FLOOD: the honest answer behind the forged ones */
        if (!is_aaaa)
            add_address(packet, "\xc0\x0c", 2, 0, 1);
        return behaviour != FLOOD;
    }
}

/* What a liar sends before the honest answer. */
static void forge(int fd, struct packet packet, enum behaviour behaviour, struct sockaddr_in *to)
{
    int from = behaviour == FORGED_SOURCE ? spoof_fd : fd;
    if (behaviour == FORGED_ID || behaviour == FLOOD)
        packet.bytes[1] ^= 0x55;
    if (behaviour == FORGED_QUESTION)
        packet.bytes[13] ^= 1;
    packet.bytes[2] = 0x81;
    packet.bytes[3] = 0x80;
    add_address(&packet, "\xc0\x0c", 2, 6, 6);
    for (int i = 0; i < (behaviour == FLOOD ? 20000 : 1); i++)
        sendto(from, packet.bytes, packet.len, 0, (struct sockaddr *)to, sizeof *to);
}

static enum behaviour find_behaviour(int server, const char *name)
{
    for (const struct row *row = script; row && row->name; row++)
        if ((row->server == -1 || row->server == server) && strcmp(row->name, name) == 0)
            return row->behaviour;
    return NO_SUCH_NAME;
}

static void note(int server, const char *name, bool is_aaaa)
{
    static char aaaa[256];
    pthread_mutex_lock(&lock);
    if (is_aaaa)
        snprintf(aaaa, sizeof aaaa, "%s", name);
    else
        snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%s%s@%d ", strcmp(aaaa, name) ? "!" : "", name,
                 server);
    pthread_mutex_unlock(&lock);
}

static void *serve(void *unused)
{
    (void)unused;
    struct pollfd waited[2] = {{server_fds[0], POLLIN, 0}, {server_fds[1], POLLIN, 0}};
    while (poll(waited, 2, -1) > 0)
        for (int server = 0; server < 2; server++) {
            static struct packet packet;
            struct sockaddr_in from;
            socklen_t from_len = sizeof from;
            char name[256];
            if (!(waited[server].revents & POLLIN))
                continue;
            ssize_t len = recvfrom(server_fds[server], packet.bytes, sizeof packet.bytes, 0, (struct sockaddr *)&from,
                                   &from_len);
            if (len < 12) {
                int mark;
                memcpy(&mark, packet.bytes, sizeof mark);
                marks_read[server] = mark;
                continue;
            }
            read_query(&packet, name);
            note(server, name, packet.is_aaaa);
            enum behaviour behaviour = find_behaviour(server, name);
            if (behaviour >= FORGED_ID)
                forge(server_fds[server], packet, behaviour, &from);
            if (write_answer(&packet, behaviour))
                sendto(server_fds[server], packet.bytes, packet.len, 0, (struct sockaddr *)&from, from_len);
        }
    return NULL;
}

int name_server_listen(int last, uint16_t *port)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof local;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)last);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&local, &len) != 0) {
        perror("a UDP port of 127.0.0.0/8");
        abort();
    }
    *port = ntohs(local.sin_port);
    return fd;
}

uint16_t name_servers_start(void)
{
    uint16_t port = 0;
    pthread_t thread;
    server_fds[0] = name_server_listen(1, &port);
    server_fds[1] = name_server_listen(2, &port);
    spoof_fd = name_server_listen(3, &port);
    if (pthread_create(&thread, NULL, serve, NULL) != 0)
        abort();
    return port;
}

void name_servers_follow(const struct row *rows)
{
    script = rows;
}

/* Waits until both have read all that was sent to them: a mark sent behind it has been. It is sent again for the case
 * that a queue was full. */
static void let_them_read(void)
{
    static int mark;
    mark++;
    for (int server = 0; server < 2; server++)
        for (int tries = 0; marks_read[server] != mark; tries++) {
            struct sockaddr_in to;
            socklen_t to_len = sizeof to;
            if (tries % 100 == 0 && getsockname(server_fds[server], (struct sockaddr *)&to, &to_len) == 0)
                sendto(spoof_fd, &mark, sizeof mark, 0, (struct sockaddr *)&to, to_len);
            usleep(1000);
        }
}

const char *name_servers_asked(void)
{
    static char copy[sizeof asked];
    let_them_read();
    pthread_mutex_lock(&lock);
    memcpy(copy, asked, sizeof copy);
    pthread_mutex_unlock(&lock);
    return copy;
}

void name_servers_forget(void)
{
    let_them_read();
    pthread_mutex_lock(&lock);
    asked[0] = '\0';
    pthread_mutex_unlock(&lock);
}
