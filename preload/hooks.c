/* hooks.c - the hooks whose whole body is their row in hooks.def. */
#include "exporter_thread.h"
#include "hooks.h"
#include "waits.h"

#define WRITTEN_OUT(type, name, params, args, before, call, after) \
    type hook_##name params                                        \
    {                                                              \
        type(*libc) params = NEXT(name);                           \
        {                                                          \
            before;                                                \
            type rc = call;                                        \
            after;                                                 \
            return rc;                                             \
        }                                                          \
    straight:                                                      \
        __attribute__((unused));                                   \
        return libc args;                                          \
    }
#define HOOK(type, name, params, args, before, after) WRITTEN_OUT(type, name, params, args, before, libc args, after)
#define SENDS(type, name, params, args, before, altered, after) \
    WRITTEN_OUT(type, name, params, args, before, call_is_altered() ? altered : libc args, after)
#define OWN(type, name, params)
#define ASSEMBLY(name)
#define FIND(type, name, params)
#include "hooks.def"
