/* hooks.c - the hooks whose whole body is their row in hooks.def. */
#include "exporter_thread.h"
#include "hooks.h"

#define HOOK(type, name, params, args, before, after) \
    type hook_##name params                           \
    {                                                 \
        type(*libc) params = NEXT(name);              \
        {                                             \
            before;                                   \
            type rc = libc args;                      \
            after;                                    \
            return rc;                                \
        }                                             \
    straight:                                         \
        __attribute__((unused));                      \
        return libc args;                             \
    }
#define OWN(type, name, params)
#define ASSEMBLY(name)
#define FIND(type, name, params)
#include "hooks.def"
