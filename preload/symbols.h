/* symbols.h - symbols of the objects that the loader has mapped, found without dlsym.
 *
 * Before glibc 2.34 dlsym lives in a library of its own, which a program need not have loaded; an unresolved symbol
 * of a preloaded file kills the program at start. The only import needed is dl_iterate_phdr (design, section 2).
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

struct symbol {
    const char *name;
    void **place;  /* receives the address; left alone when there is none, or when it is set already */
    bool anywhere; /* also in objects before ours (the vDSO); else only behind ours, as RTLD_NEXT means it */
};

/* Looks all of them up, in the loader's order. Functions only by their default version; IFUNCs are asked.
 * Threads: any. */
void symbols_find(const struct symbol *symbols, size_t count);

#endif
