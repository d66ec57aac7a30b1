/* late.c - opens a library by dlopen and runs its late_main with the arguments behind it. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*late_main)(int, char **) = library ? (int (*)(int, char **))dlsym(library, "late_main") : NULL;
    if (!late_main) {
        fprintf(stderr, "%s\n", dlerror());
        return 111;
    }
    return late_main(argc - 1, argv + 1);
}
