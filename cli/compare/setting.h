/*
 * setting.h - what every run of a comparison is started with: arguments, environment, a directory of its own.
 *
 * In arguments and in commands, {port} stands for a free port of 127.0.0.1 and {dir} for an empty directory; each
 * server has its own. Runs of a program follow each other, and have the same name for theirs: a path that
 * is printed would be a difference.
 *
 * Threads: one. Memory: the caller frees what is returned.
 */
#ifndef SETTING_H
#define SETTING_H

#include "child.h"
#include "comparison.h"

struct setting {
    char **program;                        /* as given */
    size_t rounds;
    const char *load, *ready_port, *ready; /* as given; NULL: not */
    bool follows_calls;                    /* system calls are to be counted */
    char **environment[VARIANT_COUNT];
    char **environment_accounts;           /* instrumented, and the library prints its accounts */
    char *log_wanted;                      /* SPANLOAD_LOG as it was given, which no run has; NULL: it was not, or is none */
    char *directory;                       /* of this comparison; absolute */
};

/* Makes the directory, if {dir} is anywhere. False with errno. */
bool setting_make_directory(struct setting *setting);
/* Removes the directory and all in it. */
void setting_remove_directory(struct setting *setting);

/* Makes the environments: the library at this absolute path, spans to this port. It prints nothing but its accounts, and those only
 * where they are read: what it would print is not the program's. */
void setting_make_environments(struct setting *setting, const char *library, bool has_helpers, int port);

bool text_has(const char *text, const char *placeholder);
bool arguments_have(char **arguments, const char *placeholder);

/* A copy with the placeholders replaced; without a directory {dir} becomes nothing. */
char *text_expand(const char *text, int port, const char *directory);
char **arguments_expand(char **arguments, int port, const char *directory);
void arguments_destroy(char **arguments);

/* Makes an empty directory of that name in the setting's own, removing what was there, whatever its permissions. Its path;
 * NULL with errno if it cannot be made. */
char *setting_directory(const struct setting *setting, const char *name);

/* The order of the variants in a round: over six rounds, each has each place twice, and follows each other one equally often. */
const enum variant *round_order(size_t round);

/* How long a run with the library may take, in ms, where one without took baseline_ns: ten times as long, and ten seconds. A traced
 * one: 500 times as long, and ten seconds. */
enum { PATIENCE_MS = 10000, PATIENCE_TIMES = 10, PATIENCE_TRACED_TIMES = 500 };
int patience_of(double baseline_ns);
int patience_traced_of(double baseline_ns);

/* The arguments as one types them in a shell. */
char *arguments_text(char **arguments);

/* "exit status" as text: "0", "signal 11". */
char *exit_text(int wait_status);

/* An empty file in memory; -1 with errno. */
int output_file(const char *name);

#endif
