/* tracestate.c - the W3C tracestate that came with a request.
 *
 * One wrong member makes the whole list invalid; empty ones are allowed and mean nothing. The members are other people's:
 * neither their order nor their number is touched, and which of two equal keys counts is left to who reads them.
 */
#include "tracestate.h"

#include "tracestate_member.h"

bool tracestate_append(struct json_string *out, const struct span_record *record, size_t *count)
{
    enum fact_key key;
    struct slice list, member;
    *count = 0;
    for (size_t at = 0; span_next_fact(record, &at, &key, &list);) {
        if (key != FACT_TRACESTATE)
            continue;
        while (slice_next(&list, ',', &member)) {
            member = slice_trim(member);
            if (!member.len)
                continue;
            if (*count == TRACESTATE_MEMBERS || !tracestate_member_is_valid(member))
                return false;
            if ((*count)++)
                json_string_append(out, SLICE(","));
            json_string_append(out, member);
        }
    }
    return true;
}
