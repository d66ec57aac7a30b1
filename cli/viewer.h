/*
 * viewer.h - receives traces, holds them until they are quiet, prints them: what `sidecar` and
 * `run --show` have in common.
 */
#ifndef VIEWER_H
#define VIEWER_H

#include "receiver.h"

#include <stdio.h>

struct viewer {
    struct receiver *receiver;             /* the caller tells it where to listen */
    struct span_store *store;
    FILE *out;
    bool prints_json;                      /* a line per request, as received, instead of trees */
    bool prints_gap;                       /* a blank line before the next tree */
    int refusals_told;                     /* on stderr so far */
    int quiet_ms;                          /* how long a trace is waited for */
};

/* `format` is "tree", "json" or NULL for the default. */
bool viewer_format_is_known(const char *format);

void viewer_init(struct viewer *viewer, FILE *out, const char *format, int quiet_ms);
void viewer_finish(struct viewer *viewer);

/* One round of receiving and printing, as receiver_wait(). */
int viewer_step(struct viewer *viewer, int signal_fd, int timeout_ms);

/* Receives what is under way until no connection is left or nothing has come for `idle_ms`, at most
 * `limit_ms`; ends early when signal_fd is readable. */
void viewer_drain(struct viewer *viewer, int signal_fd, int idle_ms, int limit_ms);

/* Prints all that is held. */
void viewer_print_rest(struct viewer *viewer);

#endif
