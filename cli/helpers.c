/*
 * helpers.c - the environment variables by which Node.js, Python and Ruby load their helper at their start.
 *
 * A variable is set for whatever the program turns out to start: a shell script may run node, and what is neither of the
 * three reads none of them. But Node and Ruby refuse to start when a file that is named there is missing, so only files
 * that are there are named.
 *
 * The three variables quote differently, and RUBYOPT not at all. LD_PRELOAD had no quotes either: the path of the library
 * has no space and no colon, and its helpers are found by that path. What else a variable could misread leaves them all out.
 */
#include "helpers.h"

#include "buffer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct helper {
    const char *variable;
    const char *prefix;           /* what the variable has before the path */
    const char *path;             /* what it names, in the directory of helpers */
    const char *file;             /* what has to be there */
    char separator;               /* between this and what the variable holds */
} helpers[] = {
    {"NODE_OPTIONS", "--require=", "node/spanload.cjs", "node/spanload.cjs", ' '},
    {"PYTHONPATH", "", "python", "python/sitecustomize.py", ':'},
    {"RUBYOPT", "-r", "ruby/spanload.rb", "ruby/spanload.rb", ' '},
};

static bool is_there(const char *directory, const char *file)
{
    struct buffer path = {0};
    buffer_append_format(&path, "%s/%s", directory, file);
    bool exists = access(path.bytes, R_OK) == 0;
    buffer_finish(&path);
    return exists;
}

/* The directory without its last `levels` names, and `runtime` in its place. */
static void directory_beside(struct buffer *directory, const char *library, int levels)
{
    buffer_append_text(directory, library);
    for (; levels > 0; levels--) {
        char *slash = strrchr(directory->bytes, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
        directory->len = (size_t)(slash - directory->bytes);
    }
    buffer_append_text(directory, "/runtime");
}

static void helper_set(const struct helper *helper, const char *directory)
{
    const char *present = getenv(helper->variable);
    struct buffer value = {0};
    buffer_append_format(&value, "%s%s/%s", helper->prefix, directory, helper->path);
    if (present != NULL && present[0] != '\0')
        buffer_append_format(&value, "%c%s", helper->separator, present);
    setenv(helper->variable, value.bytes, 1);
    buffer_finish(&value);
}

void helpers_set(const char *library)
{
    enum { INSTALLED = 1, IN_THE_TREE = 2 };
    if (strpbrk(library, " \t\n\v\f\r:\"\\") != NULL)
        return;
    for (int levels = INSTALLED; levels <= IN_THE_TREE; levels++) {
        struct buffer directory = {0};
        directory_beside(&directory, library, levels);
        bool found = false;
        for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++)
            if (is_there(directory.bytes, helpers[i].file)) {
                helper_set(&helpers[i], directory.bytes);
                found = true;
            }
        buffer_finish(&directory);
        if (found)
            return;
    }
}

/* Whatever library they belong to: what names a helper goes, what else the variable holds stays. */
static void helper_unset(const struct helper *helper)
{
    const char *value = getenv(helper->variable);
    char marker[64], separators[] = {helper->separator, '\0'};
    snprintf(marker, sizeof marker, "/runtime/%s", helper->path);
    if (value == NULL || strstr(value, marker) == NULL)
        return;
    struct buffer rest = {0};
    for (size_t len; *value != '\0'; value += len + (value[len] != '\0')) {
        len = strcspn(value, separators);
        if (len == 0 || memmem(value, len, marker, strlen(marker)) != NULL)
            continue;
        buffer_append_text(&rest, rest.len > 0 ? separators : "");
        buffer_append(&rest, value, len);
    }
    if (rest.len > 0)
        setenv(helper->variable, rest.bytes, 1);
    else
        unsetenv(helper->variable);
    buffer_finish(&rest);
}

void helpers_unset(void)
{
    for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++)
        helper_unset(&helpers[i]);
}
