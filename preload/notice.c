/* notice.c - what is wrong, said once on stderr. See include/notice.h. */
#include "notice.h"

#include "config.h"
#include "output.h"
#include "text.h"

#include <stdatomic.h>

static char room[4096];
static _Atomic uint32_t written; /* bytes in `room` */
static _Atomic uint32_t printed; /* of them already on stderr */

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
    if (begin < end && config.log != LOG_NONE)
        output_stderr((struct slice){room + begin, end - begin});
}
