/*
 * accounts.h - the library's own accounts, as it prints them with SPANLOAD_LOG=info.
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include "comparison.h"

/* Adds up the accounts of all processes in a text of standard error: made, exported, dropped. They stay NaN if
 * there are none. */
void accounts_read(struct span_accounts *spans, const char *text);

#endif
