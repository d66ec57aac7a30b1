/*
 * compare.c - `spanload compare`: the same work without and with the library, and what differs.
 *
 * Reads the wishes, has one of the two modes do the work, and writes the reports. Report files are opened before
 * the work: minutes of measuring are not to end in "permission denied".
 */
#include "commands.h"
#include "environment.h"
#include "guard.h"
#include "intake.h"
#include "library.h"
#include "modes.h"
#include "options.h"
#include "process_tree.h"
#include "report_file.h"
#include "reports.h"
#include "signals.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_DEFAULT = 20, LOAD_RUNS_DEFAULT = 10, RUNS_MOST = 10000 };

struct compare_wishes {
    bool no_helpers, no_syscalls;
    const char *runs, *load, *ready_port, *ready, *json, *html, *max_overhead, *metric, *library;
    double limit;                          /* of max_overhead, 0.03; NaN */
};

/* ---- wishes ---- */

/* A whole number from `least` on. -1: it is none. */
static long number_read(const char *text, long least, long most)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= least && number <= most ? number : -1;
}

/* "3%", "0.5 %" or "3" as a part: 0.03. NaN: it is none. */
static double percent_read(const char *text)
{
    char *end;
    double percent = strtod(text, &end);
    bool has_digits = end != text && strspn(text, "0123456789.") == (size_t)(end - text);
    end += strspn(end, " ");
    end += *end == '%';
    return has_digits && *end == '\0' && isfinite(percent) ? percent / 100 : NAN;
}

static bool metric_is_known(const char *metric)
{
    return strcmp(metric, "wall") == 0 || strcmp(metric, "cpu") == 0 || strcmp(metric, "load") == 0;
}

/* What goes with --load, and what without. 0, or EXIT_USAGE after a line about it. */
static int load_check(const struct compare_wishes *wishes, char **program)
{
    if (wishes->load == NULL && (wishes->ready_port != NULL || wishes->ready != NULL))
        return usage_error("compare: --ready and --ready-port go with --load");
    if (wishes->load == NULL && wishes->metric != NULL && strcmp(wishes->metric, "load") == 0)
        return usage_error("compare: --metric load goes with --load");
    if (wishes->load == NULL && arguments_have(program, "{port}"))
        return usage_error("compare: {port} is for servers, with --load");
    if (wishes->load == NULL)
        return 0;
    if (!arguments_have(program, "{port}") && !arguments_have(program, "{dir}"))
        return usage_error("compare: the servers run side by side: put {port} or {dir} where their arguments name a port or a socket");
    if (wishes->ready_port != NULL && wishes->ready != NULL)
        return usage_error("compare: either --ready or --ready-port");
    if (wishes->ready_port != NULL && strcmp(wishes->ready_port, "{port}") != 0 && number_read(wishes->ready_port, 1, 65535) < 0)
        return usage_error("compare: --ready-port is a port or {port}, not %s", wishes->ready_port);
    if (wishes->ready_port == NULL && wishes->ready == NULL && !arguments_have(program, "{port}"))
        return usage_error("compare: when is the server ready? Say --ready, --ready-port, or give it {port}");
    return 0;
}

static int wishes_check(struct compare_wishes *wishes, char **program)
{
    wishes->limit = wishes->max_overhead != NULL ? percent_read(wishes->max_overhead) : NAN;
    if (wishes->runs != NULL && number_read(wishes->runs, 1, RUNS_MOST) < 0)
        return usage_error("compare: --runs is a number from 1 to %d, not %s", RUNS_MOST, wishes->runs);
    if (wishes->max_overhead != NULL && isnan(wishes->limit))
        return usage_error("compare: --max-overhead is a percentage like 3%%, not %s", wishes->max_overhead);
    if (wishes->metric != NULL && !metric_is_known(wishes->metric))
        return usage_error("compare: --metric is wall, cpu or load, not %s", wishes->metric);
    return load_check(wishes, program);
}

/* ---- reports ---- */

static int reports_write(const struct comparison *comparison, struct report_file *json, struct report_file *html)
{
    struct buffer text = {0};
    bool has_stdout = !json->is_stdout && !html->is_stdout;
    struct terminal terminal = terminal_look(has_stdout ? STDOUT_FILENO : STDERR_FILENO);
    int status = 0;
    report_table(&text, comparison, &terminal);
    fwrite(text.bytes, 1, text.len, has_stdout ? stdout : stderr);
    if (json->fd >= 0) {
        buffer_clear(&text);
        report_json(&text, comparison);
        status = report_file_write(json, &text);
    }
    if (html->fd >= 0) {
        buffer_clear(&text);
        report_html(&text, comparison);
        int html_status = report_file_write(html, &text);
        status = status != 0 ? status : html_status;
    }
    buffer_finish(&text);
    return status;
}

/* ---- the comparison ---- */

/* "AMD EPYC, 2 processors, Linux 6.1.0" */
static char *machine_text(void)
{
    struct buffer text = {0};
    struct utsname names;
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "model name", strlen("model name")) == 0 && strchr(line, ':') != NULL) {
            buffer_append_format(&text, "%.*s, ", (int)strcspn(strchr(line, ':') + 2, "\n"), strchr(line, ':') + 2);
            break;
        }
    if (file != NULL)
        fclose(file);
    uname(&names);
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    buffer_append_format(&text, "%ld processor%s, %s %.*s", count, count == 1 ? "" : "s", names.sysname,
                         (int)strcspn(names.release, "-"), names.release);
    return text.bytes;
}

static void comparison_describe(struct comparison *comparison, const struct setting *setting)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    comparison->command = arguments_text(setting->program);
    comparison->load_command = setting->load != NULL ? memory_copy_text(setting->load) : NULL;
    comparison->rounds = setting->rounds;
    comparison->began_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    comparison->machine = machine_text();
}

/* Takes the text. */
static void set_aside_tell(struct comparison *comparison, char *set_aside)
{
    if (set_aside != NULL)
        comparison_leave_out(comparison, "%s: the spans of these runs go to this command, as JSON", set_aside);
    free(set_aside);
}

static void spans_tell(struct comparison *comparison)
{
    const char *disabled = getenv("OTEL_SDK_DISABLED");
    comparison->spans.is_disabled = disabled != NULL && strcasecmp(disabled, "true") == 0;
    if (intake_has_ended())
        comparison_leave_out(comparison, "spans, and standard error: this command's own receiver of spans has ended, and the library may have complained");
    intake_sample(comparison->spans.sample);
    if (intake_refusal_count() > 0)
        comparison_leave_out(comparison, "spans of %llu requests that were not JSON for /v1/traces: another exporter in the program sends them",
                             (unsigned long long)intake_refusal_count());
}

static void log_tell(struct comparison *comparison, const struct setting *setting)
{
    if (setting->log_wanted == NULL || setting->load != NULL)
        return;
    char *wanted = text_escape(setting->log_wanted, false);
    comparison_leave_out(comparison, "SPANLOAD_LOG of the environment (%s): what the library prints is not the program's output", wanted);
    free(wanted);
}

static void proc_tell(struct comparison *comparison)
{
    bool has_servers = comparison->load_command != NULL;
    if (!processes_are_seen())
        comparison_leave_out(comparison, "what needs /proc, which is not there or another's: %sprocesses that are left behind are not found",
                             has_servers ? "what servers use is not known, and " : "");
}

/* What guard.c's child is given. */
struct work {
    const struct compare_wishes *wishes;
    struct setting *setting;
    const char *library;
    struct report_file *json, *html;
};

/* Measures and reports. Returns the exit status. Takes `set_aside`. */
static int compare(const struct work *work, char *set_aside)
{
    const struct compare_wishes *wishes = work->wishes;
    const struct setting *setting = work->setting;
    struct comparison comparison;
    comparison_init(&comparison);
    comparison_describe(&comparison, setting);
    set_aside_tell(&comparison, set_aside);
    int status = setting->load != NULL ? compare_load(setting, &comparison) : compare_runs(setting, &comparison);
    if ((status == 0 || comparison.fault != NULL) && !children_interrupted()) {
        if (!setting->follows_calls && comparison.calls.left_out == NULL)
            comparison.calls.left_out = memory_copy_text("system calls: not asked for (--no-syscalls)");
        log_tell(&comparison, setting);
        spans_tell(&comparison);
        proc_tell(&comparison);
        comparison_work_out(&comparison, wishes->metric ? wishes->metric : setting->load ? "load" : "wall", wishes->limit);
        status = reports_write(&comparison, work->json, work->html);
        if (status == 0 && comparison.fault == NULL && !isnan(wishes->limit) && isnan(comparison.gate_measure->ratio.value))
            status = own_failure("compare: %s could not be measured", comparison.gate_measure->name);
        status = status != 0 ? status : comparison_exit_status(&comparison);
    }
    comparison_finish(&comparison);
    return children_interrupted() ? 128 + children_interrupted() : status;
}

/* Files that are opened must not become standard input, output or error because those were closed. */
static void standard_files_open(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

static int work_do(void *context)
{
    struct work *work = context;
    children_begin();
    int port = intake_start(), status;
    if (port > 0) {
        char *set_aside = environment_set_aside();
        setting_make_environments(work->setting, work->library, !work->wishes->no_helpers, port);
        status = compare(work, set_aside);
    } else {
        status = own_failure("compare: cannot receive spans on 127.0.0.1: %s", strerror(-port));
    }
    children_end();
    return status;
}

/* 0, or the exit status after a line about what cannot be written. */
static int reports_open(const struct compare_wishes *wishes, bool has_stdout, struct report_file *json, struct report_file *html)
{
    int status = report_file_open(json, wishes->json), html_status = report_file_open(html, wishes->html);
    if (status != 0 || html_status != 0)
        return status != 0 ? status : html_status;
    if (report_file_is_same(json, html))
        return usage_error("compare: --json and --html are the same file, %s", wishes->html);
    if (!has_stdout && (json->is_stdout || html->is_stdout))
        return own_failure("compare: standard output is closed");
    report_file_clear(json);
    report_file_clear(html);
    return 0;
}

/* Closes and removes what compare_begin() has opened and made. */
static void work_tidy(void *context)
{
    struct work *work = context;
    setting_remove_directory(work->setting);
    report_file_close(work->json);
    report_file_close(work->html);
}

/* With the library found and the wishes in order: opens and makes what has to be closed and removed, however the work ends. */
static int compare_begin(const struct compare_wishes *wishes, struct setting *setting, const char *library)
{
    struct report_file json, html;
    bool has_stdout = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    standard_files_open();
    signals_block();
    int status = reports_open(wishes, has_stdout, &json, &html);
    if (status == 0 && !setting_make_directory(setting))
        status = own_failure("compare: cannot make a directory for {dir} in $TMPDIR or /tmp: %s", strerror(errno));
    struct work work = {wishes, setting, library, &json, &html};
    if (status == 0)
        status = guard_run(&(struct guarded){work_do, work_tidy, &work});
    else
        work_tidy(&work);
    free(setting->directory);              /* of this process: it was removed in another */
    return status;
}

/* Where every program has the library, there is no run without it. False after a line about it. */
static bool baseline_is_possible(const char *library)
{
    char listed[4096] = "";
    FILE *file = fopen("/etc/ld.so.preload", "re");
    if (file != NULL) {
        listed[fread(listed, 1, sizeof listed - 1, file)] = '\0';
        fclose(file);
    }
    const char *preload = getenv("LD_PRELOAD");
    bool is_everywhere = strstr(listed, "libspanload") != NULL || strstr(listed, library) != NULL;
    if (is_everywhere)
        own_failure("compare: /etc/ld.so.preload names the library: no program here runs without it");
    else if (preload != NULL && strstr(preload, library) != NULL)
        own_failure("compare: LD_PRELOAD names %s already: no run would be without it", library);
    else
        return true;
    return false;
}

int compare_command(int argc, char **argv)
{
    struct compare_wishes wishes = {0};
    const struct option_row options[] = {
        {"runs", "N", "rounds (20; 10 under load); 6 at least for 95 % certainty", NULL, &wishes.runs},
        {"load", "COMMAND", "the program is a server: run this against it", NULL, &wishes.load},
        {"ready-port", "PORT", "the server is ready when this port is open ({port})", NULL, &wishes.ready_port},
        {"ready", "COMMAND", "the server is ready when this succeeds", NULL, &wishes.ready},
        {"json", "FILE", "write everything as JSON, every sample too; - is standard output", NULL, &wishes.json},
        {"html", "FILE", "write a page with pictures", NULL, &wishes.html},
        {"max-overhead", "3%", "end with 1 if it costs more, and that is no noise", NULL, &wishes.max_overhead},
        {"metric", "wall|cpu|load", "of this (wall; load under load)", NULL, &wishes.metric},
        {"no-syscalls", NULL, "do not count system calls", &wishes.no_syscalls, NULL},
        {"no-helpers", NULL, "leave NODE_OPTIONS, PYTHONPATH and RUBYOPT as they are", &wishes.no_helpers, NULL},
        {"library", "PATH", "the libspanload.so to use ($SPANLOAD_LIBRARY, else the one installed)", NULL, &wishes.library},
        {0},
    };
    const struct command_line line = {
        .synopsis = "compare [options] [--] program [argument...]",
        .purpose = "Runs a program without and with the library in turn, and tells what differs.",
        .notes = "In the program's arguments {dir} is an empty directory, whose files are compared. With --load each server has\n"
                 "its own {dir}, which is not, and {port}, a free port, as has COMMAND, which goes to the shell. What it prints is read as\n"
                 "wrk's, ab's, hey's, redis-benchmark's or pgbench's, or as lines such as `requests: 1000`, `seconds: 2.5`, `p99: 3 ms`.\n\n"
                 "Exit status: 0 no difference in output or exit status, and not over the limit; 1 otherwise;\n"
                 "127 not found, 126 not executable, 125 spanload itself failed, 2 wrong usage, 128+n signal n ended it.",
        .options = options,
    };
    int first = options_parse(&line, argc, argv);
    if (first < 0)
        return options_exit_status(first);
    if (first >= argc)
        return usage_error("compare: which program?");
    int status = wishes_check(&wishes, argv + first);
    if (status != 0)
        return status;
    environment_leave_library(argv - 1); /* main passes its own arguments from the second on */
    char *problem, *library = library_find(wishes.library, &problem);
    if (library == NULL) {
        status = own_failure("%s", problem);
        free(problem);
        return status;
    }
    size_t runs = wishes.runs ? (size_t)number_read(wishes.runs, 1, RUNS_MOST) : wishes.load ? LOAD_RUNS_DEFAULT : RUNS_DEFAULT;
    if (!baseline_is_possible(library)) {
        free(library);
        return EXIT_OWN_FAILURE;
    }
    struct setting setting = {.program = argv + first, .rounds = runs, .load = wishes.load, .ready_port = wishes.ready_port,
                              .ready = wishes.ready, .follows_calls = !wishes.no_syscalls};
    status = compare_begin(&wishes, &setting, library);
    free(library);
    return status;
}
