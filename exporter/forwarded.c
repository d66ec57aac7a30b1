/* forwarded.c - what proxies say about the request they passed on.
 *
 * The first element of each list was written by the proxy next to the client, so it is the one that counts. Anybody can
 * send these fields: what they hold is recorded only when it is of the kind that it claims to be.
 */
#include "forwarded.h"

#include "hostname.h"

static const struct slice absent = {NULL, 0};

/* RFC 9110 section 5.6.2, and what unquoted values of Forwarded hold in the wild: addresses with brackets and ports. */
static bool is_value_byte(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

/* Takes a value, quoted or not, off the front. False when it is neither. */
static bool take_value(struct slice *rest, struct slice *value)
{
    size_t n = 0;
    if (rest->len && rest->ptr[0] == '"') {
        *rest = slice_after(*rest, 1);
        n = slice_find(*rest, '"');
        if (n == rest->len || slice_find((struct slice){rest->ptr, n}, '\\') < n)
            return false;
        *value = (struct slice){rest->ptr, n};
        *rest = slice_after(*rest, n + 1);
        return true;
    }
    while (n < rest->len && is_value_byte(rest->ptr[n]))
        n++;
    *value = (struct slice){rest->ptr, n};
    *rest = slice_after(*rest, n);
    return n > 0;
}

struct slice forwarded_parameter(struct slice field, struct slice name)
{
    struct slice rest = slice_trim(field);
    while (rest.len) {
        if (rest.ptr[0] == ';' || rest.ptr[0] == ',') {
            rest = slice_trim(slice_after(rest, 1));
            continue;
        }
        struct slice key = {rest.ptr, slice_find(rest, '=')}, value;
        rest = slice_after(rest, key.len + 1);
        if (!take_value(&rest, &value))
            return absent;
        if (slice_equals_nocase(key, name))
            return value;
        rest = slice_trim(rest);
        if (rest.len && rest.ptr[0] != ';' && rest.ptr[0] != ',')
            return absent;
    }
    return absent;
}

struct slice forwarded_first(struct slice field)
{
    struct slice first = slice_trim((struct slice){field.ptr, slice_find(field, ',')});
    return first.len ? first : absent;
}

struct slice forwarded_address(struct slice node)
{
    struct address address;
    if (!node.len)
        return absent;
    if (hostname_read_literal(node, &address)) /* X-Forwarded-For has IPv6 without brackets */
        return node;
    struct slice host = {node.ptr, slice_find(node, ':')};
    if (node.len && node.ptr[0] == '[') {
        size_t end = slice_find(node, ']');
        struct slice port = slice_after(node, end + 1);
        if (end == node.len || (port.len && port.ptr[0] != ':'))
            return absent;
        host = (struct slice){node.ptr + 1, end - 1};
    }
    return hostname_read_literal(host, &address) ? host : absent;
}
