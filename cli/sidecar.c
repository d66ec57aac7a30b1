/*
 * sidecar.c - `spanload sidecar`: receives traces and prints them, in place of a Collector.
 *
 * For a desk, not for a service: nothing is stored, forwarded or retried. Signals come through a
 * descriptor, so that they are looked at between requests and what is held is printed at the end.
 */
#include "commands.h"
#include "environment.h"
#include "options.h"
#include "viewer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { QUIET_MS = 1000, EXIT_NO_SOCKET = 1 };

struct sidecar_wishes {
    const char *port, *host, *socket_path, *format;
};

static bool port_is_valid(const char *port)
{
    char *end;
    long number = strtol(port, &end, 10);
    return port[0] >= '0' && port[0] <= '9' && *end == '\0' && number <= 65535;
}

static bool listen_tcp(struct viewer *viewer, const char *host, const char *port)
{
    int answer = receiver_listen_tcp(viewer->receiver, host, port);
    if (answer < 0) {
        own_failure("cannot listen on %s port %s: %s", host, port, strerror(-answer));
        return false;
    }
    bool is_ipv6 = strchr(host, ':') != NULL;
    fprintf(stderr, is_ipv6 ? "spanload: listening on http://[%s]:%d/v1/traces\n"
                            : "spanload: listening on http://%s:%d/v1/traces\n", host, answer);
    return true;
}

static bool listen_unix(struct viewer *viewer, const char *path)
{
    int answer = receiver_listen_unix(viewer->receiver, path);
    if (answer < 0) {
        own_failure("cannot listen on %s: %s", path, strerror(-answer));
        return false;
    }
    fprintf(stderr, "spanload: listening on the socket %s\n", path);
    return true;
}

/* TCP, unless only a socket was asked for. */
static bool listen_as_wished(struct viewer *viewer, const struct sidecar_wishes *wishes)
{
    if (wishes->socket_path != NULL && !listen_unix(viewer, wishes->socket_path))
        return false;
    if (wishes->socket_path != NULL && wishes->port == NULL && wishes->host == NULL)
        return true;
    return listen_tcp(viewer, wishes->host ? wishes->host : "127.0.0.1", wishes->port ? wishes->port : "4318");
}

static int end_signals_open(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int sidecar_serve(const struct sidecar_wishes *wishes)
{
    struct viewer viewer;
    int signal_fd = end_signals_open();
    viewer_init(&viewer, stdout, wishes->format, QUIET_MS);
    bool listens = listen_as_wished(&viewer, wishes);
    while (listens && !(viewer_step(&viewer, signal_fd, -1) & RECEIVER_SIGNAL))
        continue;
    viewer_print_rest(&viewer);
    viewer_finish(&viewer);
    close(signal_fd);
    return listens ? 0 : EXIT_NO_SOCKET;
}

int sidecar_command(int argc, char **argv)
{
    struct sidecar_wishes wishes = {0};
    const struct option_row options[] = {
        {"port", "PORT", "listen on this TCP port (4318; 0: any free one)", NULL, &wishes.port},
        {"host", "HOST", "listen on this address (127.0.0.1)", NULL, &wishes.host},
        {"socket", "PATH", "listen on this unix socket, and on TCP only if asked for", NULL, &wishes.socket_path},
        {"format", "tree|json", "print trees (default) or each request as a line of JSON", NULL, &wishes.format},
        {0},
    };
    const struct command_line line = {
        .synopsis = "sidecar [options]",
        .purpose = "Receives traces (OTLP over HTTP, JSON) and prints them to standard output.",
        .notes = "Ends on SIGINT or SIGTERM, after printing what it holds.",
        .options = options,
    };
    int first = options_parse(&line, argc, argv);
    if (first < 0)
        return options_exit_status(first);
    if (first < argc)
        return usage_error("sidecar: what is %s?", argv[first]);
    if (!viewer_format_is_known(wishes.format))
        return usage_error("sidecar: --format is tree or json, not %s", wishes.format);
    if (wishes.port != NULL && !port_is_valid(wishes.port))
        return usage_error("sidecar: --port is a number up to 65535, not %s", wishes.port);
    environment_leave_library(argv - 1); /* main passes its own arguments from the second on */
    return sidecar_serve(&wishes);
}
