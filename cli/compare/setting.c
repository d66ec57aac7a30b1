/*
 * setting.c - what every run of a comparison is started with: arguments, environment, a directory of its own.
 */
#include "setting.h"

#include "environment.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- arguments ---- */

static char **texts_copy(char **texts)
{
    size_t count = 0;
    while (texts[count] != NULL)
        count++;
    char **copy = memory_get((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = memory_copy_text(texts[i]);
    return copy;
}

void arguments_destroy(char **arguments)
{
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i++)
        free(arguments[i]);
    free(arguments);
}

bool text_has(const char *text, const char *placeholder)
{
    return strstr(text, placeholder) != NULL;
}

bool arguments_have(char **arguments, const char *placeholder)
{
    for (; *arguments != NULL; arguments++)
        if (text_has(*arguments, placeholder))
            return true;
    return false;
}

char *text_expand(const char *text, int port, const char *directory)
{
    static const char port_word[] = "{port}", directory_word[] = "{dir}";
    struct buffer expanded = {0};
    buffer_append(&expanded, "", 0);
    while (*text != '\0') {
        if (strncmp(text, port_word, strlen(port_word)) == 0) {
            buffer_append_format(&expanded, "%d", port);
            text += strlen(port_word);
        } else if (strncmp(text, directory_word, strlen(directory_word)) == 0) {
            buffer_append_text(&expanded, directory != NULL ? directory : "");
            text += strlen(directory_word);
        } else {
            buffer_append(&expanded, text++, 1);
        }
    }
    return expanded.bytes;
}

char **arguments_expand(char **arguments, int port, const char *directory)
{
    char **expanded = texts_copy(arguments);
    for (size_t i = 0; expanded[i] != NULL; i++) {
        char *text = text_expand(expanded[i], port, directory);
        free(expanded[i]);
        expanded[i] = text;
    }
    return expanded;
}

/* Quoted where a shell would read more than a word. */
char *arguments_text(char **arguments)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,{}";
    struct buffer text = {0};
    for (size_t i = 0; arguments[i] != NULL; i++) {
        const char *argument = arguments[i];
        buffer_append_text(&text, i > 0 ? " " : "");
        if (argument[0] != '\0' && argument[strspn(argument, plain)] == '\0') {
            buffer_append_text(&text, argument);
            continue;
        }
        buffer_append_text(&text, "'");
        for (; *argument != '\0'; argument++)
            buffer_append(&text, *argument == '\'' ? "'\\''" : argument, *argument == '\'' ? 4 : 1);
        buffer_append_text(&text, "'");
    }
    return text.bytes;
}

/* ---- environments ---- */

/* All variants are told the same receiver: a program that exports by itself does so in each. */
void setting_make_environments(struct setting *setting, const char *library, bool has_helpers, int port)
{
    const char *log = getenv("SPANLOAD_LOG");
    if (log != NULL && strcmp(log, "none") != 0)
        setting->log_wanted = memory_copy_text(log);
    environment_set_receiver(port);
    setenv("SPANLOAD_LOG", "none", 1);
    setting->environment[BASELINE] = texts_copy(environ);
    setting->environment[BASELINE_AGAIN] = texts_copy(environ);
    environment_preload(library, has_helpers);
    setting->environment[INSTRUMENTED] = texts_copy(environ);
    setenv("SPANLOAD_LOG", "info", 1);
    setting->environment_accounts = texts_copy(environ);
    environ = texts_copy(setting->environment[BASELINE]);
}

/* ---- directories ---- */

/* A directory comes twice: before it is opened, when what the program left of its permissions may be too little to go on,
 * and when it is empty. */
static void entry_remove(const FTSENT *entry)
{
    if (entry->fts_info != FTS_D)
        remove(entry->fts_accpath);
    else if ((entry->fts_statp->st_mode & S_IRWXU) != S_IRWXU)
        chmod(entry->fts_accpath, (entry->fts_statp->st_mode & 07777) | S_IRWXU);
}

static void directory_remove(const char *path)
{
    char *paths[] = {memory_copy_text(path), NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry; walk != NULL && (entry = fts_read(walk)) != NULL;)
        entry_remove(entry);
    if (walk != NULL)
        fts_close(walk);
    free(paths[0]);
}

static char *directory_make(void)
{
    const char *place = getenv("TMPDIR");
    char absolute[PATH_MAX];
    if (place == NULL || realpath(place, absolute) == NULL)
        snprintf(absolute, sizeof absolute, "/tmp");
    struct buffer path = {0};
    buffer_append_format(&path, "%s/spanload-compare-XXXXXX", absolute);
    if (mkdtemp(path.bytes) != NULL)
        return path.bytes;
    int error = errno;
    buffer_finish(&path);
    errno = error;
    return NULL;
}

char *setting_directory(const struct setting *setting, const char *name)
{
    struct buffer path = {0};
    buffer_append_format(&path, "%s/%s", setting->directory, name);
    directory_remove(path.bytes);
    if (mkdir(path.bytes, 0755) == 0)
        return path.bytes;
    int error = errno;
    buffer_finish(&path);
    errno = error;
    return NULL;
}

bool setting_make_directory(struct setting *setting)
{
    const char *const commands[] = {setting->load, setting->ready};
    bool is_wanted = arguments_have(setting->program, "{dir}");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        is_wanted |= commands[i] != NULL && text_has(commands[i], "{dir}");
    if (is_wanted)
        setting->directory = directory_make();
    return !is_wanted || setting->directory != NULL;
}

void setting_remove_directory(struct setting *setting)
{
    if (setting->directory != NULL)
        directory_remove(setting->directory);
    free(setting->directory);
    setting->directory = NULL;
}

/* ---- runs ---- */

const enum variant *round_order(size_t round)
{
    static const enum variant orders[][VARIANT_COUNT] = {
        {BASELINE, BASELINE_AGAIN, INSTRUMENTED}, {INSTRUMENTED, BASELINE_AGAIN, BASELINE},
        {BASELINE_AGAIN, INSTRUMENTED, BASELINE}, {BASELINE, INSTRUMENTED, BASELINE_AGAIN},
        {INSTRUMENTED, BASELINE, BASELINE_AGAIN}, {BASELINE_AGAIN, BASELINE, INSTRUMENTED},
    };
    return orders[round % (sizeof orders / sizeof *orders)];
}

int patience_of(double baseline_ns)
{
    return (int)fmin(baseline_ns / 1e6 * PATIENCE_TIMES + PATIENCE_MS, 1e9);
}

int patience_traced_of(double baseline_ns)
{
    return (int)fmin(baseline_ns / 1e6 * PATIENCE_TRACED_TIMES + PATIENCE_MS, 1e9);
}

char *exit_text(int wait_status)
{
    struct buffer text = {0};
    if (WIFSIGNALED(wait_status))
        buffer_append_format(&text, "signal %d", WTERMSIG(wait_status));
    else
        buffer_append_format(&text, "%d", WEXITSTATUS(wait_status));
    return text.bytes;
}

int output_file(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC);
}
