/*
 * helpers.h - what lets runtimes that leave their threads tell the library what belongs together (runtime/).
 */
#ifndef HELPERS_H
#define HELPERS_H

/* Puts the helpers that belong to the library at this absolute path into the environment, before what NODE_OPTIONS,
 * PYTHONPATH and RUBYOPT hold already. Without helpers beside the library nothing changes. */
void helpers_set(const char *library);

/* Takes out what helpers_set() has put in. */
void helpers_unset(void);

#endif
