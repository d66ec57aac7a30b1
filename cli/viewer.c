/*
 * viewer.c - receives traces, holds them until they are quiet, prints them.
 *
 * Answers as a Collector's OTLP receiver does, with two differences: it understands JSON only, and its
 * refusals say what to set. The first refusals are also lines on stderr, because the exporter that gets
 * them may be silent about it.
 */
#include "viewer.h"

#include "otlp.h"
#include "span_store.h"
#include "text.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REFUSALS_TOLD = 20 };

/* ---- requests ---- */

static void answer_refuse(struct http_answer *answer, int status, const char *reason)
{
    answer->status = status;
    buffer_append_format(&answer->text, "%d %s\n", status, reason);
}

/* google.rpc.Status in JSON, code INVALID_ARGUMENT. The problems are our own texts: nothing to escape. */
static void answer_refuse_body(struct http_answer *answer, const char *problem)
{
    answer->status = 400;
    answer->content_type = "application/json";
    buffer_append_format(&answer->text, "{\"code\":3,\"message\":\"%s\"}", problem);
}

/* The checks of a Collector in its order. False: refused. */
static bool head_check(const struct http_head *head, struct http_answer *answer)
{
    static const char *const codings[] = {"gzip", "zstd", "zlib", "deflate", "snappy", "lz4", "x-snappy-framed", NULL};
    if (strcmp(head->path, "/v1/traces") != 0) {
        answer_refuse(answer, 404, "page not found; only /v1/traces is received here");
        return false;
    }
    if (strcmp(head->method, "POST") != 0) {
        answer_refuse(answer, 405, "method not allowed, supported: [POST]");
        return false;
    }
    for (size_t i = 0; codings[i] != NULL; i++)
        if (strcmp(head->content_encoding, codings[i]) == 0) {
            answer_refuse(answer, 415, "compressed requests are not understood here: OTEL_EXPORTER_OTLP_COMPRESSION=none");
            return false;
        }
    if (head->content_encoding[0] != '\0') {
        answer_refuse(answer, 400, "unsupported Content-Encoding: leave it out");
        return false;
    }
    if (strcasecmp(head->content_type, "application/json") != 0) {
        answer_refuse(answer, 415, "unsupported media type, supported: [application/json]: "
                                   "OTEL_EXPORTER_OTLP_PROTOCOL=http/json");
        return false;
    }
    return true;
}

static void spans_store(struct viewer *viewer, struct otlp_spans *spans)
{
    int64_t now_ms = clock_now_ms();
    for (struct span *span = spans->first, *next; span != NULL; span = next) {
        next = span->next;
        span_store_add(viewer->store, span, now_ms);
    }
    *spans = (struct otlp_spans){0};
}

/* Appends valid JSON without the blanks between its tokens, so that it is one line. Within strings cJSON
 * has let control characters pass that JSON does not allow; they are escaped, and DEL and U+0080..U+009F
 * too, which a terminal would obey. */
static void json_append_compact(struct buffer *line, const char *json, size_t len)
{
    bool is_in_string = false, is_escaped = false;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)json[i], next = i + 1 < len ? (unsigned char)json[i + 1] : 0;
        bool is_c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
        if (!is_in_string && byte <= ' ')
            continue;
        if (is_c1 || byte < ' ' || byte == 0x7f)
            buffer_append_format(line, "\\u%04x", is_c1 ? (unsigned char)json[++i] : byte);
        else
            buffer_append(line, &json[i], 1);
        if (byte == '"' && !is_escaped)
            is_in_string = !is_in_string;
        is_escaped = is_in_string && byte == '\\' && !is_escaped;
    }
}

static void json_print(struct viewer *viewer, const char *body, size_t len)
{
    struct buffer line = {0};
    json_append_compact(&line, body, len);
    buffer_append_text(&line, "\n");
    fwrite(line.bytes, 1, line.len, viewer->out);
    fflush(viewer->out);
    buffer_finish(&line);
}

/* Tells the first refusals: whoever repeats one says nothing new, and a full pipe would stop us. */
static void refusal_report(struct viewer *viewer, const struct http_head *head, const struct http_answer *answer)
{
    if (viewer->refusals_told == REFUSALS_TOLD)
        return;
    viewer->refusals_told++;
    char *method = text_escape(head->method, false), *path = text_escape(head->path, false);
    int len = (int)answer->text.len;
    if (len > 0 && answer->text.bytes[len - 1] == '\n')
        len--;
    fprintf(stderr, "spanload: refused %s %s: %.*s\n", method, path, len, answer->text.bytes);
    if (viewer->refusals_told == REFUSALS_TOLD)
        fputs("spanload: further refusals are not told\n", stderr);
    free(method);
    free(path);
}

static void viewer_receive(void *context, const struct http_head *head, const char *body, size_t len,
                           struct http_answer *answer)
{
    struct viewer *viewer = context;
    struct otlp_spans spans;
    const char *problem = NULL;
    if (head_check(head, answer)) {
        problem = otlp_read(body, len, &spans);
        if (problem != NULL)
            answer_refuse_body(answer, problem);
    }
    if (answer->status != 0) {
        refusal_report(viewer, head, answer);
        return;
    }
    answer->status = 200;
    answer->content_type = "application/json";
    buffer_append_text(&answer->text, "{\"partialSuccess\":{}}");
    if (viewer->prints_json && spans.count > 0)
        json_print(viewer, body, len);
    if (viewer->prints_json)
        otlp_spans_finish(&spans);
    else
        spans_store(viewer, &spans);
}

/* ---- printing ---- */

static void viewer_print_quietest(struct viewer *viewer)
{
    struct trace *trace = span_store_take_quietest(viewer->store);
    struct terminal terminal = terminal_look(fileno(viewer->out));
    struct buffer page = {0};
    if (viewer->prints_gap)
        buffer_append_text(&page, "\n");
    tree_paint(&page, trace, &terminal);
    fwrite(page.bytes, 1, page.len, viewer->out);
    fflush(viewer->out);
    viewer->prints_gap = true;
    buffer_finish(&page);
    trace_destroy(trace);
}

void viewer_print_rest(struct viewer *viewer)
{
    while (span_store_quietest(viewer->store) != NULL)
        viewer_print_quietest(viewer);
}

/* Prints what is quiet, or too much. Returns in how many ms the next one will be; -1: none is held. */
static int viewer_print_due(struct viewer *viewer)
{
    const struct trace *trace;
    while ((trace = span_store_quietest(viewer->store)) != NULL) {
        int64_t left_ms = trace->touched_ms + viewer->quiet_ms - clock_now_ms();
        if (left_ms > 0 && !span_store_is_full(viewer->store))
            return (int)left_ms;
        viewer_print_quietest(viewer);
    }
    return -1;
}

int viewer_step(struct viewer *viewer, int signal_fd, int timeout_ms)
{
    int due_ms = viewer_print_due(viewer);
    if (due_ms >= 0 && (timeout_ms < 0 || due_ms < timeout_ms))
        timeout_ms = due_ms;
    return receiver_wait(viewer->receiver, signal_fd, timeout_ms);
}

/* The first rounds accept what the kernel has accepted already; after them, no connection means no one. */
void viewer_drain(struct viewer *viewer, int signal_fd, int idle_ms, int limit_ms)
{
    int64_t begin_ms = clock_now_ms(), heard_ms = begin_ms;
    while (receiver_wait(viewer->receiver, signal_fd, 0) & RECEIVER_TRAFFIC)
        if (clock_now_ms() - begin_ms > limit_ms)
            return;
    heard_ms = clock_now_ms();
    while (receiver_connection_count(viewer->receiver) > 0) {
        int64_t now_ms = clock_now_ms();
        if (now_ms - heard_ms >= idle_ms || now_ms - begin_ms > limit_ms)
            return;
        int seen = viewer_step(viewer, signal_fd, (int)(heard_ms + idle_ms - now_ms));
        if (seen & RECEIVER_SIGNAL)
            return;
        if (seen & RECEIVER_TRAFFIC)
            heard_ms = clock_now_ms();
    }
}

/* ---- life ---- */

bool viewer_format_is_known(const char *format)
{
    return format == NULL || strcmp(format, "tree") == 0 || strcmp(format, "json") == 0;
}

void viewer_init(struct viewer *viewer, FILE *out, const char *format, int quiet_ms)
{
    *viewer = (struct viewer){
        .receiver = receiver_create(viewer_receive, viewer),
        .store = span_store_create(),
        .out = out,
        .prints_json = format != NULL && strcmp(format, "json") == 0,
        .quiet_ms = quiet_ms,
    };
}

void viewer_finish(struct viewer *viewer)
{
    receiver_destroy(viewer->receiver);
    span_store_destroy(viewer->store);
}
