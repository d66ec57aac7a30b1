/* span.c - what a request costs the thread that serves it.
 *
 *     span REQUESTS BLOCKS [long]
 *
 * BLOCKS times REQUESTS requests on one kept connection. Prints for each block the thread's own processor time for one request,
 * `request_ns` nanoseconds: both ends and the kernel's part of both are in it, and are the same with and without a library.
 */
#include "both_ends.h"

int main(int argc, char **argv)
{
    unsigned long requests = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000, blocks = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    const char *request = argc > 3 ? LONG_REQUEST : SHORT_REQUEST;
    size_t len = strlen(request);
    struct sockaddr_in address;
    int listening = listener(&address);
    struct ends ends = connected(listening, &address);
    first_span(ends, request, len);
    for (unsigned long block = 0; block < blocks; block++) {
        uint64_t before = thread_cpu_ns();
        for (unsigned long i = 0; i < requests; i++)
            exchange(ends, request, len);
        printf("request_ns %.2f\n", (double)(thread_cpu_ns() - before) / (double)requests);
    }
    return 0;
}
