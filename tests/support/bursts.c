/* bursts.c - threads that make spans as fast as they can: `bursts THREADS EXCHANGES`.
 *
 * Each thread speaks HTTP with itself over a socket pair, which makes a CLIENT and a SERVER span for each exchange. The target
 * is /THREAD/NUMBER and as long as NUMBER says, the status follows from both: a span that is torn, lost or doubled can be told.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int exchanges;

static void pass(int from, int to, const char *text, int len)
{
    char got[4096];
    if (write(from, text, (size_t)len) != len || read(to, got, sizeof got) != len || memcmp(text, got, (size_t)len) != 0) {
        perror("socketpair");
        exit(111);
    }
}

static void *speak(void *argument)
{
    int thread = (int)(long)argument, ends[2];
    static const char padding[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    char text[1024];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return NULL;
    for (int number = 0; number < exchanges; number++) {
        int len = snprintf(text, sizeof text, "GET /%d/%d%.*s HTTP/1.1\r\nHost: here\r\n\r\n", thread, number, number % 97, padding);
        pass(ends[0], ends[1], text, len);
        len = snprintf(text, sizeof text, "HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n", 200 + (thread * 7 + number) % 60);
        pass(ends[1], ends[0], text, len);
    }
    close(ends[0]);
    close(ends[1]);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int count = argc == 3 ? atoi(argv[1]) : 0;

    if (count < 1 || count > 64) return 2;
    exchanges = atoi(argv[2]);
    for (long i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, speak, (void *)i) != 0) return 111;
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    return 0;
}
