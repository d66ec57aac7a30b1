/*
 * server.c - one instance of a server that is compared: started, waited for until it is ready, loaded, ended.
 *
 * Commands of the user's (--load, --ready) go to /bin/sh, and run without the library: it is the server that is compared.
 */
#include "server.h"

#include "terminal.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_LOOK_MS = 20, READY_LIMIT_MS = 30000, COMMAND_LIMIT_MS = 10000, GRACE_MS = 10000, TAIL = 600 };

/* ---- ports ---- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

bool ports_find(int *ports, size_t count)
{
    int sockets[count];
    bool found = true;
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_in address = loopback(0);
        socklen_t len = sizeof address;
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        found = found && bind(sockets[i], (struct sockaddr *)&address, len) == 0 &&
                getsockname(sockets[i], (struct sockaddr *)&address, &len) == 0;
        ports[i] = ntohs(address.sin_port);
    }
    for (size_t i = 0; i < count; i++)
        close(sockets[i]);
    return found;
}

static bool port_listens(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return listens;
}

/* Connections that are not there any more leave it free: SO_REUSEADDR, as servers do. */
static bool port_is_taken(int port)
{
    struct sockaddr_in address = loopback(port);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool is_taken = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == EADDRINUSE;
    close(fd);
    return is_taken;
}

/* ---- commands ---- */

/* Runs a command of the user's to its end. 0 if it ended well, -1 if it had to be ended; *said, if not NULL, becomes what it printed. */
static int command_run(const struct server *server, const char *command, int limit_ms, char **said, double *wall_ns)
{
    char *text = text_expand(command, server->port, server->directory);
    char *arguments[] = {"/bin/sh", "-c", text, NULL};
    struct output *output = output_begin(OUTPUT_LOG);
    struct child child = {0};
    int fd = output != NULL ? output->write_fd : -1;
    struct child_wishes wishes = {arguments, server->setting->environment[BASELINE], fd, fd};
    int status = output != NULL ? child_start(&child, &wishes) : errno;
    if (output != NULL)
        output_hand_over(output);
    enum wait_answer answer = status == 0 ? child_wait(&child, limit_ms) : WAIT_ENDED;
    if (status == 0) {
        child_end(&child, GRACE_MS);       /* what it has left running would run beside the next one */
        status = answer == WAIT_ENDED ? child.wait_status : -1;
    }
    if (wall_ns != NULL)
        *wall_ns = (double)(child.ended_ns - child.began_ns);
    if (said != NULL)
        *said = output != NULL ? output_text(output) : memory_copy_text("");
    output_discard(output);
    free(text);
    return status;
}

/* The last lines of a text, for a message; the library's own accounts, which are the very last, are none. */
static const char *tail_of(char *text)
{
    char *accounts = strstr(text, "spanload: pid=");
    if (accounts != NULL)
        *accounts = '\0';
    size_t len = strlen(text);
    if (len <= TAIL)
        return text;
    const char *line = strchr(text + len - TAIL, '\n');
    return line != NULL ? line + 1 : text + len - TAIL;
}

/* The last lines as a terminal may have them. */
static void tail_append(struct buffer *text, char *said)
{
    bool unicode = terminal_look(STDERR_FILENO).has_unicode;
    char *rest = memory_copy_text(tail_of(said)), *next = rest;
    for (char *line; (line = strsep(&next, "\n")) != NULL;) {
        char *escaped = text_escape(line, unicode);
        buffer_append_format(text, "%s%s", escaped, next != NULL ? "\n" : "");
        free(escaped);
    }
    free(rest);
}

/* ---- life ---- */

static struct child *server_process(struct server *server)
{
    return server->is_traced ? &server->traced.tracer : &server->child;
}

static bool server_is_ready(const struct server *server)
{
    if (server->setting->ready != NULL)
        return command_run(server, server->setting->ready, COMMAND_LIMIT_MS, NULL, NULL) == 0;
    if (server->setting->ready_port == NULL)
        return port_listens(server->port);
    char *port = text_expand(server->setting->ready_port, server->port, "");
    bool listens = port_listens(atoi(port));
    free(port);
    return listens;
}

/* "the server with the library: ended with 1 before it was ready", and what it had printed last. */
static char *complaint(const struct server *server, const char *what, const char *how)
{
    struct buffer text = {0};
    char *said = output_text(server->err), *printed = output_text(server->out);
    buffer_append_format(&text, "the server %s %s%s", server->name, what, how);
    char *speaking = said[0] != '\0' ? said : printed;
    if (tail_of(speaking)[0] != '\0') {
        buffer_append_text(&text, "; it said:\n");
        tail_append(&text, speaking);
    }
    free(said);
    free(printed);
    return text.bytes;
}

static char *server_await(struct server *server)
{
    struct child *process = server_process(server);
    uint64_t until_ns = clock_monotonic_ns() + READY_LIMIT_MS * UINT64_C(1000000);
    while (!server_is_ready(server)) {
        enum wait_answer answer = child_wait(process, READY_LOOK_MS);
        if (answer == WAIT_ENDED) {
            char *how = exit_text(process->wait_status);
            char *text = complaint(server, "ended before it was ready, with ", how);
            free(how);
            return text;
        }
        if (answer == WAIT_INTERRUPTED || clock_monotonic_ns() > until_ns)
            return complaint(server, "was not ready after 30 s", "");
    }
    return process->has_ended ? complaint(server, "ended", "") : NULL;
}

char *server_end(struct server *server)
{
    if (server->arguments == NULL)
        return NULL;
    if (server->is_traced && server->traced.shared != NULL)
        traced_end(&server->traced, GRACE_MS);
    else if (!server->is_traced)
        child_end(&server->child, GRACE_MS);
    char *said = server->err != NULL ? output_text(server->err) : memory_copy_text("");
    output_discard(server->out);
    output_discard(server->err);
    arguments_destroy(server->arguments);
    free(server->directory);
    server->arguments = NULL;
    return said;
}

static char *server_try(struct server *server, char **environment, int *error)
{
    server->arguments = arguments_expand(server->setting->program, server->port, server->directory);
    server->out = output_begin(OUTPUT_LOG);
    server->err = server->out != NULL ? output_begin(OUTPUT_LOG) : NULL;
    if (server->err == NULL) {
        *error = errno;
        return memory_copy_text("");
    }
    struct child_wishes wishes = {server->arguments, environment, server->out->write_fd, server->err->write_fd};
    *error = server->is_traced ? traced_start(&server->traced, &wishes) : child_start(&server->child, &wishes);
    output_hand_over(server->out);
    output_hand_over(server->err);
    return *error != 0 ? complaint(server, "could not be started: ", strerror(*error)) : server_await(server);
}

/* It has ended, and its port is another's. */
static bool server_has_lost_port(struct server *server)
{
    return server_process(server)->has_ended && arguments_have(server->setting->program, "{port}") && port_is_taken(server->port);
}

/* Makes of one that has ended one that was not started: another port, and its directory empty again. 0 or errno. */
static int server_renew(struct server *server)
{
    char *directory = server->directory;
    server->directory = NULL;
    free(server_end(server));
    if (directory != NULL)
        server->directory = setting_directory(server->setting, strrchr(directory, '/') + 1);
    int error = directory != NULL && server->directory == NULL ? errno : 0;
    free(directory);
    return error == 0 && !ports_find(&server->port, 1) ? EADDRNOTAVAIL : error;
}

char *server_start(struct server *server, const struct setting *setting, const char *name, char **environment, bool is_traced, int *error)
{
    server->setting = setting;
    server->name = name;
    server->is_traced = is_traced;
    if (port_is_taken(server->port))
        ports_find(&server->port, 1);
    char *problem = server_try(server, environment, error);
    if (problem == NULL || *error != 0 || !server_has_lost_port(server))
        return problem;
    *error = server_renew(server);
    if (*error != 0)
        return problem;
    free(problem);
    return server_try(server, environment, error);
}

/* ---- load ---- */

static char *load_complaint(const struct server *server, const char *what, char *said)
{
    struct buffer text = {0};
    buffer_append_format(&text, "the load on the server %s %s%s", server->name, what, said[0] != '\0' ? "; it said:\n" : "");
    tail_append(&text, said);
    return text.bytes;
}

/* How the server ended while it was loaded, or NULL. */
static char *death_of(struct server *server)
{
    struct child *process = server_process(server);
    if (!process->has_ended && child_wait(process, 0) != WAIT_ENDED)
        return NULL;
    char *how = exit_text(process->wait_status), *text = complaint(server, "ended under load, with ", how);
    free(how);
    return text;
}

char *server_load(struct server *server, int limit_ms, struct load_turn *turn)
{
    struct child *process = server_process(server);
    struct tree_look before, after;
    char *said;
    tree_look_at(&before, process->pid);
    int status = command_run(server, server->setting->load, limit_ms, &said, &turn->wall_ns);
    tree_look_at(&after, process->pid);
    turn->used = tree_usage_between(&before, &after);
    const char *unread = load_report_read(said, &turn->report);
    char *problem = death_of(server);
    if (problem == NULL && status == -1)
        problem = load_complaint(server, "did not end in time", said);
    else if (problem == NULL && status != 0)
        problem = load_complaint(server, "failed", said);
    else if (problem == NULL && unread != NULL)
        problem = load_complaint(server, unread, said);
    else if (problem == NULL && (turn->report.rate == 0 || turn->report.requests == 0))
        problem = load_complaint(server, "had no request answered", said);
    free(said);
    return problem;
}
