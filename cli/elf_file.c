/*
 * elf_file.c - what a preloaded library needs to know of a program file.
 *
 * Reads 32-bit and 64-bit files of this machine's byte order; a foreign byte order is told and not read
 * further, since no program of it runs here. Every access goes through file_at(), which refuses what lies
 * outside: the file is whatever somebody named on a command line.
 *
 * The two classes differ in the layout of each structure. Instead of every function twice, the few fields
 * that matter are read into structures of our own.
 */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

struct file {
    const unsigned char *bytes;
    size_t len;
    bool is_64_bit;
};

struct segment {
    uint32_t type;
    uint64_t offset, address, size;
};

struct section {
    uint32_t name, type, link;
    uint64_t offset, size, entry_size;
};

/* Where the segments and sections are. */
struct tables {
    uint64_t segments, sections;
    unsigned segment_count, section_count, names_index;
};

/* The `size` bytes at `offset`, or NULL. */
static const void *file_at(const struct file *file, uint64_t offset, uint64_t size)
{
    if (offset > file->len || size > file->len - offset)
        return NULL;
    return file->bytes + offset;
}

/* The text at `offset`, if it ends within the file. */
static const char *file_text(const struct file *file, uint64_t offset)
{
    const char *text = file_at(file, offset, 1);
    return text != NULL && memchr(text, '\0', file->len - offset) != NULL ? text : NULL;
}

/* Copies a structure out of the file: offsets in it need not be aligned. */
static bool file_copy(const struct file *file, uint64_t offset, void *to, size_t size)
{
    const void *from = file_at(file, offset, size);
    if (from == NULL)
        return false;
    memcpy(to, from, size);
    return true;
}

/* ---- the two classes ---- */

static bool header_read(const struct file *file, struct tables *tables, Elf64_Half *type)
{
    if (file->is_64_bit) {
        Elf64_Ehdr header;
        if (!file_copy(file, 0, &header, sizeof header))
            return false;
        *tables = (struct tables){header.e_phoff, header.e_shoff, header.e_phnum, header.e_shnum, header.e_shstrndx};
        *type = header.e_type;
        return header.e_phnum == 0 || header.e_phentsize == sizeof(Elf64_Phdr);
    }
    Elf32_Ehdr header;
    if (!file_copy(file, 0, &header, sizeof header))
        return false;
    *tables = (struct tables){header.e_phoff, header.e_shoff, header.e_phnum, header.e_shnum, header.e_shstrndx};
    *type = header.e_type;
    return header.e_phnum == 0 || header.e_phentsize == sizeof(Elf32_Phdr);
}

static bool segment_read(const struct file *file, const struct tables *tables, unsigned index, struct segment *segment)
{
    if (file->is_64_bit) {
        Elf64_Phdr header;
        if (!file_copy(file, tables->segments + (uint64_t)index * sizeof header, &header, sizeof header))
            return false;
        *segment = (struct segment){header.p_type, header.p_offset, header.p_vaddr, header.p_filesz};
        return true;
    }
    Elf32_Phdr header;
    if (!file_copy(file, tables->segments + (uint64_t)index * sizeof header, &header, sizeof header))
        return false;
    *segment = (struct segment){header.p_type, header.p_offset, header.p_vaddr, header.p_filesz};
    return true;
}

static bool section_read(const struct file *file, const struct tables *tables, unsigned index, struct section *section)
{
    if (file->is_64_bit) {
        Elf64_Shdr header;
        if (!file_copy(file, tables->sections + (uint64_t)index * sizeof header, &header, sizeof header))
            return false;
        *section = (struct section){header.sh_name, header.sh_type, header.sh_link, header.sh_offset,
                                    header.sh_size, header.sh_entsize};
        return true;
    }
    Elf32_Shdr header;
    if (!file_copy(file, tables->sections + (uint64_t)index * sizeof header, &header, sizeof header))
        return false;
    *section = (struct section){header.sh_name, header.sh_type, header.sh_link, header.sh_offset,
                                header.sh_size, header.sh_entsize};
    return true;
}

static bool dynamic_read(const struct file *file, uint64_t offset, int64_t *tag, uint64_t *value)
{
    if (file->is_64_bit) {
        Elf64_Dyn entry;
        if (!file_copy(file, offset, &entry, sizeof entry))
            return false;
        *tag = entry.d_tag;
        *value = entry.d_un.d_val;
        return true;
    }
    Elf32_Dyn entry;
    if (!file_copy(file, offset, &entry, sizeof entry))
        return false;
    *tag = entry.d_tag;
    *value = entry.d_un.d_val;
    return true;
}

/* The name's offset and whether the symbol is defined here. */
static bool symbol_read(const struct file *file, uint64_t offset, uint32_t *name, bool *is_defined)
{
    if (file->is_64_bit) {
        Elf64_Sym symbol;
        if (!file_copy(file, offset, &symbol, sizeof symbol))
            return false;
        *name = symbol.st_name;
        *is_defined = symbol.st_shndx != SHN_UNDEF;
        return true;
    }
    Elf32_Sym symbol;
    if (!file_copy(file, offset, &symbol, sizeof symbol))
        return false;
    *name = symbol.st_name;
    *is_defined = symbol.st_shndx != SHN_UNDEF;
    return true;
}

/* ---- facts ---- */

static bool is_one_of(const char *text, const char *const list[])
{
    for (; *list != NULL; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

/* The file offset of a virtual address; out of every file if no segment holds it. */
static uint64_t offset_of_address(const struct file *file, const struct tables *tables, uint64_t address)
{
    struct segment segment;
    for (unsigned i = 0; i < tables->segment_count && segment_read(file, tables, i, &segment); i++)
        if (segment.type == PT_LOAD && address >= segment.address && address - segment.address < segment.size)
            return segment.offset + (address - segment.address);
    return UINT64_MAX;
}

/* The value of the first entry of that tag in the dynamic segment. */
static bool dynamic_find(const struct file *file, const struct segment *dynamic, int64_t wanted, uint64_t *value)
{
    size_t entry_size = file->is_64_bit ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
    int64_t tag;
    for (uint64_t at = 0; at + entry_size <= dynamic->size; at += entry_size) {
        if (!dynamic_read(file, dynamic->offset + at, &tag, value) || tag == DT_NULL)
            return false;
        if (tag == wanted)
            return true;
    }
    return false;
}

static void needed_collect(struct elf_file_facts *facts, const struct file *file, const struct segment *dynamic, uint64_t texts)
{
    size_t entry_size = file->is_64_bit ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
    int64_t tag;
    uint64_t value;
    for (uint64_t at = 0; at + entry_size <= dynamic->size; at += entry_size) {
        if (!dynamic_read(file, dynamic->offset + at, &tag, &value) || tag == DT_NULL)
            return;
        const char *name = tag == DT_NEEDED ? file_text(file, texts + value) : NULL;
        if (name != NULL && facts->needed_count < ELF_NEEDED_LIMIT)
            facts->needed[facts->needed_count++] = name;
    }
}

static void dynamic_take(struct elf_file_facts *facts, const struct file *file, const struct tables *tables, const struct segment *dynamic)
{
    uint64_t value;
    if (!dynamic_find(file, dynamic, DT_STRTAB, &value))
        return;
    uint64_t texts = offset_of_address(file, tables, value);
    if (texts == UINT64_MAX)
        return;
    needed_collect(facts, file, dynamic, texts);
    if (dynamic_find(file, dynamic, DT_RUNPATH, &value) || dynamic_find(file, dynamic, DT_RPATH, &value))
        facts->search_path = file_text(file, texts + value);
}

/* A note of the owner "Go" is the build id that Go's linker writes. */
static void note_take(struct elf_file_facts *facts, const struct file *file, const struct segment *segment)
{
    Elf64_Nhdr note;                       /* the same in both classes */
    for (uint64_t at = 0; at + sizeof note <= segment->size;) {
        if (!file_copy(file, segment->offset + at, &note, sizeof note))
            return;
        const char *owner = file_at(file, segment->offset + at + sizeof note, note.n_namesz);
        if (owner != NULL && note.n_namesz == 4 && memcmp(owner, "Go\0", 4) == 0)
            facts->has_go = true;
        at += sizeof note + (((uint64_t)note.n_namesz + 3) & ~3ull) + (((uint64_t)note.n_descsz + 3) & ~3ull);
    }
}

static void segments_take(struct elf_file_facts *facts, const struct file *file, const struct tables *tables)
{
    struct segment segment;
    for (unsigned i = 0; i < tables->segment_count && segment_read(file, tables, i, &segment); i++) {
        if (segment.type == PT_INTERP)
            facts->interpreter = file_text(file, segment.offset);
        else if (segment.type == PT_DYNAMIC)
            dynamic_take(facts, file, tables, &segment);
        else if (segment.type == PT_NOTE)
            note_take(facts, file, &segment);
    }
}

static void symbol_take(struct elf_file_facts *facts, const char *name, bool is_defined)
{
    static const char *const sockets[] = {
        "socket", "connect", "accept", "accept4", "listen", "send", "recv", "sendto", "recvfrom", "sendmsg",
        "recvmsg", "sendmmsg", "recvmmsg", NULL,
    };
    static const char *const tls[] = {"SSL_read", "SSL_write", "gnutls_record_send", "mbedtls_ssl_write", NULL};
    if (!is_defined && facts->socket_import == NULL && is_one_of(name, sockets))
        facts->socket_import = name;
    else if (!is_defined && strcmp(name, "dlopen") == 0)
        facts->imports_dlopen = true;
    else if (is_defined && facts->tls_export == NULL && is_one_of(name, tls))
        facts->tls_export = name;
}

static void symbols_take(struct elf_file_facts *facts, const struct file *file, const struct section *symbols, uint64_t texts)
{
    size_t entry_size = file->is_64_bit ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    uint32_t name;
    bool is_defined;
    for (uint64_t at = 0; at + entry_size <= symbols->size; at += entry_size) {
        if (!symbol_read(file, symbols->offset + at, &name, &is_defined))
            return;
        const char *text = name != 0 ? file_text(file, texts + name) : NULL;
        if (text != NULL)
            symbol_take(facts, text, is_defined);
    }
}

/* A file without sections (sstrip) is a file without these facts, no broken one. */
static void sections_take(struct elf_file_facts *facts, const struct file *file, const struct tables *tables)
{
    struct section names, section, texts;
    bool has_names = section_read(file, tables, tables->names_index, &names);
    for (unsigned i = 0; i < tables->section_count && section_read(file, tables, i, &section); i++) {
        const char *name = has_names ? file_text(file, names.offset + section.name) : NULL;
        if (name != NULL && (strcmp(name, ".go.buildinfo") == 0 || strcmp(name, ".note.go.buildid") == 0))
            facts->has_go = true;
        if (section.type == SHT_DYNSYM && section_read(file, tables, section.link, &texts))
            symbols_take(facts, file, &section, texts.offset);
    }
}

int elf_file_read(struct elf_file_facts *facts, const unsigned char *bytes, size_t len)
{
    struct tables tables;
    Elf64_Half type;
    *facts = (struct elf_file_facts){0};
    if (len < EI_NIDENT + 4 || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return -ENOEXEC;
    bool is_own_order = (bytes[EI_DATA] == ELFDATA2LSB) == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    facts->is_64_bit = bytes[EI_CLASS] == ELFCLASS64;
    facts->is_little_endian = bytes[EI_DATA] == ELFDATA2LSB;
    facts->machine = facts->is_little_endian ? bytes[18] | bytes[19] << 8 : bytes[18] << 8 | bytes[19];
    if (!is_own_order)
        return 0;
    struct file file = {bytes, len, facts->is_64_bit};
    if (!header_read(&file, &tables, &type))
        return -EBADMSG;
    if (type != ET_EXEC && type != ET_DYN)
        return -ENOEXEC;
    facts->is_position_independent = type == ET_DYN;
    segments_take(facts, &file, &tables);
    sections_take(facts, &file, &tables);
    return 0;
}

const char *elf_file_machine_name(int machine)
{
    switch (machine) {
    case EM_X86_64: return "x86-64";
    case EM_386: return "x86";
    case EM_AARCH64: return "arm64";
    case EM_ARM: return "arm";
    case EM_RISCV: return "risc-v";
    case EM_PPC64: return "ppc64";
    case EM_S390: return "s390x";
    default: return "another processor";
    }
}
