/* environments.c - programs that rewrite, overwrite and empty their arguments and their environment. See speak.h. */
#include "speak.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

extern char **environ;

static char **own_argv;

static int status_of(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* As setproctitle does it: the strings of argv and of the environment are one piece of memory, and become the title. */
static void overwrite(void)
{
    char *first = own_argv[0], *end = first;
    for (char **word = own_argv; *word; word++)
        if (*word == end) end = *word + strlen(*word) + 1;
    for (char **word = environ; *word; word++)
        if (*word == end) end = *word + strlen(*word) + 1;
    environ = (char *[]){NULL};
    memset(first, 'x', (size_t)(end - first - 1));
    end[-1] = '\0';
    memcpy(first, "title: idle", 12);
    prctl(PR_SET_NAME, "title");
}

static void title(char **arguments)
{
    bool is_first = atoi(arguments[0]);
    char line[64] = "";
    if (!is_first) exchange_once(2);
    overwrite();
    int fd = open("/proc/self/cmdline", O_RDONLY);
    if (read(fd, line, sizeof line - 1) > 0) say("%s", line);
    close(fd);
    exchange_once(2);
    pause_ms(20);
    exchange_once(2);
}

/* Names and number of what is there, but for what the test put there itself. */
static void say_environment(const char *when)
{
    int count = 0;
    for (char **word = environ; word && *word; word++)
        count += strncmp(*word, "LD_", 3) != 0 && strncmp(*word, "OTEL_", 5) != 0 && strncmp(*word, "SPANLOAD_", 9) != 0;
    say("%s: %d, HOME=%s", when, count, getenv("HOME") ? getenv("HOME") : "-");
}

static void changes(char **arguments)
{
    static char own[] = "HOME=/elsewhere";
    (void)arguments;
    char **before = environ;
    say_environment("at first");
    exchange_once(2);
    say_environment("after spans");
    say("environ moved: %s", environ == before ? "no" : "yes");
    putenv(own);
    exchange_once(1);
    own[5] = '!';
    say_environment("put");
    clearenv();
    exchange_once(1);
    say_environment("cleared");
    setenv("HOME", "/new", 1);
    exchange_once(1);
    say_environment("set");
    unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    exchange_once(1);
    pid_t child = fork();
    if (child == 0) {
        exchanges = 0;
        exchange_once(1);
        say_exchanges();
        environ = NULL;
        execl("/bin/sh", "sh", "-c", "exit $#", "a", "b", (char *)NULL);
        _exit(99);
    }
    say("child ended with %d", status_of(child));
}

/* What a child is given is what its parent gave, no more and no less. */
static void passes_on(char **arguments)
{
    char *const given[] = {"A=1", "PATH=/usr/bin:/bin", NULL};
    (void)arguments;
    exchange_once(1);
    for (int way = 0; way < 3; way++) {
        pid_t child = fork();
        if (child == 0) {
            exchanges = 0;
            if (way == 0) execve("/usr/bin/env", (char *[]){"env", NULL}, given);
            if (way == 1) execle("/usr/bin/env", "env", "-i", "B=2", "/usr/bin/env", (char *)NULL, given);
            clearenv();
            execlp("env", "env", (char *)NULL);
            _exit(99);
        }
        say("child ended with %d", status_of(child));
    }
}

/* Executed from memory, as some installers and sandboxes do: there is no file of that name anywhere. */
static void from_memory(char **arguments)
{
    char piece[65536];
    if (arguments[0]) {
        exchange_once(2);
        return;
    }
    exchange_once(1);
    say_exchanges();
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = memfd_create("copy", MFD_CLOEXEC);
    for (ssize_t n; (n = read(from, piece, sizeof piece)) > 0;)
        if (write(to, piece, (size_t)n) != n) fail("write");
    fexecve(to, (char *[]){"copy", "from_memory", "again", NULL}, environ);
    fail("fexecve");
}

/* Started without a single argument, which some programs take for a mistake and others for an attack. */
static void no_arguments(char **arguments)
{
    (void)arguments;
    pid_t child = fork();
    if (child == 0) {
        execve("/proc/self/exe", (char *[]){NULL}, environ);
        _exit(99);
    }
    say("ended with %d", status_of(child));
    child = fork();
    if (child == 0) {
        char **volatile none = NULL;
        execve("/bin/true", none, none);
        _exit(99);
    }
    say("ended with %d", status_of(child));
    exchange_once(1);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {{"title", title}, {"changes", changes}, {"passes_on", passes_on}, {"from_memory", from_memory},
                                                {"no_arguments", no_arguments}, {NULL, NULL}};
    own_argv = argv;
    return run_scenario(scenarios, argc, argv);
}
