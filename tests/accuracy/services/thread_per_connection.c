/* thread_per_connection.c - PORT LEAF: a thread for each connection, which waits in every call. */
#include "web.h"

static void *serve(void *argument)
{
    int fd = (int)(long)argument;
    char head[HEAD];
    struct asked asked;

    while (message_read(fd, head, false) && asked_parse(&asked, head) && work(fd, &asked))
        ;
    close(fd);
    return NULL;
}

int main(int count, char **words)
{
    pthread_attr_t detached;

    if (count != 3)
        return 2;
    leaf_port = atoi(words[2]);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (int listener = listen_on(atoi(words[1]));;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && pthread_create(&thread, &detached, serve, (void *)(long)fd))
            close(fd);
    }
}
