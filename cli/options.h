/*
 * options.h - the command line of a sub-command: one table that is parsed by and printed as help.
 *
 * Threads: the main thread. Memory: values point into argv.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

/* Exit statuses of the command itself; run otherwise ends as the program did. */
enum {
    EXIT_USAGE = 2,
    EXIT_OWN_FAILURE = 125,        /* env(1), timeout(1): the command failed, not the program */
    EXIT_CANNOT_EXECUTE = 126,
    EXIT_NOT_FOUND = 127,
};

/* One option. With `flag` it takes no argument; with `value` it takes one. The table ends with a zeroed row. */
struct option_row {
    const char *name;              /* without the dashes */
    const char *argument;          /* what the help calls it */
    const char *help;
    bool *flag;
    const char **value;
};

struct command_line {
    const char *synopsis;          /* "run [options] [--] program [argument...]" */
    const char *purpose;           /* one sentence */
    const char *notes;             /* printed below the options; may be NULL */
    const struct option_row *options;
};

/* Special answers of options_parse. */
enum { OPTIONS_HELP = -1, OPTIONS_WRONG = -2 };

/* Reads the options of argv, argv[0] being the sub-command's name, up to the first operand or past
 * `--`. Returns the index of the first operand (argc if none), OPTIONS_HELP when help was asked for
 * and printed, OPTIONS_WRONG when a line about the mistake was printed to stderr. */
int options_parse(const struct command_line *line, int argc, char **argv);

/* The exit status that goes with a negative answer of options_parse. */
int options_exit_status(int answer);

/* Prints "spanload: ..." and where help is to be found; returns EXIT_USAGE. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "spanload: ..."; returns EXIT_OWN_FAILURE. */
int own_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
