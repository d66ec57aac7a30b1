/* fdtable.c - what is entered comes out once, by whichever thread replaces or takes it; pages are made once. */
#include "fdtable.h"

#include "support.h"

#define THREADS 4
#define DESCRIPTORS 96
#define SPREAD 397 /* numbers lie apart, so that many pages take part */
#define TOKENS (1 << 16)

/* A token stands for a connection: `payload` is plain on purpose, so that ThreadSanitizer sees a publication that is none. */
struct token {
    uint64_t payload;
    _Atomic uint32_t inside; /* 1 from its entry until it came out */
};

static struct token tokens[THREADS][TOKENS];
static _Atomic uint64_t entered, came_out, wrong, twice;
static double until;

static int number_of(uint32_t index)
{
    return (int)(index * SPREAD);
}

static void came(uintptr_t entry)
{
    if (entry <= FDTABLE_STREAM)
        return;
    struct token *token = (struct token *)entry;
    if (token->payload != (uint64_t)entry)
        wrong++;
    if (__atomic_exchange_n(&token->inside, 0, __ATOMIC_RELAXED) != 1)
        twice++;
    came_out++;
}

static void look(int fd)
{
    struct token *token = (struct token *)fdtable_get(fd);
    if (token && token->payload != (uint64_t)(uintptr_t)token)
        wrong++;
}

static void work(unsigned index)
{
    for (uint32_t next = 0; next < TOKENS && seconds() < until;) {
        int fd = number_of(random_below(DESCRIPTORS));
        switch (random_below(4)) {
        case 0: {
            struct token *token = &tokens[index][next++];
            bool stored;
            token->payload = (uint64_t)(uintptr_t)token;
            __atomic_store_n(&token->inside, 1, __ATOMIC_RELAXED);
            entered++;
            came(fdtable_set(fd, (uintptr_t)token, &stored));
            if (!stored)
                wrong++;
            break;
        }
        case 1:
            came(fdtable_take(fd));
            break;
        default:
            look(fd);
        }
    }
}

static _Atomic uint32_t lost;

/* Every thread's own entries in pages that all of them make at the same time: none may fall into a page that is thrown away. */
static void make_pages(unsigned index)
{
    for (int page = 100; page < 1100; page++) {
        int fd = page * FDTABLE_PAGE + (int)index;
        bool stored;
        fdtable_set(fd, FDTABLE_STREAM, &stored);
        if (!stored || fdtable_entry(fd) != FDTABLE_STREAM)
            lost++;
    }
}

int main(void)
{
    on_threads(THREADS, make_pages);
    for (int page = 100; page < 1100; page++)
        for (int i = 0; i < THREADS; i++)
            lost += fdtable_entry(page * FDTABLE_PAGE + i) != FDTABLE_STREAM;
    claim(!lost, "no entry is lost where several threads make a page", "%u were", lost);

    until = seconds() + 1.5;
    on_threads(THREADS, work);
    uint64_t left = 0;
    for (int fd = fdtable_next(0, 99 * FDTABLE_PAGE); fd >= 0; fd = fdtable_next((unsigned)fd + 1, 99 * FDTABLE_PAGE)) {
        came(fdtable_take(fd));
        left++;
    }
    claim(!wrong && !twice && entered == came_out && entered > 1000 && left <= DESCRIPTORS,
          "what is entered comes out once, complete",
          "%llu entered, %llu came out, %llu twice, %llu incomplete, %llu left", (unsigned long long)entered,
          (unsigned long long)came_out, (unsigned long long)twice, (unsigned long long)wrong, (unsigned long long)left);

    bool stored = true;
    uintptr_t before = fdtable_set(FDTABLE_PAGE * FDTABLE_PAGES, FDTABLE_STREAM, &stored);
    claim(!stored && !before && !fdtable_entry(FDTABLE_PAGE * FDTABLE_PAGES) && !fdtable_entry(-1),
          "numbers beyond the table are left alone", "stored %d", stored);
    return claims_status();
}
