/* resolve.c - addresses of the Collector's host: which names are asked for, of whom, and in what order.
 *
 * Coordinates only: hostname.c reads literals, hosts.c and resolv_conf.c the files, dns.c writes and reads messages.
 * Both types of address are asked for at once over one socket, new for each server and attempt, so that the port is
 * as hard to guess as the id (RFC 5452), and connected, so that the kernel lets through what comes from the server and
 * reports a port that nobody listens at. Files are read and servers asked anew each time: this runs only when a
 * connection is wanted, and what was true in a container a minute ago need not be true now.
 */
#include "resolve.h"

#include "dns.h"
#include "hostname.h"
#include "hosts.h"
#include "patience.h"
#include "resolv_conf.h"
#include "system.h"
#include "text.h"

#include <linux/random.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define MILLISECOND UINT64_C(1000000)

enum { DNS_PORT = 53, SLICE_MS = 25 };

/* How long the second type of address may come after the first: its server may know nothing of it and say nothing.
 * RFC 8305 section 3 takes 50 ms with a user waiting. */
enum { SECOND_TYPE_MS = 250 };

/* One question of the two, and what has been answered. */
struct question {
    enum dns_type type;
    int result; /* WAITING, or of dns_read_answer */
    size_t query_len;
    uint8_t query[DNS_QUERY_MAX];
    struct address addresses[16];
};

enum { WAITING = -EINPROGRESS };

/* Large, and used by our thread alone; nothing here outlives a call of resolve but `turn`. */
static struct question questions[2];
static struct resolv_conf conf;
static char message[4096];
static char candidate[256];
static unsigned turn; /* of `rotate` */

/* What all steps of one call share. */
struct asking {
    struct patience patience;
    uint16_t dns_port;
    struct address *addresses;
    size_t capacity;
};

static uint16_t random_id(void)
{
    uint16_t id;
    if (system(getrandom, &id, sizeof id, GRND_NONBLOCK) != sizeof id)
        id = (uint16_t)(clock_ns() >> 4); /* no entropy yet: the port is still the kernel's choice */
    return id;
}

static bool write_questions(struct slice name)
{
    static const enum dns_type types[] = {DNS_AAAA, DNS_A};
    for (int i = 0; i < 2; i++) {
        struct question *question = &questions[i];
        question->type = types[i];
        question->result = WAITING;
        question->query_len = dns_write_query(question->query, name, random_id(), types[i]);
        if (!question->query_len)
            return false;
    }
    return true;
}

static long connect_to(const struct address *server, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    uint8_t port_bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    bool is_v4 = server->family == AF_INET;
    memcpy(&v4.sin_port, port_bytes, 2);
    memcpy(&v6.sin6_port, port_bytes, 2);
    memcpy(&v4.sin_addr, server->bytes, 4);
    memcpy(&v6.sin6_addr, server->bytes, 16);
    long fd = system(socket, server->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    long rc = is_v4 ? system(connect, fd, &v4, sizeof v4) : system(connect, fd, &v6, sizeof v6);
    if (rc < 0) {
        system(close, fd);
        return rc;
    }
    return fd;
}

static bool send_questions(long fd)
{
    for (int i = 0; i < 2; i++)
        if (system(sendto, fd, questions[i].query, questions[i].query_len, MSG_NOSIGNAL, NULL, 0) < 0)
            return false;
    return true;
}

/* Takes at most one message. False when the socket reports an error: nobody listens there. */
static bool receive(long fd)
{
    long n = system(recvfrom, fd, message, sizeof message, 0, NULL, NULL);
    if (n < 0)
        return n == -EAGAIN || n == -EINTR;
    for (int i = 0; i < 2; i++) {
        struct question *question = &questions[i];
        struct slice query = {(const char *)question->query, question->query_len};
        if (question->result != WAITING)
            continue;
        int result = dns_read_answer(query, (struct slice){message, (size_t)n}, question->addresses,
                                     sizeof question->addresses / sizeof question->addresses[0]);
        if (result != -ENOMSG)
            question->result = result;
    }
    return true;
}

/* Sleeps until something has come, for a slice of time at most, and not beyond until_ns. */
static void wait_readable(long fd, uint64_t until_ns)
{
    struct pollfd waited = {.fd = (int)fd, .events = POLLIN};
    uint64_t now = clock_ns(), slice = SLICE_MS * MILLISECOND;
    uint64_t left = now < until_ns ? until_ns - now : 0;
    struct timespec timeout = {.tv_nsec = (long)(left < slice ? left : slice)};
    system(ppoll, &waited, 1, &timeout, NULL, 0);
}

static bool has_result(int result)
{
    return questions[0].result == result || questions[1].result == result;
}

static bool has_addresses(void)
{
    return questions[0].result > 0 || questions[1].result > 0;
}

/* Waits until both questions are answered or the server's time is up. 0, or -errno to give up with. */
static int await_answers(long fd, const struct patience *patience)
{
    uint64_t until_ns = clock_ns() + conf.timeout_ms * MILLISECOND;
    bool is_hurried = false;
    while (has_result(WAITING)) {
        int error = patience_check(patience);
        if (error)
            return error;
        uint64_t now = clock_ns();
        if (now >= until_ns)
            return 0;
        wait_readable(fd, until_ns < patience->deadline_ns ? until_ns : patience->deadline_ns);
        if (!receive(fd))
            return 0;
        if (has_addresses() && !is_hurried) {
            is_hurried = true;
            uint64_t soon_ns = now + SECOND_TYPE_MS * MILLISECOND;
            until_ns = soon_ns < until_ns ? soon_ns : until_ns;
        }
    }
    return 0;
}

/* Both types in turn, IPv6 first (RFC 8305 section 4, RFC 6724 section 2.1), so that both are in a short list. */
static int take_addresses(const struct asking *asking)
{
    size_t count = 0;
    for (int i = 0; i < questions[0].result || i < questions[1].result; i++)
        for (int type = 0; type < 2; type++)
            if (i < questions[type].result && count < asking->capacity)
                asking->addresses[count++] = questions[type].addresses[i];
    return (int)count;
}

/* The count of addresses, -ENOENT, -EAGAIN when this server does not know, or -errno to give up with. */
static int ask_server(const struct asking *asking, const struct address *server, struct slice name)
{
    if (!write_questions(name))
        return -ENOENT;
    long fd = connect_to(server, asking->dns_port);
    if (fd < 0)
        return -EAGAIN;
    int error = send_questions(fd) ? await_answers(fd, &asking->patience) : 0;
    system(close, fd);
    if (has_addresses())
        return take_addresses(asking);
    if (error)
        return error;
    /* "No such name" about one type is to be confirmed for the other: there are servers that say it of every AAAA
     * (RFC 4074 section 4.2). */
    return has_result(WAITING) || has_result(-EAGAIN) ? -EAGAIN : -ENOENT;
}

static int ask_servers(const struct asking *asking, struct slice name)
{
    size_t first = conf.rotate ? turn++ % conf.server_count : 0;
    for (uint32_t attempt = 0; attempt < conf.attempts; attempt++)
        for (size_t i = 0; i < conf.server_count; i++) {
            int error = patience_check(&asking->patience);
            if (error)
                return error;
            int result = ask_server(asking, &conf.servers[(first + i) % conf.server_count], name);
            if (result != -EAGAIN)
                return result;
        }
    return -EAGAIN;
}

/* `name`.`domain`. What does not fit is cut, and is too long to be asked for then. */
static struct slice join(struct slice name, struct slice domain)
{
    struct text text = TEXT(candidate);
    text_slice(&text, name);
    text_char(&text, '.');
    text_slice(&text, domain);
    return text_as_slice(&text);
}

/* The name as it is and with each domain of the search list, in the order of resolver(5). Only "no such name" leads to
 * the next one: when nobody could tell, the next name might exist and be another host. */
static int ask_candidates(const struct asking *asking, struct slice name, bool is_absolute)
{
    size_t dots = 0;
    for (size_t i = 0; i < name.len; i++)
        dots += name.ptr[i] == '.';
    bool as_is_first = is_absolute || dots >= conf.ndots;
    int result = as_is_first ? ask_servers(asking, name) : -ENOENT;
    struct slice domains = is_absolute ? (struct slice){NULL, 0} : text_as_slice(&conf.domains);
    for (struct slice domain; result == -ENOENT && slice_next(&domains, ' ', &domain);)
        if (domain.len)
            result = ask_servers(asking, join(name, domain));
    if (result == -ENOENT && !as_is_first)
        result = ask_servers(asking, name);
    return result;
}

/* RFC 6761 section 6.3: these names always mean this host, whatever files and servers say. */
static bool is_localhost(struct slice name)
{
    const struct slice localhost = SLICE("localhost");
    if (name.len < localhost.len)
        return false;
    size_t before = name.len - localhost.len;
    return slice_equals_nocase(slice_after(name, before), localhost) && (before == 0 || name.ptr[before - 1] == '.');
}

static int take_loopback(const struct asking *asking)
{
    static const struct address loopback[] = {{.family = AF_INET, .bytes = {127, 0, 0, 1}},
                                              {.family = AF_INET6, .bytes = {[15] = 1}}};
    size_t count = asking->capacity < 2 ? asking->capacity : 2;
    memcpy(asking->addresses, loopback, count * sizeof loopback[0]);
    return (int)count;
}

static int find(const struct asking *asking, const struct resolve_sources *sources, struct slice host)
{
    const char *hosts = sources && sources->hosts ? sources->hosts : "/etc/hosts";
    const char *resolv_conf = sources && sources->resolv_conf ? sources->resolv_conf : "/etc/resolv.conf";
    if (hostname_read_literal(host, &asking->addresses[0]))
        return 1;
    if (!hostname_is_valid(host))
        return -EINVAL;
    bool is_absolute = host.ptr[host.len - 1] == '.';
    struct slice name = {host.ptr, host.len - is_absolute};
    if (is_localhost(name))
        return take_loopback(asking);
    int count = hosts_find(hosts, name, &asking->patience, asking->addresses, asking->capacity);
    if (count)
        return count;
    int error = resolv_conf_read(&conf, resolv_conf, &asking->patience);
    return error ? error : ask_candidates(asking, name, is_absolute);
}

int resolve(const char *host, uint16_t port, const struct resolve_sources *sources, uint64_t deadline_ns,
            resolve_interrupted *interrupted, struct address *addresses, size_t capacity)
{
    struct asking asking = {
        .patience = {deadline_ns, interrupted},
        .dns_port = sources && sources->dns_port ? sources->dns_port : DNS_PORT,
        .addresses = addresses,
        .capacity = capacity,
    };
    if (capacity == 0)
        return -EINVAL;
    int count = find(&asking, sources, slice_of(host));
    for (int i = 0; i < count; i++)
        addresses[i].port = port;
    return count;
}
