/* test_resolv_conf.c - whom to ask and how, for every line of resolver(5). */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "resolv_conf.h"

static char path[] = "/tmp/test_resolv_conf.XXXXXX";

static void remove_file(void)
{
    unlink(path);
}

TestSuite(resolv_conf, .fini = remove_file);

static bool never(void)
{
    return false;
}

static bool at_once(void)
{
    return true;
}

/* The whole of what was read, in one line. */
static const char *read_file(const char *content)
{
    static int fd = -1;
    static char line[8192];
    struct resolv_conf conf;
    struct patience patience = {.deadline_ns = UINT64_MAX, .interrupted = never};
    size_t at = 0, len = content ? strlen(content) : 0;
    if (fd < 0)
        fd = mkstemp(path);
    cr_assert(ftruncate(fd, 0) == 0 && pwrite(fd, content ? content : "", len, 0) == (ssize_t)len);
    cr_assert_eq(resolv_conf_read(&conf, content ? path : "/nonexistent/resolv.conf", &patience), 0);
    for (size_t i = 0; i < conf.server_count; i++) {
        char text[INET6_ADDRSTRLEN];
        inet_ntop(conf.servers[i].family, conf.servers[i].bytes, text, sizeof text);
        at += (size_t)snprintf(line + at, sizeof line - at, "%s ", text);
    }
    snprintf(line + at, sizeof line - at, "[%.*s] %u %u %u%s", (int)conf.domains.len, conf.domains.ptr, conf.ndots,
             conf.timeout_ms, conf.attempts, conf.rotate ? " rotate" : "");
    return line;
}

#define NO_LIST "search .\n" /* keeps this machine's own domain out of the rows */

Test(resolv_conf, reads_every_line_of_resolver_5)
{
    static const struct {
        const char *content, *expected;
    } rows[] = {
        {NO_LIST, "127.0.0.1 [] 1 5000 2"},
        {"nameserver 10.0.0.1\n" NO_LIST, "10.0.0.1 [] 1 5000 2"},
        {"nameserver 10.0.0.1\nnameserver fd00::2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n" NO_LIST,
         "10.0.0.1 fd00::2 10.0.0.3 [] 1 5000 2"},
        {"nameserver\nnameserver bad\nnameserver 10.0.0.1 10.0.0.2\nnameserver fe80::1%eth0\n" NO_LIST,
         "10.0.0.1 [] 1 5000 2"},
        {"#nameserver 10.0.0.1\n; nameserver 10.0.0.2\nnameserver 10.0.0.3 ; c\nNAMESERVER 10.0.0.4\n" NO_LIST,
         "10.0.0.3 [] 1 5000 2"},
        {"search a.example b.example.\tc # d\n", "127.0.0.1 [a.example b.example. c ] 1 5000 2"},
        {"search a b\nsearch c\nsearch\n", "127.0.0.1 [c ] 1 5000 2"},
        {"domain a b\n", "127.0.0.1 [a ] 1 5000 2"},
        {"search a b\ndomain c\n", "127.0.0.1 [c ] 1 5000 2"},
        {"domain c\nsearch a b", "127.0.0.1 [a b ] 1 5000 2"},
        {"search bad..name a 10.0.0.1 .\n", "127.0.0.1 [a ] 1 5000 2"},
        {"options ndots:5 timeout:3 attempts:4 rotate edns0\n" NO_LIST, "127.0.0.1 [] 5 3000 4 rotate"},
        {"options ndots:5\noptions timeout:1\n" NO_LIST, "127.0.0.1 [] 5 1000 2"},
        {"options ndots:0 timeout:0 attempts:0\n" NO_LIST, "127.0.0.1 [] 0 1000 1"},
        {"options ndots:99 timeout:99 attempts:99\n" NO_LIST, "127.0.0.1 [] 15 30000 5"},
        {"options ndots: timeout:x attempts:-1 rotated ndots:99999999999\n" NO_LIST, "127.0.0.1 [] 1 5000 2"},
        /* as Kubernetes writes it */
        {"search obs.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
         "10.96.0.10 [obs.svc.cluster.local svc.cluster.local cluster.local ] 5 5000 2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_str_eq(read_file(rows[i].content), rows[i].expected, "row %zu: %s", i, read_file(rows[i].content));
}

Test(resolv_conf, leaves_out_whole_the_domains_that_do_not_fit)
{
    static char content[8192] = "search";
    for (int i = 0; i < 400; i++)
        snprintf(content + strlen(content), sizeof content - strlen(content), " domain%03d", i);
    const char *line = read_file(content);
    const char *end = strchr(line, ']');
    cr_assert(strncmp(line, "127.0.0.1 [domain000 domain001 ", 31) == 0, "%s", line);
    cr_assert(strncmp(end - 10, "domain203 ] 1 5000 2", 20) == 0, "%s", end - 10); /* 204 times 10 of 2048 bytes */
}

/* In a UTS namespace of its own, where the system allows one. */
Test(resolv_conf, searches_the_domain_of_this_machine_without_a_list)
{
    if (unshare(CLONE_NEWUTS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWUTS) != 0)
        cr_skip("no namespaces here");
    cr_assert_eq(sethostname("box.corp.example", 16), 0);
    cr_expect_str_eq(read_file(""), "127.0.0.1 [corp.example ] 1 5000 2");
    cr_expect_str_eq(read_file(NULL), "127.0.0.1 [corp.example ] 1 5000 2");
    cr_expect_str_eq(read_file("search a"), "127.0.0.1 [a ] 1 5000 2");
    cr_assert_eq(sethostname("box", 3), 0);
    cr_expect_str_eq(read_file(""), "127.0.0.1 [] 1 5000 2");
}

Test(resolv_conf, gives_up_when_patience_does)
{
    struct resolv_conf conf;
    read_file("nameserver 10.0.0.1\n");
    cr_expect_eq(resolv_conf_read(&conf, path, &(struct patience){.deadline_ns = UINT64_MAX, .interrupted = at_once}), -EINTR);
    cr_expect_eq(resolv_conf_read(&conf, path, &(struct patience){.deadline_ns = 0, .interrupted = never}), -ETIMEDOUT);
}
