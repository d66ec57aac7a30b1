/*
 * files.c - a directory as one content, so that two of them can be compared.
 *
 * Times, owners and inode numbers are left out: they are not the program's doing. A listing is memory, so of a large file
 * only the beginning is in it, and a sum of the rest: enough to tell whether it is another one.
 */
#include "files.h"

#include "buffer.h"
#include "content.h"
#include "setting.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEN_COPIED = 64 * 1024 * 1024 };

static const char cannot_be_read[] = "(cannot be read)\n";

static int by_name(const FTSENT **one, const FTSENT **other)
{
    return strcmp((*one)->fts_name, (*other)->fts_name);
}

static const char *kind_of(const struct stat *status)
{
    return S_ISREG(status->st_mode)    ? "file"
           : S_ISDIR(status->st_mode)  ? "directory"
           : S_ISLNK(status->st_mode)  ? "link"
           : S_ISSOCK(status->st_mode) ? "socket"
           : S_ISFIFO(status->st_mode) ? "pipe"
                                       : "device";
}

/* The file may be one that its own owner, the program and we, has no right to read. Its permissions are the same afterwards:
 * it may have another name further on. -1 with errno. */
static int file_open(const char *path, mode_t mode)
{
    enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };
    int source = open(path, FLAGS);
    if (source >= 0 || errno != EACCES || fchmodat(AT_FDCWD, path, (mode & 07777) | S_IRUSR, 0) != 0)
        return source;
    source = open(path, FLAGS);
    fchmodat(AT_FDCWD, path, mode & 07777, 0);
    return source;
}

static bool bytes_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* The first LEN_COPIED bytes, or fewer if there are not as many. */
static bool bytes_copy(int fd, int source)
{
    char piece[64 * 1024];
    ssize_t len;
    for (off_t at = 0; at < LEN_COPIED; at += len) {
        off_t left = LEN_COPIED - at;
        len = pread(source, piece, left < (off_t)sizeof piece ? (size_t)left : sizeof piece, at);
        if (len <= 0)
            return len == 0;
        if (!bytes_write(fd, piece, (size_t)len))
            return false;
    }
    return true;
}

/* The bytes, or what stands for those that are too many. */
static bool file_write(int fd, int source)
{
    struct stat status;
    uint64_t sum;
    if (fstat(source, &status) != 0 || !bytes_copy(fd, source))
        return false;
    dprintf(fd, "\n");
    if (status.st_size <= LEN_COPIED)
        return true;
    if (!file_sum(source, LEN_COPIED, status.st_size, &sum))
        return false;
    dprintf(fd, "(%jd bytes more, sum %016" PRIx64 ")\n", (intmax_t)(status.st_size - LEN_COPIED), sum);
    return true;
}

static void file_append(int fd, const FTSENT *entry)
{
    int source = file_open(entry->fts_accpath, entry->fts_statp->st_mode);
    if (source < 0 || !file_write(fd, source))
        dprintf(fd, "%s", cannot_be_read);
    if (source >= 0)
        close(source);
}

static void entry_append(int fd, const FTSENT *entry, size_t root_len)
{
    const struct stat *status = entry->fts_statp;
    char target[4096];
    ssize_t len;
    dprintf(fd, "== %s %s %04o\n", entry->fts_path + root_len, kind_of(status), (unsigned)(status->st_mode & 07777));
    if (S_ISREG(status->st_mode))
        file_append(fd, entry);
    else if (S_ISLNK(status->st_mode) && (len = readlink(entry->fts_accpath, target, sizeof target)) > 0)
        dprintf(fd, "-> %.*s\n", (int)len, target);
}

/* A directory comes before it is opened, and again if it could not be. The permissions that are listed were looked up before;
 * the directory is soon removed, so they are not put back. */
static void entry_visit(int fd, const FTSENT *entry, size_t root_len)
{
    const struct stat *status = entry->fts_statp;
    if (entry->fts_info == FTS_DNR)
        dprintf(fd, "%s", cannot_be_read);
    else if (entry->fts_info == FTS_NS)
        dprintf(fd, "== %s %s", entry->fts_path + root_len, cannot_be_read);
    else if (entry->fts_info != FTS_DP && entry->fts_level > 0)
        entry_append(fd, entry, root_len);
    if (entry->fts_info == FTS_D && (status->st_mode & S_IRWXU) != S_IRWXU)
        fchmodat(AT_FDCWD, entry->fts_accpath, (status->st_mode & 07777) | S_IRWXU, 0);
}

int files_content(const char *directory)
{
    int fd = output_file("files");
    char *paths[] = {memory_copy_text(directory), NULL};
    FTS *walk = fd >= 0 ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name) : NULL;
    for (FTSENT *entry; walk != NULL && (entry = fts_read(walk)) != NULL;)
        entry_visit(fd, entry, strlen(directory) + 1);
    if (walk != NULL)
        fts_close(walk);
    free(paths[0]);
    return fd;
}
