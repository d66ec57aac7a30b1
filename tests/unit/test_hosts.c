/* test_hosts.c - names looked up in hosts files of every shape. */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/test_hosts.XXXXXX";

static void write_file(const char *content, size_t len)
{
    static int fd = -1;
    if (fd < 0)
        fd = mkstemp(path);
    cr_assert(ftruncate(fd, 0) == 0 && pwrite(fd, content, len, 0) == (ssize_t)len);
}

static void remove_file(void)
{
    unlink(path);
}

TestSuite(hosts, .fini = remove_file);

static bool is_interrupted;

static bool interrupted(void)
{
    return is_interrupted;
}

/* The addresses found, with blanks between; or the error's number. */
static const char *find(const char *name, size_t capacity)
{
    static char found[512];
    struct address addresses[8];
    struct patience patience = {.deadline_ns = UINT64_MAX, .interrupted = interrupted};
    int count = hosts_find(path, slice_of(name), &patience, addresses, capacity);
    if (count < 0)
        snprintf(found, sizeof found, "%d", count);
    else
        found[0] = '\0';
    for (int i = 0; i < count; i++) {
        char text[INET6_ADDRSTRLEN];
        cr_expect_eq(addresses[i].port, 0);
        inet_ntop(addresses[i].family, addresses[i].bytes, text, sizeof text);
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i ? " " : "", text);
    }
    return found;
}

Test(hosts, finds_names_as_hosts_5_says)
{
    static const char file[] = "# 10.9.9.9 commented\n"
                               "127.0.0.1\tlocalhost\n"
                               "  10.0.0.1 \t collector.example.com   collector\tOtel # late\n"
                               "\n"
                               "10.0.0.2 collector#glued\n"
                               "fd00::3 COLLECTOR collector\r\n"
                               "10.0.0.300 bad\n"
                               "fe80::1%eth0 bad\n"
                               "10.0.0.4\n"
                               "orphan 10.0.0.5 bad\n"
                               "10.0.0.6 last";
    static const struct {
        const char *name, *found;
    } rows[] = {
        {"collector", "10.0.0.1 10.0.0.2 fd00::3"},
        {"cOLLECTOR", "10.0.0.1 10.0.0.2 fd00::3"},
        {"collector.example.com", "10.0.0.1"},
        {"otel", "10.0.0.1"},
        {"last", "10.0.0.6"},
        {"late", ""},
        {"glued", ""},
        {"commented", ""},
        {"bad", ""},
        {"orphan", ""},
        {"10.0.0.5", ""},
        {"collect", ""},
        {"collector.example", ""},
        {"example.com", ""},
    };
    write_file(file, sizeof file - 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_str_eq(find(rows[i].name, 8), rows[i].found, "%s: %s", rows[i].name, find(rows[i].name, 8));
    cr_expect_str_eq(find("collector", 2), "10.0.0.1 10.0.0.2");
}

/* The file is read in pieces; an entry may begin, end or break at any byte of one. */
Test(hosts, finds_an_entry_across_the_pieces_of_a_large_file)
{
    static char file[3 * 4096];
    static const char entry[] = "\n10.0.0.1 other collector #\n10.0.0.2 collector\n";
    for (size_t at = 4096 - sizeof entry; at <= 4096 + 1; at++) {
        memset(file, '#', sizeof file);
        memcpy(file + at, entry, sizeof entry - 1);
        write_file(file, sizeof file);
        cr_expect_str_eq(find("collector", 8), "10.0.0.1 10.0.0.2", "at %zu", at);
    }
}

Test(hosts, finds_an_alias_at_the_end_of_a_long_line_and_not_a_part_of_a_long_word)
{
    static char file[64 * 1024];
    size_t len = (size_t)snprintf(file, sizeof file, "10.0.0.1");
    while (len < 20000)
        len += (size_t)snprintf(file + len, sizeof file - len, " alias%zu", len);
    memset(file + len, 'x', 9000);
    file[len] = ' ';
    len += 9000;
    len += (size_t)snprintf(file + len, sizeof file - len, " collector\n10.0.0.2 collector\n");
    write_file(file, len);
    cr_expect_str_eq(find("collector", 8), "10.0.0.1 10.0.0.2");
    char name[254] = "";
    memset(name, 'x', 253);
    cr_expect_str_eq(find(name, 8), "");
}

Test(hosts, has_no_names_without_a_file_or_in_one_that_is_none)
{
    static const char bytes[] = "10.0.0.1 \0collector\n\xff\xfe\0\0\n10.0.0.2 coll\0ector";
    write_file(bytes, sizeof bytes);
    cr_expect_str_eq(find("collector", 8), "");
    unlink(path);
    cr_expect_str_eq(find("collector", 8), "");
    mkdir(path, 0700);
    cr_expect_str_eq(find("collector", 8), "");
    rmdir(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_str_eq(find("collector", 8), "");
}

static int descriptors_open(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(hosts, stops_when_interrupted_and_leaves_no_descriptor)
{
    write_file("10.0.0.1 collector\n", 19);
    int before = descriptors_open();
    is_interrupted = true;
    char expected[16];
    snprintf(expected, sizeof expected, "%d", -EINTR);
    cr_expect_str_eq(find("collector", 8), expected);
    is_interrupted = false;
    cr_expect_str_eq(find("collector", 8), "10.0.0.1");
    cr_expect_eq(descriptors_open(), before);
}
