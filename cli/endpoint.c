/*
 * endpoint.c - where traces go by the OTEL_ variables, and whether somebody is there.
 *
 * The rules are the specification's (OTLP exporter, "Endpoint URLs for OTLP/HTTP"): the variable for
 * traces is taken as it stands, to the general one v1/traces is added, a missing port is the scheme's.
 * An empty request, {"resourceSpans":[]}, is what a Collector answers with 200 without passing anything on.
 */
#include "endpoint.h"

#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECT_MS = 1000, ANSWER_MS = 2000 };

/* ---- where ---- */

/* A variable that is set to nothing is not set (specification, "Parsing empty value"). */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *variable_first(const char *for_traces, const char *general)
{
    const char *value = variable(for_traces);
    return value ? value : variable(general);
}

static void url_find(struct endpoint *endpoint, const char *base)
{
    const char *for_traces = base ? NULL : variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    const char *url = base ? base : for_traces ? for_traces : variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (url == NULL)
        url = endpoint->is_grpc ? "http://localhost:4317" : "http://localhost:4318";
    size_t len = strlen(url);
    bool has_host = len < 3 || strcmp(url + len - 3, "://") != 0;      /* else the path would become the host */
    bool is_whole = for_traces != NULL || endpoint->is_grpc || strncasecmp(url, "unix:", 5) == 0 || !has_host;
    const char *tail = is_whole ? "" : len > 0 && url[len - 1] == '/' ? "v1/traces" : "/v1/traces";
    snprintf(endpoint->url, sizeof endpoint->url, "%s%s", url, tail);
}

/* Splits host[:port] or [ipv6][:port]. */
static bool authority_read(struct endpoint *endpoint, const char *text, size_t len)
{
    const char *at = memrchr(text, '@', len), *end = text + len;
    text = at ? at + 1 : text;
    const char *bracket = text < end && *text == '[' ? memchr(text, ']', (size_t)(end - text)) : NULL;
    const char *host = bracket ? text + 1 : text;
    const char *after = bracket ? bracket + 1 : text;
    const char *colon = memchr(after, ':', (size_t)(end - after));
    const char *host_end = bracket ? bracket : colon ? colon : end;
    size_t host_len = (size_t)(host_end - host);
    if (host_len == 0 || host_len >= sizeof endpoint->host || (bracket && after < end && *after != ':'))
        return false;
    memcpy(endpoint->host, host, host_len);
    endpoint->host[host_len] = '\0';
    const char *port = colon ? colon + 1 : endpoint->is_tls ? "443" : "80";
    size_t port_len = colon ? (size_t)(end - port) : strlen(port);
    if (port_len == 0 || port_len > 5 || strspn(port, "0123456789") < port_len)
        return false;
    memcpy(endpoint->port, port, port_len);
    endpoint->port[port_len] = '\0';
    return true;
}

static bool url_read(struct endpoint *endpoint)
{
    const char *rest = endpoint->url;
    if (strncasecmp(rest, "unix:", 5) == 0) {
        rest += strncmp(rest + 5, "//", 2) == 0 ? 7 : 5;
        endpoint->is_unix = true;
        snprintf(endpoint->path, sizeof endpoint->path, "/v1/traces");
        return snprintf(endpoint->host, sizeof endpoint->host, "%s", rest) < (int)sizeof endpoint->host && rest[0] == '/';
    }
    endpoint->is_tls = strncasecmp(rest, "https://", 8) == 0;
    if (!endpoint->is_tls && strncasecmp(rest, "http://", 7) != 0)
        return false;
    rest += endpoint->is_tls ? 8 : 7;
    size_t authority_len = strcspn(rest, "/?#");
    const char *path = rest + authority_len;
    int path_len = (int)strcspn(path, "?#");
    if (strpbrk(path, " \r\n\t") != NULL || path_len >= (int)sizeof endpoint->path)
        return false;
    snprintf(endpoint->path, sizeof endpoint->path, "%.*s", path_len ? path_len : 1, path_len ? path : "/");
    return authority_read(endpoint, rest, authority_len);
}

bool endpoint_find(struct endpoint *endpoint, const char *base)
{
    const char *protocol = variable_first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
    *endpoint = (struct endpoint){.is_grpc = protocol != NULL && strcmp(protocol, "grpc") == 0};
    url_find(endpoint, base);
    return url_read(endpoint);
}

/* ---- whether somebody is there ---- */

/* Waits until the descriptor is ready. 0 or -errno. */
static int ready_wait(int fd, short events, int timeout_ms)
{
    struct pollfd watch = {.fd = fd, .events = events};
    int count = poll(&watch, 1, timeout_ms);
    return count > 0 ? 0 : count == 0 ? -ETIMEDOUT : -errno;
}

/* A connected socket, or -errno. */
static int address_connect(int family, const struct sockaddr *address, socklen_t len)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int problem = connect(fd, address, len) == 0 ? 0 : -errno;
    if (problem == -EINPROGRESS) {
        int error = 0;
        socklen_t error_len = sizeof error;
        problem = ready_wait(fd, POLLOUT, CONNECT_MS);
        if (problem == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) == 0)
            problem = -error;
    }
    if (problem == 0)
        return fd;
    close(fd);
    return problem;
}

static int unix_connect(const struct endpoint *endpoint, struct probe *probe)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(probe->detail, sizeof probe->detail, "%s", endpoint->host);
    if (strlen(endpoint->host) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, endpoint->host);
    return address_connect(AF_UNIX, (struct sockaddr *)&address, sizeof address);
}

static int tcp_connect(const struct endpoint *endpoint, struct probe *probe)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *addresses;
    int problem = getaddrinfo(endpoint->host, endpoint->port, &hints, &addresses), fd = -EADDRNOTAVAIL;
    if (problem != 0) {
        snprintf(probe->detail, sizeof probe->detail, "%.100s: %.100s", endpoint->host, gai_strerror(problem));
        return fd;
    }
    for (struct addrinfo *address = addresses; address != NULL && fd < 0; address = address->ai_next) {
        char number[NI_MAXHOST] = "?";
        getnameinfo(address->ai_addr, address->ai_addrlen, number, sizeof number, NULL, 0, NI_NUMERICHOST);
        fd = address_connect(address->ai_family, address->ai_addr, address->ai_addrlen);
        snprintf(probe->detail, sizeof probe->detail, "%.200s port %s%s%s", number, endpoint->port,
                 fd < 0 ? ": " : "", fd < 0 ? strerror(-fd) : "");
    }
    freeaddrinfo(addresses);
    return fd;
}

static int hex_digit(char digit)
{
    const char *digits = "0123456789abcdef", *found = digit ? strchr(digits, digit | 0x20) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Appends percent-decoded text[0..len) without blanks around it. Line ends cannot get in. */
static void header_part_append(struct buffer *request, const char *text, size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\t'))
        text++, len--;
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    for (size_t i = 0; i < len; i++) {
        bool is_escape = text[i] == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
        char byte = is_escape ? (char)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2])) : text[i];
        i += is_escape ? 2 : 0;
        if ((unsigned char)byte >= ' ')
            buffer_append(request, &byte, 1);
    }
}

/* Appends what OTEL_EXPORTER_OTLP_HEADERS lists: k1=v1,k2=v2. */
static void headers_append(struct buffer *request)
{
    const char *list = variable_first("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ",");
        const char *equals = memchr(list, '=', len);
        if (equals != NULL && equals > list) {
            header_part_append(request, list, (size_t)(equals - list));
            buffer_append_text(request, ": ");
            header_part_append(request, equals + 1, (size_t)(list + len - equals - 1));
            buffer_append_text(request, "\r\n");
        }
        list += len + (list[len] == ',');
    }
}

static void request_send(int fd, const struct endpoint *endpoint)
{
    static const char body[] = "{\"resourceSpans\":[]}";
    struct buffer request = {0};
    bool is_ipv6 = strchr(endpoint->host, ':') != NULL;
    buffer_append_format(&request, "POST %s HTTP/1.1\r\n", endpoint->path);
    buffer_append_format(&request, is_ipv6 ? "Host: [%s]:%s\r\n" : "Host: %s:%s\r\n",
                         endpoint->is_unix ? "localhost" : endpoint->host, endpoint->is_unix ? "4318" : endpoint->port);
    headers_append(&request);
    buffer_append_format(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                                   "Connection: close\r\n\r\n%s", sizeof body - 1, body);
    if (send(fd, request.bytes, request.len, MSG_NOSIGNAL) < 0)
        shutdown(fd, SHUT_RDWR);               /* the answer will be missing */
    buffer_finish(&request);
}

/* The status of the answer, or 0 if it is none. */
static int answer_read(int fd)
{
    char bytes[64];
    size_t len = 0;
    int status = 0;
    while (len < sizeof bytes - 1 && ready_wait(fd, POLLIN, ANSWER_MS) == 0) {
        ssize_t count = recv(fd, bytes + len, sizeof bytes - 1 - len, 0);
        if (count <= 0)
            break;
        len += (size_t)count;
        if (memchr(bytes, '\n', len) != NULL)
            break;
    }
    bytes[len] = '\0';
    return sscanf(bytes, "HTTP/1.%*1[01] %3d", &status) == 1 ? status : 0;
}

struct probe endpoint_probe(const struct endpoint *endpoint)
{
    struct probe probe = {0};
    int fd = endpoint->is_unix ? unix_connect(endpoint, &probe) : tcp_connect(endpoint, &probe);
    if (fd < 0)
        return probe;
    probe.outcome = PROBE_CONNECTED;
    if (!endpoint->is_tls && !endpoint->is_grpc) {
        request_send(fd, endpoint);
        probe.status = answer_read(fd);
    }
    if (probe.status != 0)
        probe.outcome = PROBE_ANSWERED;
    close(fd);
    return probe;
}
