/* causality.h - which span is whose child (design, section 4).
 *
 * Each thread has a server request that it works on, which changes at the moments of the design's table. That is evidence
 * only as long as the thread cannot have turned to something else without our seeing it:
 *
 *   - A thread that has read the head of one request itself, and has touched no other open one since, works on that one:
 *     thread-per-request, prefork, pools. Not where the answers of requests are begun by other threads than read them: then
 *     work moves between threads, and any of them may take up anything from a queue.
 *   - A thread that waits for several connections at once and goes back to that wait only when its request is answered
 *     (a prefork worker with several listeners) is like that, too.
 *   - One that goes back with requests open defers work: a timer or a queue may bring up any of them. For it, only what
 *     follows a wait without a time limit that ended with one single event is about that one.
 *   - Everything else needs a witness: requests of this process that named their parents in a header, and whose parents
 *     were just what the thread would have said; AGREEMENTS of them, and not one that said otherwise.
 *
 * What is not certain is left out: a link is right or absent.
 *
 * Threads: any of the application's, inside thread_enter; causality_context also the child of a vfork.
 */
#ifndef CAUSALITY_H
#define CAUSALITY_H

#include "context.h"
#include "exchange.h"
#include "lineage.h"
#include "protocol.h"
#include "thread.h"

#include <stdbool.h>

/* This thread has read the head of a server request. `is_only`: no other one is open on its connection. */
void causality_request_read(struct exchange *exchange, bool is_only);

/* It reads or writes on the connection of this server request; it begins the answer to one. */
void causality_touches(struct live live);
void causality_answers(const struct exchange *exchange);

/* It reads the answer to a request of its own: the work of the one that it was made for goes on. */
void causality_answer_read(struct exchange *exchange);

/* Around a wait for several connections at once; `events` is what the call returned. */
void causality_wait_begins(bool is_endless);
void causality_wait_ended(int events);

/* What the thread certainly works on; `exchange` NULL: nothing, or not known. */
struct live causality_current(void);

/* The lineage of a request that arrives, and of one that leaves. `opener`: what was being worked on when the connection was
 * opened, for the first request on it. */
void causality_of_server(const struct message *request, struct lineage *lineage);
void causality_of_client(const struct message *request, struct live opener, struct lineage *lineage);

/* The context of what this thread works on: what a program that it starts now continues. Else the process's own
 * (carrier.h) while it has served no request. False: none. The texts are copied into `room`, at most `size` bytes;
 * what does not fit is left out. Threads: any, also the child of a vfork. */
bool causality_context(struct context *context, char *room, size_t size);

#endif
