/* writes.c - what a small write costs where nothing is watched.
 *
 *     writes file|socket CALLS BLOCKS [PATH]
 *
 * `file`: 16 bytes by write() to a regular file, rewound now and then. `socket`: 16 bytes by send() to a datagram socket whose other
 * end is read by a bare system call. Prints for each block the thread's processor time for one call, `ns` nanoseconds.
 */
#include "both_ends.h"

#include <fcntl.h>

enum { BYTES = 16, REWOUND = 4096 };

static const char TEXT[BYTES] = "fifteen letters";

static void write_file(int fd, unsigned long calls)
{
    for (unsigned long i = 0; i < calls; i++) {
        if (i % REWOUND == 0)
            lseek(fd, 0, SEEK_SET);
        if (write(fd, TEXT, BYTES) != BYTES)
            fail("write");
    }
}

static void send_datagrams(const int pair[2], unsigned long calls)
{
    char drained[BYTES];
    for (unsigned long i = 0; i < calls; i++) {
        if (send(pair[0], TEXT, BYTES, 0) != BYTES || bare(SYS_read, pair[1], (long)drained, BYTES) != BYTES)
            fail("send");
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    int is_file = strcmp(argv[1], "file") == 0, fd = -1, pair[2];
    unsigned long calls = strtoul(argv[2], NULL, 10), blocks = strtoul(argv[3], NULL, 10);
    run_on(SERVER_CPU);
    if (is_file && (argc < 5 || (fd = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0))
        fail("open");
    if (!is_file && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0)
        fail("socketpair");
    for (unsigned long block = 0; block < blocks; block++) {
        uint64_t before = thread_cpu_ns();
        if (is_file)
            write_file(fd, calls);
        else
            send_datagrams(pair, calls);
        printf("ns %.3f\n", (double)(thread_cpu_ns() - before) / (double)calls);
    }
    return 0;
}
