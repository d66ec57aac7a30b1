/* mallocs.c - a program with an allocator of its own, in front of libc's as any executable's is, that must not be called by
 * anybody but the program: it counts, keeps a lock that a handler would meet again, and does I/O of its own. See speak.h.
 */
#include "speak.h"

#include <signal.h>
#include <sys/time.h>

static char arena[16 << 20] __attribute__((aligned(16)));
static size_t used;
static volatile long calls;
static volatile int is_inside; /* a lock that is not asked for twice: whoever does ends here */
static int speaks;
static struct pair of_malloc = {-1, -1};

static void *take(size_t size)
{
    if (is_inside && !speaks) {
        if (write(1, "malloc within malloc\n", 21)) _exit(96);
    }
    is_inside++;
    calls++;
    size_t at = used;
    used += (size + 31) & ~(size_t)15;
    if (speaks == 1 && of_malloc.client >= 0) {
        speaks = 2;
        if (ask(&of_malloc) && answer(&of_malloc)) exchanges++;
        speaks = 1;
    }
    is_inside--;
    if (used > sizeof arena) _exit(95);
    *(size_t *)(void *)(arena + at) = size;
    return arena + at + 16;
}

void *malloc(size_t size)
{
    return take(size);
}

void free(void *memory)
{
    (void)memory;
    calls++;
}

void *calloc(size_t count, size_t size)
{
    return memset(take(count * size), 0, count * size);
}

void *realloc(void *memory, size_t size)
{
    void *copy = take(size);
    size_t before = memory ? *(size_t *)(void *)((char *)memory - 16) : 0;
    if (memory) memcpy(copy, memory, before < size ? before : size);
    return copy;
}

/* Exactly the calls that the program makes itself; and of brk and threads nothing changes either. */
static void counted(char **arguments)
{
    (void)arguments;
    long before = calls;
    void *end = sbrk(0);
    for (int i = 0; i < 50; i++) exchange_once(2);
    pause_ms(20);
    say("calls of malloc: %ld, brk moved: %s", calls - before, sbrk(0) == end ? "no" : "yes");
    void *volatile memory = malloc(10);
    free(memory);
    say("calls of malloc: %ld", calls - before);
}

/* In a handler that may have interrupted malloc nothing may call it: conversations in the handler while the program allocates. */
static struct pair of_handler;
static volatile sig_atomic_t handled;

static void speak_in_handler(int number)
{
    int before = errno;
    (void)number;
    if (handled < 100 && ask(&of_handler) && answer(&of_handler)) handled++;
    errno = before;
}

static void in_handler(char **arguments)
{
    struct sigaction action = {.sa_handler = speak_in_handler, .sa_flags = SA_RESTART};
    (void)arguments;
    of_handler = pair_open();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 500}, {0, 500}}, NULL);
    while (handled < 100) {
        used = 0;
        for (int i = 0; i < 1000; i++) free(malloc((size_t)i));
    }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    exchanges += (unsigned)handled;
}

/* The allocator has a conversation of its own on every call, while the program has its. */
static void speaking(char **arguments)
{
    struct pair pair = pair_open();
    (void)arguments;
    of_malloc = pair_open();
    speaks = 1;
    for (int i = 0; i < 50; i++) {
        if (!ask(&pair)) fail("ask");
        free(malloc(100));
        if (!answer(&pair)) fail("answer");
        exchanges++;
    }
    speaks = 0;
    say("all answered");
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {{"counted", counted}, {"in_handler", in_handler}, {"speaking", speaking}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
