/* raw.h - the other end of a connection, by system calls that the library does not see; and what the wire must hold. */
#ifndef RAW_H
#define RAW_H

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static char what[256]; /* is being tried */
static unsigned cases, requests, failures;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("wrong: %s: ", what);
    vprintf(format, list);
    printf("\n");
    va_end(list);
    if (++failures > 20)
        exit(1);
}

struct listener {
    int fd;
    struct sockaddr_storage address;
    socklen_t len;
};

/* The address is one that the kernel chooses: of loopback, or in the abstract namespace. */
static struct listener listener_open(bool is_tcp)
{
    struct listener listener = {.len = is_tcp ? sizeof(struct sockaddr_in) : sizeof(sa_family_t)};
    struct sockaddr_in *in = (struct sockaddr_in *)&listener.address;
    listener.address.ss_family = is_tcp ? AF_INET : AF_UNIX;
    if (is_tcp)
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener.fd = socket(listener.address.ss_family, SOCK_STREAM, 0);
    if (bind(listener.fd, (struct sockaddr *)&listener.address, listener.len) || listen(listener.fd, 16))
        exit(97);
    listener.len = sizeof listener.address;
    getsockname(listener.fd, (struct sockaddr *)&listener.address, &listener.len);
    return listener;
}

struct ends {
    int ours; /* seen by the library */
    int raw;
};

static __attribute__((unused)) struct ends ends_as_client(const struct listener *listener)
{
    struct ends ends = {.ours = socket(listener->address.ss_family, SOCK_STREAM, 0)};
    if (connect(ends.ours, (const struct sockaddr *)&listener->address, listener->len))
        exit(96);
    setsockopt(ends.ours, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* or else the kernel waits for the peer */
    ends.raw = (int)syscall(SYS_accept4, listener->fd, NULL, NULL, 0);
    return ends;
}

static __attribute__((unused)) struct ends ends_as_server(const struct listener *listener)
{
    struct ends ends = {.raw = (int)syscall(SYS_socket, listener->address.ss_family, SOCK_STREAM, 0)};
    if (syscall(SYS_connect, ends.raw, &listener->address, listener->len))
        exit(96);
    ends.ours = accept(listener->fd, NULL, NULL);
    return ends;
}

static void ends_close(struct ends ends)
{
    close(ends.ours);
    syscall(SYS_close, ends.raw);
}

static __attribute__((unused)) void nonblocking(int fd, bool is_wanted)
{
    syscall(SYS_fcntl, fd, F_SETFL, is_wanted ? O_NONBLOCK : 0);
}

static void raw_write(int fd, const char *bytes, size_t len)
{
    for (long n; len && (n = syscall(SYS_write, fd, bytes, len)) > 0; bytes += n)
        len -= (size_t)n;
}

/* All that comes until there are `len` bytes, and whatever is behind them already. */
static __attribute__((unused)) size_t raw_read(int fd, char *room, size_t len, size_t size)
{
    size_t at = 0;
    for (long n; at < len && syscall(SYS_poll, &(struct pollfd){.fd = fd, .events = POLLIN}, 1, 2000) == 1; at += (size_t)n)
        if ((n = syscall(SYS_recvfrom, fd, room + at, size - at, MSG_DONTWAIT, NULL, NULL)) <= 0)
            break;
    long more = at < size ? syscall(SYS_recvfrom, fd, room + at, size - at, MSG_DONTWAIT, NULL, NULL) : 0;
    return at + (more > 0 ? (size_t)more : 0);
}

/* Lines that are put in: `%` is a digit in it, all else what it is. */
static const char *pattern = "";
static size_t pattern_len;

static bool is_line(const char *at, size_t left)
{
    if (left < pattern_len)
        return false;
    for (size_t i = 0; i < pattern_len; i++)
        if (pattern[i] == '%' ? !strchr("0123456789abcdef", at[i]) : at[i] != pattern[i])
            return false;
    return true;
}

/* The ids on the wire, for the test to find among the spans: every `%` of the line. */
static __attribute__((unused)) void say_line(const char *at)
{
    printf("wire ");
    for (size_t i = 0; i < pattern_len; i++)
        if (pattern[i] == '%')
            putchar(at[i]);
        else if (i && pattern[i - 1] == '%')
            putchar(' ');
    putchar('\n');
}

static __attribute__((unused)) const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static void finish(void)
{
    printf("cases %u requests %u\n", cases, requests);
    fflush(stdout);
    exit(failures != 0);
}

#endif
