/* resource.c - who makes these spans: the resource of OTLP, as JSON.
 *
 * What the environment says comes before what is detected, key by key. What cannot be found out is left out; only
 * service.name has a value in any case. Command lines, the environment and the working directory are never looked at:
 * they may hold secrets. The files are read here, what they say is worked out in system_files.c and container_id.c.
 */
#include "resource.h"

#include "attributes.h"
#include "clock.h"
#include "config.h"
#include "container_id.h"
#include "executable.h"
#include "file.h"
#include "notice.h"
#include "resource_attributes.h"
#include "system.h"
#include "system_files.h"
#include "utc_time.h"
#include "version.h"

#include <fcntl.h>
#include <sys/utsname.h>

#if defined(__x86_64__)
#define HOST_ARCH "amd64"
#elif defined(__aarch64__)
#define HOST_ARCH "arm64"
#endif

enum {
    VALUE_MAX = 1024,         /* characters of a detected value: whatever a path holds, the resource stays small */
    TICK_NS = 1000000000 / 100 /* of proc(5); 100 Hz on both architectures */
};

/* Too large for our stack, and used by our thread alone. */
static char file_buffer[64 * 1024];
static char exe_buffer[4096];
static struct utsname host;
static struct resource_attributes given; /* by OTEL_RESOURCE_ATTRIBUTES */

static const struct slice absent = {NULL, 0};

static struct slice read_system_file(const char *path)
{
    return file_read(path, file_buffer, sizeof file_buffer);
}

/* --- a detected attribute, unless the environment has one of that name ----------------------------------------------- */

static bool is_given(const char *key)
{
    return resource_attributes_find(&given, slice_of(key)).ptr != NULL;
}

static void write_text(struct attributes *list, const char *key, struct slice value)
{
    if (value.len && !is_given(key))
        attributes_pair(list, slice_of(key), value);
}

/* --- service --------------------------------------------------------------------------------------------------------- */

/* Where /proc/self/exe leads; ptr NULL when it cannot be read. */
static struct slice find_executable(void)
{
    long len = system(readlinkat, AT_FDCWD, "/proc/self/exe", exe_buffer, sizeof exe_buffer);
    return len > 0 ? executable_path((struct slice){exe_buffer, (size_t)len}) : absent;
}

static void write_service(struct attributes *list, struct slice executable, const char *instance_id)
{
    char unknown[sizeof "unknown_service:" + 255];
    struct text fallback = TEXT(unknown);
    struct slice name = config.service_name;
    if (!name.len)
        name = resource_attributes_find(&given, SLICE("service.name"));
    if (!name.len) {
        text_literal(&fallback, "unknown_service");
        if (executable.len) {
            text_char(&fallback, ':');
            text_slice(&fallback, executable_name(executable));
        }
        name = text_as_slice(&fallback);
    }
    attributes_text(list, "service.name", name);
    write_text(list, "service.instance.id", slice_of(instance_id));
}

/* --- process --------------------------------------------------------------------------------------------------------- */

static void write_creation_time(struct attributes *list)
{
    char date[32];
    struct text text = TEXT(date);
    uint64_t ticks;
    if (!stat_start_ticks(read_system_file("/proc/self/stat"), &ticks))
        return;
    uint64_t system_started_ns = clock_now(CLOCK_REALTIME) - clock_now(CLOCK_BOOTTIME);
    utc_time_append(&text, system_started_ns + ticks * TICK_NS);
    write_text(list, "process.creation.time", text_as_slice(&text));
}

static void write_process(struct attributes *list, struct slice executable)
{
    if (!is_given("process.pid"))
        attributes_number(list, "process.pid", (uint64_t)system(getpid));
    write_creation_time(list);
    write_text(list, "process.owner", passwd_user(read_system_file("/etc/passwd"), (uint32_t)system(geteuid)));
    write_text(list, "process.executable.name", executable_name(executable));
    write_text(list, "process.executable.path", executable);
    write_text(list, "process.command", slice_of(process_command));
}

/* --- container, host, os --------------------------------------------------------------------------------------------- */

/* Writes container.id where it can be told. Returns whether there is a container at all. */
static bool write_container(struct attributes *list)
{
    struct slice id = container_id_of_cgroup(read_system_file("/proc/self/cgroup"));
    bool is_inside = id.ptr || file_exists("/.dockerenv") || file_exists("/run/.containerenv");
    write_text(list, "container.id", id);
    if (id.ptr)
        return true;
    struct slice mounts = read_system_file("/proc/self/mountinfo");
    id = container_id_of_mounts(mounts);
    write_text(list, "container.id", id);
    return is_inside || id.ptr || container_is_around(mounts);
}

static void write_host(struct attributes *list, bool in_container)
{
    if (system(uname, &host) == 0)
        write_text(list, "host.name", slice_of(host.nodename));
    write_text(list, "host.arch", SLICE(HOST_ARCH));
    if (in_container) /* the file, if any, is that of the image: many hosts would have the same id */
        return;
    struct slice id = machine_id(read_system_file("/etc/machine-id"));
    if (!id.ptr)
        id = machine_id(read_system_file("/var/lib/dbus/machine-id"));
    write_text(list, "host.id", id);
}

static void write_os(struct attributes *list)
{
    static const struct {
        const char *key, *name;
    } rows[] = {{"os.name", "NAME"}, {"os.version", "VERSION_ID"}, {"os.description", "PRETTY_NAME"}};
    struct slice release = read_system_file("/etc/os-release");
    if (!release.ptr)
        release = read_system_file("/usr/lib/os-release");
    write_text(list, "os.type", SLICE("linux"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char value[256];
        struct text text = TEXT(value);
        if (os_release_append(&text, release, slice_of(rows[i].name)))
            write_text(list, rows[i].key, text_as_slice(&text));
    }
}

/* --- all of it ------------------------------------------------------------------------------------------------------- */

static void write_given(struct attributes *list)
{
    list->value_length_limit = UINT32_MAX;
    for (size_t i = 0; i < given.count; i++)
        if (!slice_equals(given.list[i].key, SLICE("service.name"))) /* written already, by whoever named it */
            attributes_pair(list, given.list[i].key, given.list[i].value);
}

static void write_all(struct text *out, const char *instance_id)
{
    struct attributes list = {.out = out, .count_limit = UINT32_MAX, .value_length_limit = VALUE_MAX};
    struct slice executable = find_executable();
    text_literal(out, "\"resource\":{\"attributes\":[");
    write_service(&list, executable, instance_id);
    write_text(&list, "telemetry.sdk.name", SLICE("spanload"));
    write_text(&list, "telemetry.sdk.language", SLICE("c"));
    write_text(&list, "telemetry.sdk.version", SLICE(SPANLOAD_VERSION));
    write_process(&list, executable);
    write_host(&list, write_container(&list));
    write_os(&list);
    write_given(&list);
    attributes_end(&list);
    text_literal(out, "]}");
}

void resource_write(struct text *out, const char *instance_id)
{
    struct text before = *out;
    const char *problem = resource_attributes_read(&given, config.resource_attributes);
    if (problem)
        notice_add("OTEL_RESOURCE_ATTRIBUTES", config.resource_attributes, problem);
    write_all(out, instance_id);
    if (out->overflowed && given.count) {
        notice_add("OTEL_RESOURCE_ATTRIBUTES", config.resource_attributes, "too long; the whole list is ignored");
        given.count = 0;
        *out = before;
        write_all(out, instance_id);
    }
    if (out->overflowed) {
        *out = before;
        out->overflowed = true;
    }
}
