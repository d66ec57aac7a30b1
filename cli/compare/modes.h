/*
 * modes.h - the two ways to compare: runs of a program, and servers under load.
 *
 * Each fills the samples and outcomes of a comparison; comparison_work_out() does the rest.
 */
#ifndef MODES_H
#define MODES_H

#include "comparison.h"
#include "setting.h"

/* Both return 0, or the exit status of this command after a line on standard error: the program could not be
 * started, or not be compared, or what it did with the library ended the comparison (comparison->fault). Interrupted, they return at once; children_interrupted() says so. */
int compare_runs(const struct setting *setting, struct comparison *comparison);
int compare_load(const struct setting *setting, struct comparison *comparison);

/* The exit status of this command when a program could not be started, with errno `error`, after a line about it. */
int start_failure(const char *program, int error);
/* The same when there is no directory to be had for {dir}. */
int directory_failure(int error);

#endif
