/* altered.c - bytes with changes in them. See altered.h. */
#include "altered.h"

#include "thread.h"

static struct pool blocks = {.block_size = (sizeof(struct altered) + 15) / 16 * 16, .blocks_per_chunk = 16, .max_chunks = 64};

/* The block last given back by the one thread that has a stripe for itself. */
static struct {
    _Alignas(64) _Atomic uintptr_t block;
} spares[COUNTER_STRIPES];

struct altered *altered_take(void)
{
    unsigned stripe = thread_stripe();
    struct altered *altered = pool_take_spare(&blocks, stripe, &spares[stripe].block);
    if (!altered)
        return NULL;
    altered->changes = (struct changes){.max = ALTERED_CHANGES, .of = altered->change, .text = altered->text, .size = ALTERED_TEXT};
    altered->kept = 0;
    altered->has_lineage = false;
    altered->count = 0;
    return altered;
}

void altered_give(struct altered *altered)
{
    unsigned stripe = thread_stripe();
    if (altered)
        pool_give_spare(&blocks, stripe, &spares[stripe].block, altered);
}

static bool add_piece(struct altered *altered, const char *base, size_t len)
{
    if (!len)
        return true;
    if (altered->count == ALTERED_PIECES)
        return false;
    altered->pieces[altered->count++] = (struct iovec){(void *)(uintptr_t)base, len};
    return true;
}

/* Where the vector is, while it is put together. */
struct building {
    struct altered *altered;
    uint32_t at;   /* in the caller's bytes */
    uint32_t over; /* of them, to come, that a change has taken the place of */
    unsigned next; /* change */
};

/* Our text, where it is due: as much of it as there are bytes of the caller's for it to stand in for. */
static bool add_change(struct building *building, size_t left)
{
    const struct changes *changes = &building->altered->changes;
    const struct change *change = &changes->of[building->next];
    if (building->next == changes->count || change->at != building->at || building->over)
        return true;
    building->next++;
    building->over = change->cut;
    size_t rest = change->len - change->sent, shown = change->cut && rest > left ? left : rest;
    return add_piece(building->altered, change->text + change->sent, shown);
}

static size_t until_next_change(const struct building *building, size_t len)
{
    const struct changes *changes = &building->altered->changes;
    if (building->next == changes->count)
        return len;
    size_t distance = changes->of[building->next].at - building->at;
    return distance < len ? distance : len;
}

static bool add_element(struct building *building, const char *base, size_t len, size_t left)
{
    while (len) {
        size_t n = building->over < len ? building->over : len;
        if (!n) {
            const unsigned before = building->next;
            if (!add_change(building, left))
                return false;
            if (building->next != before)
                continue;
            n = until_next_change(building, len);
            if (!add_piece(building->altered, base, n))
                return false;
        } else {
            building->over -= (uint32_t)n;
        }
        building->at += (uint32_t)n;
        base += n;
        len -= n;
        left -= n;
    }
    return true;
}

bool altered_build(struct altered *altered, const struct iovec *iov, size_t count)
{
    struct building building = {.altered = altered};
    size_t left = 0;
    altered->count = 0;
    for (size_t i = 0; i < count; i++)
        left += iov[i].iov_len;
    for (size_t i = 0; i < count; left -= iov[i++].iov_len)
        if (!add_element(&building, iov[i].iov_base, iov[i].iov_len, left))
            return false;
    return true;
}

size_t altered_sent(struct altered *altered, size_t sent)
{
    struct changes *changes = &altered->changes;
    size_t at = 0;
    for (unsigned i = 0; i < changes->count; i++) {
        struct change *change = &changes->of[i];
        size_t gap = change->at - at;
        if (sent <= gap)
            break;
        sent -= gap;
        at = change->at;
        size_t rest = change->len - change->sent, n = rest < sent ? rest : sent;
        change->sent += (uint32_t)n;
        sent -= n;
        if (change->cut)
            at += n;
        if (n < rest)
            return at;
    }
    return at + sent;
}

/* What has gone of a change that stands in for the caller's bytes is as good as never asked for. */
static bool is_done(struct change *change, size_t callers)
{
    if (change->sent == change->len)
        return true;
    if (change->cut) {
        change->text += change->sent;
        change->len -= change->sent;
        change->cut -= change->sent;
        change->at += change->sent;
        change->sent = 0;
    }
    return change->at < callers;
}

void altered_advance(struct altered *altered, size_t callers)
{
    struct changes *changes = &altered->changes;
    unsigned count = 0;
    for (unsigned i = 0; i < changes->count; i++) {
        struct change change = changes->of[i];
        if (is_done(&change, callers))
            continue;
        change.at -= (uint32_t)callers;
        changes->of[count++] = change;
    }
    changes->count = altered->kept = count;
}

void altered_keep(struct altered *altered, unsigned count)
{
    altered->changes.count = count;
}

struct slice altered_owed(const struct altered *altered)
{
    const struct change *first = altered->change;
    if (!altered->changes.count || first->cut || !first->sent || first->at)
        return (struct slice){NULL, 0};
    return (struct slice){first->text + first->sent, first->len - first->sent};
}
