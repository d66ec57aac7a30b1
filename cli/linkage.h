/*
 * linkage.h - the shared libraries that a program brings along, and what they do with sockets and TLS.
 *
 * A look from outside, without running the loader: a hint. Libraries that the program opens later are
 * not seen.
 */
#ifndef LINKAGE_H
#define LINKAGE_H

#include "elf_file.h"

enum { LINKAGE_LIMIT = 256, LINKAGE_NAME_SIZE = 96 };

struct linkage {
    char names[LINKAGE_LIMIT][LINKAGE_NAME_SIZE];      /* each library once, the program's own first */
    size_t count;
    char socket_import[LINKAGE_NAME_SIZE];             /* "connect", or "" */
    char socket_importer[LINKAGE_NAME_SIZE];           /* the library that imports it; "": the program */
    char tls[LINKAGE_NAME_SIZE];                       /* the first library for TLS, or "" */
    char missing[LINKAGE_NAME_SIZE];                   /* the first library that was not found, or "" */
    bool imports_dlopen;
};

/* Looks at the program's libraries and at theirs. `path` is the program's, for $ORIGIN. */
void linkage_follow(struct linkage *linkage, const struct elf_file_facts *program, const char *path);

#endif
