/*
 * signals.c - the signals that end this command, held back so that they are looked at between two waits.
 */
#include "signals.h"

#include <stddef.h>

static sigset_t awaited;
static struct launch_signals inherited;

void signals_block(void)
{
    static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    inherited = launch_signals_now();
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct sigaction action;
        if (sigaction(endings[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&awaited, endings[i]);
    }
    signal(SIGCHLD, SIG_DFL);              /* ignored, it would lose how children ended */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
}

const sigset_t *signals_awaited(void)
{
    return &awaited;
}

const struct launch_signals *signals_inherited(void)
{
    return &inherited;
}
