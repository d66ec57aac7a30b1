/*
 * call_table.h - from counts of single runs to a table of system calls.
 */
#ifndef CALL_TABLE_H
#define CALL_TABLE_H

#include "comparison.h"
#include "system_calls.h"

struct call_table;

struct call_table *call_table_create(void);

/* What was counted in one run; `per` is what it is divided by: 1, or the number of requests. */
void call_table_add(struct call_table *table, enum variant variant, const struct system_call_counts *counts, double per);

/* Why system calls could not be counted, from the errno of traced_start() or of the run; NULL for 0. To be freed. */
char *calls_reason(int error);

/* Makes the rows and frees the table. With a reason, which is taken over, there are none. */
void call_table_finish(struct call_table *table, char *reason, struct calls *calls);

#endif
