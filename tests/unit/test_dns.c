/* test_dns.c - queries as they must look on the wire, and answers of honest, broken and hostile servers. */
#include <criterion/criterion.h>

#include "dns.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* The query that the answers below belong to: id 0x1234, "db.Example", of type A or AAAA. Its name is at offset 12,
 * "Example" at 15; the answers begin at 28. */
#define QUESTION_NAME "\2db\7Example\0"
#define A_QUESTION QUESTION_NAME "\0\1\0\1"
#define AAAA_QUESTION QUESTION_NAME "\0\34\0\1"
#define HEAD(flags, answers) "\x12\x34" flags "\0\1\0" answers "\0\0\0\0"
#define OWNER "\xc0\x0c"
#define TTL "\0\0\0\74"
#define A(owner, last) owner "\0\1\0\1" TTL "\0\4\12\0\0" last
#define AAAA(owner, last) owner "\0\34\0\1" TTL "\0\20\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0" last
#define CNAME(owner, len, target) owner "\0\5\0\1" TTL "\0" len target

#define SIXTY_FOUR "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OK "\x81\x80"

static struct slice write_query(uint8_t query[DNS_QUERY_MAX], enum dns_type type)
{
    size_t len = dns_write_query(query, SLICE("db.Example"), 0x1234, type);
    return (struct slice){(const char *)query, len};
}

Test(dns, writes_a_query_as_rfc_1035_lays_it_out)
{
    static const char a[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0" A_QUESTION;
    static const char aaaa[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0" AAAA_QUESTION;
    uint8_t query[DNS_QUERY_MAX];
    cr_assert_eq(write_query(query, DNS_A).len, sizeof a - 1);
    cr_expect_arr_eq(query, a, sizeof a - 1);
    cr_assert_eq(write_query(query, DNS_AAAA).len, sizeof aaaa - 1);
    cr_expect_arr_eq(query, aaaa, sizeof aaaa - 1);
    cr_assert_eq(dns_write_query(query, SLICE("db.Example."), 0x1234, DNS_A), sizeof a - 1);
    cr_expect_arr_eq(query, a, sizeof a - 1);
}

Test(dns, writes_no_query_for_what_is_no_name_and_the_longest_name_fits)
{
    uint8_t query[DNS_QUERY_MAX + 1];
    char name[256];
    static const char *const wrong[] = {"", ".", "a..b", "a b", "1.2.3.4"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_eq(dns_write_query(query, slice_of(wrong[i]), 1, DNS_A), 0, "\"%s\"", wrong[i]);
    memset(name, 'a', sizeof name);
    name[63] = name[127] = name[191] = '.';
    query[DNS_QUERY_MAX] = 0x5a;
    cr_expect_eq(dns_write_query(query, (struct slice){name, 253}, 1, DNS_A), DNS_QUERY_MAX);
    cr_expect_eq(query[DNS_QUERY_MAX], 0x5a);
    cr_expect_eq(dns_write_query(query, (struct slice){name, 254}, 1, DNS_A), 0);
}

static const struct sample {
    const char *claim;
    enum dns_type type;
    struct slice message;
    int result;
    const char *last; /* the last byte of each address */
    bool may_be_cut;  /* bytes follow that an answer does not need */
} samples[] = {
    {"one address", DNS_A, SLICE(HEAD(OK, "\1") A_QUESTION A(OWNER, "\1")), 1, "\1", false},
    {"two, in order", DNS_A, SLICE(HEAD(OK, "\2") A_QUESTION A(OWNER, "\2") A(OWNER, "\1")), 2, "\2\1", false},
    {"IPv6", DNS_AAAA, SLICE(HEAD(OK, "\1") AAAA_QUESTION AAAA(OWNER, "\3")), 1, "\3", false},
    {"only the type asked for", DNS_AAAA,
     SLICE(HEAD(OK, "\2") AAAA_QUESTION A(OWNER, "\1") AAAA(OWNER, "\3")), 1, "\3", false},
    {"the owner written out, in other case", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION A("\2DB\7eXAMPLE\0", "\1")), 1, "\1", false},
    {"the question in other case", DNS_A,
     SLICE(HEAD(OK, "\1") "\2DB\7eXAMPLE\0\0\1\0\1" A(OWNER, "\1")), 1, "\1", false},
    {"an owner whose second half is a pointer", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION A("\2db\xc0\x0f", "\1")), 1, "\1", false},
    {"another owner's address", DNS_A, SLICE(HEAD(OK, "\1") A_QUESTION A("\2dc\xc0\x0f", "\1")), 0, "", false},
    {"another class", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION OWNER "\0\1\0\3" TTL "\0\4\12\0\0\1"), 0, "", false},
    {"an unknown type is passed over", DNS_A,
     SLICE(HEAD(OK, "\2") A_QUESTION OWNER "\0\56\0\1" TTL "\0\3xyz" A(OWNER, "\1")), 1, "\1", false},
    {"additional records are not looked at", DNS_A,
     SLICE("\x12\x34" OK "\0\1\0\1\0\0\0\1" A_QUESTION A(OWNER, "\1") "\0\0\51\4\xd0\0\0\0\0\0\0"), 1, "\1", true},
    {"no data", DNS_A, SLICE(HEAD(OK, "\0") A_QUESTION), 0, "", false},
    {"no data, from the authority itself", DNS_A, SLICE(HEAD("\x85\0", "\0") A_QUESTION), 0, "", false},
    {"empty, of a server that asks nobody", DNS_A, SLICE(HEAD("\x81\0", "\0") A_QUESTION), -EAGAIN, "", false},
    {"no such name", DNS_A, SLICE(HEAD("\x81\x83", "\0") A_QUESTION), -ENOENT, "", false},
    {"FORMERR", DNS_A, SLICE(HEAD("\x81\x81", "\0") A_QUESTION), -EAGAIN, "", false},
    {"SERVFAIL", DNS_A, SLICE(HEAD("\x81\x82", "\0") A_QUESTION), -EAGAIN, "", false},
    {"NOTIMP", DNS_A, SLICE(HEAD("\x81\x84", "\0") A_QUESTION), -EAGAIN, "", false},
    {"REFUSED", DNS_A, SLICE(HEAD("\x81\x85", "\0") A_QUESTION), -EAGAIN, "", false},
    {"refused without the question", DNS_A, SLICE("\x12\x34\x81\x85\0\0\0\0\0\0\0\0"), -EAGAIN, "", false},
    {"no such name without the question", DNS_A, SLICE("\x12\x34\x81\x83\0\0\0\0\0\0\0\0"), -ENOMSG, "", false},
    {"no data without the question", DNS_A, SLICE("\x12\x34\x81\x80\0\0\0\0\0\0\0\0"), -ENOMSG, "", false},
    {"truncated with nothing", DNS_A, SLICE(HEAD("\x83\x80", "\0") A_QUESTION), -EAGAIN, "", false},
    {"truncated with an address", DNS_A, SLICE(HEAD("\x83\x80", "\1") A_QUESTION A(OWNER, "\1")), 1, "\1", false},
    {"truncated in the second record", DNS_A,
     SLICE(HEAD("\x83\x80", "\2") A_QUESTION A(OWNER, "\1") OWNER "\0\1\0\1" TTL "\0\4\12"), 1, "\1", true},
    {"truncated behind an alias", DNS_A,
     SLICE(HEAD("\x83\x80", "\2") A_QUESTION CNAME(OWNER, "\4", "\1x\xc0\x0f")), -EAGAIN, "", false},
    {"fewer records than announced", DNS_A, SLICE(HEAD(OK, "\2") A_QUESTION A(OWNER, "\1")), -EAGAIN, "", false},

    {"an alias and its address", DNS_A,
     SLICE(HEAD(OK, "\2") A_QUESTION CNAME(OWNER, "\4", "\1x\xc0\x0f") A("\xc0\x28", "\1")), 1, "\1", false},
    {"the address before the alias", DNS_A,
     SLICE(HEAD(OK, "\2") A_QUESTION A("\1x\xc0\x0f", "\1") CNAME(OWNER, "\4", "\1x\xc0\x0f")), 1, "\1", false},
    {"a chain of three, backward", DNS_A,
     SLICE(HEAD(OK, "\4") A_QUESTION A("\1z\0", "\1") CNAME("\1y\0", "\3", "\1z\0") CNAME("\1x\0", "\3", "\1y\0")
               CNAME(OWNER, "\3", "\1x\0")),
     1, "\1", false},
    {"an alias without an address", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION CNAME(OWNER, "\4", "\1x\xc0\x0f")), 0, "", false},
    {"an alias of itself", DNS_A, SLICE(HEAD(OK, "\1") A_QUESTION CNAME(OWNER, "\2", OWNER)), -EAGAIN, "", false},
    {"a circle of aliases", DNS_A,
     SLICE(HEAD(OK, "\2") A_QUESTION CNAME(OWNER, "\3", "\1x\0") CNAME("\1x\0", "\2", OWNER)), -EAGAIN, "", false},

    {"a name that points to itself", DNS_A, SLICE(HEAD(OK, "\1") A_QUESTION A("\xc0\x1c", "\1")), -EAGAIN, "", false},
    {"a name that points into itself", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION A("\1a\xc0\x1c", "\1")), -EAGAIN, "", false},
    {"a name that points forward", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION A("\xc0\x20", "\1")), -EAGAIN, "", false},
    {"a name that points past the end", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION A("\xff\xff", "\1")), -EAGAIN, "", false},
    {"a name that points into the header", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION A("\xc0\x04", "\1")), -EAGAIN, "", false},
    {"a label of a reserved type", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION A("\x40" SIXTY_FOUR "\0", "\1")), -EAGAIN, "", false},
    {"data longer than the message", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION OWNER "\0\1\0\1" TTL "\0\5\12\0\0\1"), -EAGAIN, "", false},
    {"an address of three bytes", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION OWNER "\0\1\0\1" TTL "\0\3\12\0\0"), -EAGAIN, "", false},
    {"an alias shorter than its data", DNS_A,
     SLICE(HEAD(OK, "\1") A_QUESTION CNAME(OWNER, "\5", "\1x\0\0\0")), -EAGAIN, "", false},
    {"an alias longer than its data", DNS_A,
     SLICE(HEAD(OK, "\2") A_QUESTION CNAME(OWNER, "\1", "\1x\0")), -EAGAIN, "", false},

    {"another id", DNS_A, SLICE("\x12\x35" OK "\0\1\0\1\0\0\0\0" A_QUESTION A(OWNER, "\1")), -ENOMSG, "", false},
    {"a query", DNS_A, SLICE(HEAD("\1\0", "\1") A_QUESTION A(OWNER, "\1")), -ENOMSG, "", false},
    {"another opcode", DNS_A, SLICE(HEAD("\x89\x80", "\1") A_QUESTION A(OWNER, "\1")), -ENOMSG, "", false},
    {"another name", DNS_A,
     SLICE(HEAD(OK, "\1") "\2dc\7Example\0\0\1\0\1" A(OWNER, "\1")), -ENOMSG, "", false},
    {"another type", DNS_A, SLICE(HEAD(OK, "\1") AAAA_QUESTION A(OWNER, "\1")), -ENOMSG, "", false},
    {"another class in the question", DNS_A,
     SLICE(HEAD(OK, "\1") QUESTION_NAME "\0\1\0\3" A(OWNER, "\1")), -ENOMSG, "", false},
    {"two questions", DNS_A,
     SLICE("\x12\x34" OK "\0\2\0\1\0\0\0\0" A_QUESTION A_QUESTION A(OWNER, "\1")), -ENOMSG, "", false},
    {"nothing", DNS_A, SLICE(""), -ENOMSG, "", false},
};

enum { SAMPLES = sizeof samples / sizeof samples[0] };

/* A copy whose last byte is the last byte before a page that cannot be read. */
static struct slice guarded(struct slice s)
{
    static char *end;
    if (!end) {
        char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(pages + 2 * 4096, 4096, PROT_NONE);
        end = pages + 2 * 4096;
    }
    memcpy(end - s.len, s.ptr, s.len);
    return (struct slice){end - s.len, s.len};
}

static int read_answer(enum dns_type type, struct slice message, struct address *addresses, size_t capacity)
{
    uint8_t query[DNS_QUERY_MAX];
    return dns_read_answer(write_query(query, type), guarded(message), addresses, capacity);
}

Test(dns, reads_what_a_message_says)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        struct address addresses[4];
        int result = read_answer(sample->type, sample->message, addresses, 4);
        cr_expect_eq(result, sample->result, "%s: %d", sample->claim, result);
        for (int n = 0; n < result && result == sample->result; n++) {
            struct address expected = {.family = AF_INET, .bytes = {10, 0, 0, (uint8_t)sample->last[n]}};
            if (sample->type == DNS_AAAA)
                expected = (struct address){
                    .family = AF_INET6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = (uint8_t)sample->last[n]}};
            cr_expect_arr_eq(&addresses[n], &expected, sizeof expected, "%s: address %d", sample->claim, n);
        }
    }
}

/* A message cut anywhere says the same as the whole, or nothing: never less, never something else. */
Test(dns, never_decides_on_a_prefix_what_the_whole_contradicts)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        for (size_t len = 0; len < sample->message.len; len++) {
            struct address addresses[4];
            struct slice prefix = {sample->message.ptr, len};
            int result = read_answer(sample->type, prefix, addresses, 4);
            bool is_refused = result == -ENOMSG || result == -EAGAIN;
            cr_expect(is_refused || result == sample->result, "%s, %zu bytes: %d", sample->claim, len, result);
            if (sample->result > 0 && !sample->may_be_cut)
                cr_expect(is_refused, "%s, %zu bytes: %d", sample->claim, len, result);
        }
    }
}

Test(dns, fills_no_more_than_there_is_room_for)
{
    struct slice message = SLICE(HEAD(OK, "\3") A_QUESTION A(OWNER, "\3") A(OWNER, "\2") A(OWNER, "\1"));
    for (size_t capacity = 0; capacity <= 4; capacity++) {
        struct address addresses[5];
        memset(addresses, 0x5a, sizeof addresses);
        int result = read_answer(DNS_A, message, addresses, capacity);
        cr_expect_eq(result, (int)(capacity < 3 ? capacity : 3));
        cr_expect_eq(addresses[result].family, 0x5a5a);
    }
}

/* An answer of `labels` records, each owned by a label of `size` bytes and, by a pointer, the owner before. */
static int read_chain(int labels, size_t size)
{
    char message[1024];
    size_t len = 28, previous = 12;
    memcpy(message, HEAD(OK, "\0") A_QUESTION, len);
    message[7] = (char)labels;
    for (int i = 0; i < labels; i++) {
        size_t owner = len;
        message[len++] = (char)size;
        memset(message + len, 'a', size);
        len += size;
        message[len++] = (char)(0xc0 | previous >> 8);
        message[len++] = (char)previous;
        memcpy(message + len, "\0\1\0\1" TTL "\0\4\12\0\0\1", 14);
        len += 14;
        previous = owner;
    }
    struct address address;
    return read_answer(DNS_A, (struct slice){message, len}, &address, 1);
}

/* RFC 1035 section 2.3.4. The name of the question has 12 bytes: 9 labels of 26 make it 255, 4 of 60 make it 256. */
Test(dns, refuses_a_name_longer_than_a_name_can_be)
{
    cr_expect_eq(read_chain(3, 60), 0);
    cr_expect_eq(read_chain(4, 60), -EAGAIN);
    cr_expect_eq(read_chain(9, 26), 0);
    cr_expect_eq(read_chain(10, 26), -EAGAIN);
}

/* The largest message, made to be as slow as possible: each record's owner is a chain of all pointers before it. */
Test(dns, reads_the_worst_message_in_bounded_time, .timeout = 5)
{
    static char message[4096];
    memcpy(message, HEAD(OK, "\0") A_QUESTION, 28);
    message[6] = 0x01;
    size_t len = 28, previous = 12;
    for (; len + 12 <= sizeof message; len += 12) {
        message[len] = (char)(0xc0 | previous >> 8);
        message[len + 1] = (char)previous;
        memcpy(message + len + 2, "\0\5\0\1" TTL "\0\0", 10);
        previous = len;
    }
    struct address address;
    for (int i = 0; i < 200; i++)
        cr_assert_lt(read_answer(DNS_A, (struct slice){message, len}, &address, 1), 0);
}

/* Whatever the bytes: an answer of the documented kind, and no byte read outside the message. */
Test(dns, survives_any_bytes, .timeout = 60)
{
    uint32_t random = 42;
    for (int round = 0; round < 400000; round++) {
        const struct sample *sample = &samples[round % SAMPLES];
        char bytes[256];
        size_t len = sample->message.len;
        memcpy(bytes, sample->message.ptr, len);
        for (int i = 0; i <= round % 5 && len; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % len;
            if (i == 4)
                len = at;
            else if (at >= 2)
                bytes[at] = random >> 31 ? (char)(random >> 20) : (char)(0xc0 | (random >> 20 & 1));
        }
        struct address addresses[4];
        int result = read_answer(sample->type, (struct slice){bytes, len}, addresses, 4);
        cr_assert((result >= 0 && result <= 4) || result == -ENOENT || result == -EAGAIN || result == -ENOMSG);
        for (int n = 0; n < result; n++)
            cr_assert_eq(addresses[n].family, sample->type == DNS_A ? AF_INET : AF_INET6);
    }
}
