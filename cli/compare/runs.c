/*
 * runs.c - a program is run again and again, without the library and with it.
 *
 * One warm-up of each, which brings files into memory and, with the library, gives its accounts: to print them is asked
 * for in that run alone, because a line more on standard error would be a difference that the others do not have. Then
 * the rounds, and last the runs under a tracer.
 *
 * A program that hangs with the library must not hang its pipeline: what takes ten times as long as without, and ten
 * seconds more, is ended, and that is how it ended.
 */
#include "modes.h"

#include "accounts.h"
#include "call_table.h"
#include "files.h"
#include "intake.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "terminal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_MS = 2000, PATIENCE_NEXT_MS = 1000, PASSES = 3, PASSES_SLOW = 1, SLOW_MS = 2000, ENDS = 512 };

/* What one run gave. */
struct run {
    struct child child;
    struct output *out, *err;              /* NULL: none */
    int files_fd;                          /* -1: none */
    char *how_ended;                       /* NULL: this command was interrupted */
    uint64_t spans;                        /* that arrived while it ran */
};

struct runs {
    const struct setting *setting;
    struct comparison *comparison;
    struct contents *contents[OUTCOME_COUNT];
    double slowest_ns;                     /* of the runs without the library so far: it decides how long others may take */
    bool has_hung;                         /* one with the library did: the others are given less */
    bool has_ended_with[VARIANT_COUNT][ENDS];  /* by end_number(); BASELINE_AGAIN counts as BASELINE */
    int left_behind;
};

static int patience_now(const struct runs *runs)
{
    return patience_of(runs->slowest_ns) - (runs->has_hung ? PATIENCE_MS - PATIENCE_NEXT_MS : 0);
}

/* A small number for each way to end. */
static size_t end_number(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 256 + (size_t)WTERMSIG(wait_status) : (size_t)WEXITSTATUS(wait_status);
}

static double wall_ns_of(const struct child *child)
{
    return (double)(child->ended_ns - child->began_ns);
}

/* The exit status of this command when a program cannot be started. What it lacks itself is not the program's fault. */
int start_failure(const char *program, int error)
{
    progress_end();
    bool is_own = error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM;
    own_failure("compare: %s%s: %s", is_own ? "cannot start " : "", program, error == ENOENT ? "not found" : strerror(error));
    return is_own ? EXIT_OWN_FAILURE : error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

int directory_failure(int error)
{
    progress_end();
    return own_failure("compare: cannot make a directory for {dir}: %s", strerror(error));
}

/* ---- one run ---- */

/* What a run prints that is not compared: a log. */
static struct run run_make(enum output_kind kind)
{
    struct run run = {.out = output_begin(kind), .files_fd = -1};
    run.err = run.out != NULL ? output_begin(kind) : NULL;
    return run;
}

static void run_close(struct run *run)
{
    output_discard(run->out);
    output_discard(run->err);
    if (run->files_fd >= 0)
        close(run->files_fd);
    free(run->how_ended);
}

static void run_wait(struct runs *runs, struct run *run, int patience_ms)
{
    enum wait_answer answer = child_wait(&run->child, patience_ms);
    if (answer != WAIT_ENDED)
        child_end(&run->child, GRACE_MS);
    if (answer == WAIT_TIMEOUT) {
        run->how_ended = memory_copy_text("had not ended");
        runs->has_hung = true;
    } else if (answer == WAIT_ENDED) {
        run->how_ended = exit_text(run->child.wait_status);
    }
    runs->left_behind += children_end_orphans(GRACE_MS);
}

static int run_start(struct run *run, char **arguments, char **environment)
{
    struct child_wishes wishes = {arguments, environment, run->out->write_fd, run->err->write_fd};
    int error = child_start(&run->child, &wishes);
    output_hand_over(run->out);
    output_hand_over(run->err);
    return error;
}

/* Of a run that was just made. Returns 0, or the exit status of this command. */
static int run_program(struct runs *runs, struct run *run, char **environment, int patience_ms)
{
    const struct setting *setting = runs->setting;
    int error = run->err != NULL ? 0 : errno;
    char *directory = setting->directory != NULL ? setting_directory(setting, "dir") : NULL;
    if (setting->directory != NULL && directory == NULL)
        return directory_failure(errno);
    char **arguments = arguments_expand(setting->program, 0, directory);
    uint64_t spans_before = intake_span_count();
    if (error == 0)
        error = run_start(run, arguments, environment);
    if (error == 0) {
        run_wait(runs, run, patience_ms);
        run->spans = intake_span_count() - spans_before;
        if (directory != NULL)
            run->files_fd = files_content(directory);
    }
    arguments_destroy(arguments);
    free(directory);
    if (error == 0)
        return 0;
    return start_failure(setting->program[0], error);
}

/* ---- what it gave ---- */

static double timeval_ns(struct timeval time)
{
    return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

static void measures_make(struct comparison *comparison)
{
    static const struct {
        const char *key, *name;
        enum unit unit;
        bool is_part;
    } rows[] = {
        {"wall", "wall time", UNIT_NS, false},
        {"cpu", "processor time", UNIT_NS, false},
        {"cpu_user", "user", UNIT_NS, true},
        {"cpu_system", "system", UNIT_NS, true},
        {"rss", "peak memory", UNIT_BYTES, false},
        {"context_switches", "context switches", UNIT_COUNT, false},
        {"page_faults", "page faults", UNIT_COUNT, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        comparison_add_measure(comparison, rows[i].key, rows[i].name, rows[i].unit)->is_part = rows[i].is_part;
}

/* In the order of measures_make(). */
static void samples_take(struct comparison *comparison, enum variant variant, const struct child *child)
{
    const struct rusage *usage = &child->usage;
    double user = timeval_ns(usage->ru_utime), system = timeval_ns(usage->ru_stime);
    const double samples[] = {
        wall_ns_of(child),
        user + system, user, system,
        (double)usage->ru_maxrss * 1024,
        (double)(usage->ru_nvcsw + usage->ru_nivcsw),
        (double)(usage->ru_minflt + usage->ru_majflt),
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        measure_add(&comparison->measures[i], variant, samples[i]);
}

/* The first, or the first with the library that is unlike the first without. */
static void outcome_text_set(struct outcome *outcome, enum variant variant, const char *text)
{
    const char *without = outcome->text[BASELINE], *with_it = outcome->text[INSTRUMENTED];
    bool is_news = variant == INSTRUMENTED && without != NULL && with_it != NULL && strcmp(without, with_it) == 0;
    if (outcome->text[variant] != NULL && !is_news)
        return;
    free(outcome->text[variant]);
    outcome->text[variant] = memory_copy_text(text);
}

static void output_add(struct contents *contents, bool is_instrumented, struct output **output)
{
    struct beyond beyond;
    int fd = output_finish(*output, &beyond);
    *output = NULL;
    contents_add_beginning(contents, is_instrumented, fd, &beyond);
}

/* Takes the run's output and files over. */
static void run_record(struct runs *runs, struct run *run, enum variant variant)
{
    struct comparison *comparison = runs->comparison;
    bool is_instrumented = variant == INSTRUMENTED;
    samples_take(comparison, variant, &run->child);
    contents_add_text(runs->contents[OUTCOME_EXIT], is_instrumented, run->how_ended);
    output_add(runs->contents[OUTCOME_STDOUT], is_instrumented, &run->out);
    output_add(runs->contents[OUTCOME_STDERR], is_instrumented, &run->err);
    if (run->files_fd >= 0)
        contents_add(runs->contents[OUTCOME_FILES], is_instrumented, run->files_fd);
    outcome_text_set(&comparison->outcomes[OUTCOME_EXIT], variant, run->how_ended);
    if (is_instrumented)
        comparison->spans.arrived += (double)run->spans;
    run->files_fd = -1;
}

/* ---- the parts ---- */

/* What later runs of its kind are held against. */
static void run_learn(struct runs *runs, const struct run *run, enum variant variant)
{
    bool is_instrumented = variant == INSTRUMENTED;
    if (!is_instrumented && run->child.has_ended)
        runs->slowest_ns = fmax(runs->slowest_ns, wall_ns_of(&run->child));
    if (run->child.has_ended)
        runs->has_ended_with[is_instrumented ? INSTRUMENTED : BASELINE][end_number(run->child.wait_status)] = true;
}

static int warm_up_without(struct runs *runs)
{
    struct run run = run_make(OUTPUT_LOG);
    int status = run_program(runs, &run, runs->setting->environment[BASELINE], -1);
    if (status == 0)
        run_learn(runs, &run, BASELINE);
    run_close(&run);
    progress_step();
    return status;
}

static int warm_up_with(struct runs *runs)
{
    struct run run = run_make(OUTPUT_LOG);
    int status = run_program(runs, &run, runs->setting->environment_accounts, patience_now(runs));
    if (status == 0) {
        char *said = output_text(run.err);
        accounts_read(&runs->comparison->spans, said);
        free(said);
        run_learn(runs, &run, INSTRUMENTED);
    }
    run_close(&run);
    progress_step();
    return status;
}

/* A program may be slow from its second run on, because of what the first one left: one that seems to hang is held against
 * another run without the library before it is said to. */
static int warm_up(struct runs *runs)
{
    int status = warm_up_without(runs), patience_ms = patience_now(runs);
    if (status == 0 && !children_interrupted())
        status = warm_up_with(runs);
    if (status != 0 || children_interrupted() || !runs->has_hung)
        return status;
    status = warm_up_without(runs);
    if (status != 0 || children_interrupted() || patience_of(runs->slowest_ns) <= patience_ms + PATIENCE_MS / 10)
        return status;
    runs->has_hung = false;
    return warm_up_with(runs);
}

static int rounds_run(struct runs *runs)
{
    const struct setting *setting = runs->setting;
    int status = 0;
    for (size_t round = 0; round < setting->rounds && status == 0; round++)
        for (int place = 0; place < VARIANT_COUNT && status == 0 && !children_interrupted(); place++) {
            enum variant variant = round_order(round)[place];
            struct run run = run_make(OUTPUT_COMPARED);
            status = run_program(runs, &run, setting->environment[variant], variant == INSTRUMENTED ? patience_now(runs) : -1);
            if (status == 0 && run.how_ended != NULL) {
                run_learn(runs, &run, variant);
                run_record(runs, &run, variant);
            }
            run_close(&run);
            progress_step();
        }
    return status;
}

/* Some programs are not the same while they are traced: set-user-ID ones gain nothing, a tracer cannot trace. What they call then is
 * not what they call otherwise. NULL, or that this is one. */
static char *traced_end_check(const struct runs *runs, enum variant variant, int wait_status)
{
    struct buffer text = {0};
    if (runs->has_ended_with[variant][end_number(wait_status)])
        return NULL;
    char *how = exit_text(wait_status);
    buffer_append_format(&text, "system calls: the program ends differently while it is traced, with %s", how);
    free(how);
    return text.bytes;
}

/* One run under the tracer. NULL, or why it does not count. */
static char *pass_run(struct runs *runs, enum variant variant, struct call_table *table)
{
    const struct setting *setting = runs->setting;
    char *directory = setting->directory != NULL ? setting_directory(setting, "dir") : NULL;
    char **arguments = arguments_expand(setting->program, 0, directory);
    struct run run = run_make(OUTPUT_LOG);
    struct traced traced;
    char *reason = NULL;
    int error = run.err == NULL || (setting->directory != NULL && directory == NULL) ? errno : 0;
    if (error == 0)
        error = traced_start(&traced, &(struct child_wishes){arguments, setting->environment[variant], run.out->write_fd, run.err->write_fd});
    if (error == 0) {
        enum wait_answer answer = child_wait(&traced.tracer, patience_traced_of(runs->slowest_ns));
        struct system_call_counts counts = traced_counts(&traced);
        error = answer == WAIT_TIMEOUT ? ETIMEDOUT : answer == WAIT_INTERRUPTED ? EINTR : 0;
        reason = error == 0 ? traced_end_check(runs, variant, traced_wait_status(&traced)) : NULL;
        if (error == 0 && reason == NULL)
            call_table_add(table, variant, &counts, 1);
        traced_end(&traced, GRACE_MS);
    }
    run_close(&run);
    arguments_destroy(arguments);
    free(directory);
    progress_step();
    return error != 0 ? calls_reason(error) : reason;
}

static size_t passes_wanted(const struct runs *runs)
{
    return runs->slowest_ns < SLOW_MS * 1e6 ? PASSES : PASSES_SLOW;
}

static void calls_count(struct runs *runs)
{
    static const enum variant traced[] = {BASELINE, INSTRUMENTED};
    struct call_table *table = call_table_create();
    char *reason = NULL;
    for (size_t pass = 0; pass < passes_wanted(runs) && reason == NULL && !children_interrupted(); pass++)
        for (size_t i = 0; i < 2 && reason == NULL && !children_interrupted(); i++)
            reason = pass_run(runs, traced[i], table);
    call_table_finish(table, reason, &runs->comparison->calls);
}

static void outcomes_take(struct runs *runs)
{
    struct comparison *comparison = runs->comparison;
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        struct outcome *outcome = &comparison->outcomes[i];
        bool is_spoilt = i == OUTCOME_STDERR && intake_has_ended();            /* the library may complain there */
        outcome->is_looked_at = !is_spoilt && (i != OUTCOME_FILES || runs->setting->directory != NULL);
        if (!outcome->is_looked_at)
            continue;
        outcome->difference = contents_compare(runs->contents[i], terminal_look(STDOUT_FILENO).has_unicode);
        if (i == OUTCOME_EXIT)
            continue;
        outcome->bytes[BASELINE] = contents_median_len(runs->contents[i], false);
        outcome->bytes[INSTRUMENTED] = contents_median_len(runs->contents[i], true);
        for (int variant = 0; variant < VARIANT_COUNT; variant++) {
            struct buffer text = {0};
            unit_append(&text, UNIT_BYTES, outcome->bytes[variant], true);
            outcome_text_set(outcome, variant, text.bytes);
            buffer_finish(&text);
        }
    }
}

static void left_behind_tell(struct runs *runs)
{
    if (runs->left_behind > 0)
        comparison_leave_out(runs->comparison, "processes that runs left behind, %d in all: they were ended", runs->left_behind);
}

int compare_runs(const struct setting *setting, struct comparison *comparison)
{
    struct runs runs = {.setting = setting, .comparison = comparison};
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        runs.contents[i] = contents_create(i != OUTCOME_EXIT);
    measures_make(comparison);
    progress_begin(2 + setting->rounds * VARIANT_COUNT + (setting->follows_calls ? 2 * PASSES : 0), "run");
    int status = warm_up(&runs);
    if (status == 0 && !children_interrupted())
        status = rounds_run(&runs);
    if (status == 0 && !children_interrupted() && setting->follows_calls && !runs.has_hung)
        calls_count(&runs);
    if (status == 0 && !children_interrupted()) {
        outcomes_take(&runs);
        left_behind_tell(&runs);
        if (runs.has_hung && setting->follows_calls)
            comparison->calls.left_out = memory_copy_text("system calls: the program does not end with the library");
        comparison->spans.runs = setting->rounds;
    }
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        contents_destroy(runs.contents[i]);
    progress_end();
    return status;
}
