/*
 * intake.c - the sidecar of a comparison: takes traces in a process of its own, counts spans, keeps the first few.
 *
 * Counted is the name of a field that each span has and that no string can hold: in a JSON string its quotes would be
 * escaped. Parsing every request would cost as much as the server that is measured beside it.
 */
#include "intake.h"

#include "child.h"
#include "otlp.h"
#include "receiver.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { SAMPLE_MOST = 1 << 20, BODIES_MOST = 256 };

static const char span_field[] = "\"startTimeUnixNano\":";

/* What both processes see. The intake alone writes; `body_count` is stored (release) after the body and its length,
 * and loaded (acquire) by intake_sample(). */
static struct shared {
    atomic_uint_least64_t span_count, refusal_count;
    atomic_size_t body_count;
    size_t body_len[BODIES_MOST];
    char bodies[SAMPLE_MOST];              /* one behind the other, each with a NUL */
} *shared;

static struct {
    struct child child;
    struct receiver *receiver;
    size_t used;                           /* of `bodies` */
} intake;

static void body_keep(const char *body, size_t len)
{
    size_t count = atomic_load_explicit(&shared->body_count, memory_order_relaxed);
    if (count == BODIES_MOST || len + 1 > SAMPLE_MOST - intake.used)
        return;
    memcpy(shared->bodies + intake.used, body, len + 1);
    shared->body_len[count] = len;
    intake.used += len + 1;
    atomic_store_explicit(&shared->body_count, count + 1, memory_order_release);
}

static void intake_receive(void *context, const struct http_head *head, const char *body, size_t len, struct http_answer *answer)
{
    (void)context;
    bool is_json = strcmp(head->content_type, "application/json") == 0 && head->content_encoding[0] == '\0';
    if (strcmp(head->path, "/v1/traces") != 0 || !is_json) {
        answer->status = strcmp(head->path, "/v1/traces") != 0 ? 404 : 415;
        buffer_append_text(&answer->text, "only JSON for /v1/traces is taken here\n");
        atomic_fetch_add_explicit(&shared->refusal_count, 1, memory_order_relaxed);
        return;
    }
    uint64_t spans = 0;
    const char *end = body + len;
    for (const char *at = body; (at = memmem(at, (size_t)(end - at), span_field, strlen(span_field))) != NULL; at++)
        spans++;
    atomic_fetch_add_explicit(&shared->span_count, spans, memory_order_relaxed);
    body_keep(body, len);
    answer->status = 200;
    answer->content_type = "application/json";
    buffer_append_text(&answer->text, "{\"partialSuccess\":{}}");
}

static int intake_serve(void *context)
{
    (void)context;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &ends, NULL);                 /* children_begin() blocked it */
    while (true)
        receiver_wait(intake.receiver, -1, -1);
    return 0;
}

/* The port is opened before the fork: whoever is told of it can connect at once. */
int intake_start(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -errno;
    intake.receiver = receiver_create(intake_receive, NULL);
    int port = receiver_listen_tcp(intake.receiver, "127.0.0.1", "0");
    int error = port > 0 ? child_start_function(&intake.child, intake_serve, NULL) : 0;
    receiver_destroy(intake.receiver);
    return error != 0 ? -error : port;
}

bool intake_has_ended(void)
{
    return intake.child.has_ended;
}

uint64_t intake_span_count(void)
{
    return atomic_load_explicit(&shared->span_count, memory_order_relaxed);
}

uint64_t intake_refusal_count(void)
{
    return atomic_load_explicit(&shared->refusal_count, memory_order_relaxed);
}

void intake_sample(struct span_store *store)
{
    size_t count = atomic_load_explicit(&shared->body_count, memory_order_acquire);
    const char *body = shared->bodies;
    for (size_t i = 0; i < count; i++) {
        struct otlp_spans spans;
        const char *problem = otlp_read(body, shared->body_len[i], &spans);
        for (struct span *span = problem == NULL ? spans.first : NULL, *next; span != NULL; span = next) {
            next = span->next;
            span_store_add(store, span, (int64_t)i);
        }
        body += shared->body_len[i] + 1;
    }
}
