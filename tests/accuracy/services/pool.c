/* pool.c - PORT LEAF workers|main|stages: a pool of threads behind a queue; the main thread waits for all connections.
 *
 * workers: what is queued is a connection that can be read, and the worker reads the request from it. main: the main
 * thread reads, and queues the request as it understood it; the worker sees the connection again only to answer. stages: a
 * worker reads, queues the request as it understood it, and takes what is next, mostly a request that another one read.
 */
#include "web.h"

#include <sys/epoll.h>

#define WORKERS 32
#define QUEUE 1024

struct job {
    int fd;
    bool is_read;
    struct asked asked;
};

static struct job queue[QUEUE];
static unsigned queue_head, queue_tail;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static int poller;
static bool has_stages;

static void queue_push(const struct job *job)
{
    pthread_mutex_lock(&queue_lock);
    queue[queue_tail++ % QUEUE] = *job;
    pthread_cond_signal(&queue_filled);
    pthread_mutex_unlock(&queue_lock);
}

static struct job queue_pop(void)
{
    pthread_mutex_lock(&queue_lock);
    while (queue_head == queue_tail)
        pthread_cond_wait(&queue_filled, &queue_lock);
    struct job job = queue[queue_head++ % QUEUE];
    pthread_mutex_unlock(&queue_lock);
    return job;
}

static void watch(int fd, int how)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};

    if (epoll_ctl(poller, how, fd, &event))
        fail("epoll_ctl");
}

static bool job_read(struct job *job)
{
    char head[HEAD];

    job->is_read = message_read(job->fd, head, false) && asked_parse(&job->asked, head);
    return job->is_read;
}

static void *__attribute__((noreturn)) serve(void *unused)
{
    (void)unused;
    for (;;) {
        struct job job = queue_pop();
        if (has_stages && !job.is_read && job_read(&job)) {
            queue_push(&job);
            continue;
        }
        if ((job.is_read || job_read(&job)) && work(job.fd, &job.asked))
            watch(job.fd, EPOLL_CTL_MOD);
        else
            close(job.fd);
    }
}

int main(int count, char **words)
{
    struct epoll_event event;
    pthread_t thread;

    if (count != 4)
        return 2;
    leaf_port = atoi(words[2]);
    bool main_reads = !strcmp(words[3], "main");
    has_stages = !strcmp(words[3], "stages");
    int listener = listen_on(atoi(words[1]));
    poller = epoll_create1(0);
    watch(listener, EPOLL_CTL_ADD);
    for (int number = 0; number < WORKERS; number++)
        if (pthread_create(&thread, NULL, serve, NULL))
            fail("pthread_create");
    while (epoll_wait(poller, &event, 1, -1) >= 0) {
        struct job job = {.fd = event.data.fd};
        if (job.fd == listener) {
            watch(accept(listener, NULL, NULL), EPOLL_CTL_ADD);
            watch(listener, EPOLL_CTL_MOD);
        } else if (!main_reads || job_read(&job)) {
            queue_push(&job);
        } else {
            close(job.fd);
        }
    }
    fail("epoll_wait");
}
