/* exporter_state.h - what the application's threads want of ours just now (include/exporter.h), as questions.
 *
 * Threads: ours.
 */
#ifndef EXPORTER_STATE_H
#define EXPORTER_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* Our thread is to stop, or a flush has used up its time: give up what is under way. A stop is let wait a moment for an
 * answer. */
bool exporter_is_interrupted(void);

/* Somebody waits for everything to be out. */
bool exporter_is_ending(void);

/* A batch is on its way: sleeps until the next one is full, or for as long as an answer may take anyway. */
void exporter_rest(uint64_t deadline_ns);

/* Sleeps until then; true when it was cut short by a stop or a flush. */
bool exporter_pause_until(uint64_t until_ns);

#endif
