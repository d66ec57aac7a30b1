/*
 * environment.h - the environment variables that put a program under the library, and lead its traces to a place.
 *
 * They change the environment of this process, for whatever it becomes or starts. Threads: one.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>

/* Puts the library at this absolute path before what LD_PRELOAD has already, and the helpers beside it before what
 * their variables hold, unless they are not wanted. */
void environment_preload(const char *library, bool has_helpers);

/* Traces go to this endpoint, whatever the environment said before. */
void environment_set_endpoint(const char *url);

/* Traces go to a receiver of our own on 127.0.0.1, which reads JSON and nothing compressed. */
void environment_set_receiver(int port);

/* The variables that environment_set_receiver is about to change or to take away: "NAME, NAME". Not their values: an endpoint may
 * hold a password. NULL: none. The caller frees it. */
char *environment_set_aside(void);

/* In an image that preloads the library into everything, this command is under it too: its own requests would be
 * traced, and what it starts would never be without. Starts again, as `arguments` says, with every libspanload taken out
 * of LD_PRELOAD. Returns when there is none. */
void environment_leave_library(char **arguments);

#endif
