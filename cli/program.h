/*
 * program.h - from a name on the command line to the file that is really loaded.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* A file read through memory. */
struct file_view {
    const unsigned char *bytes;
    size_t len;
};

/* Maps a file. 0 or -errno; an empty file is fine. */
int file_view_open(struct file_view *view, const char *path);
void file_view_close(struct file_view *view);

/* The path that execvp(3) would run for that name; NULL if there is none. The caller frees it. */
char *program_find(const char *name);

/* The program that runs this one, if it is a script: the interpreter of its #! line, for `env` the program
 * that env starts, for a text without #! /bin/sh. NULL if it is no script, or names nothing. The caller
 * frees it. */
char *program_interpreter(const struct file_view *view);

#endif
