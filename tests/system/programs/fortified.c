/* fortified.c - every flavour of reading and writing whose checked variant a fortified build calls instead. See speak.h. */
#include "speak.h"

#include <sys/uio.h>

#define READS 5

/* `limit` is not known when compiling, the buffer's size is: so the compiler calls __read_chk and its like. */
static ssize_t receive_by(int way, int fd, size_t limit)
{
    char buffer[300];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    switch (way) {
    case 0: return read(fd, buffer, limit);
    case 1: return recv(fd, buffer, limit, 0);
    case 2: return recvfrom(fd, buffer, limit, 0, (struct sockaddr *)&from, &len);
    case 3: return readv(fd, &(struct iovec){buffer, limit}, 1);
    }
    return recvmsg(fd, &(struct msghdr){.msg_iov = &(struct iovec){buffer, limit}, .msg_iovlen = 1}, 0);
}

static ssize_t send_by(int way, int fd, const char *text, size_t len)
{
    struct iovec part = {(void *)(size_t)text, len};
    switch (way) {
    case 0: return write(fd, text, len);
    case 1: return send(fd, text, len, 0);
    case 2: return sendto(fd, text, len, 0, NULL, 0);
    case 3: return writev(fd, &part, 1);
    }
    return sendmsg(fd, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1}, 0);
}

/* With the library there is one line more. */
static bool is_request(ssize_t len)
{
    enum { LINE = sizeof "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" - 1 };
    return len == sizeof REQUEST - 1 || len == sizeof REQUEST - 1 + LINE;
}

int main(int argc, char **argv)
{
    (void)argv;
    struct pair pair = pair_open();
    for (int way = 0; way < READS; way++) {
        if (send_by(way, pair.client, REQUEST, sizeof REQUEST - 1) != sizeof REQUEST - 1 ||
            !is_request(receive_by(way, pair.server, 299 + (size_t)argc)) ||
            send_by(way, pair.server, RESPONSE, sizeof RESPONSE - 1) != sizeof RESPONSE - 1 ||
            receive_by(way, pair.client, 299 + (size_t)argc) != sizeof RESPONSE - 1)
            fail("exchange");
        exchanges++;
    }
    pair_close(&pair);
    say_exchanges();
    return 0;
}
