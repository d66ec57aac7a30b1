/*
 * environment.c - the environment variables that put a program under the library, and lead its traces to a place.
 *
 * A variable for traces alone beats the general one (OpenTelemetry's OTLP exporter configuration), so where the general
 * one is set the other goes.
 */
#include "environment.h"

#include "buffer.h"
#include "helpers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ld.so(8): entries are separated by spaces or colons. */
static const char separators[] = ": ";

void environment_preload(const char *library, bool has_helpers)
{
    const char *present = getenv("LD_PRELOAD");
    struct buffer value = {0};
    buffer_append_text(&value, library);
    if (present != NULL && present[0] != '\0')
        buffer_append_format(&value, ":%s", present);
    setenv("LD_PRELOAD", value.bytes, 1);
    buffer_finish(&value);
    if (has_helpers)
        helpers_set(library);
}

void environment_set_endpoint(const char *url)
{
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url, 1);
    unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
}

/* What leads traces to a place, and what it is set to then. */
static const struct {
    const char *name, *value;
} of_receiver[] = {
    {"OTEL_TRACES_EXPORTER", "otlp"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT", NULL},
    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", NULL},
    {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
    {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", NULL},
    {"OTEL_EXPORTER_OTLP_COMPRESSION", NULL},
    {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", NULL},
};

char *environment_set_aside(void)
{
    struct buffer names = {0};
    for (size_t i = 0; i < sizeof of_receiver / sizeof *of_receiver; i++) {
        const char *value = getenv(of_receiver[i].name);
        bool stays = value == NULL || (of_receiver[i].value != NULL && strcmp(value, of_receiver[i].value) == 0);
        if (!stays)
            buffer_append_format(&names, "%s%s", names.len > 0 ? ", " : "", of_receiver[i].name);
    }
    return names.bytes;
}

void environment_set_receiver(int port)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    for (size_t i = 0; i < sizeof of_receiver / sizeof *of_receiver; i++)
        if (of_receiver[i].value != NULL)
            setenv(of_receiver[i].name, of_receiver[i].value, 1);
        else
            unsetenv(of_receiver[i].name);
    environment_set_endpoint(url);
}

static bool entry_is_library(const char *entry, size_t len)
{
    return memmem(entry, len, "libspanload", strlen("libspanload")) != NULL;
}

void environment_leave_library(char **arguments)
{
    const char *preload = getenv("LD_PRELOAD");
    if (preload == NULL || !entry_is_library(preload, strlen(preload)))
        return;
    struct buffer rest = {0};
    while (*preload != '\0') {
        size_t len = strcspn(preload, separators);
        if (len > 0 && !entry_is_library(preload, len)) {
            buffer_append_text(&rest, rest.len > 0 ? ":" : "");
            buffer_append(&rest, preload, len);
        }
        preload += len + strspn(preload + len, separators);
    }
    helpers_unset();
    if (rest.len > 0 ? setenv("LD_PRELOAD", rest.bytes, 1) == 0 : unsetenv("LD_PRELOAD") == 0)
        execv("/proc/self/exe", arguments);
    buffer_finish(&rest);
}
