/*
 * output.c - what a program prints: a pipe, which is emptied into a file in memory while children are waited for.
 *
 * No thread: this process has nothing else to do while programs run but to wait for one of them to end (child.c), and that it
 * does here. An end is looked at before the pipes, so that what is left in them is in nobody's time. A pipe holds a megabyte,
 * and after a little was read it is left alone for a millisecond: a program that prints line by line is not interrupted
 * on its processor for each of them, and one that prints much does not wait.
 *
 * The piece that is read is shared memory: what this process has written of its own is in its children's peak memory.
 */
#include "output.h"

#include "buffer.h"
#include "child.h"
#include "setting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUTS_MOST = 16, PIPE_LEN = 1024 * 1024, PIECE_LEN = 64 * 1024, PAUSE_NS = 1000000, MUCH = 16 * 1024 };

static struct {
    struct output *live[OUTPUTS_MOST];
    char *piece;                           /* PIECE_LEN */
    bool has_room;                         /* the pipes were allowed to be PIPE_LEN long: else they are not left alone */
    uint64_t resume_ns;                    /* until then the pipes are left alone */
} outputs;

/* ---- keeping ---- */

static bool file_append(struct output *output, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = pwrite(output->file_fd, bytes, len, (off_t)output->len);
        if (written <= 0)
            return false;
        output->len += (size_t)written;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

static void compared_append(struct output *output, const char *bytes, size_t len)
{
    size_t room = output->beyond.len > 0 ? 0 : OUTPUT_LEN_KEPT - output->len, kept = len < room ? len : room, before = output->len;
    if (kept > 0)
        file_append(output, bytes, kept);
    kept = output->len - before;           /* fewer, if there is no memory, or the limit of files is lower */
    beyond_add(&output->beyond, bytes + kept, len - kept);
}

/* Moves the lines of accounts of the first `len` bytes to the beginning. Returns how long they are. */
static size_t accounts_gather(char *bytes, size_t len)
{
    static const char begin[] = "spanload: pid=";
    size_t kept = 0;
    char *at = bytes, *end = bytes + len;
    while ((at = memmem(at, (size_t)(end - at), begin, strlen(begin))) != NULL) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = newline != NULL ? (size_t)(newline - at) + 1 : 0;
        if (line_len == 0 || kept + line_len > LOG_LEN_KEPT)
            break;
        memmove(bytes + kept, at, line_len);
        kept += line_len;
        at += line_len;
    }
    return kept;
}

/* Forgets all but the accounts and the last lines. */
static void log_shorten(struct output *output)
{
    char *bytes = mmap(NULL, output->len, PROT_READ | PROT_WRITE, MAP_SHARED, output->file_fd, 0);
    if (bytes == MAP_FAILED)
        return;
    size_t cut = output->len - LOG_LEN_KEPT, all = output->len;
    char *newline = memchr(bytes + cut, '\n', all - cut);
    if (newline != NULL)
        cut = (size_t)(newline - bytes) + 1;
    size_t accounts_len = accounts_gather(bytes, cut);
    memmove(bytes + accounts_len, bytes + cut, all - cut);
    munmap(bytes, all);
    output->len = accounts_len + all - cut;
    if (ftruncate(output->file_fd, (off_t)output->len) != 0)
        output->len = 0;
}

static void log_append(struct output *output, const char *bytes, size_t len)
{
    if (output->len + len > 3 * LOG_LEN_KEPT)
        log_shorten(output);
    file_append(output, bytes, len);
}

/* Takes at most a piece. Returns how long it was; 0: there was none. */
static size_t output_take(struct output *output)
{
    ssize_t len = read(output->read_fd, outputs.piece, PIECE_LEN);
    if (len == 0)
        output->is_at_end = true;
    if (len <= 0)
        return 0;
    if (output->kind == OUTPUT_COMPARED)
        compared_append(output, outputs.piece, (size_t)len);
    else
        log_append(output, outputs.piece, (size_t)len);
    return (size_t)len;
}

/* ---- life ---- */

static struct output **output_place(const struct output *output)
{
    for (size_t i = 0; i < OUTPUTS_MOST; i++)
        if (outputs.live[i] == output)
            return &outputs.live[i];
    return NULL;
}

static bool piece_make(void)
{
    if (outputs.piece != NULL)
        return true;
    void *piece = mmap(NULL, PIECE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (piece != MAP_FAILED)
        outputs.piece = piece;
    return piece != MAP_FAILED;
}

static void output_close(struct output *output)
{
    int error = errno;
    output_hand_over(output);
    if (output->read_fd >= 0)
        close(output->read_fd);
    free(output);
    errno = error;
}

struct output *output_begin(enum output_kind kind)
{
    int ends[2] = {-1, -1};
    struct output **place = output_place(NULL), *output = memory_get(sizeof *output);
    bool has_pipe = piece_make() && pipe2(ends, O_CLOEXEC) == 0;
    *output = (struct output){.write_fd = ends[1], .read_fd = ends[0], .kind = kind, .file_fd = has_pipe ? output_file("output") : -1};
    if (place == NULL)
        errno = EAGAIN;
    if (place == NULL || output->file_fd < 0) {
        if (output->file_fd >= 0)
            close(output->file_fd);
        output_close(output);
        return NULL;
    }
    outputs.has_room = fcntl(output->read_fd, F_SETPIPE_SZ, PIPE_LEN) >= 0;
    fcntl(output->read_fd, F_SETFL, O_NONBLOCK);           /* of our end alone */
    *place = output;
    outputs.resume_ns = clock_monotonic_ns() + PAUSE_NS;
    return output;
}

void output_hand_over(struct output *output)
{
    if (output->write_fd >= 0)
        close(output->write_fd);
    output->write_fd = -1;
}

/* What is there now: more may come for as long as somebody has the other end. */
static void output_empty(struct output *output)
{
    int left = 0;
    if (ioctl(output->read_fd, FIONREAD, &left) != 0)
        return;
    for (size_t len; left > 0 && (len = output_take(output)) > 0; left -= (int)len)
        continue;
}

int output_finish(struct output *output, struct beyond *beyond)
{
    output_empty(output);
    *output_place(output) = NULL;
    *beyond = output->beyond;
    int file_fd = output->file_fd;
    output_close(output);
    return file_fd;
}

void output_discard(struct output *output)
{
    struct beyond beyond;
    if (output != NULL)
        close(output_finish(output, &beyond));
}

char *output_text(struct output *output)
{
    struct buffer text = {0};
    char piece[4096];
    off_t offset = 0;
    output_empty(output);
    buffer_append(&text, "", 0);
    for (ssize_t len; (len = pread(output->file_fd, piece, sizeof piece, offset)) > 0; offset += len)
        buffer_append(&text, piece, (size_t)len);
    return text.bytes;
}

/* ---- all of them ---- */

/* Waits for the descriptor, and for pipes if it is their time. */
static void outputs_poll(struct pollfd *polled, uint64_t until_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    bool pauses = outputs.has_room && now_ns < outputs.resume_ns;
    uint64_t next_ns = pauses && outputs.resume_ns < until_ns ? outputs.resume_ns : until_ns;
    uint64_t left_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    struct timespec limit = {(time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000)};
    for (size_t i = 0; i < OUTPUTS_MOST; i++) {
        const struct output *output = outputs.live[i];
        polled[i + 1] = (struct pollfd){.fd = output != NULL && !output->is_at_end && !pauses ? output->read_fd : -1, .events = POLLIN};
    }
    if (ppoll(polled, OUTPUTS_MOST + 1, &limit, NULL) < 0)
        for (size_t i = 0; i <= OUTPUTS_MOST; i++)
            polled[i].revents = 0;
}

bool outputs_empty_until(int fd, int timeout_ms)
{
    struct pollfd polled[OUTPUTS_MOST + 1] = {{.fd = fd, .events = POLLIN}};
    uint64_t until_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    do {
        size_t taken = 0;
        bool has_some = false;
        outputs_poll(polled, until_ns);
        if (polled[0].revents != 0)
            return true;
        for (size_t i = 0; i < OUTPUTS_MOST; i++)
            if (polled[i + 1].revents != 0) {
                taken += output_take(outputs.live[i]);
                has_some = true;
            }
        if (has_some && taken < MUCH)
            outputs.resume_ns = clock_monotonic_ns() + PAUSE_NS;
    } while (clock_monotonic_ns() < until_ns);
    return false;
}
