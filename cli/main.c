/*
 * main.c - the spanload command: picks the sub-command.
 *
 * One more sub-command is a row below, a declaration in commands.h and a file of its name. The usage
 * is printed from the rows, so it cannot forget one.
 */
#include "commands.h"
#include "options.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#ifndef SPANLOAD_VERSION
#define SPANLOAD_VERSION "0.0.0-dev"
#endif

static const struct command {
    const char *name;
    const char *operands;
    const char *purpose;
    int (*start)(int argc, char **argv);
} commands[] = {
    {"run", "[options] [--] program [argument...]", "run a program with its requests traced", run_command},
    {"sidecar", "[options]", "receive traces and print them", sidecar_command},
    {"compare", "[options] [--] program [argument...]", "tell what the library changes in a program", compare_command},
    {"check", "[options] program", "tell whether a program can be traced", check_command},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void usage_print(void)
{
    puts("spanload turns the requests of unmodified programs into OpenTelemetry traces.\n\nusage:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  spanload %-8s %-37s %s\n", commands[i].name, commands[i].operands, commands[i].purpose);
    puts("\n  spanload COMMAND --help tells the options of a command, spanload --version the version.\n"
         "\nfor a first look, with nothing else installed:\n"
         "  spanload run --show -- curl http://example.com/");
}

/* What was asked for must have been written: `spanload --help >/dev/full` is a failure. */
static int exit_status_of_output(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return status != 0 ? status : own_failure("cannot write to standard output");
    return status;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    if (argc < 2)
        return usage_error("which command?");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage_print();
        return exit_status_of_output(0);
    }
    if (strcmp(name, "--version") == 0) {
        puts("spanload " SPANLOAD_VERSION);
        return exit_status_of_output(0);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0)
            return exit_status_of_output(commands[i].start(argc - 1, argv + 1));
    return usage_error("unknown command %s", name);
}
