/* spawn.c - how long a program lives, from posix_spawn to wait, in each of several environments.
 *
 *     spawn ROUNDS COUNT ENVIRONMENTS... -- PROGRAM ARGUMENT...
 *
 * An environment is a file of `NAME=value`s, each ended by a zero byte. In each round the program is run COUNT times in each of
 * them, in the order given and then, in the next round, in the other order. Prints a line for each run: which environment, and
 * nanoseconds. The program has /dev/null; one that does not end with 0 ends this one too.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { ENVIRONMENTS = 8, VARIABLES = 64, TEXT = 65536 };

static char *environments[ENVIRONMENTS][VARIABLES + 1];

static void read_environment(char **into, const char *file)
{
    FILE *opened = fopen(file, "r");
    char *text = calloc(1, TEXT);
    size_t length = opened ? fread(text, 1, TEXT - 1, opened) : 0;
    int count = 0;
    if (!opened) {
        perror(file);
        exit(2);
    }
    for (char *at = text; at < text + length && count < VARIABLES; at += strlen(at) + 1) into[count++] = at;
    fclose(opened);
}

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long life_ns(char **program, char **environment, posix_spawn_file_actions_t *quiet)
{
    pid_t child;
    int status = -1;
    long long began = now_ns(), ended;
    int failed = posix_spawn(&child, program[0], quiet, NULL, program, environment);
    if (failed == 0) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    }
    ended = now_ns();
    if (failed || status != 0) {
        fprintf(stderr, "spawn: %s: %s, status %x\n", program[0], strerror(failed), (unsigned)status);
        exit(1);
    }
    return ended - began;
}

int main(int argc, char **argv)
{
    int count = 0, rounds = argc > 2 ? atoi(argv[1]) : 0, runs = argc > 2 ? atoi(argv[2]) : 0, at = 3;
    posix_spawn_file_actions_t quiet;

    for (; at < argc && strcmp(argv[at], "--") != 0 && count < ENVIRONMENTS; at++) read_environment(environments[count++], argv[at]);
    if (!count || at + 1 >= argc || strcmp(argv[at], "--") != 0) {
        fprintf(stderr, "usage: spawn ROUNDS COUNT ENVIRONMENTS... -- PROGRAM ARGUMENT...\n");
        return 2;
    }
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&quiet, 1, 2);
    for (int round = 0; round < rounds; round++) {
        for (int turn = 0; turn < count; turn++) {
            int which = round % 2 ? count - 1 - turn : turn;
            for (int run = 0; run < runs; run++) printf("%d %lld\n", which, life_ns(argv + at + 1, environments[which], &quiet));
        }
    }
    return 0;
}
