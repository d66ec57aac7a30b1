/* peer.c - the smallest program worth watching: an HTTP client or server that does what its arguments say and nothing else.
 *
 * Starts in a millisecond, so that a test can run it fifty times, and needs only what every libc has: the same source is
 * built with glibc and with musl. Each step of the client is an argument, in order:
 *
 *     peer client HOST:PORT|unix:PATH STEP...      one connection, made by the first request, made again after `close`
 *         /target          GET it and print its status         METHOD:/target   the same with another method
 *         header:NAME: V   send this line with every later request
 *         +MS              sleep                               -                wait for a line on stdin
 *         close            close the connection
 *         exit:N  _exit:N  kill:N                              end in that way
 *     peer server HOST:PORT|unix:PATH              one connection after the other, keep-alive; GET /quit ends it;
 *                                                  prints `ready` when it listens; a target /N is answered with status N
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    exit(111);
}

static socklen_t parse_address(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_un *un = (struct sockaddr_un *)address;
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    char host[64] = "";
    unsigned port = 0;

    memset(address, 0, sizeof *address);
    if (strncmp(text, "unix:", 5) == 0) {
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof un->sun_path, "%s", text + 5);
        return sizeof *un;
    }
    if (sscanf(text, "[%63[^]]]:%u", host, &port) == 2) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((unsigned short)port);
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
    }
    if (sscanf(text, "%63[^:]:%u", host, &port) != 2) return 0;
    v4->sin_family = AF_INET;
    v4->sin_port = htons((unsigned short)port);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? sizeof *v4 : 0;
}

/* Reads one message: head, then as many bytes as Content-Length says, unless it has no body whatever that says (the answer
 * to HEAD). Length of the head with its text in buffer, or 0. */
static size_t receive_message(int fd, char *buffer, size_t size, int has_body)
{
    size_t len = 0, body_len = 0;
    char *end = NULL, *field;

    while (!end) {
        ssize_t got = len + 1 < size ? recv(fd, buffer + len, size - len - 1, 0) : -1;
        if (got <= 0) return 0;
        buffer[len += (size_t)got] = '\0';
        end = strstr(buffer, "\r\n\r\n");
    }
    field = strstr(buffer, "Content-Length: ");
    if (has_body && field && field < end) body_len = strtoul(field + 16, NULL, 10);
    end += 4;
    for (size_t have = len - (size_t)(end - buffer); have < body_len;) {
        char rest[4096];
        ssize_t got = recv(fd, rest, sizeof rest, 0);
        if (got <= 0) return 0;
        have += (size_t)got;
    }
    *end = '\0';
    return (size_t)(end - buffer);
}

static void send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0) fail("send");
        text += sent;
        len -= (size_t)sent;
    }
}

/* --- client -------------------------------------------------------------------------------------------------------- */

static char extra_headers[8192];
static int connection = -1;

static void open_connection(const char *where)
{
    struct sockaddr_storage address;
    socklen_t len = parse_address(where, &address);

    if (connection >= 0) return;
    connection = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, len) != 0) fail(where);
}

static void request(const char *where, const char *step)
{
    static char buffer[65536];
    const char *target = strchr(step, '/');
    int method_len = step[0] == '/' ? 0 : (int)(target - step) - 1, status = 0;
    int len = snprintf(buffer, sizeof buffer, "%.*s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method_len ? method_len : 3,
                       method_len ? step : "GET", target, strncmp(where, "unix:", 5) ? where : "localhost", extra_headers);

    open_connection(where);
    send_all(connection, buffer, (size_t)len);
    if (receive_message(connection, buffer, sizeof buffer, strncmp(step, "HEAD:", 5) != 0) == 0) {
        puts("no answer");
        close(connection);
        connection = -1;
        return;
    }
    sscanf(buffer, "HTTP/1.%*c %d", &status);
    printf("%d\n", status);
}

static void step(const char *where, const char *step)
{
    struct timespec pause = {0, 0};
    char line[256];

    if (strncmp(step, "header:", 7) == 0) {
        size_t len = strlen(extra_headers);
        snprintf(extra_headers + len, sizeof extra_headers - len, "%s\r\n", step + 7);
    } else if (step[0] == '+') {
        long ms = strtol(step + 1, NULL, 10);
        pause.tv_sec = ms / 1000;
        pause.tv_nsec = ms % 1000 * 1000000;
        nanosleep(&pause, NULL);
    } else if (strcmp(step, "-") == 0) {
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) return;
    } else if (strcmp(step, "close") == 0) {
        close(connection);
        connection = -1;
    } else if (strncmp(step, "exit:", 5) == 0) {
        exit(atoi(step + 5));
    } else if (strncmp(step, "_exit:", 6) == 0) {
        fflush(stdout);
        _exit(atoi(step + 6));
    } else if (strncmp(step, "kill:", 5) == 0) {
        fflush(stdout);
        raise(atoi(step + 5));
    } else {
        request(where, step);
    }
}

/* --- server -------------------------------------------------------------------------------------------------------- */

static int serve_request(int fd)
{
    static char buffer[65536];
    char answer[256], target[1024] = "", method[32] = "";
    int status = 200, len;

    if (receive_message(fd, buffer, sizeof buffer, 1) == 0) return 0;
    sscanf(buffer, "%31s %1023s", method, target);
    sscanf(target, "/%3d", &status);
    len = snprintf(answer, sizeof answer, "HTTP/1.1 %d Whatever\r\nContent-Length: 3\r\n\r\n%s", status, strcmp(method, "HEAD") ? "ok\n" : "");
    send_all(fd, answer, (size_t)len);
    return strcmp(target, "/quit") == 0 ? -1 : 1;
}

static int serve(const char *where)
{
    struct sockaddr_storage address;
    socklen_t len = parse_address(where, &address);
    int yes = 1, going = 1, listener = socket(address.ss_family, SOCK_STREAM, 0);

    if (listener < 0) fail("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 16) != 0) fail(where);
    puts("ready");
    fflush(stdout);
    while (going >= 0) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) fail("accept");
        while ((going = serve_request(fd)) > 0) continue;
        close(fd);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "server") == 0) return serve(argv[2]);
    if (argc < 3 || strcmp(argv[1], "client") != 0) return 2;
    for (int i = 3; i < argc; i++) step(argv[2], argv[i]);
    return 0;
}
