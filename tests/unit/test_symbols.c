/* test_symbols.c - symbols found without dlsym; dlsym is the second opinion. */
#include <criterion/criterion.h>

#include "symbols.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/auxv.h>
#include <time.h>

static void *find(const char *name, bool anywhere)
{
    void *place = NULL;
    struct symbol symbol = {name, &place, anywhere};
    symbols_find(&symbol, 1);
    return place;
}

Test(symbols, finds_what_dlsym_finds)
{
    /* Functions, IFUNCs (memcpy, strlen, time), data, symbols of several versions, and one of another library. */
    static const char *const names[] = {"read", "write", "close", "connect", "accept4", "sendfile", "fork", "posix_spawn", "syscall",
                                        "strlen", "memchr", "strcasecmp", "environ", "program_invocation_name", "pthread_create",
                                        "pthread_cond_wait", "regexec", "realpath", "nftw", "fnmatch", "memcpy", "sched_getaffinity",
                                        "pthread_attr_setaffinity_np", "quick_exit", "fopen", "cJSON_Parse"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *theirs = dlsym(RTLD_NEXT, names[i]);
        if (theirs)
            cr_expect_eq(find(names[i], false), theirs, "%s: %p, by dlsym %p", names[i], find(names[i], false), theirs);
    }
}

Test(symbols, finds_nothing_that_is_not_there)
{
    static const char *const names[] = {"no_such_symbol", "", "rea", "readx", "symbols_find"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect_null(find(names[i], true), "%s", names[i]);
}

Test(symbols, leaves_alone_what_is_set)
{
    int mine;
    void *set = &mine, *unset = NULL, *none = NULL;
    struct symbol symbols[] = {{"read", &set, false}, {"write", &unset, false}, {"no_such_symbol", &none, false}};
    symbols_find(symbols, 3);
    cr_expect_eq(set, (void *)&mine);
    cr_expect_eq(unset, dlsym(RTLD_NEXT, "write"));
    cr_expect_null(none);
}

Test(symbols, asks_an_ifunc_for_its_choice)
{
    size_t (*length)(const char *) = (size_t (*)(const char *))(uintptr_t)find("strlen", false);
    cr_assert(length);
    cr_expect_eq(length("four"), 4);
}

Test(symbols, finds_the_clock_of_the_vdso)
{
#if defined(__x86_64__)
    static const char name[] = "__vdso_clock_gettime";
#else
    static const char name[] = "__kernel_clock_gettime";
#endif
    struct timespec now, then;
    if (!getauxval(AT_SYSINFO_EHDR))
        return;
    int (*clock)(int, struct timespec *) = (int (*)(int, struct timespec *))(uintptr_t)find(name, true);
    cr_assert(clock);
    cr_expect_eq(clock(CLOCK_MONOTONIC, &now), 0);
    clock_gettime(CLOCK_MONOTONIC, &then);
    cr_expect(then.tv_sec - now.tv_sec <= 1);
}
