/*
 * run.c - `spanload run`: starts a program with the library in front of it.
 *
 * Without --show it becomes the program: same process, nothing left behind. With --show it stays as the
 * parent and is the sidecar on a port of its own; it then has to be invisible as a parent: same process
 * group, same exit status, signals passed on.
 *
 * A signal that the terminal sends (^C, ^\, a new window size) reaches the whole foreground group, the
 * program included: the kernel marks it SI_KERNEL and it is not sent a second time. ^Z stops both.
 */
#include "commands.h"
#include "environment.h"
#include "library.h"
#include "options.h"
#include "viewer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUIET_MS = 500, DRAIN_IDLE_MS = 300, DRAIN_LIMIT_MS = 5000 };

static const int passed_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

struct run_wishes {
    bool show, no_helpers;
    const char *library, *service, *endpoint, *format;
};

/* ---- the program's environment ---- */

/* Returns 0 or the exit status. */
static int environment_set(const struct run_wishes *wishes)
{
    char *problem, *library = library_find(wishes->library, &problem);
    if (library == NULL) {
        int status = own_failure("%s", problem);
        free(problem);
        return status;
    }
    environment_preload(library, !wishes->no_helpers);
    free(library);
    if (wishes->service != NULL)
        setenv("OTEL_SERVICE_NAME", wishes->service, 1);
    if (wishes->endpoint != NULL)
        environment_set_endpoint(wishes->endpoint);
    return 0;
}

/* Becomes the program; returns the exit status of a shell that could not. */
static int program_become(char **program)
{
    execvp(program[0], program);
    int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
    fprintf(stderr, "spanload: %s: %s\n", program[0],
            errno == ENOENT && strchr(program[0], '/') == NULL ? "command not found" : strerror(errno));
    return status;
}

/* ---- as the parent ---- */

struct parent {
    pid_t child;
    int signal_fd;
    int wait_status;
    sigset_t inherited_mask;
    struct sigaction inherited_chld;
};

/* A SIGCHLD that is ignored would lose the exit status. Both are put back for the child. */
static void parent_take_signals(struct parent *parent)
{
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof passed_signals / sizeof *passed_signals; i++)
        sigaddset(&signals, passed_signals[i]);
    sigaddset(&signals, SIGCHLD);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &parent->inherited_chld);
    sigprocmask(SIG_BLOCK, &signals, &parent->inherited_mask);
    parent->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void parent_start_program(struct parent *parent, char **program)
{
    parent->child = fork();
    if (parent->child == 0) {
        sigaction(SIGCHLD, &parent->inherited_chld, NULL);
        sigprocmask(SIG_SETMASK, &parent->inherited_mask, NULL);
        _exit(program_become(program));
    }
    signal(SIGPIPE, SIG_IGN);                  /* stderr may go away, the program's exit status must not */
    signal(SIGTTOU, SIG_IGN);                  /* the program may have taken the terminal */
}

/* Passes on what came. False when the program has ended. */
static bool parent_attend_signals(struct parent *parent)
{
    struct signalfd_siginfo info;
    bool lives = true;
    while (read(parent->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            if (waitpid(parent->child, &parent->wait_status, WNOHANG) == parent->child)
                lives = false;
        } else if (lives && info.ssi_code != SI_KERNEL && (pid_t)info.ssi_pid != parent->child) {
            kill(parent->child, (int)info.ssi_signo);
        }
    }
    return lives;
}

static int exit_status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static int parent_watch(struct parent *parent, struct viewer *viewer)
{
    while (!(viewer_step(viewer, parent->signal_fd, -1) & RECEIVER_SIGNAL) || parent_attend_signals(parent))
        continue;
    viewer_drain(viewer, parent->signal_fd, DRAIN_IDLE_MS, DRAIN_LIMIT_MS);
    viewer_print_rest(viewer);
    return exit_status_of(parent->wait_status);
}

static int program_show(const struct run_wishes *wishes, char **program)
{
    struct viewer viewer;
    struct parent parent = {0};
    viewer_init(&viewer, stderr, wishes->format, QUIET_MS);
    viewer.prints_gap = !viewer.prints_json && isatty(STDERR_FILENO);    /* the program's line may be unfinished */
    int port = receiver_listen_tcp(viewer.receiver, "127.0.0.1", "0"), status;
    if (port > 0) {
        environment_set_receiver(port);
        setenv("OTEL_BSP_SCHEDULE_DELAY", "200", 0);
        parent_take_signals(&parent);
        parent_start_program(&parent, program);
        status = parent.child > 0 ? parent_watch(&parent, &viewer) : own_failure("fork: %s", strerror(errno));
        close(parent.signal_fd);
    } else {
        status = own_failure("cannot listen on 127.0.0.1: %s", strerror(-port));
    }
    viewer_finish(&viewer);
    return status;
}

int run_command(int argc, char **argv)
{
    struct run_wishes wishes = {0};
    const struct option_row options[] = {
        {"show", NULL, "be the sidecar, and print each trace to standard error", &wishes.show, NULL},
        {"format", "tree|json", "with --show: trees (default) or each request as a line of JSON", NULL, &wishes.format},
        {"service", "NAME", "the service's name (OTEL_SERVICE_NAME)", NULL, &wishes.service},
        {"endpoint", "URL", "where traces go (OTEL_EXPORTER_OTLP_ENDPOINT)", NULL, &wishes.endpoint},
        {"no-helpers", NULL, "leave NODE_OPTIONS, PYTHONPATH and RUBYOPT as they are", &wishes.no_helpers, NULL},
        {"library", "PATH", "the libspanload.so to use ($SPANLOAD_LIBRARY, else the one installed)", NULL, &wishes.library},
        {0},
    };
    const struct command_line line = {
        .synopsis = "run [options] [--] program [argument...]",
        .purpose = "Runs a program with its requests traced. Ends as the program ends.",
        .notes = "Exit status: the program's; 128+n if signal n ended it; 127 not found, 126 not executable,\n"
                 "125 spanload itself failed, 2 wrong usage.",
        .options = options,
    };
    int first = options_parse(&line, argc, argv);
    if (first < 0)
        return options_exit_status(first);
    if (first >= argc)
        return usage_error("run: which program?");
    if (wishes.format != NULL && !wishes.show)
        return usage_error("run: --format goes with --show");
    if (wishes.endpoint != NULL && wishes.show)
        return usage_error("run: --show receives the traces itself, there is no --endpoint then");
    if (!viewer_format_is_known(wishes.format))
        return usage_error("run: --format is tree or json, not %s", wishes.format);
    int failure = environment_set(&wishes);
    if (failure != 0)
        return failure;
    return wishes.show ? program_show(&wishes, argv + first) : program_become(argv + first);
}
