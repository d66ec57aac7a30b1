/* test_command_span.c - what the life of a process means: name, status and attributes, each expectation beside its facts. */
#include <criterion/criterion.h>

#include "command_span.h"
#include "config.h"
#include "otlp_json.h"
#include "support_span.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { UNKNOWN = -1 };

static const struct row {
    const char *path; /* NULL: not known */
    int status;
    const char *name;
    const char *path_written; /* NULL: none */
    const char *error_type;   /* NULL: no error */
} rows[] = {
    {"/usr/bin/true", 0, "true", "/usr/bin/true", NULL},
    {"/usr/bin/false", 1, "false", "/usr/bin/false", "1"},
    {"/opt/a b/\"tool\"", 255, "\"tool\"", "/opt/a b/\"tool\"", "255"},
    {"/usr/bin/tool (deleted)", 3, "tool", "/usr/bin/tool", "3"},
    {"/memfd:copy (deleted)", 0, "memfd:copy", "/memfd:copy", NULL},
    {"/usr/bin/true", UNKNOWN, "true", "/usr/bin/true", NULL},
    {NULL, 2, "called", NULL, "2"},
};

static struct span_record *record_of(const struct row *row)
{
    struct span_record *record = span_new(SPAN_INTERNAL);
    record->protocol = SPAN_COMMAND;
    record->has_exit_status = row->status != UNKNOWN;
    record->status = row->status != UNKNOWN ? (uint16_t)row->status : 0;
    if (row->path)
        span_add_string(record, FACT_EXECUTABLE_PATH, row->path);
    return span_exact(record);
}

static void no_limits(void)
{
    config.attribute_count_limit = config.attribute_value_length_limit = CONFIG_NO_LIMIT;
    strcpy(process_command, "./bin/called");
}

TestSuite(command_span, .init = no_limits);

static void check_text(size_t i, const char *found, const char *expected)
{
    cr_expect(expected ? found && strcmp(found, expected) == 0 : !found, "row %zu: %s is not %s", i, found, expected);
}

static void check_attributes(size_t i, const struct row *row, const cJSON *span)
{
    const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(span, "attributes");
    char number[16];
    snprintf(number, sizeof number, "#%d", row->status);
    check_text(i, attribute_of(attributes, "process.executable.name"), row->name);
    check_text(i, attribute_of(attributes, "process.executable.path"), row->path_written);
    check_text(i, attribute_of(attributes, "process.exit.code"), row->status == UNKNOWN ? NULL : number);
    check_text(i, attribute_of(attributes, "error.type"), row->error_type);
    snprintf(number, sizeof number, "#%d", getpid());
    check_text(i, attribute_of(attributes, "process.pid"), number);
}

Test(command_span, says_what_the_conventions_for_cli_programs_ask_for)
{
    static char room[1 << 16];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span_record *record = record_of(&rows[i]);
        struct text text = TEXT(room);
        cr_assert(otlp_json_span(&text, record, 0, true));
        cJSON *span = json_checked(text_as_slice(&text));
        const cJSON *status = cJSON_GetObjectItemCaseSensitive(span, "status");
        check_text(i, cJSON_GetObjectItemCaseSensitive(span, "name")->valuestring, rows[i].name);
        cr_expect_eq(cJSON_GetObjectItemCaseSensitive(span, "kind")->valueint, 1);
        cr_expect_eq(status != NULL, rows[i].error_type != NULL, "row %zu", i);
        check_attributes(i, &rows[i], span);
        cJSON_Delete(span);
        free(record);
    }
}

Test(command_span, keeps_to_the_limits)
{
    static char room[1 << 16];
    struct span_record *record = record_of(&rows[1]);
    struct text text = TEXT(room);
    config.attribute_count_limit = 2;
    config.attribute_value_length_limit = 4;
    cr_assert(otlp_json_span(&text, record, 0, true));
    cJSON *span = json_checked(text_as_slice(&text));
    cr_expect_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(span, "attributes")), 2);
    cr_expect_eq(cJSON_GetObjectItemCaseSensitive(span, "droppedAttributesCount")->valueint, 3);
    check_text(0, attribute_of(cJSON_GetObjectItemCaseSensitive(span, "attributes"), "process.executable.name"), "fals");
    cJSON_Delete(span);
    free(record);
}
