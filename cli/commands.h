/*
 * commands.h - the sub-commands: one row each in main.c, one function each in the file of that name.
 *
 * argv[0] is the sub-command's name. The answer is the exit status of the process.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

int run_command(int argc, char **argv);
int sidecar_command(int argc, char **argv);
int compare_command(int argc, char **argv);
int check_command(int argc, char **argv);

#endif
