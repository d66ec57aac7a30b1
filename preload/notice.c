/* notice.c - what is wrong, said once on stderr. See include/notice.h. */
#include "notice.h"

#include "config.h"
#include "output.h"
#include "system.h"
#include "text.h"

#include <stdatomic.h>
#include <sys/mman.h>

static char room[4096];
static _Atomic uint32_t written; /* bytes in `room` */
static _Atomic uint32_t printed; /* of them already on stderr */

/* What this process, its parents and their other children have said, by its hash: a server that forks for each connection
 * would say the same thing for each. */
enum { SAID = 64 };
static _Atomic uint64_t *said; /* shared with children; NULL: each speaks for itself */

void notice_start(void)
{
    long page = system(mmap, NULL, SAID * sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page > 0 || page <= -4096)
        said = (_Atomic uint64_t *)page;
}

/* FNV-1a; never 0, which is a free place. */
static uint64_t hash_of(struct slice line)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < line.len; i++)
        hash = (hash ^ (uint8_t)line.ptr[i]) * UINT64_C(1099511628211);
    return hash | 1;
}

/* With all places taken enough has been said. */
static bool is_new(struct slice line)
{
    uint64_t hash = hash_of(line), found;
    for (int i = 0; said && i < SAID; i++) {
        found = 0;
        if (atomic_compare_exchange_strong_explicit(&said[i], &found, hash, memory_order_relaxed, memory_order_relaxed))
            return true;
        if (found == hash)
            return false;
    }
    return !said;
}

void notice_add(const char *subject, struct slice value, const char *problem)
{
    size_t begin = atomic_load_explicit(&written, memory_order_relaxed);
    struct text text = {.ptr = room + begin, .capacity = sizeof room - begin};
    text_literal(&text, "spanload: ");
    text_string(&text, subject);
    if (value.ptr) {
        text_char(&text, '=');
        for (size_t i = 0; i < value.len && i < 120; i++)
            text_char(&text, (unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f ? '?' : value.ptr[i]);
    }
    text_literal(&text, ": ");
    text_string(&text, problem);
    text_char(&text, '\n');
    /* Release: pairs with the acquire in notice_print. */
    if (!text.overflowed)
        atomic_store_explicit(&written, (uint32_t)(begin + text.len), memory_order_release);
}

void notice_print(void)
{
    uint32_t end = atomic_load_explicit(&written, memory_order_acquire);
    if (__builtin_expect(end == atomic_load_explicit(&printed, memory_order_relaxed), 1))
        return;
    uint32_t begin = atomic_exchange_explicit(&printed, end, memory_order_relaxed);
    if (begin >= end || config.log == LOG_NONE)
        return;
    struct slice lines = {room + begin, end - begin}, line;
    while (lines.len && slice_next(&lines, '\n', &line))
        if (is_new(line))
            output_stderr((struct slice){line.ptr, line.len + 1});
}
