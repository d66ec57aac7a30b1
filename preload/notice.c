/* notice.c - what is wrong, said once on stderr. See include/notice.h. */
#include "notice.h"

#include "config.h"
#include "output.h"
#include "text.h"

static char room[4096];
static _Atomic uint32_t written; /* bytes in `room` */
static _Atomic uint32_t printed; /* of them already on stderr */

void notice_add(const char *subject, struct slice value, const char *problem)
{
    size_t begin = __atomic_load_n(&written, __ATOMIC_RELAXED);
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
        __atomic_store_n(&written, (uint32_t)(begin + text.len), __ATOMIC_RELEASE);
}

void notice_print(void)
{
    uint32_t end = __atomic_load_n(&written, __ATOMIC_ACQUIRE);
    if (__builtin_expect(end == __atomic_load_n(&printed, __ATOMIC_RELAXED), 1))
        return;
    uint32_t begin = __atomic_exchange_n(&printed, end, __ATOMIC_RELAXED);
    if (begin < end && config.log != LOG_NONE)
        output_stderr((struct slice){room + begin, end - begin});
}
