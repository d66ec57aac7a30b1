/*
 * elf_file.h - what a preloaded library needs to know of a program file.
 *
 * Pure: reads the bytes of a file that may be anything, and believes no offset in it.
 */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_NEEDED_LIMIT = 128 };

struct elf_file_facts {
    int machine;                           /* EM_ */
    bool is_64_bit, is_little_endian;
    bool is_position_independent;          /* ET_DYN */
    const char *interpreter;               /* the loader, NULL if static; points into the file, as all texts */
    const char *search_path;               /* DT_RUNPATH, else DT_RPATH; may be NULL */
    const char *needed[ELF_NEEDED_LIMIT];
    size_t needed_count;
    bool has_go;                           /* built by the Go toolchain */
    const char *socket_import;             /* the first imported function that makes or uses connections */
    bool imports_dlopen;
    const char *tls_export;                /* a TLS function the file itself has and exports */
};

/* Reads the file bytes[0..len). 0, or -ENOEXEC if it is no ELF file of a kind known here, -EBADMSG if it is
 * one, but broken. */
int elf_file_read(struct elf_file_facts *facts, const unsigned char *bytes, size_t len);

const char *elf_file_machine_name(int machine);

#endif
