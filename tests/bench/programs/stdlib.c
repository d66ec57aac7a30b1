/* stdlib.c - malloc and putc in a program of one thread that has made one span.
 *
 *     stdlib CALLS BLOCKS [threaded]
 *
 * libc takes no locks in a program that has no second thread of libc's. `threaded`: it has one, by pthread_create, that does nothing:
 * what a library with such a thread does to its host. Prints for each block the thread's processor time for one call:
 * `malloc_ns` of a malloc and its free, `putc_ns` of a putc to /dev/null.
 */
#include "both_ends.h"

#include <pthread.h>

enum { HELD = 64, BYTES = 100 }; /* more at once than a thread keeps in its own cache, which needs no lock anyway */

static void *nothing(void *argument)
{
    for (;;)
        pause();
    return argument;
}

int main(int argc, char **argv)
{
    unsigned long calls = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000, blocks = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    struct sockaddr_in address;
    int listening = listener(&address);
    FILE *null = fopen("/dev/null", "w");
    pthread_t thread;
    if (argc > 3 && pthread_create(&thread, NULL, nothing, NULL) != 0)
        fail("pthread_create");
    first_span(connected(listening, &address), SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
    usleep(20000); /* until it has been delivered */
    for (unsigned long block = 0; block < blocks; block++) {
        static void *volatile held[HELD];
        uint64_t before = thread_cpu_ns();
        for (unsigned long i = 0; i < calls; i += HELD) {
            for (int k = 0; k < HELD; k++)
                held[k] = malloc(BYTES);
            for (int k = 0; k < HELD; k++)
                free(held[k]);
        }
        printf("malloc_ns %.3f\n", (double)(thread_cpu_ns() - before) / (double)calls);
        before = thread_cpu_ns();
        for (unsigned long i = 0; i < calls; i++)
            putc('x', null);
        printf("putc_ns %.3f\n", (double)(thread_cpu_ns() - before) / (double)calls);
    }
    return 0;
}
