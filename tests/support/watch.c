/* watch.c - runs a program as it is, and writes down which descriptors each of its processes had at its end.
 *
 *     watch REPORT PROGRAM ARGUMENT...
 *
 * The program takes watch's own place: the same process, the same parent, nobody beside it that it could wait for. A process
 * of another session (as `strace -D` does it) is told by the kernel of every exec and every exit in the family, before
 * descriptors are closed, and reads them where anybody can, in /proc/PID/fd. It stops nothing but at these moments.
 *
 * The report has one line for each exec and each exit of a process, fields between tabs:
 *     exec|exit  pid  program  number=what ...
 * and `end` when the last process of the family is gone. Numbers of sockets and pipes are left out: they differ in every run.
 * Linked statically, so that a library preloaded for the program is not in this one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS (PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

enum { MOST_DESCRIPTORS = 4096 };

static void fail(const char *what)
{
    perror(what);
    _exit(111);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The target of a link of /proc, without the number that makes it one of its kind. */
static void read_link(const char *path, char *text, size_t size)
{
    ssize_t length = readlink(path, text, size - 1);
    char *bracket;

    text[length > 0 ? length : 0] = '\0';
    bracket = strstr(text, ":[");
    if (text[0] != '/' && bracket && strncmp(text, "anon_inode", 10) != 0) *bracket = '\0';
}

static void report_descriptors(FILE *report, const char *event, pid_t pid)
{
    static int numbers[MOST_DESCRIPTORS];
    char path[64], text[4096];
    struct dirent *entry;
    size_t count = 0;
    DIR *directory;

    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    read_link(path, text, sizeof text);
    fprintf(report, "%s\t%d\t%s", event, (int)pid, text);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    directory = opendir(path);
    while (directory && (entry = readdir(directory)) && count < MOST_DESCRIPTORS)
        if (entry->d_name[0] != '.') numbers[count++] = atoi(entry->d_name);
    if (directory) closedir(directory);
    qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t at = 0; at < count; at++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, numbers[at]);
        read_link(path, text, sizeof text);
        fprintf(report, "\t%d=%s", numbers[at], text);
    }
    fputc('\n', report);
    fflush(report);
}

/* Whether the task is the first thread of its process: what another leaves at its end is still in use. */
static int is_process(pid_t task)
{
    char path[64], line[256];
    FILE *file;
    int process = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)task);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Tgid: %d", &process) == 1) break;
    if (file) fclose(file);
    return process == task;
}

/* What the task is to go on with after this stop: a signal that it is to get, or none. */
static void go_on(pid_t task, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;

    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
        ptrace(PTRACE_LISTEN, task, 0, 0); /* the program was stopped, and stays so until it gets SIGCONT */
    else
        ptrace(PTRACE_CONT, task, 0, event ? 0 : signal);
}

static void watch(FILE *report)
{
    int status;
    pid_t task;

    while ((task = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (task < 0 || !WIFSTOPPED(status)) continue;
        if (status >> 16 == PTRACE_EVENT_EXEC) report_descriptors(report, "exec", task);
        if (status >> 16 == PTRACE_EVENT_EXIT && is_process(task)) report_descriptors(report, "exit", task);
        go_on(task, status);
    }
    fputs("end\n", report);
    fflush(report);
}

/* The watcher: a process nobody waits for, with no descriptor but the report. */
static void become_watcher(pid_t program, const char *path, int ready)
{
    FILE *report;

    setsid();
    if (ptrace(PTRACE_SEIZE, program, 0, EVENTS) != 0) fail("PTRACE_SEIZE");
    report = fopen(path, "we");
    if (!report) fail(path);
    if (write(ready, "", 1) != 1) fail("write");
    for (int fd = 0; fd < 1024; fd++)
        if (fd != fileno(report)) close(fd);
    watch(report);
    _exit(0);
}

int main(int count, char **arguments)
{
    pid_t program = getpid(), between;
    int ready[2];
    char byte;

    if (count < 3) {
        fputs("usage: watch REPORT PROGRAM ARGUMENT...\n", stderr);
        return 111;
    }
    if (pipe2(ready, O_CLOEXEC) != 0) fail("pipe2");
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* where Yama lets nobody but ancestors watch */
    between = fork();
    if (between < 0) fail("fork");
    if (between == 0) {
        if (fork() == 0) become_watcher(program, arguments[1], ready[1]);
        _exit(0);
    }
    if (waitpid(between, NULL, 0) != between) fail("waitpid");
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) return 111; /* the watcher said why */
    close(ready[0]);
    execvp(arguments[2], arguments + 2);
    fail(arguments[2]);
}
