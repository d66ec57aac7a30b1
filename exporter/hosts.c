/* hosts.c - a name looked up in /etc/hosts: an address and its names on each line.
 *
 * The file is read anew each time: it is small, and in containers it is written after the process has started.
 */
#include "hosts.h"

#include "hostname.h"
#include "words.h"

static struct words words; /* too large for our stack, and used by our thread alone */

static bool names_equal(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

int hosts_find(const char *path, struct slice name, const struct patience *patience, struct address *addresses,
               size_t capacity)
{
    size_t count = 0;
    bool is_wanted = false; /* the line has an address that we have not taken yet */
    struct address address;
    words_open(&words, path, patience);
    for (struct slice word; count < capacity && words_next(&words, &word);) {
        if (words.position == 0) {
            is_wanted = hostname_read_literal(word, &address);
        } else if (is_wanted && names_equal(word, name)) {
            addresses[count++] = address;
            is_wanted = false;
        }
    }
    int error = words_close(&words);
    return error ? error : (int)count;
}
