/* tracestate_member.h - what a member of a tracestate may be (W3C Trace Context level 2, section 3.3.1): asked by who records
 * the list, and by who hands it on.
 */
#ifndef TRACESTATE_MEMBER_H
#define TRACESTATE_MEMBER_H

#include "slice.h"

enum { TRACESTATE_MEMBERS = 32, TRACESTATE_KEY_LEN = 256, TRACESTATE_VALUE_LEN = 256 };

static inline bool tracestate_is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static inline bool tracestate_key_is_valid(struct slice key)
{
    if (key.len < 1 || key.len > TRACESTATE_KEY_LEN || !tracestate_is_lower_or_digit(key.ptr[0]))
        return false;
    for (size_t i = 1; i < key.len; i++) {
        char c = key.ptr[i];
        if (!tracestate_is_lower_or_digit(c) && c != '_' && c != '-' && c != '*' && c != '/' && c != '@')
            return false;
    }
    return true;
}

/* That the last character is no blank is so already: the member was trimmed. */
static inline bool tracestate_value_is_valid(struct slice value)
{
    if (value.len < 1 || value.len > TRACESTATE_VALUE_LEN)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < ' ' || value.ptr[i] > '~' || value.ptr[i] == '=')
            return false;
    return true;
}

static inline bool tracestate_member_is_valid(struct slice member)
{
    size_t equals = slice_find(member, '=');
    return equals < member.len && tracestate_key_is_valid((struct slice){member.ptr, equals}) &&
           tracestate_value_is_valid(slice_after(member, equals + 1));
}

#endif
