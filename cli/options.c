/*
 * options.c - the command line of a sub-command: one table that is parsed by and printed as help.
 *
 * Not getopt_long: its messages do not say which sub-command is meant, its table cannot print itself,
 * and an option that exists twice (parsed here, described there) is described wrongly sooner or later.
 * Options end at the first operand, so that `spanload run ls -l` needs no `--`.
 */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void complain(const char *format, va_list arguments, const char *tail)
{
    fputs("spanload: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs(tail, stderr);
}

int usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments, " (see spanload --help)\n");
    va_end(arguments);
    return EXIT_USAGE;
}

int own_failure(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments, "\n");
    va_end(arguments);
    return EXIT_OWN_FAILURE;
}

static void help_print(const struct command_line *line)
{
    printf("usage: spanload %s\n\n%s\n\noptions:\n", line->synopsis, line->purpose);
    for (const struct option_row *row = line->options; row->name != NULL; row++) {
        char form[64];
        snprintf(form, sizeof form, "--%s %s", row->name, row->argument ? row->argument : "");
        printf("  %-20s %s\n", form, row->help);
    }
    printf("  %-20s %s\n", "--help", "print this");
    if (line->notes != NULL)
        printf("\n%s\n", line->notes);
}

static const struct option_row *option_find(const struct option_row *rows, const char *name, size_t len)
{
    for (const struct option_row *row = rows; row->name != NULL; row++)
        if (strlen(row->name) == len && memcmp(row->name, name, len) == 0)
            return row;
    return NULL;
}

/* Takes the option at argv[index]; returns the index of the next argument, or OPTIONS_WRONG. */
static int option_take(const struct option_row *rows, int argc, char **argv, int index)
{
    const char *name = argv[index] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct option_row *row = argv[index][1] == '-' ? option_find(rows, name, len) : NULL;
    if (row == NULL) {
        usage_error("%s: unknown option %s", argv[0], argv[index]);
        return OPTIONS_WRONG;
    }
    if (row->flag != NULL && equals != NULL) {
        usage_error("%s: --%s takes no value", argv[0], row->name);
        return OPTIONS_WRONG;
    }
    if (row->flag != NULL) {
        *row->flag = true;
        return index + 1;
    }
    *row->value = equals ? equals + 1 : argv[++index];
    if (index >= argc || (*row->value)[0] == '\0') {
        usage_error("%s: --%s needs a value: %s", argv[0], row->name, row->argument);
        return OPTIONS_WRONG;
    }
    return index + 1;
}

int options_parse(const struct command_line *line, int argc, char **argv)
{
    int index = 1;
    while (index < argc && argv[index][0] == '-' && argv[index][1] != '\0') {
        if (strcmp(argv[index], "--") == 0)
            return index + 1;
        if (strcmp(argv[index], "--help") == 0 || strcmp(argv[index], "-h") == 0) {
            help_print(line);
            return OPTIONS_HELP;
        }
        index = option_take(line->options, argc, argv, index);
        if (index < 0)
            return index;
    }
    return index;
}

int options_exit_status(int answer)
{
    return answer == OPTIONS_HELP ? 0 : EXIT_USAGE;
}
