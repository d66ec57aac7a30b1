/* criterion.c - runs the tests that registered themselves. See criterion/criterion.h. */
#include "criterion/criterion.h"

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FAILED 1
#define STATUS_SKIPPED 77
#define TIMEOUT_S 60 /* of a test that names none; an emulated machine is slow */

/* Of the library's process.c; a test of the resource reads it. */
__attribute__((weak)) char process_command[256];

static struct criterion_test *tests, **last = &tests;
static bool has_failed;

void criterion_register(struct criterion_test *test)
{
    *last = test;
    last = &test->next;
}

void criterion_failed(bool fatal, const char *file, int line, const char *what, const char *format, ...)
{
    va_list list;
    has_failed = true;
    fprintf(stderr, "%s:%d: %s: ", file, line, what);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    if (fatal)
        _exit(STATUS_FAILED);
}

void criterion_skip(void)
{
    _exit(STATUS_SKIPPED);
}

static const struct criterion_options *suite_options(const char *suite)
{
    static const struct criterion_options none;
    for (const struct criterion_test *test = tests; test; test = test->next)
        if (!test->name && strcmp(test->suite, suite) == 0)
            return &test->options;
    return &none;
}

static void run(const struct criterion_test *test)
{
    const struct criterion_options *suite = suite_options(test->suite);
    void (*init)(void) = test->options.init ? test->options.init : suite->init;
    void (*fini)(void) = test->options.fini ? test->options.fini : suite->fini;
    alarm(TIMEOUT_S);
    if (init)
        init();
    test->body();
    if (fini)
        fini();
    exit(has_failed ? STATUS_FAILED : test->options.exit_code);
}

/* 0 when it did what it should, STATUS_SKIPPED, or anything else. */
static int status_of(const struct criterion_test *test)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        run(test);
    waitpid(child, &status, 0);
    if (test->options.signal)
        return !(WIFSIGNALED(status) && WTERMSIG(status) == test->options.signal);
    if (WIFSIGNALED(status))
        return 128 + WTERMSIG(status);
    return WEXITSTATUS(status) == test->options.exit_code ? 0 : WEXITSTATUS(status);
}

/* Arguments name the tests to run; without any, all are but those in CRITERION_SKIP. */
static bool is_wanted(const struct criterion_test *test, char **names)
{
    const char *left_out = getenv("CRITERION_SKIP");
    if (left_out && strstr(left_out, test->name))
        return false;
    for (char **name = names; *name; name++)
        if (strcmp(*name, test->name) == 0)
            return true;
    return !*names;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0, skipped = 0;
    const char *slash = strrchr(argv[0], '/');
    (void)argc;
    for (const struct criterion_test *test = tests; test; test = test->next) {
        if (!test->name || test->options.disabled || !is_wanted(test, argv + 1))
            continue;
        int status = status_of(test);
        if (status == STATUS_SKIPPED)
            skipped++;
        else if (status == 0)
            passed++;
        else if (++failed)
            printf("not ok %s/%s: status %d\n", test->suite, test->name, status);
    }
    printf("%s %s: %u passed, %u failed, %u skipped\n", failed ? "not ok" : "ok", slash ? slash + 1 : argv[0], passed, failed, skipped);
    return failed != 0;
}
