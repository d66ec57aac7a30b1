/* given_back.c - a program of two threads, one of which gives the sent bytes' memory back as soon as they have arrived.
 *
 * That may be before the other one's write has returned. Prints `done` after ROUNDS rounds; on one processor the order
 * that matters happens in nearly every one.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 1000
#define SIZE 65536

static const char request[] = "GET /given-back HTTP/1.1\r\nHost: x\r\n\r\n";
static int pair[2];
static _Atomic(char *) buffer;

static void *reader(void *unused)
{
    char bytes[100];
    (void)unused;
    if (recv(pair[1], bytes, sizeof bytes, MSG_PEEK) > 0) {
        munmap(buffer, SIZE);
        buffer = NULL;
    }
    return NULL;
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
            return 1;
        buffer = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(buffer, request, sizeof request - 1);
        if (pthread_create(&thread, NULL, reader, NULL))
            return 1;
        usleep(20);
        if (write(pair[0], buffer, sizeof request - 1) != sizeof request - 1)
            return 1;
        pthread_join(thread, NULL);
        close(pair[0]);
        close(pair[1]);
    }
    puts("done");
    return 0;
}
