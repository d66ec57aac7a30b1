/* threads.c - spans made on several threads at once, by each as fast as it can.
 *
 *     threads COUNT REQUESTS
 *
 * Each thread has a connection of its own and a share of REQUESTS. The threads are given to two processors in turn. Prints their own
 * processor time for one request, `request_ns` nanoseconds, once. One thread, too, is a thread beside the program's first.
 */
#include "both_ends.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MOST = 64 };

static struct ends ends[MOST];
static unsigned long share;
static pthread_barrier_t together;
static atomic_ulong spent_ns;

static void *serve(void *argument)
{
    long number = (long)(intptr_t)argument;
    run_on(number % 2 ? OTHER_CPU : SERVER_CPU);
    exchange(ends[number], SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
    pthread_barrier_wait(&together);
    uint64_t before = thread_cpu_ns();
    for (unsigned long i = 0; i < share; i++)
        exchange(ends[number], SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
    atomic_fetch_add(&spent_ns, thread_cpu_ns() - before);
    return NULL;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    unsigned long requests = argc > 2 ? strtoul(argv[2], NULL, 10) : 40000;
    struct sockaddr_in address;
    int listening = listener(&address);
    pthread_t threads[MOST];
    if (count < 1 || count > MOST)
        return 2;
    share = requests / (unsigned long)count;
    first_span(connected(listening, &address), SHORT_REQUEST, sizeof SHORT_REQUEST - 1);
    pthread_barrier_init(&together, NULL, (unsigned)count);
    for (long i = 0; i < count; i++)
        ends[i] = connected(listening, &address);
    for (long i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, serve, (void *)(intptr_t)i) != 0)
            fail("pthread_create");
    for (long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    printf("request_ns %.2f\n", (double)spent_ns / (double)(share * (unsigned long)count));
    return 0;
}
