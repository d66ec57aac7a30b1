/* accounts.c - where every span went. See accounts.h. */
#include "accounts.h"

#include "config.h"
#include "counters.h"
#include "exporter_thread.h"
#include "output.h"
#include "process.h"
#include "system.h"
#include "text.h"
#include "tracer.h"
#include "waiting.h"

#include <signal.h>

struct counter_stripe counter_stripes[COUNTER_STRIPES];

static uint64_t printed_for; /* spans begun when the line was last printed, and one */

static void write_pair(struct text *line, const char *key, uint64_t value)
{
    text_char(line, ' ');
    text_string(line, key);
    text_char(line, '=');
    text_number(line, value);
}

/* The queue holds what waits and what is in a batch; connections hold what is open. */
static uint64_t held(void)
{
    return tracer_open() + waiting_length();
}

static void write_line(struct text *line)
{
    static const char *const names[] = {
#define COUNTER(name, meaning) #name,
#include "counters.def"
#undef COUNTER
    };
    text_literal(line, "spanload:");
    write_pair(line, "pid", (uint64_t)system(getpid));
    for (unsigned i = 0; i < COUNTERS; i++) {
        write_pair(line, names[i], counter_total((enum counter)i));
        if (i == COUNT_sampled_out)
            write_pair(line, "held", held());
    }
    text_char(line, '\n');
}

/* The child of a fork that saw no traffic has nothing to say; a program that was started has. */
static bool has_something_to_say(void)
{
    return process.generation == 1 || counter_total(COUNT_connections) || counter_total(COUNT_started);
}

void accounts_print(void)
{
    static char room[2048]; /* printed_for lets one thread at a time in here */
    struct text line = TEXT(room);
    if (config.log != LOG_INFO || printed_for == counter_total(COUNT_started) + 1 || !has_something_to_say())
        return;
    /* A handler that ends the process would find the line printed, and leave it half done. */
    uint64_t all = UINT64_MAX, before = 0;
    system(rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
    printed_for = counter_total(COUNT_started) + 1;
    exporter_thread_pause(); /* so that nothing is between two accounts */
    write_line(&line);
    output_stderr(text_as_slice(&line));
    exporter_thread_resume();
    system(rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

void accounts_forget(void)
{
    memset(counter_stripes, 0, sizeof counter_stripes);
    printed_for = 0;
}
