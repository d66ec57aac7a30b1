/*
 * program.c - from a name on the command line to the file that is really loaded.
 */
#include "program.h"

#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_LIMIT = 256 };                     /* BINPRM_BUF_SIZE: the kernel reads no more of a #! line */

int file_view_open(struct file_view *view, const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *view = (struct file_view){0};
    if (fd < 0)
        return -errno;
    void *bytes = MAP_FAILED;
    bool has_status = fstat(fd, &status) == 0;
    if (has_status && S_ISREG(status.st_mode) && status.st_size > 0)
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes != MAP_FAILED)
        *view = (struct file_view){bytes, (size_t)status.st_size};
    close(fd);
    return !has_status || !S_ISREG(status.st_mode) ? -EACCES : 0;
}

void file_view_close(struct file_view *view)
{
    if (view->bytes != NULL)
        munmap((void *)view->bytes, view->len);
    *view = (struct file_view){0};
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

/* As a shell: a file that cannot be executed is taken only if no later directory has one that can. */
char *program_find(const char *name)
{
    if (strchr(name, '/') != NULL)
        return access(name, F_OK) == 0 ? memory_copy_text(name) : NULL;
    const char *directories = getenv("PATH");
    char *second_best = NULL;
    if (directories == NULL)
        directories = "/bin:/usr/bin";
    for (size_t len; name[0] != '\0'; directories += len + 1) {
        struct buffer path = {0};
        len = strcspn(directories, ":");
        buffer_append_format(&path, "%.*s/%s", len ? (int)len : 1, len ? directories : ".", name);
        if (is_file(path.bytes) && access(path.bytes, X_OK) == 0) {
            free(second_best);
            return path.bytes;
        }
        if (second_best == NULL && is_file(path.bytes))
            second_best = path.bytes;
        else
            buffer_finish(&path);
        if (directories[len] == '\0')
            break;
    }
    return second_best;
}

/* The program in `arguments` of env(1): past its options and assignments. */
static char *env_program(char *arguments)
{
    char *rest = NULL;
    for (char *word = strtok_r(arguments, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest))
        if (word[0] != '-' && strchr(word, '=') == NULL)
            return program_find(word);
    return NULL;
}

/* A text begins with a line without control characters; execvp(3) gives such a file to the shell. */
static bool is_text(const struct file_view *view)
{
    for (size_t i = 0; i < view->len && i < LINE_LIMIT && view->bytes[i] != '\n'; i++)
        if (view->bytes[i] < ' ' && view->bytes[i] != '\t' && view->bytes[i] != '\r')
            return false;
    return true;
}

char *program_interpreter(const struct file_view *view)
{
    char line[LINE_LIMIT + 1], *rest = NULL;
    if (view->len < 2 || memcmp(view->bytes, "#!", 2) != 0)
        return is_text(view) ? memory_copy_text("/bin/sh") : NULL;
    size_t len = view->len - 2 < LINE_LIMIT ? view->len - 2 : LINE_LIMIT;
    memcpy(line, view->bytes + 2, len);
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    char *interpreter = strtok_r(line, " \t", &rest);
    if (interpreter == NULL)
        return NULL;
    const char *slash = strrchr(interpreter, '/');
    char *started = slash != NULL && strcmp(slash, "/env") == 0 ? env_program(rest) : NULL;
    return started ? started : memory_copy_text(interpreter);
}
