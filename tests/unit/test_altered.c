/* test_altered.c - bytes with changes in them, against a model that knows no vectors: whatever the pieces, whatever the kernel takes. */
#include <criterion/criterion.h>

#include "altered.h"
#include "support_preload.h"

TestSuite(altered, .init = preload_begin);

enum { CALLERS = 400, CHANGES = 6 };

static uint32_t seed;

static size_t below(size_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return limit ? seed % limit : 0;
}

/* What the wire must hold, a byte at a time: whose each one is, and what. */
struct model {
    char bytes[2 * CALLERS + 400];
    bool is_callers[2 * CALLERS + 400]; /* one that the caller gave, or that stands for one */
    size_t len;
};

static void model_add(struct model *model, char byte, bool is_callers)
{
    model->is_callers[model->len] = is_callers;
    model->bytes[model->len++] = byte;
}

static void model_make(struct model *model, const char *callers, size_t len, const struct change *changes, unsigned count)
{
    model->len = 0;
    for (size_t at = 0, over = 0; at < len; at++) {
        for (unsigned i = 0; i < count; i++)
            if (changes[i].at == at) {
                for (size_t n = 0; n < changes[i].len; n++)
                    model_add(model, changes[i].text[n], changes[i].cut);
                over = changes[i].cut ? changes[i].cut : over;
            }
        if (over)
            over--;
        else
            model_add(model, callers[at], true);
    }
}

static size_t cut_at_random(const char *bytes, size_t len, struct iovec *iov, size_t max)
{
    size_t count = 0;
    for (size_t at = 0; at < len; count++) {
        size_t n = count + 1 == max ? len - at : below(3) ? 1 + below(len - at) : below(9);
        n = n < len - at ? n : len - at;
        iov[count] = (struct iovec){(void *)(uintptr_t)(bytes + at), n};
        at += n;
    }
    return count;
}

/* Lines and digits in random places, in order, none in another. */
static void change_at_random(struct changes *changes, size_t len)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t at = below(30); at + 30 < len && changes->count < CHANGES; at += 1 + below(80)) {
        uint32_t n = 1 + (uint32_t)below(25);
        bool is_line = below(2);
        changes->of[changes->count++] = (struct change){.at = (uint32_t)at, .cut = is_line ? 0 : n, .len = n, .text = text};
        at += is_line ? 0 : n;
    }
}

Test(altered, sends_what_the_model_says_and_tells_the_caller_of_its_own_bytes_only)
{
    for (seed = 1; seed < 20000; seed += 7) {
        uint32_t began = seed;
        char callers[CALLERS];
        static struct model model;
        struct altered *altered = altered_take();
        size_t len = 1 + below(CALLERS - 1), at = 0, gone = 0;
        for (size_t i = 0; i < len; i++)
            callers[i] = (char)('A' + i % 26);
        change_at_random(&altered->changes, len);
        model_make(&model, callers, len, altered->changes.of, altered->changes.count);
        while (at < len) {
            struct iovec iov[9];
            char wire[3 * CALLERS];
            size_t count = cut_at_random(callers + at, len - at, iov, 1 + below(8)), wire_len = 0;
            cr_assert(altered_build(altered, iov, count));
            for (size_t i = 0; i < altered->count; i++) {
                memcpy(wire + wire_len, altered->pieces[i].iov_base, altered->pieces[i].iov_len);
                wire_len += altered->pieces[i].iov_len;
            }
            cr_assert_eq(wire_len, model.len - gone, "seed %u: %zu bytes are offered, %zu are to go", began, wire_len, model.len - gone);
            cr_assert(memcmp(wire, model.bytes + gone, wire_len) == 0, "seed %u, from %zu on", began, gone);
            size_t sent = below(3) ? below(wire_len + 1) : wire_len, callers_share = 0;
            for (size_t i = gone; i < gone + sent; i++)
                callers_share += model.is_callers[i];
            cr_assert_eq(altered_sent(altered, sent), callers_share, "seed %u, %zu sent of %zu from %zu", began, sent, wire_len, gone);
            gone += sent;
            at += callers_share;
            altered_advance(altered, callers_share);
            size_t owed = 0;
            bool is_begun = gone && !model.is_callers[gone - 1]; /* of a line whose rest comes next */
            for (size_t i = gone; i < model.len && !model.is_callers[i]; i++)
                owed++;
            cr_assert_eq(altered_owed(altered).len, is_begun ? owed : 0, "seed %u", began);
            cr_assert(!altered_owed(altered).len || memcmp(altered_owed(altered).ptr, model.bytes + gone, altered_owed(altered).len) == 0);
        }
        cr_assert_eq(gone, model.len, "seed %u", began);
        altered_give(altered);
    }
}

/* A line in the middle of "0123456789" at 4, digits for "67"; and how much the kernel takes. */
Test(altered, counts_for_the_caller_what_is_the_callers)
{
    static const struct {
        size_t sent, callers;
        const char *owed;
    } rows[] = {
        {0, 0, ""}, {3, 3, ""}, {4, 4, ""}, {5, 4, "INE\r\n"}, {9, 4, "\n"}, {10, 4, ""}, {11, 5, ""}, {12, 6, ""}, {13, 7, ""}, {14, 8, ""}, {16, 10, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct altered *altered = altered_take();
        altered->changes.of[0] = (struct change){.at = 4, .len = 6, .text = "LINE\r\n"};
        altered->changes.of[1] = (struct change){.at = 6, .cut = 2, .len = 2, .text = "xy"};
        altered->changes.count = 2;
        cr_assert(altered_build(altered, &(struct iovec){"0123456789", 10}, 1));
        cr_expect_eq(altered_sent(altered, rows[i].sent), rows[i].callers, "%zu", rows[i].sent);
        altered_advance(altered, rows[i].callers);
        struct slice owed = altered_owed(altered);
        cr_expect(slice_equals(owed, slice_of(rows[i].owed)), "%zu: owed %.*s", rows[i].sent, (int)owed.len, owed.ptr);
        altered_give(altered);
    }
}

Test(altered, says_when_there_are_too_many_pieces)
{
    static struct iovec iov[ALTERED_PIECES];
    for (size_t i = 0; i < ALTERED_PIECES; i++)
        iov[i] = (struct iovec){"x", 1};
    struct altered *altered = altered_take();
    cr_expect(altered_build(altered, iov, ALTERED_PIECES), "without a change");
    altered->changes.of[0] = (struct change){.at = 4, .len = 1, .text = "l"};
    altered->changes.count = 1;
    cr_expect_not(altered_build(altered, iov, ALTERED_PIECES));
    cr_expect_eq(altered->count, ALTERED_PIECES, "the beginning is there all the same");
    cr_expect(altered_build(altered, iov, ALTERED_PIECES - 1));
    altered_give(altered);
}

Test(altered, passes_over_empty_elements)
{
    struct altered *altered = altered_take();
    altered->changes.of[0] = (struct change){.at = 2, .len = 1, .text = "l"};
    altered->changes.count = 1;
    cr_assert(altered_build(altered, (const struct iovec[]){{NULL, 0}, {"ab", 2}, {NULL, 0}, {"cd", 2}, {NULL, 0}}, 5));
    cr_expect_eq(altered->count, 3);
    altered_give(altered);
}
