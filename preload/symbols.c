/* symbols.c - symbols of mapped objects. See symbols.h.
 *
 * GNU hash tables (every glibc of today), SysV hash tables (musl, the vDSO). System V ABI, "Dynamic Linking";
 * the GNU table as binutils writes it.
 */
#include "symbols.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#define VERSION_HIDDEN 0x8000 /* not the default version: `name@VERSION` with one @ */

struct object {
    uintptr_t base;
    const ElfW(Sym) *symbols;
    const char *strings;
    const ElfW(Half) *versions;
    const uint32_t *gnu_hash;
    const uint32_t *sysv_hash;
};

struct search {
    const struct symbol *symbols;
    size_t count;
    bool behind_us;
};

/* Loaders relocate the addresses in the dynamic section, or do not (musl, the vDSO). */
static const void *address(uintptr_t base, uintptr_t value)
{
    return (const void *)(value < base ? base + value : value);
}

static bool read_object(const struct dl_phdr_info *info, struct object *object)
{
    const ElfW(Dyn) *dynamic = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            dynamic = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    *object = (struct object){.base = info->dlpi_addr};
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        const void *value = address(object->base, dynamic->d_un.d_ptr);
        switch (dynamic->d_tag) {
        case DT_SYMTAB: object->symbols = value; break;
        case DT_STRTAB: object->strings = value; break;
        case DT_VERSYM: object->versions = value; break;
        case DT_GNU_HASH: object->gnu_hash = value; break;
        case DT_HASH: object->sysv_hash = value; break;
        }
    }
    return object->symbols && object->strings && (object->gnu_hash || object->sysv_hash);
}

static bool matches(const struct object *object, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &object->symbols[index];
    unsigned type = symbol->st_info & 0xf;
    if (symbol->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE && type != STT_OBJECT))
        return false;
    if (object->versions && (object->versions[index] & VERSION_HIDDEN))
        return false;
    const char *other = object->strings + symbol->st_name;
    while (*name && *name == *other)
        name++, other++;
    return *name == *other;
}

static uint32_t find_gnu(const struct object *object, const char *name)
{
    const uint32_t *table = object->gnu_hash;
    uint32_t bucket_count = table[0], first = table[1], bloom_size = table[2];
    const uint32_t *buckets = table + 4 + bloom_size * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chain = buckets + bucket_count;
    uint32_t hash = 5381;
    for (const char *c = name; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    uint32_t index = bucket_count ? buckets[hash % bucket_count] : 0;
    if (index < first)
        return 0;
    for (;; index++) {
        if ((chain[index - first] | 1) == (hash | 1) && matches(object, index, name))
            return index;
        if (chain[index - first] & 1)
            return 0;
    }
}

static uint32_t find_sysv(const struct object *object, const char *name)
{
    const uint32_t *table = object->sysv_hash;
    uint32_t bucket_count = table[0], hash = 0;
    for (const char *c = name; *c; c++) {
        hash = (hash << 4) + (unsigned char)*c;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    const uint32_t *chain = table + 2 + bucket_count;
    uint32_t index = bucket_count ? table[2 + hash % bucket_count] : 0;
    while (index && !matches(object, index, name))
        index = chain[index];
    return index;
}

static void *value_of(const struct object *object, uint32_t index)
{
    const ElfW(Sym) *symbol = &object->symbols[index];
    void *value = (void *)(object->base + symbol->st_value);
    if ((symbol->st_info & 0xf) != STT_GNU_IFUNC)
        return value;
    return ((void *(*)(unsigned long))(uintptr_t)value)(0);
}

/* Contains this very code? */
static bool is_ours(const struct dl_phdr_info *info)
{
    uintptr_t here = (uintptr_t)is_ours;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && here >= start && here - start < segment->p_memsz)
            return true;
    }
    return false;
}

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    struct object object;
    (void)size;
    if (is_ours(info)) {
        search->behind_us = true;
        return 0;
    }
    if (!read_object(info, &object))
        return 0;
    for (size_t i = 0; i < search->count; i++) {
        const struct symbol *wanted = &search->symbols[i];
        if (*wanted->place || !(search->behind_us || wanted->anywhere))
            continue;
        uint32_t index = object.gnu_hash ? find_gnu(&object, wanted->name) : find_sysv(&object, wanted->name);
        if (index)
            *wanted->place = value_of(&object, index);
    }
    return 0;
}

void symbols_find(const struct symbol *symbols, size_t count)
{
    struct search search = {.symbols = symbols, .count = count};
    dl_iterate_phdr(visit, &search);
}
