/* connections.c - many connections, open at once or one after the other.
 *
 *     connections open FEW MANY REQUESTS
 *         opens FEW connections and serves BLOCKS times REQUESTS requests on them in turn, then opens more until there are MANY, one
 *         request on each, and does so on all of them. Prints for each block the thread's processor time for one request, `few_ns` and
 *         `many_ns`; how many there were, `connections`; and by how much the process has grown for one, `bytes`.
 *     connections churn COUNT BLOCK
 *         opens a connection, serves one request, closes it, COUNT times. Prints for each BLOCK of them the processor time for one,
 *         `connection_ns`; and by how much the process has grown since a thousand that came before, `grown_bytes`.
 *
 * Memory is what no other process shares and what was written to: Private_Dirty of /proc/self/smaps_rollup.
 */
#include "both_ends.h"

#include <sys/resource.h>

enum { BLOCKS = 3, WARM_UP = 10000, RESERVED = 64 }; /* WARM_UP requests write to all of the library's queue, whose size is fixed */

static struct ends *ends;

static long private_bytes(void)
{
    static char text[4096];
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[len] = '\0';
    const char *found = strstr(text, "Private_Dirty:");
    if (!found)
        fail("smaps_rollup");
    fclose(file);
    return strtol(found + strlen("Private_Dirty:"), NULL, 10) * 1024;
}

/* Two descriptors for each; fewer connections where the limit cannot be raised so far. */
static unsigned long allowed(unsigned long wanted)
{
    struct rlimit limit, more = {2 * wanted + RESERVED, 2 * wanted + RESERVED};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max >= more.rlim_max)
        more.rlim_max = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return (limit.rlim_cur - RESERVED) / 2;
}

static void serve(unsigned long requests, unsigned long connections)
{
    for (unsigned long i = 0; i < requests; i++)
        exchange(ends[i % connections], SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
}

static void serve_in_blocks(const char *name, unsigned long requests, unsigned long connections)
{
    for (int block = 0; block < BLOCKS; block++) {
        uint64_t before = thread_cpu_ns();
        serve(requests, connections);
        printf("%s %.2f\n", name, (double)(thread_cpu_ns() - before) / (double)requests);
    }
}

static void open_many(int listening, const struct sockaddr_in *address, unsigned long few, unsigned long many, unsigned long requests)
{
    many = allowed(many);
    if (!(ends = calloc(many, sizeof *ends)))
        fail("calloc");
    memset(ends, 0xff, many * sizeof *ends);
    for (unsigned long i = 0; i < few; i++)
        ends[i] = connected(listening, address);
    first_span(ends[0], SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
    serve(WARM_UP, few);
    serve_in_blocks("few_ns", requests, few);
    long before = private_bytes();
    for (unsigned long i = few; i < many; i++) {
        ends[i] = connected(listening, address);
        exchange(ends[i], SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
    }
    printf("bytes %.1f\nconnections %lu\n", (double)(private_bytes() - before) / (double)(many - few), many);
    serve_in_blocks("many_ns", requests, many);
}

/* The server closes first, as after a while of silence; the peer's end is reset, so that no port stays taken. */
static void come_and_go(int listening, const struct sockaddr_in *address, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        struct ends next = connected(listening, address);
        exchange(next, SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
        close(next.server);
        setsockopt(next.peer, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        bare(SYS_close, next.peer, 0, 0);
    }
}

static void open_and_close(int listening, const struct sockaddr_in *address, unsigned long count, unsigned long block)
{
    struct ends one = connected(listening, address);
    ends = &one;
    first_span(one, SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
    serve(WARM_UP, 1);
    come_and_go(listening, address, 1000);
    long before_bytes = private_bytes();
    for (unsigned long done = 0; done < count; done += block) {
        uint64_t before = thread_cpu_ns();
        come_and_go(listening, address, block);
        printf("connection_ns %.2f\n", (double)(thread_cpu_ns() - before) / (double)block);
    }
    printf("grown_bytes %ld\n", private_bytes() - before_bytes);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    int listening = listener(&address);
    if (argc == 5 && strcmp(argv[1], "open") == 0)
        open_many(listening, &address, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "churn") == 0)
        open_and_close(listening, &address, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    else
        return 2;
    return 0;
}
