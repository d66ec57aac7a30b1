/*
 * terminal.h - what the place that is printed to can show.
 *
 * Decided once per page, not once per process: a window changes its size.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

struct terminal {
    bool has_colour;               /* a terminal, TERM is not dumb, NO_COLOR is not set */
    bool has_unicode;              /* the locale's codeset is UTF-8 */
    int width;                     /* columns: COLUMNS, else the window's, else 100 */
};

struct terminal terminal_look(int fd);

#endif
