/* facts.h - the facts of a record, each in its place: looked for once, asked for many times. */
#ifndef FACTS_H
#define FACTS_H

#include "span.h"

/* Of each key the first. Of one that may come several times the record has the others. */
struct facts {
    const struct span_record *record;
    uint32_t present;             /* a bit for each key: the others' texts hold nothing */
    struct slice text[FACT_KEYS];
};

static inline bool facts_have(const struct facts *facts, enum fact_key key)
{
    return facts->present >> key & 1;
}

/* `ptr` NULL where there is none. */
static inline struct slice facts_find(const struct facts *facts, enum fact_key key)
{
    return facts_have(facts, key) ? facts->text[key] : (struct slice){NULL, 0};
}

static inline void facts_take(struct facts *facts, const struct span_record *record)
{
    enum fact_key key;
    struct slice text;
    facts->record = record;
    facts->present = 0;
    for (size_t at = 0; span_next_fact(record, &at, &key, &text);) {
        if (key >= FACT_KEYS || facts_have(facts, key))
            continue;
        facts->present |= 1u << key;
        facts->text[key] = text;
    }
}

#endif
