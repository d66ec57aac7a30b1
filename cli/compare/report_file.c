/*
 * report_file.c - where a report goes. See report_file.h.
 */
#include "report_file.h"

#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool name_is_stdout(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/dev/fd/1") == 0 || strcmp(path, "/proc/self/fd/1") == 0;
}

/* What is written to one is written to the other. Devices are left out: /dev/null is nobody's place. */
static bool fd_is_same(int one, int other)
{
    struct stat first, second;
    return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino &&
           (S_ISREG(first.st_mode) || S_ISFIFO(first.st_mode));
}

/* A second description of the same file would write from its beginning over what the first has written: standard output is duplicated. */
int report_file_open(struct report_file *file, const char *path)
{
    *file = (struct report_file){.path = path, .fd = -1};
    if (path == NULL)
        return 0;
    if (!name_is_stdout(path)) {
        file->is_new = access(path, F_OK) != 0;
        file->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666); /* a pipe that nobody reads is an error */
        if (file->fd >= 0)
            fcntl(file->fd, F_SETFL, 0);
    }
    file->is_stdout = name_is_stdout(path) || (file->fd >= 0 && fd_is_same(file->fd, STDOUT_FILENO));
    if (file->is_stdout) {
        if (file->fd >= 0)
            close(file->fd);
        file->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    return file->fd >= 0 ? 0 : own_failure("compare: %s: %s", path, strerror(errno));
}

bool report_file_is_same(const struct report_file *one, const struct report_file *other)
{
    return (one->is_stdout && other->is_stdout) || (one->fd >= 0 && other->fd >= 0 && fd_is_same(one->fd, other->fd));
}

void report_file_clear(const struct report_file *file)
{
    if (file->fd >= 0 && !file->is_stdout && ftruncate(file->fd, 0) < 0)
        return; /* a pipe, a terminal */
}

int report_file_write(struct report_file *file, const struct buffer *text)
{
    size_t done = 0;
    int error = 0;
    while (error == 0 && done < text->len) {
        ssize_t written = write(file->fd, text->bytes + done, text->len - done);
        if (written < 0 && errno != EINTR)
            error = errno;
        done += written > 0 ? (size_t)written : 0;
    }
    if (error == 0)
        return 0;
    report_file_clear(file);
    return own_failure("compare: %s: %s", file->path, strerror(error));
}

void report_file_close(struct report_file *file)
{
    struct stat status;
    if (file->fd < 0)
        return;
    if (file->is_new && fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0)
        unlink(file->path);
    close(file->fd);
    file->fd = -1;
}
