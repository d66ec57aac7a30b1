/* causality.h - which span is whose child (design, section 4).
 *
 * Each thread has a server request that it works on, which changes at the moments of the design's table. That is evidence
 * only as long as the thread cannot have turned to something else without our seeing it:
 *
 *   - A thread that has read the head of one request itself, and has touched no other open one since, works on that one, in
 *     a process of one thread, or of several where requests are answered by the threads that read them: thread-per-request,
 *     prefork, pools. It takes one answer to know that, and one that another thread begins says for good that work moves
 *     between threads here, any of which may take up anything from a queue.
 *   - A thread that waits for several connections at once and goes back to that wait only when its request is answered
 *     (a prefork worker with several listeners) is like that, too.
 *   - One that goes back with requests open defers work: a timer, or a place that has become free in a pool of connections,
 *     may bring up any of them, whatever was read last. What it works on is never known: only headers tell.
 *
 * (Tried, and wrong: to believe a deferring thread right after a wait that ended with one event, which may free a place for
 * what another request has waiting; and where headers have agreed with it often, which says nothing about the code that
 * passes no headers on; and, before the first answer, a thread that waits in its reads, which a pool's do as well.)
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

/* Around a wait for several connections at once. */
void causality_wait_begins(void);
void causality_wait_ended(void);

/* What the thread certainly works on; `exchange` NULL: nothing, or not known. The same, for a connection that it opens: what
 * a loop opens may be used first by whoever comes first. */
struct live causality_current(void);
struct live causality_opener(void);

/* The lineage of a request that arrives, and of one that leaves. `opener`: what was being worked on when the connection was
 * opened, for the first request on it. */
void causality_of_server(const struct message *request, struct lineage *lineage);
void causality_of_client(const struct message *request, struct live opener, struct lineage *lineage);

/* The context of what this thread works on: what a program that it starts now continues. Else the process's own
 * (carrier.h) while it has served no request. False: none. The texts are copied into `room`, at most `size` bytes;
 * one that does not fit is left out (`ptr` NULL), and its length says what it needs. Threads: any, also the child of a vfork. */
bool causality_context(struct context *context, char *room, size_t size);

#endif
