/* command_span.h - the meaning of a process's whole life: name, status and attributes by the conventions for CLI programs
 * (OpenTelemetry semantic conventions 1.44.0, "Semantic conventions for CLI (command line interface) programs").
 *
 * Threads: ours. Memory: writes into the caller's list and text.
 */
#ifndef COMMAND_SPAN_H
#define COMMAND_SPAN_H

#include "attributes.h"
#include "facts.h"

/* The span's name: that of the executable. */
struct slice command_span_name(const struct facts *facts);

/* Whether the span's status is ERROR. */
bool command_span_is_error(const struct span_record *record);

/* All attributes. */
void command_span_attributes(const struct facts *facts, struct attributes *list);

#endif
