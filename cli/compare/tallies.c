/*
 * tallies.c - how often each value of a line was seen, without the library and with it.
 *
 * Counted are the values that are unlike the reference's: in all other runs it was the reference's own. A value is known by its sum;
 * the few bytes of it that are kept are those around the place where it parts from the reference's.
 */
#include "tallies.h"

#include "statistics.h"

#include <string.h>
#include <sys/mman.h>

enum { SLOTS = 512, VALUES_MOST = 16, VALUES_FEW = 8, TEXT_LEN = 64, LEN_BEFORE = 16 };

/* Of a line that is nearly always the same without the library, each value counts, else only those of another shape. */
static const double nearly_always = 0.75, chance_least = 0.01;

struct value {
    uint64_t sum, shape;                   /* shape: the sum with all numbers alike */
    size_t runs[2];
    size_t begin, len;                     /* of the text in the line */
    char text[TEXT_LEN];
};

struct line_tally {
    size_t number;                         /* of the line, from 1; 0: the slot is free */
    size_t count;
    bool has_many;                         /* values: nothing can be said */
    struct value values[VALUES_MOST];
};

bool is_beyond_chance(double probability, size_t looked_at)
{
    return probability * (double)looked_at < chance_least;
}

/* ---- values ---- */

static uint64_t shape_of(struct view view)
{
    uint64_t shape = 14695981039346656037u;                /* FNV-1a */
    for (size_t i = 0; i < view.len; i++) {
        bool is_digit = view.bytes[i] >= '0' && view.bytes[i] <= '9';
        bool was_digit = i > 0 && view.bytes[i - 1] >= '0' && view.bytes[i - 1] <= '9';
        if (!is_digit || !was_digit)
            shape = (shape ^ (is_digit ? '0' : (unsigned char)view.bytes[i])) * 1099511628211u;
    }
    return shape;
}

static size_t text_begin(struct view reference, struct view view)
{
    size_t at = 0;
    while (at < view.len && at < reference.len && view.bytes[at] == reference.bytes[at])
        at++;
    size_t begin = at > LEN_BEFORE + 3 ? at - LEN_BEFORE : 0;
    for (int i = 0; i < 3 && begin > 0 && (view.bytes[begin] & 0xc0) == 0x80; i++)
        begin--;
    return begin > 0 ? begin - 1 : 0;
}

static struct view text_of(struct view line, size_t begin)
{
    size_t end = line.len - (line.len > 0 && line.bytes[line.len - 1] == '\n'), len = begin < end ? end - begin : 0;
    return (struct view){line.bytes + (len > 0 ? begin : 0), len < TEXT_LEN ? len : TEXT_LEN};
}

/* NULL: there is no room. */
static struct value *value_find(struct line_tally *tally, struct view reference, struct view view)
{
    uint64_t sum = bytes_sum(view.bytes, view.len);
    for (size_t i = 0; i < tally->count; i++)
        if (tally->values[i].sum == sum)
            return &tally->values[i];
    if (tally->count == VALUES_MOST)
        return NULL;
    struct value *value = &tally->values[tally->count++];
    *value = (struct value){.sum = sum, .shape = shape_of(view), .begin = text_begin(reference, view)};
    struct view text = text_of(view, value->begin);
    value->len = text.len;
    memcpy(value->text, text.bytes, text.len);
    return value;
}

/* ---- counting ---- */

static bool tallies_have_room(struct tallies *tallies)
{
    if (tallies->lines == NULL) {
        void *lines = mmap(NULL, SLOTS * sizeof *tallies->lines, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        tallies->lines = lines != MAP_FAILED ? lines : NULL;
    }
    return tallies->lines != NULL;
}

/* The slot of a line, or the free one that it is to have. There always is one. */
static struct line_tally *tally_slot(const struct tallies *tallies, size_t line)
{
    size_t at = line * 2654435761u % SLOTS;
    while (tallies->lines[at].number != 0 && tallies->lines[at].number != line + 1)
        at = (at + 1) % SLOTS;
    return &tallies->lines[at];
}

/* NULL: there is no room. */
static struct line_tally *tally_get(struct tallies *tallies, size_t line)
{
    struct line_tally *tally = tally_slot(tallies, line);
    if (tally->number == 0 && tallies->lines_count == LINES_JUDGED)
        return NULL;
    tallies->lines_count += tally->number == 0;
    tally->number = line + 1;
    return tally;
}

static void tally_add(struct line_tally *tally, bool is_instrumented, struct view reference, struct view view)
{
    struct value *value = value_find(tally, reference, view);
    size_t without = 1;
    if (value != NULL)
        value->runs[is_instrumented]++;
    for (size_t i = 0; i < tally->count; i++)
        without += tally->values[i].runs[false] > 0;
    tally->has_many |= without > VALUES_FEW || (value == NULL && !is_instrumented);
}

void tallies_add(struct tallies *tallies, bool is_instrumented, struct view reference, struct view view)
{
    tallies->runs[is_instrumented]++;
    for (size_t line = 0; reference.len > 0 && view.len > 0; line++) {
        struct view expected = line_take(&reference), got = line_take(&view);
        if (views_equal(expected, got) || !tallies_have_room(tallies))
            continue;
        struct line_tally *tally = tally_get(tallies, line);
        if (tally != NULL && !tally->has_many)
            tally_add(tally, is_instrumented, expected, got);
    }
}

void tallies_finish(struct tallies *tallies)
{
    if (tallies->lines != NULL)
        munmap(tallies->lines, SLOTS * sizeof *tallies->lines);
    *tallies = (struct tallies){0};
}

/* ---- judging ---- */

/* All values of a line, the reference's last. */
struct counts {
    size_t count;
    const struct value *values[VALUES_MOST + 1];
    struct value reference;
};

static void counts_make(struct counts *counts, const struct tallies *tallies, const struct line_tally *tally, struct view line)
{
    *counts = (struct counts){.count = tally->count + 1};
    counts->reference = (struct value){.shape = shape_of(line), .runs = {tallies->runs[false], tallies->runs[true]}};
    for (size_t i = 0; i < tally->count; i++) {
        counts->values[i] = &tally->values[i];
        for (int side = 0; side < 2; side++)
            counts->reference.runs[side] -= tally->values[i].runs[side];
    }
    counts->values[tally->count] = &counts->reference;
}

/* Of those that are not `but`, the one that is most often there without the library. */
static const struct value *counts_most(const struct counts *counts, const struct value *but)
{
    const struct value *most = NULL;
    for (size_t i = 0; i < counts->count; i++)
        if (counts->values[i] != but && (most == NULL || counts->values[i]->runs[false] > most->runs[false]))
            most = counts->values[i];
    return most;
}

/* Whether the line varies without the library, and has few values for so many runs. */
static bool counts_may_be_judged(const struct counts *counts, size_t runs)
{
    size_t without = 0;
    for (size_t i = 0; i < counts->count; i++)
        without += counts->values[i]->runs[false] > 0;
    return without > 1 && without * 3 <= runs;
}

/* The runs in which this value was seen, or one of its shape. */
static void counts_of(const struct counts *counts, const struct value *value, bool by_shape, size_t runs[2])
{
    runs[false] = runs[true] = 0;
    for (size_t i = 0; i < counts->count; i++)
        if (counts->values[i] == value || (by_shape && counts->values[i]->shape == value->shape))
            for (int side = 0; side < 2; side++)
                runs[side] += counts->values[i]->runs[side];
}

struct judgement {
    double least;                          /* probability */
    size_t looked_at;
    size_t runs[2];
    bool is_by_shape;
    const struct line_tally *tally;
    size_t value;                          /* of `tally`; tally->count: the reference's */
};

static void line_judge(struct judgement *judgement, const struct tallies *tallies, const struct line_tally *tally, struct view line)
{
    struct counts counts;
    counts_make(&counts, tallies, tally, line);
    if (!counts_may_be_judged(&counts, tallies->runs[false]))
        return;
    bool by_shape = (double)counts_most(&counts, NULL)->runs[false] < nearly_always * (double)tallies->runs[false];
    for (size_t i = 0; i < counts.count; i++) {
        size_t runs[2];
        counts_of(&counts, counts.values[i], by_shape, runs);
        double chance = chance_of_more(runs[true], tallies->runs[true], runs[false], tallies->runs[false]);
        judgement->looked_at++;
        if (counts.values[i]->runs[true] == 0 || chance >= judgement->least)
            continue;
        judgement->least = chance;
        judgement->tally = tally;
        judgement->value = i;
        judgement->is_by_shape = by_shape;
        memcpy(judgement->runs, runs, sizeof runs);
    }
}

static struct view value_text(const struct value *value)
{
    return (struct view){value->text, value->len};
}

/* One of the two may be the reference's, of which no text is kept: it is cut where the other one is. */
static void excess_make(struct excess *excess, const struct judgement *judgement, const struct tallies *tallies, struct view line)
{
    struct counts counts;
    counts_make(&counts, tallies, judgement->tally, line);
    const struct value *with = counts.values[judgement->value], *without = counts_most(&counts, with);
    size_t begin = with != &counts.reference ? with->begin : without->begin;
    *excess = (struct excess){.line = judgement->tally->number - 1, .is_cut = begin > 0, .is_digits_aside = judgement->is_by_shape};
    memcpy(excess->runs, judgement->runs, sizeof excess->runs);
    excess->with = with != &counts.reference ? value_text(with) : text_of(line, begin);
    excess->without = without != &counts.reference ? value_text(without) : text_of(line, begin);
}

bool tallies_judge(const struct tallies *tallies, struct view reference, struct excess *excess)
{
    struct judgement judgement = {.least = 1};
    struct view found = {0};
    for (size_t line = 0; tallies->lines != NULL && reference.len > 0; line++) {
        struct view expected = line_take(&reference);
        const struct line_tally *tally = tally_slot(tallies, line), *before = judgement.tally;
        if (tally->number != 0 && !tally->has_many)
            line_judge(&judgement, tallies, tally, expected);
        if (judgement.tally != before)
            found = expected;
    }
    if (judgement.tally == NULL || !is_beyond_chance(judgement.least, judgement.looked_at))
        return false;
    excess_make(excess, &judgement, tallies, found);
    return true;
}
