/* both_ends.h - both ends of a TCP connection in one process: the server's through libc, the peer's through bare system calls.
 *
 * What a library in front of libc costs a server is then measured in one thread, with no second process to wait for: the
 * peer's calls are inlined instructions that no hook sees, the same with and without the library.
 */
#ifndef BOTH_ENDS_H
#define BOTH_ENDS_H

#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SERVER_CPU 0
#define OTHER_CPU 1

/* As wrk asks. */
static const char SHORT_REQUEST[] = "GET /1k.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/* As a browser behind a proxy asks. */
static const char LONG_REQUEST[] =
    "GET /catalogue/products/1047?colour=green&page=2 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://shop.example.com/catalogue/\r\n"
    "Cookie: session=6f1c0e4b8d2a4c0f9b7e5d3a1c2b4f68; theme=dark; basket=3\r\n"
    "X-Forwarded-For: 203.0.113.77\r\n"
    "X-Forwarded-Proto: https\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "Cache-Control: no-cache\r\n"
    "\r\n";

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello world\n";

struct ends {
    int server; /* libc's */
    int peer;   /* bare */
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* -errno on failure. */
static inline long bare(long number, long a, long b, long c)
{
#if defined(__x86_64__)
    long rc;
    __asm__ volatile("syscall" : "=a"(rc) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return rc;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#else
#error "which instruction makes a system call here?"
#endif
}

/* A listening socket on a free port of loopback. */
static inline int listener(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)address, len) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0)
        fail("listen");
    return fd;
}

static inline struct ends connected(int listening, const struct sockaddr_in *address)
{
    long peer = bare(SYS_socket, AF_INET, SOCK_STREAM, 0);
    if (peer < 0 || bare(SYS_connect, peer, (long)address, sizeof *address) != 0)
        fail("connect");
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    int server = accept(listening, (struct sockaddr *)&from, &len);
    if (server < 0)
        fail("accept");
    return (struct ends){server, (int)peer};
}

/* A request without a traceparent is read with one. */
enum { LINE = sizeof "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" - 1 };

static inline int is_request(ssize_t got, size_t len)
{
    return got == (ssize_t)len || got == (ssize_t)(len + LINE);
}

/* One request and its answer. */
static inline void exchange(struct ends ends, const char *request, size_t len)
{
    char arrived[2048], answered[256];
    long sent = bare(SYS_write, ends.peer, (long)request, (long)len);
    ssize_t got = read(ends.server, arrived, sizeof arrived);
    ssize_t given = write(ends.server, ANSWER, sizeof ANSWER - 1);
    long back = bare(SYS_read, ends.peer, (long)answered, sizeof answered);
    if (sent != (long)len || !is_request(got, len) || given != sizeof ANSWER - 1 || back != given)
        fail("exchange");
}

/* This thread only. Where there is no such processor, nothing is done. */
static inline void run_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* The first span starts whatever thread exports, and that thread takes over its maker's processors: the other one. */
static inline void first_span(struct ends ends, const char *request, size_t len)
{
    run_on(OTHER_CPU);
    exchange(ends, request, len);
    run_on(SERVER_CPU);
}

static inline uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
