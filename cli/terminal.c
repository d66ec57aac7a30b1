/*
 * terminal.c - what the place that is printed to can show.
 *
 * NO_COLOR as https://no-color.org has it: present and not empty. COLUMNS beats the window, so that
 * a page can be made for another place, and is what a script sets.
 */
#include "terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_LEAST = 20, WIDTH_PIPE = 100, WIDTH_MOST = 1000 };

static bool wants_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    const char *term = getenv("TERM");
    return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

static int width_of(int fd)
{
    const char *columns = getenv("COLUMNS");
    if (columns != NULL && atoi(columns) > 0)
        return atoi(columns);
    struct winsize window;
    if (ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    return WIDTH_PIPE;
}

struct terminal terminal_look(int fd)
{
    const char *codeset = nl_langinfo(CODESET);
    int width = width_of(fd);
    return (struct terminal){
        .has_colour = wants_colour(fd),
        .has_unicode = strcasecmp(codeset, "UTF-8") == 0 || strcasecmp(codeset, "utf8") == 0,
        .width = width < WIDTH_LEAST ? WIDTH_LEAST : width > WIDTH_MOST ? WIDTH_MOST : width,
    };
}
