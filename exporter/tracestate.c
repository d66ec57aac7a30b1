/* tracestate.c - the W3C tracestate that came with a request.
 *
 * One wrong member makes the whole list invalid; empty ones are allowed and mean nothing. The members are other people's:
 * neither their order nor their number is touched, and which of two equal keys counts is left to who reads them.
 */
#include "tracestate.h"

enum { MEMBERS_MAX = 32, KEY_MAX_LEN = 256, VALUE_MAX_LEN = 256 };

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool key_is_valid(struct slice key)
{
    if (key.len < 1 || key.len > KEY_MAX_LEN || !is_lower_or_digit(key.ptr[0]))
        return false;
    for (size_t i = 1; i < key.len; i++) {
        char c = key.ptr[i];
        if (!is_lower_or_digit(c) && c != '_' && c != '-' && c != '*' && c != '/' && c != '@')
            return false;
    }
    return true;
}

/* That the last character is no blank is so already: the member was trimmed. */
static bool value_is_valid(struct slice value)
{
    if (value.len < 1 || value.len > VALUE_MAX_LEN)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < ' ' || value.ptr[i] > '~' || value.ptr[i] == '=')
            return false;
    return true;
}

static bool member_is_valid(struct slice member)
{
    size_t equals = slice_find(member, '=');
    return equals < member.len && key_is_valid((struct slice){member.ptr, equals}) &&
           value_is_valid(slice_after(member, equals + 1));
}

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
            if (*count == MEMBERS_MAX || !member_is_valid(member))
                return false;
            if ((*count)++)
                json_string_append(out, SLICE(","));
            json_string_append(out, member);
        }
    }
    return true;
}
