/*
 * receiver.h - an HTTP/1 server for small requests on loopback or a unix socket.
 *
 * Knows connections and requests; what a request means, its handler decides. One thread, poll(2), no
 * call that blocks.
 *
 * Promises: at most 512 connections and 64 MiB of requests in progress; who sends slower than a byte in
 * 30 seconds in the middle of a request is hung up on; an idle connection is kept, as a Collector does.
 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include "connection.h"

#include <stdint.h>

struct receiver;

/* The handler is called once for each complete request (connection.h). */
struct receiver *receiver_create(http_handler *handler, void *context);
void receiver_destroy(struct receiver *receiver);          /* NULL is fine; removes its unix socket */

/* Listens on every address that `host` has. Returns the port (the system's choice if `port` is "0") or
 * -errno; -EADDRNOTAVAIL if the name means nothing. */
int receiver_listen_tcp(struct receiver *receiver, const char *host, const char *port);

/* Listens on a socket file, replacing one that nobody listens on. Returns 0 or -errno. */
int receiver_listen_unix(struct receiver *receiver, const char *path);

/* What receiver_wait saw; the flags combine. */
enum { RECEIVER_SIGNAL = 1, RECEIVER_TRAFFIC = 2 };

/* Serves until something happens, `other_fd` is readable (RECEIVER_SIGNAL) or the time is over. */
int receiver_wait(struct receiver *receiver, int other_fd, int timeout_ms);

size_t receiver_connection_count(const struct receiver *receiver);

/* Milliseconds on a clock that nobody sets. */
int64_t clock_now_ms(void);

#endif
