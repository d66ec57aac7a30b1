/*
 * content.c - what one run left, and the lines of it.
 *
 * Bytes and newlines; what they are compared for is not known here. difference.c decides over them, diff.c shows them.
 */
#include "content.h"

#include "buffer.h"
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- sums -------------------------------------------------------------------------------------------------------- */

/* A polynomial over 8-byte words, each mixed before (a plain one is blind to changes in the words' high bits that cancel).
 * A word of zeros stays zero when it is mixed, so many of them are one multiplication by a power. */

static const uint64_t sum_factor = 0x9e3779b97f4a7c15;

static uint64_t sum_add(uint64_t sum, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, len - at < sizeof word ? len - at : sizeof word);
        word *= 0xbf58476d1ce4e5b9;
        word ^= word >> 32;
        word *= 0x94d049bb133111eb;
        sum = sum * sum_factor + (word ^ word >> 29);
    }
    return sum;
}

uint64_t bytes_sum(const char *bytes, size_t len)
{
    return sum_add(len, bytes, len);
}

static uint64_t sum_add_zeros(uint64_t sum, uint64_t words)
{
    for (uint64_t power = sum_factor; words > 0; words >>= 1, power *= power)
        if (words & 1)
            sum *= power;
    return sum;
}

/* Where the next bytes are that are not in a hole: `end` if there are none, `at` if it is not told. */
static off_t data_find(int fd, off_t at, off_t end)
{
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0)
        return errno == ENXIO ? end : at;
    return data < end ? data : end;
}

/* As many bytes as there are: a short read(2) in between would shift the words. -1 with errno. */
static ssize_t piece_read(int fd, char *piece, size_t len, off_t at)
{
    size_t filled = 0;
    for (ssize_t got = 1; got > 0 && filled < len; filled += (size_t)got)
        if ((got = pread(fd, piece + filled, len - filled, at + (off_t)filled)) < 0)
            return -1;
    return (ssize_t)filled;
}

bool file_sum(int fd, off_t begin, off_t end, uint64_t *sum)
{
    enum { WORD = sizeof(uint64_t) };
    char piece[64 * 1024];
    *sum = 0;
    for (off_t at = begin; at < end;) {
        off_t hole = data_find(fd, at, end) - at;
        *sum = sum_add_zeros(*sum, (uint64_t)(at + hole == end ? (hole + WORD - 1) / WORD : hole / WORD));
        at += at + hole == end ? hole : hole / WORD * WORD;
        ssize_t len = piece_read(fd, piece, end - at < (off_t)sizeof piece ? (size_t)(end - at) : sizeof piece, at);
        if (len < 0)
            return false;
        if (len == 0)
            break;
        *sum = sum_add(*sum, piece, (size_t)len);
        at += len;
    }
    return true;
}

void beyond_add(struct beyond *beyond, const char *bytes, size_t len)
{
    size_t begun = beyond->len % sizeof beyond->word;
    beyond->len += len;
    for (; len > 0 && begun > 0; len--) {
        beyond->word[begun++] = (unsigned char)*bytes++;
        if (begun == sizeof beyond->word) {
            beyond->sum = sum_add(beyond->sum, (const char *)beyond->word, begun);
            begun = 0;
        }
    }
    size_t words_len = len / sizeof beyond->word * sizeof beyond->word;
    beyond->sum = sum_add(beyond->sum, bytes, words_len);
    memcpy(beyond->word + begun, bytes + words_len, len - words_len);
}

/* The sum of a file goes on with that of what is beyond it. */
static uint64_t sum_with(uint64_t sum, const struct beyond *beyond)
{
    uint64_t rest = sum_add(beyond->sum, (const char *)beyond->word, beyond->len % sizeof beyond->word);
    return sum_add(sum, (const char *)&rest, sizeof rest);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

void content_end_without(const char *what)
{
    fprintf(stderr, "spanload: cannot %s what a run left: %s\n", what, strerror(errno));
    exit(EXIT_OWN_FAILURE);
}

struct content content_begin(int fd, const struct beyond *beyond)
{
    struct content content = {.fd = fd, .times = 1};
    struct stat status;
    if (fstat(fd, &status) != 0)
        content_end_without("find");
    content.len_kept = (size_t)status.st_size;
    content.len = content.len_kept + beyond->len;
    if (!file_sum(fd, 0, status.st_size, &content.sum))
        content_end_without("read");
    if (pread(fd, content.beginning, sizeof content.beginning, 0) < 0)
        content_end_without("read");
    if (beyond->len > 0)
        content.sum = sum_with(content.sum, beyond);
    return content;
}

void content_close(struct content *content)
{
    if (content->fd >= 0)
        close(content->fd);
    content->fd = -1;
}

bool content_has_lines(const struct content *content)
{
    return content->len <= LEN_BY_LINES && content->len_kept == content->len;
}

bool contents_equal(const struct content *a, const struct content *b)
{
    return a->len == b->len && a->sum == b->sum;
}

struct view view_map(const struct content *content)
{
    if (content->len_kept == 0)            /* mmap(2) refuses */
        return (struct view){"", 0};
    void *bytes = mmap(NULL, content->len_kept, PROT_READ, MAP_SHARED, content->fd, 0);
    if (bytes == MAP_FAILED)
        content_end_without("read");
    return (struct view){bytes, content->len_kept};
}

void view_unmap(struct view view)
{
    if (view.len > 0)
        munmap((void *)view.bytes, view.len);
}

bool content_see(const struct content *content, struct view *view)
{
    bool is_short = content->len == content->len_kept && content->len <= sizeof content->beginning;
    if (!is_short && content->fd < 0)
        return false;
    *view = is_short ? (struct view){content->beginning, content->len} : view_map(content);
    return true;
}

void content_unsee(const struct content *content, struct view view)
{
    if (view.bytes != content->beginning)
        view_unmap(view);
}

bool views_equal(struct view a, struct view b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

struct view line_take(struct view *rest)
{
    const char *newline = memchr(rest->bytes, '\n', rest->len);
    struct view line = {rest->bytes, newline != NULL ? (size_t)(newline - rest->bytes) + 1 : rest->len};
    *rest = (struct view){rest->bytes + line.len, rest->len - line.len};
    return line;
}

struct view line_take_last(struct view *rest)
{
    const char *newline = memrchr(rest->bytes, '\n', rest->len - 1);
    size_t before = newline != NULL ? (size_t)(newline - rest->bytes) + 1 : 0;
    struct view line = {rest->bytes + before, rest->len - before};
    rest->len = before;
    return line;
}

size_t lines_count(struct view view)
{
    size_t count = 0;
    for (; view.len > 0; count++)
        line_take(&view);
    return count;
}

bool line_varies(const struct lines *lines, size_t line)
{
    return lines->varying != NULL && (lines->varying[line / 8] & 1 << line % 8) != 0;
}

void line_mark_varying(struct lines *lines, size_t line)
{
    if (line_varies(lines, line))
        return;
    if (lines->varying == NULL)
        lines->varying = memory_get(lines->count / 8 + 1);
    lines->varying[line / 8] |= (unsigned char)(1 << line % 8);
    lines->varying_count++;
}
