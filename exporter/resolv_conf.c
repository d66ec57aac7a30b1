/* resolv_conf.c - /etc/resolv.conf, read as resolver(5) describes it.
 *
 * What is not understood is passed over, as every resolver does: there are options of other systems in such files. A
 * server with a zone id (a link-local address) is passed over too, since `struct address` cannot hold it.
 * The variables LOCALDOMAIN and RES_OPTIONS are the program's own affair and not looked at.
 */
#include "resolv_conf.h"

#include "hostname.h"
#include "system.h"
#include "words.h"

#include <sys/socket.h>
#include <sys/utsname.h>

enum { NDOTS_MAX = 15, TIMEOUT_MAX_S = 30, ATTEMPTS_MAX = 5 }; /* silent caps of resolver(5) */

static struct words words;
static char domains[2048]; /* the limit that Kubernetes sets to a search list */
static struct utsname machine;

static const struct resolv_conf defaults = {.ndots = 1, .timeout_ms = 5000, .attempts = 2};

static void add_server(struct resolv_conf *conf, struct slice word)
{
    struct address *server = &conf->servers[conf->server_count];
    if (conf->server_count < sizeof conf->servers / sizeof conf->servers[0] && hostname_read_literal(word, server))
        conf->server_count++;
}

/* A domain that does not fit is left out whole: half a domain is another domain. */
static void add_domain(struct resolv_conf *conf, struct slice domain)
{
    if (!hostname_is_valid(domain) || domain.len + 1 > conf->domains.capacity - conf->domains.len)
        return;
    text_slice(&conf->domains, domain);
    text_char(&conf->domains, ' ');
}

static bool read_limited(struct slice option, struct slice name, unsigned max, uint32_t *value)
{
    unsigned long long number;
    if (!slice_starts_with(option, name) || !slice_to_number(slice_after(option, name.len), UINT32_MAX, &number))
        return false;
    *value = number < max ? (uint32_t)number : max;
    return true;
}

static void read_option(struct resolv_conf *conf, struct slice option)
{
    uint32_t value;
    if (read_limited(option, SLICE("ndots:"), NDOTS_MAX, &value))
        conf->ndots = value;
    else if (read_limited(option, SLICE("timeout:"), TIMEOUT_MAX_S, &value))
        conf->timeout_ms = value ? value * 1000 : 1000;
    else if (read_limited(option, SLICE("attempts:"), ATTEMPTS_MAX, &value))
        conf->attempts = value ? value : 1;
    else if (slice_equals(option, SLICE("rotate")))
        conf->rotate = true;
}

/* Without `domain` and `search` the list is the domain of this machine's own name, if it has one. */
static void add_own_domain(struct resolv_conf *conf)
{
    if (system(uname, &machine) != 0)
        return;
    const char *end = memchr(machine.nodename, '\0', sizeof machine.nodename);
    struct slice name = {machine.nodename, end ? (size_t)(end - machine.nodename) : 0};
    add_domain(conf, slice_after(name, slice_find(name, '.') + 1));
}

enum keyword { KEYWORD_OTHER, KEYWORD_NAMESERVER, KEYWORD_DOMAIN, KEYWORD_SEARCH, KEYWORD_OPTIONS };

static enum keyword read_keyword(struct slice word)
{
    return slice_equals(word, SLICE("nameserver")) ? KEYWORD_NAMESERVER
           : slice_equals(word, SLICE("domain"))   ? KEYWORD_DOMAIN
           : slice_equals(word, SLICE("search"))   ? KEYWORD_SEARCH
           : slice_equals(word, SLICE("options"))  ? KEYWORD_OPTIONS
                                                   : KEYWORD_OTHER;
}

/* One word of a line after its keyword. */
static void read_argument(struct resolv_conf *conf, enum keyword keyword, struct slice word)
{
    bool is_first = words.position == 1;
    switch (keyword) {
    case KEYWORD_NAMESERVER:
        if (is_first)
            add_server(conf, word);
        break;
    case KEYWORD_DOMAIN:
    case KEYWORD_SEARCH:
        if (is_first)
            conf->domains.len = 0; /* the last of these lines holds */
        if (is_first || keyword == KEYWORD_SEARCH)
            add_domain(conf, word);
        break;
    case KEYWORD_OPTIONS:
        read_option(conf, word);
        break;
    case KEYWORD_OTHER:
        break;
    }
}

int resolv_conf_read(struct resolv_conf *conf, const char *path, const struct patience *patience)
{
    enum keyword keyword = KEYWORD_OTHER;
    bool has_list = false;
    *conf = defaults;
    conf->domains = TEXT(domains);
    words_open(&words, path, patience);
    for (struct slice word; words_next(&words, &word);) {
        if (words.position == 0) {
            keyword = read_keyword(word);
        } else {
            has_list |= keyword == KEYWORD_DOMAIN || keyword == KEYWORD_SEARCH;
            read_argument(conf, keyword, word);
        }
    }
    if (!conf->server_count) {
        conf->servers[0] = (struct address){.family = AF_INET, .bytes = {127, 0, 0, 1}};
        conf->server_count = 1;
    }
    if (!has_list)
        add_own_domain(conf);
    return words_close(&words);
}
