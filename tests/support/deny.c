/* deny.c - deny ERRNO CALL[,CALL...] -- program args: runs a program under a filter that refuses these system calls.
 *
 * What an older kernel, or a container's profile, refuses. The filter is there before the program starts, so it is
 * inherited by every thread; no privilege is needed.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    int number;
} calls[] = {
    {"close_range", 436}, {"unshare", SYS_unshare}, {"madvise", SYS_madvise}, {"getrandom", SYS_getrandom}, {"clone", SYS_clone},
};

static int number_of(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!strcmp(calls[i].name, name))
            return calls[i].number;
    fprintf(stderr, "deny: %s: not in the table\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    struct sock_filter filter[32] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    unsigned short len = 1;
    if (argc < 5 || strcmp(argv[3], "--"))
        return 2;
    int error = atoi(argv[1]);
    for (char *name = strtok(argv[2], ","); name; name = strtok(NULL, ",")) {
        filter[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number_of(name), 0, 1);
        filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
    }
    filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {len, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("deny");
        return 1;
    }
    execvp(argv[4], argv + 4);
    perror(argv[4]);
    return 127;
}
