/* carrier.c - the ways to start another program, and what it finds in its environment. See speak.h.
 *
 * The other program is this one again (`show`): it says which variables of context it was given, as they stand there, and how
 * many others. What has no exchanges says none.
 */
#include "speak.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

static char self[4096];
static char *const show_words[] = {"carrier", "show", NULL};

static void show(void)
{
    static const char *const ours[] = {"TRACEPARENT=", "TRACESTATE=", "BAGGAGE=", "B3=", "X_B3_", "SPANLOAD_COMMAND="};
    static char line[1 << 18];
    size_t len = 0;
    int others = 0;
    for (char **entry = environ; entry && *entry; entry++) {
        bool is_ours = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) is_ours |= strncmp(*entry, ours[i], strlen(ours[i])) == 0;
        others += !is_ours;
        if (is_ours) len += (size_t)snprintf(line + len, sizeof line - len, "%s ", *entry);
    }
    len += (size_t)snprintf(line + len, sizeof line - len, "others=%d\n", others);
    if (write(1, line, len) != (ssize_t)len) _exit(99);
}

static int status_of(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* --- forms ------------------------------------------------------------------------------------------------------------- */

enum { EXECVE, EXECVPE, FEXECVE, EXECVEAT, EXECLE, WITH_ENVIRONMENT, EXECV = WITH_ENVIRONMENT, EXECVP, EXECL, EXECLP, FORMS };
static const char *const names[] = {"execve", "execvpe", "fexecve", "execveat", "execle", "execv", "execvp", "execl", "execlp"};

static int execute(int form, const char *path, char **envp)
{
    switch (form) {
    case EXECVE: return execve(path, show_words, envp);
    case EXECVPE: return execvpe(path, show_words, envp);
    case FEXECVE: return fexecve(open(path, O_RDONLY), show_words, envp);
    case EXECVEAT: return execveat(AT_FDCWD, path, show_words, envp, 0);
    case EXECLE: return execle(path, show_words[0], show_words[1], (char *)NULL, envp);
    case EXECV: return execv(path, show_words);
    case EXECVP: return execvp(path, show_words);
    case EXECL: return execl(path, show_words[0], show_words[1], (char *)NULL);
    default: return execlp(path, show_words[0], show_words[1], (char *)NULL);
    }
}

static void begin_line(const char *name)
{
    if (write(1, name, strlen(name)) < 0 || write(1, ": ", 2) < 0) _exit(99);
}

static void in_child(int form, char **envp, bool shares_memory)
{
    begin_line(names[form]);
    pid_t child = shares_memory ? vfork() : fork();
    if (child == 0) {
        execute(form, self, envp);
        _exit(97);
    }
    if (status_of(child) != 0) say("failed");
}

static void spawn_both(char **envp)
{
    pid_t child;
    begin_line("posix_spawn");
    if (posix_spawn(&child, self, NULL, NULL, show_words, envp) != 0 || status_of(child) != 0) say("failed");
    begin_line("posix_spawnp");
    if (posix_spawnp(&child, self, NULL, NULL, show_words, envp) != 0 || status_of(child) != 0) say("failed");
}

static void by_shell(void)
{
    static char line[1 << 18];
    char command[4200];
    snprintf(command, sizeof command, "exec '%s' show", self);
    begin_line("system");
    if (system(command) != 0) say("failed");
    begin_line("popen");
    FILE *pipe = popen(command, "r");
    if (!pipe || !fgets(line, sizeof line, pipe)) say("failed");
    line[strcspn(line, "\n")] = '\0';
    if (pclose(pipe) != 0) say("failed");
    if (write(1, line, strlen(line)) < 0 || write(1, "\n", 1) < 0) _exit(99);
}

static char **as_it_is;

static void forms(char **arguments)
{
    (void)arguments;
    for (int form = 0; form < FORMS; form++) in_child(form, environ, false);
    for (int form = 0; form < FORMS; form++) in_child(form, environ, true);
    spawn_both(environ);
    by_shell();
    say("environ is %s", environ == as_it_is ? "as it was" : "another");
}

/* An environment of the program's own making; without words none at all. */
static void given(char **arguments)
{
    char **envp = arguments[0] ? arguments : NULL;
    for (int form = 0; form < WITH_ENVIRONMENT; form++) in_child(form, envp, form % 2);
    spawn_both(envp);
}

/* In this very process, by the form of that number. */
static void replace(char **arguments)
{
    if (execl("/nonexistent", "carrier", (char *)NULL) == 0) fail("execl");
    execute(atoi(arguments[0]), self, environ);
    fail("exec");
}

static void many(char **arguments)
{
    int count = atoi(arguments[0]);
    char **envp = calloc((size_t)count + 1, sizeof *envp);
    for (int i = 0; i < count; i++)
        if (asprintf(&envp[i], "VARIABLE_%d=%d", i, i) < 0) fail("asprintf");
    in_child(EXECVE, envp, true);
    spawn_both(envp);
}

/* --- what is no environment --------------------------------------------------------------------------------------------- */

/* Two pages of which the second may not be touched; `size` bytes that end there. */
static char *before_an_abyss(size_t size)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || munmap(pages + 4096, 4096) != 0) fail("mmap");
    return pages + 4096 - size;
}

static void try_pointer(const char *what, char **envp)
{
    pid_t child;
    for (int form = 0; form < WITH_ENVIRONMENT; form++) {
        errno = 0;
        int rc = execute(form, self, envp);
        say("%s: %s %d %s", what, names[form], rc, strerror(errno));
    }
    int rc = posix_spawn(&child, self, NULL, NULL, show_words, envp);
    say("%s: posix_spawn %s", what, strerror(rc));
}

static void pointers(char **arguments)
{
    (void)arguments;
    char *piece = before_an_abyss(4), **endless = (char **)before_an_abyss(3 * sizeof(char *));
    memcpy(piece, "TRAC", 4);
    for (int i = 0; i < 3; i++) endless[i] = "A=b";
    try_pointer("no array", (char **)8);
    try_pointer("endless array", endless);
    try_pointer("no entry", (char *[]){"A=b", (char *)8, NULL});
    try_pointer("endless entry", (char *[]){"A=b", piece, NULL});
}

/* Whole ones, that end where the memory ends. */
static void edge(char **arguments)
{
    (void)arguments;
    char *last = before_an_abyss(sizeof "TRACEPARENT="), **exact = (char **)before_an_abyss(2 * sizeof(char *));
    memcpy(last, "TRACEPARENT=", sizeof "TRACEPARENT=");
    exact[0] = last;
    exact[1] = NULL;
    in_child(EXECVE, exact, true);
}

/* As long as the kernel takes it: what would be added is what is too much. */
static void too_long(char **arguments)
{
    (void)arguments;
    char *envp[64] = {NULL};
    size_t limit = 131072 - 1; /* MAX_ARG_STRLEN */
    pid_t child;
    int count = 0, rc = 0;
    for (; count < 62 && rc == 0; count++) {
        envp[count] = memset(calloc(1, limit + 1), 'x', limit);
        memcpy(envp[count], "A=", 2);
        rc = posix_spawn(&child, "/bin/true", NULL, NULL, (char *[]){"true", NULL}, envp);
        if (rc == 0) status_of(child);
    }
    char *last = envp[count - 1];
    for (size_t low = 2, high = limit; high - low > 1;) { /* the longest that goes */
        size_t middle = (low + high) / 2;
        char kept = last[middle];
        last[middle] = '\0';
        rc = posix_spawn(&child, "/bin/true", NULL, NULL, (char *[]){"true", NULL}, envp);
        if (rc == 0) status_of(child);
        last[middle] = kept;
        if (rc == 0) low = middle; else high = middle;
        if (high - low <= 1) last[low] = '\0';
    }
    rc = posix_spawn(&child, "/bin/true", NULL, NULL, (char *[]){"true", NULL}, envp);
    say("%d variables, the last of %zu: %s, %d", count, strlen(last), strerror(rc), rc ? -1 : status_of(child));
    child = fork();
    if (child == 0) {
        execve("/bin/true", (char *[]){"true", NULL}, envp);
        _exit(97);
    }
    say("execve: %d", status_of(child));
}

/* --- system and popen ---------------------------------------------------------------------------------------------------- */

static void *wait_long(void *memory)
{
    (void)memory;
    for (;;) pause();
    return NULL;
}

static void with_threads(char **arguments)
{
    pthread_t thread;
    (void)arguments;
    if (pthread_create(&thread, NULL, wait_long, NULL) != 0) fail("pthread_create");
    by_shell();
    say("environ is %s", environ == as_it_is ? "as it was" : "another");
}

static sigjmp_buf place;

static void jump(int number)
{
    siglongjmp(place, number);
}

/* A handler leaves system(3) for good; the program goes on with its environment, changes it, and does it again. */
static void leaves(char **arguments)
{
    (void)arguments;
    signal(SIGALRM, jump);
    for (volatile int round = 0; round < 3; round++) {
        if (sigsetjmp(place, 1) == 0) {
            ualarm(100000, 0);
            system("exec sleep 1");
            say("not left");
        }
        say("HOME is %s", getenv("HOME"));
        by_shell();
    }
    setenv("ONE_MORE", "1", 1);
    by_shell();
}

/* A handler starts a program while system(3) waits for another. */
static void spawn_in_handler(int number)
{
    (void)number;
    by_shell();
}

static void within(char **arguments)
{
    (void)arguments;
    signal(SIGALRM, spawn_in_handler);
    ualarm(100000, 0);
    say("system %d", system("exec sleep 0.4"));
    by_shell();
    say("environ is %s", environ == as_it_is ? "as it was" : "another");
}

static void cleared(char **arguments)
{
    (void)arguments;
    clearenv();
    by_shell();
    say("environ is %s", environ == NULL ? "none" : "some");
}

/* --- ends ----------------------------------------------------------------------------------------------------------------- */

static void end_later(void)
{
    _exit(44);
}

/* 0: return, 1: exit, 2: _exit, 3: _Exit, 4: quick_exit, 5: exit_group, 6: a handler of exit ends it otherwise, 7: by a signal. */
static int end(char **arguments)
{
    int status = atoi(arguments[1]);
    switch (atoi(arguments[0])) {
    case 0: return status;
    case 1: exit(status);
    case 2: _exit(status);
    case 3: _Exit(status);
    case 4: quick_exit(status);
    case 5: syscall(SYS_exit_group, status); break;
    case 6: atexit(end_later); exit(status);
    case 7: raise(SIGKILL);
    }
    return 96;
}

/* Children that execute nothing; and one that goes on when its parent has ended. */
static void children(char **arguments)
{
    (void)arguments;
    for (volatile int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) exit(i);
        say("child %d", status_of(child));
        child = vfork();
        if (child == 0) _exit(i);
        say("child %d", status_of(child));
    }
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"forms", forms}, {"given", given}, {"replace", replace}, {"many", many}, {"pointers", pointers}, {"edge", edge}, {"too_long", too_long},
        {"with_threads", with_threads}, {"leaves", leaves}, {"within", within}, {"cleared", cleared}, {"children", children}, {NULL, NULL}};
    as_it_is = environ;
    if (argc > 1 && strcmp(argv[1], "show") == 0) return show(), 0;
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) fail("readlink");
    if (argc > 3 && strcmp(argv[1], "end") == 0) return end(argv + 2);
    return run_scenario(scenarios, argc, argv);
}
