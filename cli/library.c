/*
 * library.c - where libspanload.so is.
 *
 * Who names a library gets that one or a refusal, never another: a trace by the wrong version costs more
 * time than an error. The path has to be absolute, since the traced program may change its directory
 * before it starts the next, and free of the two characters that separate entries of LD_PRELOAD.
 */
#include "library.h"

#include "buffer.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *problem_text(const char *path, const char *reason)
{
    struct buffer text = {0};
    buffer_append_format(&text, "library %s: %s", path, reason);
    return text.bytes;
}

/* realpath of a file that the loader can read and LD_PRELOAD can name. */
static char *library_resolve(const char *path, char **problem)
{
    char *absolute = realpath(path, NULL);
    if (absolute != NULL && access(absolute, R_OK) == 0 && strpbrk(absolute, ": ") == NULL)
        return absolute;
    *problem = absolute != NULL && strpbrk(absolute, ": ") != NULL
             ? problem_text(path, "LD_PRELOAD cannot name a path with a colon or a space")
             : problem_text(path, strerror(errno));
    free(absolute);
    return NULL;
}

/* Looks in the places that go with this binary. */
static char *library_find_installed(char **problem)
{
    static const char *const places[] = {"libspanload.so", "../lib/spanload/libspanload.so"};
    char own[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    own[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash != NULL)
        slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct buffer path = {0};
        buffer_append_format(&path, "%s%s", own, places[i]);
        bool exists = access(path.bytes, F_OK) == 0;
        char *found = exists ? library_resolve(path.bytes, problem) : NULL;
        buffer_finish(&path);
        if (exists)
            return found;
    }
    *problem = problem_text("libspanload.so", "neither beside this command nor in ../lib/spanload; name it with --library");
    return NULL;
}

char *library_find(const char *wished, char **problem)
{
    const char *named = wished ? wished : getenv("SPANLOAD_LIBRARY");
    *problem = NULL;
    if (named != NULL && named[0] != '\0')
        return library_resolve(named, problem);
    return library_find_installed(problem);
}
