/* sdk.c - another tracer in this process. See sdk.h. */
#include "sdk.h"

#include "config.h"
#include "system.h"

#include <fcntl.h>
#include <stdatomic.h>

/* What loads one from outside: opentelemetry-instrument, the packages of Node, the Java agent, .NET, Ruby, and the Kubernetes
 * operator. A variable is inherited by programs that it says nothing to: it counts in those whose names begin so. */
static const struct {
    const char *variable; /* NULL: an argument */
    struct slice part;
    struct slice programs;
} loaders[] = {
    {"PYTHONPATH=", SLICE("opentelemetry/instrumentation/auto_instrumentation"), SLICE("python pypy uwsgi")},
    {"NODE_OPTIONS=", SLICE("@opentelemetry/"), SLICE("node")},
    {"NODE_OPTIONS=", SLICE("/otel-auto-instrumentation"), SLICE("node")},
    {NULL, SLICE("@opentelemetry/auto-instrumentations-node"), SLICE("node")},
    {"JAVA_TOOL_OPTIONS=", SLICE("opentelemetry-javaagent"), SLICE("java jsvc")},
    {"JAVA_TOOL_OPTIONS=", SLICE("/otel-auto-instrumentation"), SLICE("java jsvc")},
    {"JDK_JAVA_OPTIONS=", SLICE("opentelemetry-javaagent"), SLICE("java")},
    {NULL, SLICE("opentelemetry-javaagent"), SLICE("java jsvc")},
    {"CORECLR_PROFILER_PATH=", SLICE("OpenTelemetry.AutoInstrumentation"), SLICE("")}, /* its programs have names of their own */
    {"RUBYOPT=", SLICE("opentelemetry"), SLICE("ruby")},
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

static struct slice base_name(struct slice path)
{
    for (size_t n; (n = slice_find(path, '/')) < path.len;)
        path = slice_after(path, n + 1);
    return path;
}

static bool is_for(struct slice program, struct slice programs)
{
    struct slice name;
    while (slice_next(&programs, ' ', &name))
        if (slice_starts_with(program, name))
            return true;
    return false;
}

/* Its beginning: whatever loads an agent stands before the program's own arguments. */
static struct slice read_arguments(void)
{
    static char arguments[4096];
    long fd = system(openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    long len = fd >= 0 ? system(read, fd, arguments, sizeof arguments) : 0;
    if (fd >= 0)
        system(close, fd);
    return (struct slice){arguments, len > 0 ? (size_t)len : 0};
}

static bool is_in_environment(char *const *envp, struct slice variable, struct slice part)
{
    for (; *envp; envp++)
        if (slice_starts_with(slice_of(*envp), variable) && contains(slice_after(slice_of(*envp), variable.len), part))
            return true;
    return false;
}

void sdk_start(const char *program, char *const *envp)
{
    struct slice name = base_name(slice_of(program));
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders && !is_loaded; i++) {
        if (!is_for(name, loaders[i].programs))
            continue;
        is_loaded = loaders[i].variable ? is_in_environment(envp, slice_of(loaders[i].variable), loaders[i].part)
                                        : contains(read_arguments(), loaders[i].part);
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

static bool is_otlp(struct slice target)
{
    static const struct slice paths[] = {SLICE("/v1/traces"), SLICE("/v1/metrics"), SLICE("/v1/logs")};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (target.len >= paths[i].len && slice_equals(slice_after(target, target.len - paths[i].len), paths[i]))
            return true;
    return false;
}

/* OTLP/HTTP's paths, and the User-Agent of the SDKs' own exporters ("OpenTelemetry Protocol Exporter", User Agent). What a
 * proxy passes on names its request by our header, and is not asked about here. */
bool sdk_is_exporting(const struct message *request)
{
    bool is_to_otlp = false, is_by_exporter = is_present();
    for (size_t i = 0; i < request->fact_count; i++) {
        is_to_otlp |= request->facts[i].key == FACT_TARGET && is_otlp(request->facts[i].text);
        is_by_exporter |= request->facts[i].key == FACT_USER_AGENT && contains(request->facts[i].text, SLICE("OTel-OTLP-"));
    }
    return is_to_otlp && is_by_exporter;
}
