/*
 * progress.c - tells a person at a terminal how far a comparison is, once it has taken two seconds.
 */
#include "progress.h"

#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t silent_ns = 2000000000, pause_ns = 250000000;

static struct {
    const char *what;
    size_t done, total;
    uint64_t began_ns, shown_ns;           /* shown_ns: the last time */
    bool is_wanted, is_shown;
} progress;

/* It is written over what was there, by escape sequences. */
static bool terminal_can(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
}

static void progress_show(void *context)
{
    (void)context;
    uint64_t now_ns = clock_monotonic_ns(), spent_ns = now_ns - progress.began_ns;
    if (!progress.is_wanted || spent_ns < silent_ns || (progress.is_shown && now_ns - progress.shown_ns < pause_ns))
        return;
    progress.shown_ns = now_ns;
    fprintf(stderr, "\r\033[Kspanload: %s %zu of %zu", progress.what, progress.done, progress.total);
    if (progress.done > 0 && progress.done < progress.total)
        fprintf(stderr, ", about %.0f s left",
                (double)spent_ns / 1e9 / (double)progress.done * (double)(progress.total - progress.done) + 0.5);
    fflush(stderr);
    progress.is_shown = true;
}

void progress_begin(size_t total, const char *what)
{
    progress.what = what;
    progress.done = 0;
    progress.total = total;
    progress.began_ns = clock_monotonic_ns();
    progress.is_wanted = terminal_can();
    if (progress.is_wanted)
        children_set_idle(progress_show, NULL);
}

void progress_step(void)
{
    progress.done++;
    progress_show(NULL);
}

void progress_end(void)
{
    children_set_idle(NULL, NULL);
    if (progress.is_shown)
        fputs("\r\033[K", stderr);
    progress.is_wanted = progress.is_shown = false;
}
