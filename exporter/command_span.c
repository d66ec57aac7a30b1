/* command_span.c - the meaning of a process's whole life. See command_span.h.
 *
 * The span is the program's own view of itself. Its arguments are not written: they may hold secrets. A status that nobody
 * told is left out, though the conventions require it.
 */
#include "command_span.h"

#include "config.h"
#include "executable.h"
#include "system.h"

static struct slice find_path(const struct facts *facts)
{
    return executable_path(facts_find(facts, FACT_EXECUTABLE_PATH));
}

/* Where there is no /proc, as it was called. */
struct slice command_span_name(const struct facts *facts)
{
    struct slice name = executable_name(find_path(facts));
    if (!name.len)
        name = executable_name(slice_of(process_command));
    return name.len ? name : SLICE("unknown");
}

bool command_span_is_error(const struct span_record *record)
{
    return record->has_exit_status && record->status != 0;
}

static void write_outcome(const struct span_record *record, struct attributes *list)
{
    char digits[5];
    struct text text = TEXT(digits);
    if (!record->has_exit_status)
        return;
    attributes_number(list, "process.exit.code", record->status);
    text_number(&text, record->status);
    if (command_span_is_error(record))
        attributes_text(list, "error.type", text_as_slice(&text));
}

void command_span_attributes(const struct facts *facts, struct attributes *list)
{
    struct slice path = find_path(facts);
    attributes_expect(list);
    attributes_text(list, "process.executable.name", command_span_name(facts));
    if (path.len)
        attributes_text(list, "process.executable.path", path);
    attributes_number(list, "process.pid", (uint64_t)system(getpid));
    write_outcome(facts->record, list);
    attributes_end(list);
}
