/*
 * accounts.c - the library's own accounts, as it prints them with SPANLOAD_LOG=info.
 *
 * A line of `spanload: pid=N name=value ...` for each process as it ends; the names are those of include/counters.def. It
 * may stand behind an unfinished line of the program's, and the program may print such a line too: what is taken is what the library
 * could have printed, because it is shown.
 */
#include "accounts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REASONS_MOST = 32, NAME_MOST = 40 };

static const char line_begin[] = "spanload: pid=", dropped[] = "dropped_";

struct reason {
    const char *name;                      /* points into the text */
    size_t len;
    double count;
};

struct sums {
    double made, exported, dropped, sampled_out;
    struct reason reasons[REASONS_MOST];
    size_t reason_count;
};

static bool name_is(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

static void reason_add(struct sums *sums, const char *name, size_t len, double count)
{
    size_t i = 0;
    while (i < sums->reason_count && !(sums->reasons[i].len == len && memcmp(sums->reasons[i].name, name, len) == 0))
        i++;
    if (i == REASONS_MOST || count == 0)
        return;
    if (i == sums->reason_count)
        sums->reasons[sums->reason_count++] = (struct reason){name, len, 0};
    sums->reasons[i].count += count;
}

static void counter_take(struct sums *sums, const char *name, size_t len, double count)
{
    size_t prefix = strlen(dropped);
    if (name_is(name, len, "started"))
        sums->made += count;
    else if (name_is(name, len, "exported"))
        sums->exported += count;
    else if (name_is(name, len, "sampled_out"))
        sums->sampled_out += count;
    else if (len > prefix && memcmp(name, dropped, prefix) == 0) {
        sums->dropped += count;
        reason_add(sums, name + prefix, len - prefix, count);
    }
}

/* Letters, digits and underscores, as names in C are. */
static bool name_is_sound(const char *name, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", others[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    return len <= NAME_MOST && strspn(name, letters) > 0 && strspn(name, others) == len;
}

/* Whether it is digits to its end, so many that a double holds them exactly. */
static bool number_is_sound(const char *number, size_t len)
{
    enum { DIGITS_MOST = 15 };
    return len > 0 && len <= DIGITS_MOST && strspn(number, "0123456789") == len;
}

/* Takes the words `name=number` from here to the end of the line. */
static void line_take(struct sums *sums, const char *at)
{
    const char *end = at + strcspn(at, "\n");
    while (at < end) {
        size_t word = strcspn(at, " \n"), name = strcspn(at, "= \n");
        if (name < word && name_is_sound(at, name) && number_is_sound(at + name + 1, word - name - 1))
            counter_take(sums, at, name, strtod(at + name + 1, NULL));
        at += word;
        at += strspn(at, " ");
    }
}

void accounts_read(struct span_accounts *spans, const char *text)
{
    struct sums sums = {0};
    const char *at = strstr(text, line_begin);
    if (at == NULL)
        return;
    for (; at != NULL; at = strstr(at + 1, line_begin))
        line_take(&sums, at);
    spans->made = sums.made;
    spans->exported = sums.exported;
    spans->dropped = sums.dropped;
    spans->sampled_out = sums.sampled_out;
    struct buffer why = {0};
    for (size_t i = 0; i < sums.reason_count; i++)
        buffer_append_format(&why, "%s%.*s %.0f", i > 0 ? ", " : "", (int)sums.reasons[i].len, sums.reasons[i].name,
                             sums.reasons[i].count);
    spans->dropped_why = why.bytes;
}
