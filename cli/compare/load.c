/*
 * load.c - servers without the library and with it stand side by side and are loaded in turn.
 *
 * Side by side, because starting a server anew for each round would measure its start; in turn, because machines have
 * better and worse seconds. The one that is not loaded has nothing to do and costs nothing.
 *
 * A server that does not come up with the library, or loses its connections, is a finding, not a failure of this
 * command: where the same works without, the comparison has an answer, and it is 1.
 */
#include "modes.h"

#include "accounts.h"
#include "call_table.h"
#include "intake.h"
#include "options.h"
#include "progress.h"
#include "server.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { EXIT_DIFFERENT = 1, ORPHANS_GRACE_MS = 2000 };

static const char *const names[] = {"without the library", "without the library, the second", "with the library"};

struct load {
    const struct setting *setting;
    struct comparison *comparison;
    struct server servers[VARIANT_COUNT];
    double requests;                       /* that the instrumented one has answered; NaN: the tool does not tell */
    int turns_unknown;                     /* what servers used in them is not known, because part of them ended */
    double slowest_ns;                     /* of the turns without the library so far: it decides how long others may take */
};

/* Whose fault it is: with the library, what worked without is a difference, and reported. Takes `problem`. */
static int fault_tell(struct load *load, enum variant variant, char *problem)
{
    if (problem == NULL)
        return 0;
    progress_end();
    if (!children_interrupted())
        own_failure("compare: %s", problem);
    if (variant != INSTRUMENTED) {
        free(problem);
        return EXIT_OWN_FAILURE;
    }
    load->comparison->fault = problem;
    return EXIT_DIFFERENT;
}

/* ---- servers ---- */

/* False with errno: it has no directory. */
static bool server_place(struct server *server, const struct setting *setting, int port, const char *directory)
{
    *server = (struct server){.port = port};
    if (setting->directory != NULL)
        server->directory = setting_directory(setting, directory);
    return setting->directory == NULL || server->directory != NULL;
}

static int servers_start(struct load *load)
{
    static const char *const directories[] = {"1", "2", "3"};
    const struct setting *setting = load->setting;
    int ports[VARIANT_COUNT];
    if (!ports_find(ports, VARIANT_COUNT))
        return fault_tell(load, BASELINE, memory_copy_text("no free port on 127.0.0.1"));
    for (int variant = 0; variant < VARIANT_COUNT; variant++) {
        struct server *server = &load->servers[variant];
        char **environment = variant == INSTRUMENTED ? setting->environment_accounts : setting->environment[variant];
        int error;
        if (!server_place(server, setting, ports[variant], directories[variant]))
            return directory_failure(errno);
        char *problem = server_start(server, setting, names[variant], environment, false, &error);
        if (error != 0)
            free(problem), problem = NULL;
        int status = error != 0 ? EXIT_OWN_FAILURE : fault_tell(load, variant, problem);
        if (status != 0)
            return error != 0 && !children_interrupted() ? start_failure(setting->program[0], error) : status;
    }
    return 0;
}

static char *end_text(const struct child *child)
{
    return child->has_ended ? exit_text(child->wait_status) : memory_copy_text("had not ended");
}

static void server_settle(struct load *load, enum variant variant, struct contents *exits)
{
    struct server *server = &load->servers[variant];
    struct comparison *comparison = load->comparison;
    struct outcome *outcomes = comparison->outcomes;
    bool has_run = server->arguments != NULL && server->child.pid != 0;
    char *said = server_end(server), *how = has_run ? end_text(&server->child) : NULL;
    if (has_run) {
        contents_add_text(exits, variant == INSTRUMENTED, how);
        outcomes[OUTCOME_EXIT].text[variant] = how;
        if (variant == INSTRUMENTED)
            accounts_read(&comparison->spans, said);
    }
    free(said);
}

static void servers_end(struct load *load)
{
    struct contents *exits = contents_create(false);
    struct outcome *outcome = &load->comparison->outcomes[OUTCOME_EXIT];
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        server_settle(load, variant, exits);
    children_end_orphans(ORPHANS_GRACE_MS);
    outcome->is_looked_at = true;
    outcome->difference = contents_compare(exits, false);
    contents_destroy(exits);
}

/* ---- rounds ---- */

/* The request is the unit: a round with more of them costs more. Where the tool tells no number, its rate times its time. */
static double requests_of(const struct load_turn *turn)
{
    if (!isnan(turn->report.requests))
        return turn->report.requests;
    double seconds = isnan(turn->report.seconds) ? turn->wall_ns / 1e9 : turn->report.seconds;
    return turn->report.rate * seconds;
}

enum figure { RATE, CPU, PEAK, CONTEXT_SWITCHES, PAGE_FAULTS, WALL, ERRORS };

static const struct {
    const char *key, *name;
    enum unit unit;
} figures[] = {
    [RATE] = {"load", "requests a second", UNIT_PER_SECOND},
    [CPU] = {"cpu", "processor time per request", UNIT_NS},
    [PEAK] = {"rss", "peak memory", UNIT_BYTES},
    [CONTEXT_SWITCHES] = {"context_switches", "context switches per request", UNIT_COUNT},
    [PAGE_FAULTS] = {"page_faults", "page faults per request", UNIT_COUNT},
    [WALL] = {"wall", "time of the load", UNIT_NS},
    [ERRORS] = {"errors", "errors", UNIT_COUNT},
};

/* Made where it is not there yet. NULL: there is no room. */
static struct measure *figure_measure(struct comparison *comparison, enum figure figure)
{
    struct measure *measure = comparison_measure(comparison, figures[figure].key);
    if (measure == NULL)
        measure = comparison_add_measure(comparison, figures[figure].key, figures[figure].name, figures[figure].unit);
    if (measure != NULL)
        measure->more_is_better = figure == RATE;
    return measure;
}

static void sample_add(struct comparison *comparison, enum figure figure, enum variant variant, double sample)
{
    struct measure *measure = figure_measure(comparison, figure);
    if (measure != NULL)
        measure_add(measure, variant, sample);
}

/* A latency that a turn did not tell is a gap in its round, before the first that told it too: only what is of one round is compared. */
static void latencies_fill(struct comparison *comparison)
{
    const struct measure *load = comparison_measure(comparison, "load");
    for (size_t i = 0; i < comparison->measure_count; i++)
        for (int variant = 0; variant < VARIANT_COUNT; variant++)
            while (strncmp(comparison->measures[i].key, "latency_", 8) == 0 && comparison->measures[i].count[variant] < load->count[variant])
                measure_add(&comparison->measures[i], variant, NAN);
}

static void latencies_add(struct comparison *comparison, enum variant variant, const struct load_report *report)
{
    for (size_t i = 0; i < report->latency_count; i++) {
        struct buffer name = {0};
        const char *key = report->latencies[i].key;
        const char *kind = strncmp(key, "latency_", 8) == 0 ? key + 8 : key;
        buffer_append_format(&name, "latency, %s", kind);
        double ns = report->latencies[i].ns;               /* ab knows whole milliseconds only: its 0 tells nothing */
        if (comparison_measure(comparison, key) == NULL)
            comparison_add_measure(comparison, key, name.bytes, UNIT_NS);
        latencies_fill(comparison);
        struct measure *measure = comparison_measure(comparison, key);
        if (measure != NULL)
            measure->samples[variant][measure->count[variant] - 1] = ns > 0 ? ns : NAN;
        buffer_finish(&name);
    }
    latencies_fill(comparison);
}

/* A server's peak is one number, which grows or stays: that it is read after each turn makes no independent samples of it, from
 * which servers would differ for sure by where their memory happens to lie. */
static void peak_record(struct comparison *comparison, enum variant variant, double bytes)
{
    struct measure *peak = figure_measure(comparison, PEAK);
    if (peak == NULL)
        return;
    peak->is_of_process = true;
    if (peak->count[variant] > 0)
        peak->samples[variant][0] = fmax(peak->samples[variant][0], bytes);
    else
        measure_add(peak, variant, bytes);
}

static void turn_record(struct load *load, enum variant variant, const struct load_turn *turn)
{
    struct comparison *comparison = load->comparison;
    double requests = requests_of(turn);
    sample_add(comparison, RATE, variant, turn->report.rate);
    latencies_add(comparison, variant, &turn->report);
    sample_add(comparison, CPU, variant, turn->used.cpu_ns / requests);
    peak_record(comparison, variant, turn->used.peak_bytes);
    sample_add(comparison, CONTEXT_SWITCHES, variant, turn->used.context_switches / requests);
    sample_add(comparison, PAGE_FAULTS, variant, turn->used.page_faults / requests);
    sample_add(comparison, WALL, variant, turn->wall_ns);
    sample_add(comparison, ERRORS, variant, turn->report.errors);
    bool is_known = !isnan(turn->used.cpu_ns) && !isnan(turn->used.context_switches) && !isnan(turn->used.page_faults);
    load->turns_unknown += !is_known && !isnan(turn->used.peak_bytes);
}

static int turn_take(struct load *load, enum variant variant, bool is_warm_up)
{
    struct load_turn turn;
    int limit_ms = variant == INSTRUMENTED ? patience_of(load->slowest_ns) : -1;
    int status = fault_tell(load, variant, server_load(&load->servers[variant], limit_ms, &turn));
    progress_step();
    if (status != 0)
        return status;
    if (variant != INSTRUMENTED)
        load->slowest_ns = fmax(load->slowest_ns, turn.wall_ns);
    if (variant == INSTRUMENTED)
        load->requests += turn.report.requests;
    if (is_warm_up && load->comparison->load_tool == NULL)
        load->comparison->load_tool = memory_copy_text(turn.report.tool);
    if (!is_warm_up)
        turn_record(load, variant, &turn);
    return 0;
}

static int rounds_load(struct load *load)
{
    int status = 0;
    for (int variant = 0; variant < VARIANT_COUNT && status == 0; variant++)
        status = turn_take(load, variant, true);
    for (size_t round = 0; round < load->setting->rounds && status == 0; round++)
        for (int place = 0; place < VARIANT_COUNT && status == 0; place++)
            status = turn_take(load, round_order(round)[place], false);
    return status;
}

/* What was seen until the fault is reported: the rounds that are complete, and every key that a report has. */
static void rounds_cut(struct comparison *comparison)
{
    static const enum figure wanted[] = {RATE, CPU, PEAK, WALL};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        figure_measure(comparison, wanted[i]);
    const struct measure *load = comparison_measure(comparison, "load");
    for (int variant = 0; load != NULL && variant < VARIANT_COUNT; variant++)
        comparison->rounds = load->count[variant] < comparison->rounds ? load->count[variant] : comparison->rounds;
    if (comparison->calls.left_out == NULL)
        comparison->calls.left_out = memory_copy_text("system calls: the rounds ended with the server");
}

/* ---- what is to be told ---- */

/* No turn cost any of the servers anything. */
static bool servers_are_idle(struct comparison *comparison)
{
    const struct measure *cpu = comparison_measure(comparison, "cpu");
    for (int variant = 0; cpu != NULL && variant < VARIANT_COUNT; variant++)
        for (size_t i = 0; i < cpu->count[variant]; i++)
            if (cpu->samples[variant][i] != 0)
                return false;
    return cpu != NULL && cpu->count[BASELINE] > 0;
}

static void reach_tell(const struct load *load)
{
    const char *command = load->setting->load;
    if (!text_has(command, "{port}") && !text_has(command, "{dir}"))
        comparison_leave_out(load->comparison, "whether the load reaches the servers: it has neither {port} nor {dir}");
    if (servers_are_idle(load->comparison))
        comparison_leave_out(load->comparison, "the servers used no processor time: does the load reach them?");
}

static void unknown_tell(const struct load *load)
{
    if (load->turns_unknown > 0)
        comparison_leave_out(load->comparison, "what the server used in %d of %zu turns of the load: processes or threads of it ended meanwhile, "
                             "and what they had used is not known", load->turns_unknown, load->setting->rounds * VARIANT_COUNT);
}

/* ---- system calls ---- */

/* From what is told of a server, without what it printed. Frees it. NULL stays NULL. */
static char *traced_reason(char *problem)
{
    struct buffer text = {0};
    if (problem == NULL)
        return NULL;
    const char *printed = strstr(problem, "; it said:\n");
    int len = printed != NULL ? (int)(printed - problem) : (int)strcspn(problem, "\n");
    buffer_append_format(&text, "system calls: while it was traced, %.*s", len, problem);
    free(problem);
    return text.bytes;
}

/* One turn of the load on a traced server. NULL or what went wrong. */
static char *traced_load(const struct load *load, struct server *server, enum variant variant, struct call_table *table)
{
    struct load_turn turn;
    struct system_call_counts before = traced_counts(&server->traced), after;
    char *problem = server_load(server, patience_traced_of(load->slowest_ns), &turn);
    after = traced_counts(&server->traced);
    for (size_t i = 0; i < SYSTEM_CALLS_MOST; i++)
        after.of[i] -= before.of[i];
    after.others -= before.others;
    if (problem == NULL && requests_of(&turn) > 0)
        call_table_add(table, variant, &after, requests_of(&turn));
    return problem;
}

/* A server of its own, under the tracer, and one turn of the load. NULL, or why there is nothing to count. */
static char *pass_run(const struct load *load, enum variant variant, struct call_table *table)
{
    struct server server;
    int port, error = 0;
    if (!ports_find(&port, 1))
        return calls_reason(EADDRNOTAVAIL);
    if (!server_place(&server, load->setting, port, "4"))
        return calls_reason(errno);
    char *problem = server_start(&server, load->setting, names[variant], load->setting->environment[variant], true, &error);
    if (problem == NULL)
        problem = traced_load(load, &server, variant, table);
    free(server_end(&server));
    children_end_orphans(ORPHANS_GRACE_MS);
    progress_step();
    if (error == 0)
        return traced_reason(problem);
    free(problem);
    return calls_reason(error);
}

static void calls_count(struct load *load)
{
    struct call_table *table = call_table_create();
    char *reason = pass_run(load, BASELINE, table);
    if (reason == NULL && !children_interrupted())
        reason = pass_run(load, INSTRUMENTED, table);
    call_table_finish(table, reason, &load->comparison->calls);
}

int compare_load(const struct setting *setting, struct comparison *comparison)
{
    struct load load = {.setting = setting, .comparison = comparison};
    progress_begin((1 + setting->rounds) * VARIANT_COUNT + (setting->follows_calls ? 2 : 0), "load");
    int status = servers_start(&load);
    if (status == 0)
        status = rounds_load(&load);
    servers_end(&load);
    if (comparison->fault != NULL)
        rounds_cut(comparison);
    if ((status == 0 || comparison->fault != NULL) && !children_interrupted()) {
        comparison->spans.requests = load.requests;
        comparison->spans.arrived = (double)intake_span_count();
        reach_tell(&load);
        unknown_tell(&load);
    }
    if (status == 0 && !children_interrupted() && setting->follows_calls)
        calls_count(&load);
    progress_end();
    return status;
}
