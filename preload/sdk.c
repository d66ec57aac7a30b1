/* sdk.c - another tracer in this process. See sdk.h. */
#include "sdk.h"

#include "config.h"

#include <stdatomic.h>

/* What loads one from outside: opentelemetry-instrument, --require of the Node packages, the Java agent, .NET, Ruby. */
static const struct {
    const char *variable;
    struct slice part;
} loaders[] = {
    {"PYTHONPATH=", SLICE("opentelemetry/instrumentation/auto_instrumentation")},
    {"NODE_OPTIONS=", SLICE("@opentelemetry/")},
    {"JAVA_TOOL_OPTIONS=", SLICE("opentelemetry-javaagent")},
    {"CORECLR_PROFILER_PATH=", SLICE("OpenTelemetry.AutoInstrumentation")},
    {"RUBYOPT=", SLICE("opentelemetry")},
};

static bool is_loaded;
static _Atomic bool saw_ours, saw_other;

static bool contains(struct slice text, struct slice part)
{
    for (; text.len >= part.len; text = slice_after(text, 1))
        if (memcmp(text.ptr, part.ptr, part.len) == 0)
            return true;
    return false;
}

void sdk_start(char *const *envp)
{
    for (; *envp; envp++)
        for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++) {
            struct slice entry = slice_of(*envp), variable = slice_of(loaders[i].variable);
            is_loaded |= slice_starts_with(entry, variable) && contains(slice_after(entry, variable.len), loaders[i].part);
        }
}

static bool is_present(void)
{
    return is_loaded || (atomic_load_explicit(&saw_other, memory_order_relaxed) && !atomic_load_explicit(&saw_ours, memory_order_relaxed));
}

bool sdk_has_precedence(void)
{
    return config.with_sdk == SDK_STANDDOWN && is_present();
}

/* Who passes ours on has not made a span of its own between. */
void sdk_saw_ours(void)
{
    atomic_store_explicit(&saw_ours, true, memory_order_relaxed);
}

void sdk_saw_other(void)
{
    atomic_store_explicit(&saw_other, true, memory_order_relaxed);
}

/* OTLP/HTTP's paths. */
bool sdk_is_exporting(const struct message *request)
{
    static const struct slice paths[] = {SLICE("/v1/traces"), SLICE("/v1/metrics"), SLICE("/v1/logs")};
    if (!is_present())
        return false;
    for (size_t i = 0; i < request->fact_count; i++)
        for (size_t path = 0; request->facts[i].key == FACT_TARGET && path < sizeof paths / sizeof *paths; path++) {
            struct slice target = request->facts[i].text;
            if (target.len >= paths[path].len && slice_equals(slice_after(target, target.len - paths[path].len), paths[path]))
                return true;
        }
    return false;
}
