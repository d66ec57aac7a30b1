/* protocols.c - the table of protocols.def. See protocols.h. */
#include "protocols.h"

#define PROTOCOL(name) extern const struct protocol name##_protocol;
#include "protocols.def"
#undef PROTOCOL

static const struct protocol *const protocols[] = {
#define PROTOCOL(name) &name##_protocol,
#include "protocols.def"
#undef PROTOCOL
};

int protocols_recognise(struct slice first, const struct protocol **protocol)
{
    int answer = PARSE_NO;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        int verdict = protocols[i]->recognise(first);
        if (verdict > 0) {
            *protocol = protocols[i];
            return verdict;
        }
        if (verdict == PARSE_MORE)
            answer = PARSE_MORE;
    }
    return answer;
}
