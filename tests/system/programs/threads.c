/* threads.c - threads that are cancelled, jump, are interrupted, and have hardly any stack. See speak.h. */
#include "speak.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>

static void handle(int number, void handler(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    if (sigaction(number, &action, NULL) != 0) fail("sigaction");
}

static void every_us(long us)
{
    struct itimerval timer = {{0, us}, {0, us}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* --- cancellation ------------------------------------------------------------------------------------------------- */

static atomic_int cleaned;

static void clean(void *memory)
{
    (void)memory;
    cleaned++;
}

static void *receive_for_ever(void *memory)
{
    struct pair *pair = memory;
    char got[16];
    pthread_cleanup_push(clean, NULL);
    recv(pair->server, got, sizeof got, 0);
    pthread_cleanup_pop(0);
    return NULL;
}

/* Of a thread that waits for a request; the connection goes on in another. */
static void cancel(char **arguments)
{
    struct pair pair = pair_open();
    int cancelled = 0;
    (void)arguments;
    for (int round = 0; round < 20; round++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, NULL, receive_for_ever, &pair);
        pause_ms(2);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        cancelled += result == PTHREAD_CANCELED;
        exchange(&pair, 1);
    }
    say("%d cancelled, %d cleaned", cancelled, cleaned);
}

/* --- jumps -------------------------------------------------------------------------------------------------------- */

static sigjmp_buf back;
static volatile sig_atomic_t may_jump, jumps;

static void jump(int number)
{
    (void)number;
    if (!may_jump) return;
    may_jump = 0;
    jumps++;
    siglongjmp(back, 1);
}

static void jump_from_recv(char **arguments)
{
    struct pair pair = pair_open();
    char got[16];
    (void)arguments;
    handle(SIGALRM, jump, 0);
    for (volatile int round = 0; round < 20; round++) {
        if (sigsetjmp(back, 1) == 0) {
            may_jump = 1;
            setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 2000}}, NULL);
            for (;;) recv(pair.server, got, sizeof got, 0);
        }
        exchange(&pair, 1);
    }
    say("%d jumps", (int)jumps);
}

/* Of a depth of stack that is not always the same, so that frames left behind lie above and below later ones. */
__attribute__((noinline)) static void exchange_below(struct pair *pair, int depth)
{
    volatile char room[512];
    room[0] = (char)depth;
    if (depth > 0) {
        exchange_below(pair, depth - 1);
    } else if (ask(pair)) {
        answer(pair);
    }
    room[1] = room[0];
}

/* Out of anything, wherever it is, for a second; then calm: whatever was left behind, ten exchanges are seen. */
static void jump_from_anywhere(char **arguments)
{
    struct timespec start, now;
    struct rusage before, after;
    int calm_before = 0;
    (void)arguments;
    exchange_once(2);
    handle(SIGALRM, jump, SA_RESTART);
    clock_gettime(CLOCK_MONOTONIC, &start);
    every_us(150);
    for (volatile unsigned round = 0;; round++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec >= 2) break;
        volatile struct pair pair = {-1, -1};
        if (sigsetjmp(back, 1) == 0) {
            *(struct pair *)&pair = pair_open();
            may_jump = 1;
            for (int i = 0; i < 20; i++) exchange_below((struct pair *)&pair, i % 5);
            may_jump = 0;
        }
        may_jump = 0;
        close(pair.client);
        close(pair.server);
    }
    every_us(0);
    say("there were jumps: %s", jumps > 100 ? "yes" : "no");
    pause_ms(100);
    getrusage(RUSAGE_SELF, &before);
    pause_ms(300);
    getrusage(RUSAGE_SELF, &after);
    long busy_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000L +
                   after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    say("idle: %s", busy_us < 100000 ? "yes" : "no");
    calm_before = (int)exchanges;
    exchange_once(10);
    say("calm: %d", (int)exchanges - calm_before);
}

/* --- handlers ----------------------------------------------------------------------------------------------------- */

static struct pair handlers_own;
static volatile sig_atomic_t handled, unhandled;

static void exchange_in_handler(int number)
{
    int error_number = errno;
    (void)number;
    if (ask(&handlers_own) && answer(&handlers_own))
        handled++;
    else
        unhandled++;
    errno = error_number;
}

/* A handler has a conversation of its own, in the middle of ours. */
static void handler_io(char **arguments)
{
    struct pair pair = pair_open();
    (void)arguments;
    handlers_own = pair_open();
    handle(SIGALRM, exchange_in_handler, SA_RESTART);
    every_us(300);
    for (int i = 0; i < 12000; i++) {
        if (!ask(&pair) || !answer(&pair)) fail("exchange");
        if (i % 50 == 0) {
            struct pair other = pair_open();
            if (!ask(&other) || !answer(&other)) fail("exchange");
            pair_close(&other);
        }
    }
    every_us(0);
    say("handled: %s, unhandled %d", handled > 100 ? "yes" : "no", (int)unhandled);
}

/* The same connection from both, each at its message boundaries as well as can be: nothing may break but our watching. */
static struct pair shared;

static void write_in_handler(int number)
{
    int error_number = errno;
    (void)number;
    handled++;
    if (write(shared.client, "x", 1) != 1) unhandled++;
    errno = error_number;
}

static void handler_same(char **arguments)
{
    char got[4096];
    size_t sent = 0, received = 0;
    (void)arguments;
    shared = pair_open();
    exchange(&shared, 2);
    handle(SIGALRM, write_in_handler, SA_RESTART);
    every_us(200);
    for (int i = 0; i < 4000; i++) {
        ssize_t n = send(shared.client, REQUEST, sizeof REQUEST - 1, 0);
        if (n > 0) sent += (size_t)n;
        n = recv(shared.server, got, sizeof got, 0);
        if (n > 0) received += (size_t)n;
    }
    every_us(0);
    shutdown(shared.client, SHUT_WR);
    for (ssize_t n; (n = recv(shared.server, got, sizeof got, 0)) > 0;) received += (size_t)n;
    say("all bytes arrived: %s", received == sent + (size_t)handled ? "yes" : "no");
}

/* --- little room -------------------------------------------------------------------------------------------------- */

static void *guarded(size_t size)
{
    char *memory = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, 4096, PROT_NONE) != 0) fail("mmap");
    return memory + 4096;
}

static void small_handler_stack(char **arguments)
{
    stack_t stack = {.ss_sp = guarded(8192), .ss_size = 8192};
    (void)arguments;
    if (sigaltstack(&stack, NULL) != 0) fail("sigaltstack");
    handlers_own = pair_open();
    handle(SIGUSR1, exchange_in_handler, SA_ONSTACK);
    for (int i = 0; i < 20; i++) raise(SIGUSR1);
    exchanges += (unsigned)handled;
    say("handled %d, unhandled %d", (int)handled, (int)unhandled);
}

static void *first_request(void *memory)
{
    (void)memory;
    exchange_once(3);
    return NULL;
}

static void small_threads(char **arguments)
{
    pthread_attr_t attributes;
    (void)arguments;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, 16384) != 0) fail("setstacksize");
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, first_request, NULL) != 0) fail("pthread_create");
        pthread_join(thread, NULL);
    }
    say("all ended");
}

/* --- coroutines --------------------------------------------------------------------------------------------------- */

static ucontext_t loop, contexts[3];
static int current, alive;
static bool is_switching;

static void next_coroutine(void)
{
    int from = current;
    if (!is_switching || alive < 2) return;
    do current = (current + 1) % 3;
    while (contexts[current].uc_link == NULL);
    if (current != from) swapcontext(&contexts[from], &contexts[current]);
}

/* yielding.c, preloaded behind the library, calls it in the middle of send and recv: another coroutine goes on there. */
void in_the_middle(void);
void in_the_middle(void)
{
    next_coroutine();
}

static void converse(void)
{
    struct pair pair = pair_open();
    for (int i = 0; i < 30; i++) {
        if (!ask(&pair)) fail("ask");
        next_coroutine();
        if (!answer(&pair)) fail("answer");
        exchanges++;
        next_coroutine();
    }
    pair_close(&pair);
    contexts[current].uc_link = NULL;
    alive--;
    if (!alive) setcontext(&loop);
    do current = (current + 1) % 3;
    while (contexts[current].uc_link == NULL);
    setcontext(&contexts[current]);
}

static void coroutines(char **arguments)
{
    (void)arguments;
    alive = 3;
    is_switching = true;
    for (int i = 0; i < 3; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = guarded(16384);
        contexts[i].uc_stack.ss_size = 16384;
        contexts[i].uc_link = &loop;
        makecontext(&contexts[i], converse, 0);
    }
    swapcontext(&loop, &contexts[0]);
    is_switching = false;
    say("all ended");
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"cancel", cancel}, {"jump_from_recv", jump_from_recv}, {"jump_from_anywhere", jump_from_anywhere},
        {"handler_io", handler_io}, {"handler_same", handler_same}, {"small_handler_stack", small_handler_stack},
        {"small_threads", small_threads}, {"coroutines", coroutines}, {NULL, NULL}};
    return run_scenario(scenarios, argc, argv);
}
