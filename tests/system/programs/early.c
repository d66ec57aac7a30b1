/* early.c - a library to be preloaded beside ours, whose constructor has a whole conversation, forks and closes before ours has
 * run, or long after it. See speak.h.
 */
#include "speak.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

__attribute__((constructor)) static void speak_early(void)
{
    int status = -1, ends[2];
    if (pipe(ends) != 0) fail("pipe");
    if (write(ends[1], "early", 5) != 5 || fcntl(ends[0], F_GETFD) < 0) fail("write");
    struct pair pair = pair_open();
    if (!ask(&pair) || !answer(&pair)) fail("exchange");
    int copy = dup(pair.client);
    if (copy < 0 || dup2(copy, copy + 1) != copy + 1 || close(copy + 1) || close(copy)) fail("dup");
    pair_close(&pair);
    if (syscall(SYS_getpid) != getpid()) fail("syscall");
    pid_t child = fork();
    if (child == 0) _exit(3);
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3) fail("fork");
    child = vfork();
    if (child == 0) {
        execle("/bin/true", "true", (char *)NULL, (char *[]){NULL}); /* without itself */
        _exit(9);
    }
    if (waitpid(child, &status, 0) != child || status != 0) fail("vfork");
    closefrom(ends[0]);
    say("early: all done");
}
