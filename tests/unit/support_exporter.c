/* support_exporter.c - stand-ins for config, clock and notices. */
#include "support_exporter.h"

#include "clock.h"
#include "config.h"
#include "notice.h"

#include <stdio.h>

struct config config;
int (*clock_vdso)(int clock, struct timespec *now);

static char notices[8192];
static size_t notices_len;

void notice_add(const char *subject, struct slice value, const char *problem)
{
    size_t left = sizeof notices - notices_len;
    int n = snprintf(notices + notices_len, left, "%s%s%.*s: %s\n", subject, value.ptr ? "=" : "",
                     value.ptr ? (int)value.len : 0, value.ptr ? value.ptr : "", problem);
    if (n > 0)
        notices_len += (size_t)n < left ? (size_t)n : left - 1;
}

const char *noticed(void)
{
    return notices;
}

void notices_clear(void)
{
    notices[notices_len = 0] = '\0';
}
