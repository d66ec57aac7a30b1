/*
 * files.c - a directory as one content, so that two of them can be compared.
 *
 * Times, owners and inode numbers are left out: they are not the program's doing.
 */
#include "files.h"

#include "setting.h"

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void bytes_copy(int fd, const char *path)
{
    enum { PIECE = 1 << 30 };
    int source = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (source < 0) {
        dprintf(fd, "(cannot be read)\n");
        return;
    }
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags & ~O_APPEND);                 /* sendfile(2) refuses a target that is opened to append */
    lseek(fd, 0, SEEK_END);
    while (sendfile(fd, source, NULL, PIECE) > 0)
        continue;
    fcntl(fd, F_SETFL, flags);
    close(source);
    dprintf(fd, "\n");
}

static void entry_write(int fd, const FTSENT *entry, size_t root_len)
{
    const struct stat *status = entry->fts_statp;
    char target[4096];
    ssize_t len;
    dprintf(fd, "== %s %s %04o\n", entry->fts_path + root_len, kind_of(status), (unsigned)(status->st_mode & 07777));
    if (S_ISREG(status->st_mode))
        bytes_copy(fd, entry->fts_accpath);
    else if (S_ISLNK(status->st_mode) && (len = readlink(entry->fts_accpath, target, sizeof target)) > 0)
        dprintf(fd, "-> %.*s\n", (int)len, target);
}

int files_content(const char *directory)
{
    int fd = output_file("files");
    char *paths[] = {memory_copy_text(directory), NULL};
    FTS *walk = fd >= 0 ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name) : NULL;
    for (FTSENT *entry; walk != NULL && (entry = fts_read(walk)) != NULL;)
        if (entry->fts_level > 0 && entry->fts_info != FTS_DP)
            entry_write(fd, entry, strlen(directory) + 1);
    if (walk != NULL)
        fts_close(walk);
    free(paths[0]);
    return fd;
}
