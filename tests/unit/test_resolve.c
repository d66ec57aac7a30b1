/* test_resolve.c - addresses of a host, from every source and from every kind of name server. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "resolve.h"
#include "support_name_server.h"

#define MS UINT64_C(1000000)

/* --- files, and one call --- */

static char hosts_path[] = "/tmp/test_resolve_hosts.XXXXXX", conf_path[] = "/tmp/test_resolve_conf.XXXXXX";
static int hosts_fd, conf_fd;
static struct resolve_sources sources;

static void write_file(int fd, const char *content)
{
    size_t len = strlen(content);
    cr_assert(ftruncate(fd, 0) == 0 && pwrite(fd, content, len, 0) == (ssize_t)len);
}

#define TWO_SERVERS "nameserver 127.0.0.1\nnameserver 127.0.0.2\n"
#define NO_LIST "search .\n"

static void start(void)
{
    hosts_fd = mkstemp(hosts_path);
    conf_fd = mkstemp(conf_path);
    write_file(conf_fd, TWO_SERVERS NO_LIST "options timeout:1 attempts:2\n");
    sources = (struct resolve_sources){hosts_path, conf_path, name_servers_start()};
}

static void stop(void)
{
    unlink(hosts_path);
    unlink(conf_path);
}

TestSuite(resolve, .init = start, .fini = stop, .timeout = 30);

static uint64_t interrupt_at_ns = UINT64_MAX;

static bool interrupted(void)
{
    return clock_ns() >= interrupt_at_ns;
}

static uint64_t took_ms;

static const char *error_name(int error)
{
    return error == -ENOENT      ? "ENOENT"
           : error == -EAGAIN    ? "EAGAIN"
           : error == -ETIMEDOUT ? "ETIMEDOUT"
           : error == -EINTR     ? "EINTR"
           : error == -EINVAL    ? "EINVAL"
                                 : "?";
}

/* The addresses with blanks between, or the error's name. Nothing of libc's is touched, no descriptor left, and each
 * address has the port. */
static const char *resolve_within(const char *host, size_t capacity, uint64_t budget_ms)
{
    static char found[2048];
    struct address addresses[33];
    memset(addresses, 0x5a, sizeof addresses);
    found[0] = '\0';
    name_servers_forget();
    int free_fd = dup(0);
    close(free_fd);
    uint64_t start_ns = clock_ns();
    errno = 4711;
    int count = resolve(host, 4318, &sources, start_ns + budget_ms * MS, interrupted, addresses, capacity);
    cr_expect_eq(errno, 4711);
    took_ms = (clock_ns() - start_ns) / MS;
    int free_fd_after = dup(0);
    close(free_fd_after);
    cr_expect_eq(free_fd_after, free_fd, "%s: a descriptor is left", host);
    cr_assert_leq(count, (int)capacity);
    cr_expect_eq(addresses[capacity].family, 0x5a5a);
    if (count < 0)
        return error_name(count);
    for (int i = 0; i < count; i++) {
        char text[INET6_ADDRSTRLEN];
        inet_ntop(addresses[i].family, addresses[i].bytes, text, sizeof text);
        cr_expect_eq(addresses[i].port, 4318);
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i ? " " : "", text);
    }
    return found;
}

static const char *resolve_host(const char *host)
{
    return resolve_within(host, 32, 10000);
}

/* --- the claims --- */

Test(resolve, asks_nobody_for_literals_localhost_names_of_the_hosts_file_and_what_is_no_name)
{
    static const struct row rows[] = {{-1, "localhost", HAS_A}, {-1, "known", HAS_A}, {0}};
    static const struct {
        const char *host, *found;
    } expected[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
        {"2001:db8::1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"localhost", "127.0.0.1 ::1"},
        {"LocalHost.", "127.0.0.1 ::1"},
        {"a.b.localhost", "127.0.0.1 ::1"},
        {"known", "10.1.1.1 fd00::7"},
        {"KNOWN.", "10.1.1.1 fd00::7"},
        {"", "EINVAL"},
        {".", "EINVAL"},
        {"fe80::1%eth0", "EINVAL"},
        {"fe80::1%2", "EINVAL"},
        {"[::1]", "EINVAL"},
        {"::1::", "EINVAL"},
        {"256.1.1.1", "EINVAL"},
        {"127.1", "EINVAL"},
        {"a b", "EINVAL"},
        {"a..b", "EINVAL"},
        {"a\nb", "EINVAL"},
        {"../etc", "EINVAL"},
    };
    name_servers_follow(rows);
    write_file(hosts_fd, "10.1.1.1 known\nfd00::7 other known\n10.6.6.6 localhost a.b.localhost\n");
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        cr_expect_str_eq(resolve_host(expected[i].host), expected[i].found, "%s: %s", expected[i].host,
                         resolve_host(expected[i].host));
        cr_expect_str_empty(name_servers_asked(), "%s: %s", expected[i].host, name_servers_asked());
    }
    cr_expect_str_eq(resolve_within("localhost", 1, 1000), "127.0.0.1");
    cr_expect_str_eq(resolve_within("known", 1, 1000), "10.1.1.1");
    cr_expect_str_eq(resolve_within("known", 0, 1000), "EINVAL");
}

Test(resolve, does_not_take_names_that_only_look_like_localhost)
{
    resolve_host("notlocalhost");
    cr_expect_str_eq(name_servers_asked(), "notlocalhost@0 ");
    resolve_host("localhost.example.");
    cr_expect_str_eq(name_servers_asked(), "localhost.example@0 ");
}

static const struct row answers[] = {
    {0, "a", HAS_A},
    {0, "aaaa", HAS_AAAA},
    {0, "both", HAS_BOTH},
    {0, "many", HAS_MANY},
    {0, "alias", HAS_ALIAS},
    {0, "nodata", NO_DATA},
    {0, "truncated", TRUNCATED_WITH_A},
    {0, "nonameofaaaa", NO_NAME_OF_AAAA},
    {0, "forgedid", FORGED_ID},
    {0, "forgedsource", FORGED_SOURCE},
    {0, "forgedquestion", FORGED_QUESTION},
    {0, "late", LATE},
    /* what the first server cannot tell the second is asked for */
    {0, "servfail", SERVFAIL},
    {0, "refused", REFUSED},
    {0, "formerr", FORMERR},
    {0, "empty", TRUNCATED_EMPTY},
    {0, "loop", POINTER_LOOP},
    {0, "silent", SILENT},
    {0, "failsaaaa", FAILS_AAAA},
    {1, "servfail", HAS_BOTH},
    {1, "refused", HAS_BOTH},
    {1, "formerr", HAS_BOTH},
    {1, "empty", HAS_BOTH},
    {1, "loop", HAS_BOTH},
    {1, "silent", HAS_BOTH},
    {1, "failsaaaa", NO_DATA},
    {0},
};

Test(resolve, reads_answers_and_asks_the_next_server_only_when_the_first_cannot_tell)
{
    static const struct {
        const char *host, *found, *asked;
    } rows[] = {
        {"a", "10.0.0.1", "a@0 "},
        {"aaaa", "fd00::1", "aaaa@0 "},
        {"both", "fd00::1 10.0.0.1", "both@0 "},
        {"alias", "fd00::1 10.0.0.1", "alias@0 "},
        {"late", "fd00::1 10.0.0.1", "late@0 "},
        {"truncated", "10.0.0.1", "truncated@0 "},
        {"nonameofaaaa", "10.0.0.1", "nonameofaaaa@0 "},
        {"nodata", "ENOENT", "nodata@0 "},
        {"nosuchname", "ENOENT", "nosuchname@0 "},
        {"forgedid", "10.0.0.1", "forgedid@0 "},
        {"forgedsource", "10.0.0.1", "forgedsource@0 "},
        {"forgedquestion", "10.0.0.1", "forgedquestion@0 "},
        {"servfail", "fd00::1 10.0.0.1", "servfail@0 servfail@1 "},
        {"refused", "fd00::1 10.0.0.1", "refused@0 refused@1 "},
        {"formerr", "fd00::1 10.0.0.1", "formerr@0 formerr@1 "},
        {"empty", "fd00::1 10.0.0.1", "empty@0 empty@1 "},
        {"loop", "fd00::1 10.0.0.1", "loop@0 loop@1 "},
        {"silent", "fd00::1 10.0.0.1", "silent@0 silent@1 "},
        {"failsaaaa", "ENOENT", "failsaaaa@0 failsaaaa@1 "},
    };
    name_servers_follow(answers);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *found = resolve_host(rows[i].host);
        cr_expect_str_eq(found, rows[i].found, "%s: %s", rows[i].host, found);
        cr_expect_str_eq(name_servers_asked(), rows[i].asked, "%s: %s", rows[i].host, name_servers_asked());
    }
}

Test(resolve, keeps_both_types_in_a_short_list)
{
    name_servers_follow(answers);
    cr_expect_str_eq(resolve_within("many", 1, 1000), "fd00::1");
    cr_expect_str_eq(resolve_within("many", 4, 1000), "fd00::1 10.0.0.1 fd00::2 10.0.0.2");
    const char *all = resolve_within("many", 32, 1000);
    cr_expect(strstr(all, "fd00::c 10.0.0.12") != NULL, "%s", all);
}

/* resolver(5): "search" and "ndots". Names without a row do not exist. */
Test(resolve, walks_the_search_list_as_resolver_5_says)
{
    static const struct row rows[] = {
        {-1, "c.two.example", HAS_A},    {-1, "c.obs.two.example", HAS_A}, {-1, "only", HAS_A},
        {-1, "e.one.example", NO_DATA},  {-1, "e.two.example", HAS_A},     {-1, "f.one.example", SERVFAIL},
        {-1, "f.two.example", HAS_A},    {-1, "g.h", HAS_A},               {-1, "g.h.one.example", HAS_A},
        {-1, "i.j", SERVFAIL},           {-1, "i.j.one.example", HAS_A},   {0},
    };
    static const struct {
        const char *options, *host, *found, *asked;
    } expected[] = {
        {"", "c", "10.0.0.1", "c.one.example@0 c.two.example@0 "},
        {"", "only", "10.0.0.1", "only.one.example@0 only.two.example@0 only@0 "},
        {"", "none", "ENOENT", "none.one.example@0 none.two.example@0 none@0 "},
        {"", "c.", "ENOENT", "c@0 "},
        {"", "only.", "10.0.0.1", "only@0 "},
        {"", "c.obs", "10.0.0.1", "c.obs@0 c.obs.one.example@0 c.obs.two.example@0 "},
        {"", "g.h", "10.0.0.1", "g.h@0 "},
        {"options ndots:2", "g.h", "10.0.0.1", "g.h.one.example@0 "},
        {"options ndots:2", "c.obs", "10.0.0.1", "c.obs.one.example@0 c.obs.two.example@0 "},
        {"options ndots:0", "only", "10.0.0.1", "only@0 "},
        {"options ndots:0", "c", "10.0.0.1", "c@0 c.one.example@0 c.two.example@0 "},
        {"", "e", "10.0.0.1", "e.one.example@0 e.two.example@0 "},
        /* nobody could tell: the next name could be another host */
        {"", "f", "EAGAIN", "f.one.example@0 f.one.example@0 "},
        {"", "i.j", "EAGAIN", "i.j@0 i.j@0 "},
    };
    name_servers_follow(rows);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char conf[256];
        snprintf(conf, sizeof conf, "nameserver 127.0.0.1\nsearch one.example two.example\n%s\n", expected[i].options);
        write_file(conf_fd, conf);
        const char *found = resolve_host(expected[i].host);
        cr_expect_str_eq(found, expected[i].found, "row %zu: %s", i, found);
        cr_expect_str_eq(name_servers_asked(), expected[i].asked, "row %zu: %s", i, name_servers_asked());
    }
}

Test(resolve, passes_over_a_domain_that_makes_the_name_too_long)
{
    char host[256];
    memset(host, 'a', sizeof host);
    host[63] = host[127] = host[191] = '.';
    host[250] = '\0';
    write_file(conf_fd, "nameserver 127.0.0.1\nsearch long.example x\noptions ndots:9\n");
    cr_expect_str_eq(resolve_host(host), "ENOENT");
    cr_expect_eq(strlen(name_servers_asked()), 252 + 3 + 250 + 3); /* host.x@0 and host@0 */
}

Test(resolve, gives_the_second_type_a_moment_and_no_more)
{
    static const struct row rows[] = {{-1, "half", SILENT_ABOUT_AAAA}, {0}};
    name_servers_follow(rows);
    write_file(conf_fd, "nameserver 127.0.0.1\nsearch .\noptions timeout:5\n");
    cr_expect_str_eq(resolve_host("half"), "10.0.0.1");
    cr_expect(took_ms >= 200 && took_ms < 1000, "%u ms", (unsigned)took_ms);
}

Test(resolve, asks_again_as_often_as_attempts_says)
{
    static const struct row rows[] = {{-1, "silent", SILENT}, {0}};
    name_servers_follow(rows);
    cr_expect_str_eq(resolve_host("silent"), "EAGAIN");
    cr_expect_str_eq(name_servers_asked(), "silent@0 silent@1 silent@0 silent@1 ");
    cr_expect(took_ms >= 3900 && took_ms < 8000, "%u ms", (unsigned)took_ms);
}

Test(resolve, does_not_wait_for_a_port_that_nobody_listens_at)
{
    name_servers_follow(answers);
    write_file(conf_fd, "nameserver 127.0.0.9\nnameserver ::1\nnameserver 127.0.0.1\nsearch .\noptions timeout:5\n");
    cr_expect_str_eq(resolve_host("a"), "10.0.0.1");
    cr_expect_lt(took_ms, 1000);
    write_file(conf_fd, "nameserver 127.0.0.9\nsearch .\n");
    cr_expect_str_eq(resolve_host("a"), "EAGAIN");
    cr_expect_lt(took_ms, 1000);
}

Test(resolve, begins_with_each_server_in_turn_when_told_to_rotate)
{
    char all[256] = "";
    write_file(conf_fd, TWO_SERVERS NO_LIST "options rotate\n");
    for (int i = 0; i < 4; i++) {
        resolve_host("x");
        strcat(all, name_servers_asked());
    }
    cr_expect_str_eq(all, "x@0 x@1 x@0 x@1 ");
    all[0] = '\0';
    write_file(conf_fd, TWO_SERVERS NO_LIST);
    for (int i = 0; i < 3; i++) {
        resolve_host("x");
        strcat(all, name_servers_asked());
    }
    cr_expect_str_eq(all, "x@0 x@0 x@0 ");
}

Test(resolve, asks_an_ipv6_server)
{
    struct sockaddr_in6 local = {
        .sin6_family = AF_INET6, .sin6_port = htons(sources.dns_port), .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof local) != 0)
        cr_skip("no IPv6 here");
    struct sockaddr_in6 from;
    socklen_t len = sizeof from;
    char query[512];
    write_file(conf_fd, "nameserver ::1\nsearch .\noptions timeout:1 attempts:1\n");
    cr_expect_str_eq(resolve_host("six"), "EAGAIN");
    cr_expect_eq(recvfrom(fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &len), 12 + 5 + 4);
    close(fd);
}

Test(resolve, keeps_the_deadline_and_ends_when_interrupted)
{
    static const struct row rows[] = {{-1, "silent", SILENT}, {-1, "flood", FLOOD}, {0}};
    name_servers_follow(rows);
    write_file(conf_fd, TWO_SERVERS NO_LIST "options timeout:30\n");
    cr_expect_str_eq(resolve_within("silent", 8, 120), "ETIMEDOUT");
    cr_expect(took_ms >= 120 && took_ms < 500, "%u ms", (unsigned)took_ms);
    cr_expect_str_eq(resolve_within("flood", 8, 120), "ETIMEDOUT");
    cr_expect(took_ms >= 120 && took_ms < 500, "%u ms", (unsigned)took_ms);
    uint64_t least_ms = UINT64_MAX; /* a deadline within one slice of the waiting is kept too */
    for (int i = 0; i < 10; i++) {
        cr_expect_str_eq(resolve_within("silent", 8, 3), "ETIMEDOUT");
        least_ms = took_ms < least_ms ? took_ms : least_ms;
    }
    cr_expect_lt(least_ms, 15);
    interrupt_at_ns = clock_ns() + 120 * MS;
    cr_expect_str_eq(resolve_within("silent", 8, 10000), "EINTR");
    cr_expect(took_ms < 500, "%u ms", (unsigned)took_ms);
    interrupt_at_ns = 0;
    cr_expect_str_eq(resolve_within("silent", 8, 10000), "EINTR");
    cr_expect_str_empty(name_servers_asked(), "%s", name_servers_asked());
}

/* Ids and ports that repeat could be guessed. */
Test(resolve, asks_under_ids_and_from_ports_that_differ)
{
    static unsigned char seen_id[65536];
    unsigned ids = 0, ports = 0, last_port = 0;
    sources.dns_port = 0;
    int fd = name_server_listen(4, &sources.dns_port);
    write_file(conf_fd, "nameserver 127.0.0.4\nsearch .\noptions attempts:1\n");
    for (int i = 0; i < 16; i++) {
        resolve_within("x", 1, 1);
        unsigned char query[512];
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        while (recvfrom(fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&from, &len) > 0) {
            unsigned id = query[0] * 256U + query[1];
            ids += !seen_id[id];
            seen_id[id] = 1;
            ports += from.sin_port != last_port;
            last_port = from.sin_port;
        }
    }
    cr_expect_geq(ids, 28, "%u ids of 32 questions", ids);
    cr_expect_geq(ports, 12, "%u ports of 16 sockets", ports);
    close(fd);
}
