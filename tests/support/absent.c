/* absent.c - calls by name what not every libc has, as programs do that were built for a newer one, or an older one.
 *
 * Each name is a weak reference: where it is there it is called, else the system call is made, or what comes close. What is
 * printed is the same either way, for the work is done either way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#undef sendfile64
#undef freopen64
#define MAYBE __attribute__((weak))

/* Since musl 1.2.4 these are in its loader only, for programs of before. */
extern ssize_t sendfile64(int, int, off_t *, size_t) MAYBE;
extern FILE *freopen64(const char *, const char *, FILE *) MAYBE;
extern int close_range(unsigned, unsigned, int) MAYBE;
extern void closefrom(int) MAYBE;
extern int execveat(int, const char *, char *const[], char *const[], int) MAYBE;
extern ssize_t preadv2(int, const struct iovec *, int, off_t, int) MAYBE;
extern ssize_t pwritev2(int, const struct iovec *, int, off_t, int) MAYBE;
extern pid_t _Fork(void) MAYBE;

static void say(const char *what, long rc)
{
    printf("%s %ld %s\n", what, rc, rc < 0 ? strerror(errno) : "");
}

int main(void)
{
    static char *const words[] = {"true", NULL}, *const nothing[] = {NULL};
    char bytes[4] = "";
    struct iovec vector = {bytes, 3};
    int ends[2], status = -1, file = memfd_create("absent", 0);

    if (pipe(ends) != 0) return 1;
    say("pwritev2", pwritev2 ? pwritev2(file, &(struct iovec){"abcdef", 6}, 1, 0, 0) : pwrite(file, "abcdef", 6, 0));
    say("preadv2", preadv2 ? preadv2(file, &vector, 1, 2, 0) : pread(file, bytes, 3, 2));
    say(bytes, 0);
    say("sendfile64", sendfile64 ? sendfile64(ends[1], file, &(off_t){1}, 5) : sendfile(ends[1], file, &(off_t){1}, 5));
    say("freopen64", (freopen64 ? freopen64("/dev/null", "r", stdin) : freopen("/dev/null", "r", stdin)) == stdin);
    dup2(file, 70), dup2(file, 75), dup2(file, 80);
    say("close_range", close_range ? close_range(70, 76, 0) : syscall(SYS_close_range, 70, 76, 0));
    say("then", fcntl(75, F_GETFD));
    if (closefrom)
        closefrom(77);
    else
        syscall(SYS_close_range, 77, ~0U, 0);
    say("then", fcntl(80, F_GETFD));
    pid_t child = _Fork ? _Fork() : fork();
    if (child == 0) _exit(3);
    waitpid(child, &status, 0);
    say("child", WEXITSTATUS(status));
    fflush(stdout);
    if (execveat)
        execveat(AT_FDCWD, "/bin/true", words, nothing, 0);
    else
        syscall(SYS_execveat, AT_FDCWD, "/bin/true", words, nothing, 0);
    say("execveat", -1);
    return 2;
}
