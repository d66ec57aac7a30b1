/* untouched.c - conversations in which nothing but a request's head may get a line: bodies, tunnels, other protocols, all of them
 * full of what looks like requests.
 *
 * One side is seen by the library, the other speaks by system calls. Every step passes in pieces of several sizes. `client`: what
 * was sent must be heard as it is; `server`: what was read must be as it was sent; but for one line in each head.
 */
#include "raw.h"

#define LOOKS "GET /looks HTTP/1.1\r\nHost: x\r\n\r\n" /* 32 bytes */
#define LOOKS_4 LOOKS LOOKS LOOKS LOOKS             /* 128, 0x80 */
#define LOOKS_OWN "GET /looks HTTP/1.1\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

enum who { NOBODY, CLIENT, SERVER, HEAD }; /* HEAD: the client, and it is one, so that it may have a line */

struct step {
    enum who who;
    const char *bytes;
    size_t len;
};
#define SAYS(who, text) {who, text, sizeof(text) - 1}
#define STEPS 10

static const struct conversation {
    const char *name;
    struct step steps[STEPS];
} conversations[] = {
    {"git smart HTTP", {SAYS(HEAD, "POST /r.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-upload-pack-request\r\nContent-Length: 141\r\n\r\n"),
                        SAYS(CLIENT, "0084" LOOKS_4 "00000009d"), SAYS(SERVER, OK), SAYS(HEAD, LOOKS), SAYS(SERVER, OK)}},
    {"git with packs in chunks", {SAYS(HEAD, "POST /r.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
                                  SAYS(CLIENT, "80\r\n" LOOKS_4 "\r\n20\r\n" LOOKS "\r\n5d\r\n" LOOKS_OWN "\r\n0\r\n\r\n"), SAYS(SERVER, OK),
                                  SAYS(HEAD, LOOKS), SAYS(SERVER, OK)}},
    {"a body with a length", {SAYS(HEAD, "PUT / HTTP/1.1\r\nContent-Length: 221\r\n\r\n"), SAYS(CLIENT, LOOKS_4 LOOKS_OWN), SAYS(SERVER, OK)}},
    {"a body in another turn", {SAYS(HEAD, "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 32\r\n\r\n"), SAYS(SERVER, "HTTP/1.1 100 Continue\r\n\r\n"),
                                SAYS(CLIENT, LOOKS), SAYS(SERVER, OK)}},
    {"trailers", {SAYS(HEAD, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
                  SAYS(CLIENT, "1;a=b\r\nx\r\n0\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nHost: y\r\n\r\n"), SAYS(SERVER, OK)}},
    {"websocket", {SAYS(HEAD, "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
                   SAYS(SERVER, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), SAYS(CLIENT, "\x81\x20" LOOKS),
                   SAYS(SERVER, OK), SAYS(CLIENT, LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS_OWN)}},
    {"a tunnel", {SAYS(HEAD, "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n"), SAYS(SERVER, "HTTP/1.1 200 Connection established\r\n\r\n"),
                  SAYS(CLIENT, LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS_OWN LOOKS), SAYS(SERVER, OK)}},
    {"RESP", {SAYS(CLIENT, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$32\r\n" LOOKS "\r\n"), SAYS(SERVER, "+OK\r\n"), SAYS(CLIENT, LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS)}},
    {"RESP, inline", {SAYS(CLIENT, "PING\r\n"), SAYS(SERVER, "+PONG\r\n"), SAYS(CLIENT, LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS)}},
    {"SMTP", {SAYS(SERVER, "220 x ESMTP\r\n"), SAYS(CLIENT, "EHLO x\r\n"), SAYS(SERVER, "250 x\r\n"), SAYS(CLIENT, "DATA\r\n"), SAYS(SERVER, "354 go\r\n"),
              SAYS(CLIENT, LOOKS ".\r\n"), SAYS(SERVER, "250 ok\r\n"), SAYS(CLIENT, LOOKS)}},
    {"a server that speaks first", {SAYS(SERVER, "220 x FTP\r\n"), SAYS(CLIENT, LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS)}},
    {"FTP", {SAYS(SERVER, "220 x FTP\r\n"), SAYS(CLIENT, "USER x\r\n"), SAYS(SERVER, "331 x\r\n"), SAYS(CLIENT, "PASS x\r\n"), SAYS(SERVER, "230 x\r\n"),
             SAYS(CLIENT, LOOKS), SAYS(SERVER, OK)}},
    {"TLS", {SAYS(CLIENT, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" LOOKS), SAYS(SERVER, "\x16\x03\x03\x00\x7a" OK), SAYS(CLIENT, LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS)}},
    {"HTTP/2", {SAYS(CLIENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"), SAYS(SERVER, "\0\0\0\4\0\0\0\0\0"), SAYS(CLIENT, LOOKS)}},
    {"RTSP", {SAYS(CLIENT, "OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"), SAYS(SERVER, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), SAYS(CLIENT, LOOKS), SAYS(SERVER, OK)}},
    {"SIP", {SAYS(CLIENT, "INVITE sip:x@y SIP/2.0\r\nVia: z\r\n\r\n"), SAYS(SERVER, "SIP/2.0 100 Trying\r\n\r\n"), SAYS(CLIENT, LOOKS), SAYS(SERVER, OK)}},
    {"a request without a version", {SAYS(CLIENT, "GET /\r\n"), SAYS(SERVER, "<html>"), SAYS(CLIENT, LOOKS)}},
    {"a doubtful length", {SAYS(CLIENT, "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" LOOKS LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS)}},
    {"two lengths", {SAYS(CLIENT, "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n" LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS)}},
    {"a hidden field", {SAYS(CLIENT, "POST / HTTP/1.1\r\nContent-Length : 3\r\n\r\n" LOOKS), SAYS(SERVER, OK), SAYS(CLIENT, LOOKS)}},
    {"a head that does not end", {SAYS(CLIENT, "GET / HTTP/1.1\r\nHost: x\r\n")}},
};
enum { CONVERSATIONS = sizeof conversations / sizeof *conversations };

/* --- who speaks ------------------------------------------------------------------------------------------------------ */

static void ours_send(int fd, const char *bytes, size_t len, size_t turn)
{
    for (ssize_t n; len; bytes += n, len -= (size_t)n) {
        n = turn % 2 ? write(fd, bytes, len) : send(fd, bytes, len, 0);
        if (n <= 0) {
            wrong("%zd, errno %d", n, errno);
            return;
        }
    }
}

static size_t ours_receive(int fd, char *room, size_t size, size_t turn)
{
    size_t len = 0;
    for (int waiting = 1; syscall(SYS_ioctl, fd, FIONREAD, &waiting) == 0 && waiting;) {
        ssize_t n = turn % 2 ? read(fd, room + len, size - len) : recv(fd, room + len, size - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

static size_t raw_receive(int fd, char *room, size_t size)
{
    long n = syscall(SYS_recvfrom, fd, room, size, MSG_DONTWAIT, NULL, NULL);
    return n > 0 ? (size_t)n : 0;
}

/* A step in pieces; what was heard of it is returned. */
static size_t pass(struct ends ends, bool is_sent, const struct step *step, size_t piece, char *heard, size_t size)
{
    size_t len = 0;
    for (size_t at = 0, n; at < step->len; at += n) {
        n = step->len - at < piece ? step->len - at : piece;
        if (is_sent) {
            ours_send(ends.ours, step->bytes + at, n, piece);
            len += raw_receive(ends.raw, heard + len, size - len);
        } else {
            raw_write(ends.raw, step->bytes + at, n);
            len += ours_receive(ends.ours, heard + len, size - len, piece);
        }
    }
    return len;
}

static void compare(const struct step *step, const char *heard, size_t len, bool must)
{
    size_t at = 0;
    unsigned lines = 0;
    for (size_t i = 0; i < step->len; i++, at++) {
        bool is_line_begin = i && step->bytes[i - 1] == '\n';
        if (step->who == HEAD && is_line_begin && pattern_len && !lines && is_line(heard + at, len - at)) {
            lines++;
            at += pattern_len;
        }
        if (at >= len || heard[at] != step->bytes[i]) {
            wrong("other bytes at %zu: %.*s", i, (int)len, heard);
            return;
        }
    }
    if (at != len)
        wrong("%zu bytes more than %zu", len - at, at);
    if (step->who == HEAD && must && pattern_len && !lines)
        wrong("no line in %.*s", (int)len, heard);
}

static void converse(const struct conversation *conversation, const struct listener *listener, bool is_client, size_t piece)
{
    static char heard[8192];
    struct ends ends = is_client ? ends_as_client(listener) : ends_as_server(listener);
    for (const struct step *step = conversation->steps; step->who; step++) {
        bool is_clients = step->who != SERVER;
        snprintf(what, sizeof what, "%s, in pieces of %zu, step %d", conversation->name, piece, (int)(step - conversation->steps));
        compare(step, heard, pass(ends, is_clients == is_client, step, piece, heard, sizeof heard), piece > 200);
    }
    ends_close(ends);
    cases++;
}

/* Neighbouring steps of the client's in one piece: a body behind its head, and what follows that. */
static void converse_joined(const struct conversation *conversation, const struct listener *listener, bool is_client)
{
    static char heard[8192], bytes[4096];
    struct ends ends = is_client ? ends_as_client(listener) : ends_as_server(listener);
    for (const struct step *step = conversation->steps; step->who; step++) {
        struct step joined = {step->who, bytes, 0};
        size_t head = step->len;
        bool is_clients = step->who != SERVER;
        for (;; step++) {
            memcpy(bytes + joined.len, step->bytes, step->len);
            joined.len += step->len;
            if (!step[1].who || (step[1].who != SERVER) != is_clients || step[1].who == HEAD)
                break;
        }
        snprintf(what, sizeof what, "%s, joined, step %d", conversation->name, (int)(step - conversation->steps));
        size_t len = pass(ends, is_clients == is_client, &joined, joined.len, heard, sizeof heard), more = len - joined.len;
        if (joined.who != HEAD || !pattern_len) {
            compare(&joined, heard, len, false);
            continue;
        }
        /* The line is in the head, and what is behind it is as it was. */
        compare(&(struct step){HEAD, bytes, head}, heard, head + more, more);
        if (memcmp(heard + head + more, bytes + head, joined.len - head) != 0)
            wrong("another body: %.*s", (int)len, heard);
        if (more != pattern_len)
            wrong("%zu bytes more", more);
    }
    ends_close(ends);
    cases++;
}

static void mode_role(bool is_client)
{
    static const size_t pieces[] = {1, 2, 3, 7, 16, 31, 32, 33, 50, 100, 150, 4096};
    struct listener listener = listener_open(false);
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        for (size_t piece = 0; piece < sizeof pieces / sizeof *pieces; piece++)
            converse(&conversations[i], &listener, is_client, pieces[piece]);
        converse_joined(&conversations[i], &listener, is_client);
    }
}

static void mode_client(void) { mode_role(true); }
static void mode_server(void) { mode_role(false); }

/* Both ends are ours, and who is the client cannot be known before it speaks. */
static void mode_pair(void)
{
    static char heard[8192];
    pattern_len = 0;
    for (size_t turn = 0; turn < 8; turn++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
            exit(94);
        snprintf(what, sizeof what, "socket pair, turn %zu", turn);
        for (int i = 0; i < 3; i++) {
            const struct step ask = SAYS(HEAD, LOOKS LOOKS_OWN), answer = SAYS(SERVER, OK OK);
            ours_send(pair[0], ask.bytes, ask.len, turn);
            compare(&ask, heard, ours_receive(pair[1], heard, sizeof heard, turn / 2), false);
            ours_send(pair[1], answer.bytes, answer.len, turn);
            compare(&answer, heard, ours_receive(pair[0], heard, sizeof heard, turn / 4), false);
        }
        close(pair[0]);
        close(pair[1]);
        cases++;
    }
}

/* The rest of a body, and another request, on a descriptor that was given to this program: the same on stdout. */
static int inherited(int fd)
{
    static const char bytes[] = LOOKS LOOKS_OWN "rest\r\n" LOOKS;
    ours_send(fd, bytes, sizeof bytes - 1, 0);
    ours_send(fd, LOOKS_4, sizeof LOOKS_4 - 1, 1);
    raw_write(1, bytes, sizeof bytes - 1);
    raw_write(1, LOOKS_4, sizeof LOOKS_4 - 1);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"client", mode_client}, {"server", mode_server}, {"pair", mode_pair}};
    pattern = argc > 2 ? argv[2] : "";
    pattern_len = strlen(pattern);
    if (argc > 2 && strcmp(argv[1], "inherited") == 0)
        return inherited(atoi(argv[2]));
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, argv[1]) == 0) {
            modes[i].run();
            finish();
        }
    return 2;
}
