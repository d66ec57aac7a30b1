/* outgoing.c - copies of what must be seen. See outgoing.h. */
#include "outgoing.h"

#include "counters.h"
#include "pool.h"
#include "readable.h"
#include "thread.h"

#define COPIES_MAX OUTGOING_PARTS /* of one call: a head of 64 kB. What lies behind them is not seen. */
#define SKIP_WORTH 256    /* bytes that may pass unseen and are worth it; fewer are copied with their neighbours */
#define VECTOR_MAX 1024   /* IOV_MAX: a vector that is longer is not sent */

static struct pool copies = {.block_size = (sizeof(struct sent_copy) + 15) / 16 * 16, .blocks_per_chunk = 16, .max_chunks = 256};

/* The copy last given back by the one thread that has a stripe for itself: most calls need one. */
static struct {
    _Alignas(64) _Atomic uintptr_t copy;
} spares[COUNTER_STRIPES];

static struct sent_copy *take(void)
{
    unsigned stripe = thread_stripe();
    return pool_take_spare(&copies, stripe, &spares[stripe].copy);
}

static void give(struct sent_copy *copy)
{
    unsigned stripe = thread_stripe();
    pool_give_spare(&copies, stripe, &spares[stripe].copy, copy);
}

/* Copies being made. */
struct copying {
    struct sent_copy *first;
    struct sent_copy **next; /* where the next one is hung in */
    struct sent_copy *last;  /* the one that is filled; or NULL */
    unsigned count;
    uint32_t taken;          /* bytes of the last one that the look ahead has understood */
    uint64_t skipped;        /* before the next one */
    struct ahead *ahead;     /* or NULL */
};

static bool copy_begin(struct copying *copying)
{
    struct sent_copy *copy = copying->count < COPIES_MAX ? take() : NULL;
    if (!copy)
        return false;
    copy->len = 0;
    copy->next = NULL;
    copy->skipped = copying->skipped;
    *copying->next = copy;
    copying->next = &copy->next;
    copying->last = copy;
    copying->count++;
    copying->taken = 0;
    copying->skipped = 0;
    return true;
}

/* How many of the next `len` bytes pass unseen. */
static size_t copy_skip(struct copying *copying, size_t len)
{
    struct ahead *ahead = copying->ahead;
    bool is_understood = !copying->last || copying->taken == copying->last->len;
    if (!ahead || ahead->blind || !is_understood || ahead->stream.skip < SKIP_WORTH || len < SKIP_WORTH)
        return 0;
    size_t n = len < ahead->stream.skip ? len : (size_t)ahead->stream.skip;
    ahead_skip(ahead, n);
    copying->skipped += n;
    copying->last = NULL;
    return n;
}

/* Has the look ahead understand what was just copied. */
static void copy_understand(struct copying *copying)
{
    struct sent_copy *copy = copying->last;
    if (!copying->ahead)
        return;
    copying->taken += (uint32_t)ahead_take(copying->ahead, (struct slice){copy->bytes + copying->taken, copy->len - copying->taken});
    if (copy->len == OUTGOING_COPY && copying->taken < OUTGOING_COPY)
        copying->ahead->blind = true; /* a unit that is larger than a copy */
}

/* Copies the next of `len` bytes: how many. 0: there is no more room, or they cannot be read. */
static size_t copy_some(struct copying *copying, const char *base, size_t len)
{
    if ((!copying->last || copying->last->len == OUTGOING_COPY) && !copy_begin(copying))
        return 0;
    struct sent_copy *copy = copying->last;
    size_t n = OUTGOING_COPY - copy->len < len ? OUTGOING_COPY - copy->len : len;
    if (copying->ahead && n > SKIP_WORTH)
        n = SKIP_WORTH; /* what follows may not be worth it */
    if (!readable(base, n))
        return 0;
    memcpy(copy->bytes + copy->len, base, n);
    copy->len += (uint32_t)n;
    copy_understand(copying);
    return n;
}

static bool copy_element(struct copying *copying, const char *base, size_t len)
{
    while (len) {
        size_t n = copy_skip(copying, len);
        if (!n && (n = copy_some(copying, base, len)) == 0)
            return false;
        base += n;
        len -= n;
    }
    return true;
}

/* The kernel reads all of it first, so where a part cannot be read nothing is sent. */
static bool can_be_sent(const struct iovec *iov, size_t count)
{
    return count <= VECTOR_MAX && readable(iov, count * sizeof *iov);
}

static bool copy_vector(struct copying *copying, const struct iovec *iov, size_t count)
{
    if (!can_be_sent(iov, count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!copy_element(copying, iov[i].iov_base, iov[i].iov_len))
            return false;
    return true;
}

/* The vector of each message in turn. */
static bool next_vector(const struct outgoing *outgoing, size_t *at, const struct iovec **iov, size_t *count)
{
    if (*at >= (outgoing->messages ? outgoing->count : 1) || *at >= VECTOR_MAX)
        return false;
    if (outgoing->messages && !readable(&outgoing->messages[*at], sizeof *outgoing->messages))
        return false;
    *iov = outgoing->messages ? outgoing->messages[*at].msg_hdr.msg_iov : outgoing->iov;
    *count = outgoing->messages ? outgoing->messages[*at].msg_hdr.msg_iovlen : outgoing->count;
    (*at)++;
    return true;
}

static uint64_t length_of(const struct iovec *iov, size_t count)
{
    uint64_t length = 0;
    if (!can_be_sent(iov, count))
        return 0;
    for (size_t i = 0; i < count; i++)
        length += iov[i].iov_len;
    return length;
}

uint64_t outgoing_length(const struct outgoing *outgoing)
{
    const struct iovec *iov;
    uint64_t length = 0;
    size_t count;
    for (size_t at = 0; next_vector(outgoing, &at, &iov, &count);)
        length += length_of(iov, count);
    return length;
}

struct sent_copy *outgoing_copy(const struct outgoing *outgoing, struct ahead *ahead)
{
    struct copying copying = {.next = &copying.first, .ahead = ahead};
    const struct iovec *iov;
    size_t count;
    for (size_t at = 0; next_vector(outgoing, &at, &iov, &count) && copy_vector(&copying, iov, count);)
        ;
    return copying.first;
}

void outgoing_give(struct sent_copy *copy)
{
    for (struct sent_copy *next; copy; copy = next) {
        next = copy->next;
        give(copy);
    }
}

void outgoing_bytes(const struct sent_copy *copy, struct outgoing_bytes *bytes)
{
    bytes->skipped = copy->skipped;
    bytes->count = 0;
    do
        bytes->part[bytes->count++] = (struct slice){copy->bytes, copy->len};
    while ((copy = copy->next) != NULL && !copy->skipped && bytes->count < OUTGOING_PARTS);
}
