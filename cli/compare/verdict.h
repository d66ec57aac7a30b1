/*
 * verdict.h - what may be said of a comparison, in sentences.
 *
 * Decided here and nowhere else; the reports only print it.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "comparison.h"

/* Of a comparison whose measures are worked out: its sentences, whether it is over the limit, and whether something came out different. */
void verdicts_tell(struct comparison *comparison);

#endif
