/*
 * linkage.c - the shared libraries that a program brings along, and what they do with sockets and TLS.
 *
 * Searches where ld.so(8) does (LD_LIBRARY_PATH, the file's own run path, the directories of ld.so.conf, the
 * standard ones), except that it reads ld.so.conf instead of the cache made from it: a cache has a format
 * per libc, and musl has none. A file of another class or machine is passed over, as the loader does.
 */
#include "linkage.h"

#include "buffer.h"
#include "program.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INCLUDE_DEPTH = 4 };

/* ---- where libraries are ---- */

static void conf_read(struct buffer *directories, const char *path, int depth);

static void conf_include(struct buffer *directories, const char *pattern, int depth)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        conf_read(directories, found.gl_pathv[i], depth);
    globfree(&found);
}

/* Appends the directories of a ld.so.conf to a list separated by colons. */
static void conf_read(struct buffer *directories, const char *path, int depth)
{
    char line[512], *rest;
    FILE *file = depth < INCLUDE_DEPTH ? fopen(path, "re") : NULL;
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "#\n")] = '\0';
        char *word = strtok_r(line, " \t\r", &rest);
        char *pattern = word != NULL && strcmp(word, "include") == 0 ? strtok_r(NULL, " \t\r", &rest) : NULL;
        if (pattern != NULL)
            conf_include(directories, pattern, depth + 1);
        else if (word != NULL && word[0] == '/')
            buffer_append_format(directories, "%s:", word);
    }
    fclose(file);
}

/* Appends the run path of a file, with $ORIGIN replaced by the directory the file is in. */
static void run_path_append(struct buffer *directories, const char *run_path, const char *owner)
{
    const char *slash = strrchr(owner, '/');
    int owner_len = slash ? (int)(slash - owner) : 0;
    for (size_t len; *run_path != '\0'; run_path += len) {
        size_t token = strncmp(run_path, "${ORIGIN}", 9) == 0 ? 9 : strncmp(run_path, "$ORIGIN", 7) == 0 ? 7 : 0;
        len = token ? token : 1;
        if (token > 0)
            buffer_append(directories, owner, (size_t)owner_len);
        else
            buffer_append(directories, run_path, 1);
    }
    buffer_append_text(directories, ":");
}

static void directories_find(struct buffer *directories, const char *run_path, const char *owner)
{
    const char *named = getenv("LD_LIBRARY_PATH");
    if (named != NULL)
        buffer_append_format(directories, "%s:", named);
    if (run_path != NULL)
        run_path_append(directories, run_path, owner);
    conf_read(directories, "/etc/ld.so.conf", 0);
    buffer_append_text(directories, "/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib");
}

/* ---- one library ---- */

struct library {
    char path[512];
    struct file_view view;
    struct elf_file_facts facts;
};

static bool library_open(struct library *library, const struct elf_file_facts *program)
{
    if (file_view_open(&library->view, library->path) != 0)
        return false;
    if (elf_file_read(&library->facts, library->view.bytes, library->view.len) == 0
        && library->facts.machine == program->machine && library->facts.is_64_bit == program->is_64_bit)
        return true;
    file_view_close(&library->view);
    return false;
}

static bool library_search(struct library *library, const char *name, const char *directories,
                           const struct elf_file_facts *program)
{
    if (strchr(name, '/') != NULL) {
        snprintf(library->path, sizeof library->path, "%s", name);
        return library_open(library, program);
    }
    for (size_t len; *directories != '\0'; directories += len + (directories[len] == ':')) {
        len = strcspn(directories, ":");
        snprintf(library->path, sizeof library->path, "%.*s/%s", (int)len, directories, name);
        if (len > 0 && library_open(library, program))
            return true;
    }
    return false;
}

/* ---- all of them ---- */

static void name_copy(char to[LINKAGE_NAME_SIZE], const char *name)
{
    snprintf(to, LINKAGE_NAME_SIZE, "%s", name);
}

static bool is_tls_library(const char *name)
{
    static const char *const names[] = {"libssl.so", "libssl3.so", "libgnutls.so", "libmbedtls.so", "libwolfssl.so",
                                        "libs2n.so", "libbotan", "librustls.so", "libtls.so", NULL};
    for (size_t i = 0; names[i] != NULL; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void linkage_add_needed(struct linkage *linkage, const struct elf_file_facts *facts)
{
    for (size_t i = 0; i < facts->needed_count; i++) {
        char name[LINKAGE_NAME_SIZE];
        name_copy(name, facts->needed[i]);
        size_t known = 0;
        while (known < linkage->count && strcmp(linkage->names[known], name) != 0)
            known++;
        if (known < linkage->count || linkage->count == LINKAGE_LIMIT)
            continue;
        name_copy(linkage->names[linkage->count++], name);
        if (linkage->tls[0] == '\0' && is_tls_library(name))
            name_copy(linkage->tls, name);
    }
}

/* What the file at hand says; `name` is "" for the program. libc defines the socket functions, so a libc
 * that imports one from its other half (old libpthread) says nothing about the program. */
static void linkage_take(struct linkage *linkage, const struct elf_file_facts *facts, const char *name)
{
    bool is_libc = strncmp(name, "libc.", 5) == 0 || strncmp(name, "libpthread.", 11) == 0
                || strncmp(name, "libresolv.", 10) == 0;
    if (facts->socket_import != NULL && linkage->socket_import[0] == '\0' && !is_libc) {
        name_copy(linkage->socket_import, facts->socket_import);
        name_copy(linkage->socket_importer, name);
    }
    linkage->imports_dlopen = linkage->imports_dlopen || (facts->imports_dlopen && name[0] == '\0');
    linkage_add_needed(linkage, facts);
}

void linkage_follow(struct linkage *linkage, const struct elf_file_facts *program, const char *path)
{
    struct buffer directories = {0};
    *linkage = (struct linkage){0};
    directories_find(&directories, program->search_path, path);
    linkage_take(linkage, program, "");
    for (size_t i = 0; i < linkage->count; i++) {              /* grows on the way */
        struct library library = {0};
        if (library_search(&library, linkage->names[i], directories.bytes, program)) {
            linkage_take(linkage, &library.facts, linkage->names[i]);
            file_view_close(&library.view);
        } else if (linkage->missing[0] == '\0') {
            name_copy(linkage->missing, linkage->names[i]);
        }
    }
    buffer_finish(&directories);
}
