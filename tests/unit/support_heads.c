/* support_heads.c - see support_heads.h. */
#include "support_heads.h"

#include <criterion/criterion.h>

#include "config.h"

extern const struct protocol http1_protocol;

const struct message *head_read(struct slice head)
{
    static struct message message;
    struct stream stream = {0};
    ssize_t n = http1_protocol.parse(&stream, PARTY_CLIENT, 0, head, &message);
    cr_assert(n == (ssize_t)head.len && message.kind == MESSAGE_REQUEST, "%zd: %.*s", n, (int)head.len, head.ptr);
    return &message;
}

void propagators_are(const char *names)
{
    struct slice rest = slice_of(names), name;
    bool *formats[] = {&config.extract_tracecontext, &config.propagate_baggage, &config.propagate_b3, &config.propagate_b3multi};
    static const char *const called[] = {"tracecontext", "baggage", "b3", "b3multi"};
    config.b3_holds = config.propagates = false;
    for (size_t i = 0; i < 4; i++)
        *formats[i] = false;
    while (slice_next(&rest, ',', &name))
        for (size_t i = 0; i < 4; i++) {
            if (!slice_equals(name, slice_of(called[i])))
                continue;
            *formats[i] = config.propagates = true;
            if (i != 1)
                config.b3_holds = i != 0;
        }
}
