/* test_resource.c - who makes the spans: the environment's word, then what the system's files say. */
#include <criterion/criterion.h>

#include "config.h"
#include "file.h"
#include "resource.h"
#include "resource_attributes.h"
#include "support_exporter.h"
#include "support_span.h"
#include "system_files.h"
#include "utc_time.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INSTANCE "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
#define IGNORED "; the whole list is ignored\n"

static char room[24 * 1024];

static void no_settings(void)
{
    config.service_name = config.resource_attributes = (struct slice){NULL, 0};
    process_command[0] = '\0';
    notices_clear();
}

TestSuite(resource, .init = no_settings);
TestSuite(resource_attributes, .init = no_settings);

/* The attributes of the resource; cJSON_Delete() the root, which is `*root`. */
static const cJSON *resource_of(const char *service_name, const char *attributes, cJSON **root)
{
    struct text text = TEXT(room);
    config.service_name = slice_of(service_name);
    config.resource_attributes = slice_of(attributes);
    text_char(&text, '{');
    resource_write(&text, INSTANCE);
    text_char(&text, '}');
    cr_assert(!text.overflowed);
    *root = json_checked(text_as_slice(&text));
    const cJSON *resource = cJSON_GetObjectItemCaseSensitive(*root, "resource");
    cr_assert(resource && cJSON_GetArraySize(*root) == 1 && cJSON_GetArraySize(resource) == 1);
    return cJSON_GetObjectItemCaseSensitive(resource, "attributes");
}

static void expect(const cJSON *attributes, const char *key, const char *value)
{
    const char *got = attribute_of(attributes, key);
    cr_expect((got == NULL) == (value == NULL) && (!got || strcmp(got, value) == 0), "%s is %s, not %s", key,
              got ? got : "absent", value ? value : "absent");
}

static void expect_unique_keys(const cJSON *attributes)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, attributes)
        cr_expect(attribute_of(attributes, cJSON_GetObjectItemCaseSensitive(one, "key")->valuestring));
}

/* --- what is detected ------------------------------------------------------------------------------------------------ */

Test(resource, is_what_libc_says_of_this_process_and_its_host)
{
    cJSON *root;
    char pid[32], exe[4096], host[256];
    const cJSON *attributes = resource_of(NULL, NULL, &root);
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    struct passwd *user = getpwuid(geteuid());
    cr_assert(len > 0);
    exe[len] = '\0';
    gethostname(host, sizeof host);
    snprintf(pid, sizeof pid, "#%d", getpid());
    expect(attributes, "service.name", "unknown_service:test_resource");
    expect(attributes, "service.instance.id", INSTANCE);
    expect(attributes, "telemetry.sdk.name", "spanload");
    expect(attributes, "telemetry.sdk.language", "c");
    cr_expect(attribute_of(attributes, "telemetry.sdk.version"));
    expect(attributes, "process.pid", pid);
    expect(attributes, "process.owner", user ? user->pw_name : NULL);
    expect(attributes, "process.executable.path", exe);
    expect(attributes, "process.executable.name", "test_resource");
    expect(attributes, "process.command", NULL);
    expect(attributes, "host.name", host);
    expect(attributes, "os.type", "linux");
    cr_expect(attribute_of(attributes, "host.arch"));
    expect_unique_keys(attributes);
    cJSON_Delete(root);
}

Test(resource, the_creation_time_is_between_the_boot_and_now)
{
    cJSON *root;
    struct tm parts = {0};
    int ms;
    const cJSON *attributes = resource_of(NULL, NULL, &root);
    const char *text = attribute_of(attributes, "process.creation.time");
    cr_assert(text && strlen(text) == 24 && text[23] == 'Z');
    cr_assert_eq(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour,
                        &parts.tm_min, &parts.tm_sec, &ms),
                 7);
    parts.tm_year -= 1900;
    parts.tm_mon--;
    time_t created = timegm(&parts), now = time(NULL);
    cr_expect(created <= now && created > now - 60, "%s", text);
    cJSON_Delete(root);
}

Test(resource, the_command_is_what_the_program_was_called_as)
{
    cJSON *root;
    strcpy(process_command, "./a \"b\"");
    expect(resource_of(NULL, NULL, &root), "process.command", "./a \"b\"");
    cJSON_Delete(root);
}

/* --- what the environment says ---------------------------------------------------------------------------------------- */

static const struct {
    const char *service_name, *attributes, *expected;
} names[] = {
    {"shop", NULL, "shop"},
    {"shop", "service.name=other", "shop"},
    {NULL, "service.name=other", "other"},
    {"", "service.name=a%20b", "a b"},
    {"a%20b", NULL, "a%20b"}, /* not encoded: it is no list */
    {NULL, "service.name=", "unknown_service:test_resource"},
    {NULL, "x=%", "unknown_service:test_resource"},
};

Test(resource, the_service_has_exactly_one_name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cJSON *root;
        expect(resource_of(names[i].service_name, names[i].attributes, &root), "service.name", names[i].expected);
        cJSON_Delete(root);
    }
}

Test(resource, given_attributes_come_before_detected_ones_and_keys_stay_unique)
{
    cJSON *root;
    const cJSON *attributes = resource_of(NULL,
                                          "service.instance.id=i,host.name=h,process.pid=p,telemetry.sdk.name=t,"
                                          "os.type=o,container.id=c,custom=1,custom=2,%6bey%22=v%2C%3D+%c3%a4,empty=",
                                          &root);
    expect(attributes, "service.instance.id", "i");
    expect(attributes, "host.name", "h");
    expect(attributes, "process.pid", "p");
    expect(attributes, "telemetry.sdk.name", "t");
    expect(attributes, "os.type", "o");
    expect(attributes, "container.id", "c");
    expect(attributes, "custom", "2");
    expect(attributes, "key\"", "v,=+\xc3\xa4");
    expect(attributes, "empty", "");
    expect_unique_keys(attributes);
    cr_expect_str_eq(noticed(), "");
    cJSON_Delete(root);
}

Test(resource, a_mistake_discards_the_whole_list_with_one_notice)
{
    cJSON *root;
    const cJSON *attributes = resource_of(NULL, "a=1,b=%4,c=3", &root);
    expect(attributes, "a", NULL);
    expect(attributes, "c", NULL);
    cr_expect_str_eq(noticed(), "OTEL_RESOURCE_ATTRIBUTES=a=1,b=%4,c=3: a `%` without two hexadecimal digits behind it" IGNORED);
    cJSON_Delete(root);
}

Test(resource, a_list_that_does_not_fit_is_left_out_with_a_notice)
{
    static char list[8001] = "k=";
    cJSON *root;
    for (size_t i = 2; i < sizeof list - 1; i++)
        list[i] = '\x01'; /* six bytes in JSON */
    const cJSON *attributes = resource_of(NULL, list, &root);
    expect(attributes, "k", NULL);
    expect(attributes, "service.name", "unknown_service:test_resource");
    cr_expect(strstr(noticed(), "too long" IGNORED));
    cJSON_Delete(root);
}

Test(resource, at_every_capacity_it_is_whole_or_absent)
{
    struct text whole = TEXT(room);
    config.resource_attributes = SLICE("a=1");
    resource_write(&whole, INSTANCE);
    cr_assert(!whole.overflowed);
    for (size_t capacity = 0; capacity < whole.len + 3; capacity++) {
        char *exact = malloc(capacity + 1);
        struct text text = {.ptr = exact, .capacity = capacity};
        resource_write(&text, INSTANCE);
        if (text.overflowed)
            cr_assert_eq(text.len, 0);
        else
            cr_assert(text.len > 0 && exact[text.len - 1] == '}' && exact[text.len - 2] == ']');
        cr_assert(capacity < whole.len || !text.overflowed);
        free(exact);
    }
}

static const struct {
    const char *text, *problem; /* problem NULL: `count` attributes */
    size_t count;
} lists[] = {
    {"", NULL, 0},
    {" , ,", NULL, 0},
    {"a=1", NULL, 1},
    {"a=1,b=2,", NULL, 2},
    {" a = 1 ,\tb=2", NULL, 2},
    {"a=1,a=2,a=3", NULL, 1},
    {"a=1,%61=2", NULL, 1},
    {"a", "an item without `=`", 0},
    {"a=1,b", "an item without `=`", 0},
    {"=1", "an item without a key", 0},
    {" =1", "an item without a key", 0},
    {"a=1=2", "a second `=` in an item, which has to be written as %3D", 0},
    {"a=%", "a `%` without two hexadecimal digits behind it", 0},
    {"a=%4", "a `%` without two hexadecimal digits behind it", 0},
    {"a=%4g", "a `%` without two hexadecimal digits behind it", 0},
    {"%g4=1", "a `%` without two hexadecimal digits behind it", 0},
    {"a=1,b=%,c=%41", "a `%` without two hexadecimal digits behind it", 0},
};

Test(resource_attributes, are_all_there_or_none_is)
{
    static struct resource_attributes got;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t len = strlen(lists[i].text);
        char *exact = malloc(len + 1);
        memcpy(exact, lists[i].text, len);
        const char *problem = resource_attributes_read(&got, (struct slice){exact, len});
        cr_expect_eq(problem != NULL, lists[i].problem != NULL, "%s: %s", lists[i].text, problem ? problem : "no problem");
        cr_expect(!problem || !lists[i].problem || strncmp(problem, lists[i].problem, strlen(lists[i].problem)) == 0, "%s", problem);
        cr_expect_eq(got.count, lists[i].count, "%s: %zu", lists[i].text, got.count);
        free(exact);
    }
}

Test(resource_attributes, have_a_limit_in_number_and_in_length)
{
    static struct resource_attributes got;
    static char list[16000];
    size_t len = 0;
    for (int i = 0; i < RESOURCE_ATTRIBUTES_MAX; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "k%d=%d,", i, i);
    cr_expect(!resource_attributes_read(&got, (struct slice){list, len}));
    cr_expect_eq(got.count, RESOURCE_ATTRIBUTES_MAX);
    cr_expect(slice_equals(resource_attributes_find(&got, SLICE("k127")), SLICE("127")));
    strcpy(list + len, "k1=again");
    cr_expect(resource_attributes_read(&got, slice_of(list)), "one more item");
    memset(list, 'v', sizeof list);
    list[1] = '=';
    cr_expect(!resource_attributes_read(&got, (struct slice){list, RESOURCE_ATTRIBUTES_SIZE}));
    cr_expect_eq(got.list[0].value.len, RESOURCE_ATTRIBUTES_SIZE - 2);
    cr_expect(resource_attributes_read(&got, (struct slice){list, RESOURCE_ATTRIBUTES_SIZE + 1}));
    cr_expect_eq(got.count, 0);
}

/* --- files of the system ----------------------------------------------------------------------------------------------- */

#define STAT_HEAD "4242 (a) b) "
#define STAT_TAIL " 1 4242 4242 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 "

static const struct {
    const char *file;
    bool valid;
    uint64_t ticks;
} stats[] = {
    {STAT_HEAD "S" STAT_TAIL "987654321 1 2 3\n", true, 987654321},
    {"1 (init) S" STAT_TAIL "7 0\n", true, 7},
    {"1 (init) S" STAT_TAIL "7", false, 0}, /* cut off: there may be more digits */
    {"1 (init) S" STAT_TAIL, false, 0},
    {"1 (init) S" STAT_TAIL "x 0\n", false, 0},
    {"1 (init)", false, 0},
    {"1 init S 1", false, 0},
    {"", false, 0},
};

Test(system_files, stat_tells_the_start_whatever_the_name_is)
{
    for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) {
        uint64_t ticks = 0;
        cr_expect_eq(stat_start_ticks(slice_of(stats[i].file), &ticks), stats[i].valid, "%s", stats[i].file);
        cr_expect_eq(ticks, stats[i].ticks, "%s", stats[i].file);
    }
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
                             "# comment\n"
                             "broken\n"
                             ":x:7:7::/:\n"
                             "+::::::\n"
                             "web-data:x:33:33:w:/var/www:/usr/sbin/nologin\n"
                             "second:x:33:33::/:\n"
                             "big:x:4294967294:1::/:\n"
                             "none:x:34\n"
                             "cut:x:99:99::/:/bin/s";

static const struct {
    uint32_t uid;
    const char *name;
} users[] = {{0, "root"}, {33, "web-data"}, {4294967294, "big"}, {34, NULL}, {7, NULL}, {99, NULL}, {1, NULL}};

Test(system_files, passwd_tells_the_first_name_of_a_user)
{
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        struct slice name = passwd_user(SLICE(passwd), users[i].uid);
        cr_expect_eq(name.ptr != NULL, users[i].name != NULL, "%u", users[i].uid);
        cr_expect(!name.ptr || slice_equals(name, slice_of(users[i].name)), "%u: %.*s", users[i].uid, (int)name.len, name.ptr);
    }
    cr_expect(!passwd_user((struct slice){NULL, 0}, 0).ptr);
}

static const char os_release[] = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"
                                 "NAME=\"first\"\n"
                                 "NAME=Debian\n"
                                 "VERSION_ID='12'\n"
                                 "#ID=comment\n"
                                 "QUOTED=\"a \\\"b\\\" \\$c \\\\\"\n"
                                 "SINGLE='a\\b'\n"
                                 "EMPTY=\n"
                                 "EMPTY2=\"\"\n"
                                 "OPEN=\"open\n"
                                 "LAST=end";

static const struct {
    const char *name, *value;
} releases[] = {
    {"PRETTY_NAME", "Debian GNU/Linux 12 (bookworm)"}, {"NAME", "Debian"}, {"VERSION_ID", "12"},
    {"QUOTED", "a \"b\" $c \\"}, {"SINGLE", "a\\b"}, {"OPEN", "open"}, {"LAST", "end"},
    {"EMPTY", NULL}, {"EMPTY2", NULL}, {"ID", NULL}, {"VERSION", NULL}, {"PRETTY", NULL},
};

Test(system_files, os_release_is_read_as_a_shell_would)
{
    for (size_t i = 0; i < sizeof releases / sizeof *releases; i++) {
        char value[64];
        struct text text = TEXT(value);
        bool found = os_release_append(&text, SLICE(os_release), slice_of(releases[i].name));
        cr_expect_eq(found, releases[i].value != NULL, "%s", releases[i].name);
        cr_expect(!found || slice_equals(text_as_slice(&text), slice_of(releases[i].value)), "%s: %.*s", releases[i].name,
                  (int)text.len, value);
    }
    char small[4];
    struct text text = TEXT(small);
    cr_expect(!os_release_append(&text, SLICE(os_release), SLICE("NAME")) && text.len == 0 && !text.overflowed);
}

static const struct {
    const char *file;
    bool valid;
} machine_ids[] = {
    {"0123456789abcdef0123456789abcdef\n", true},  {"0123456789abcdef0123456789abcdef", true},
    {"0123456789abcdef0123456789abcde\n", false},  {"0123456789abcdef0123456789abcdef0\n", false},
    {"0123456789ABCDEF0123456789abcdef\n", false}, {"uninitialized\n", false},
    {"", false},
};

Test(system_files, machine_id_is_32_digits_or_none)
{
    for (size_t i = 0; i < sizeof machine_ids / sizeof *machine_ids; i++)
        cr_expect_eq(machine_id(slice_of(machine_ids[i].file)).ptr != NULL, machine_ids[i].valid, "%s", machine_ids[i].file);
}

Test(system_files, every_prefix_is_read_within_its_bounds)
{
    static const struct slice files[] = {{passwd, sizeof passwd - 1}, {os_release, sizeof os_release - 1},
                                         {STAT_HEAD "S" STAT_TAIL "12 3\n", sizeof STAT_HEAD "S" STAT_TAIL "12 3\n" - 1}};
    for (size_t i = 0; i < 3; i++)
        for (size_t len = 0; len <= files[i].len; len++) {
            char *exact = malloc(len), value[32];
            struct text text = TEXT(value);
            uint64_t ticks;
            memcpy(exact, files[i].ptr, len);
            struct slice file = {exact, len};
            passwd_user(file, 99);
            os_release_append(&text, file, SLICE("LAST"));
            machine_id(file);
            cr_expect(!stat_start_ticks(file, &ticks) || ticks == 12);
            free(exact);
        }
}

Test(file, reads_what_fits_and_does_not_wait_for_a_fifo)
{
    char path[] = "/tmp/spanload-test-XXXXXX", small[8], fifo[64];
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, "0123456789", 10) == 10);
    close(fd);
    struct slice file = file_read(path, small, sizeof small);
    cr_expect(slice_equals(file, SLICE("01234567")));
    cr_expect(file_exists(path));
    unlink(path);
    cr_expect(!file_exists(path));
    cr_expect(!file_read(path, small, sizeof small).ptr);
    cr_expect(!file_read("/", small, sizeof small).ptr);
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    cr_expect_eq(file_read(fifo, small, sizeof small).len, 0);
    unlink(fifo);
}

Test(utc_time, is_what_gmtime_says)
{
    uint64_t seconds[1000] = {0, 951782399, 951782400, 951868800, 1709164800, 1709251199, 4107542400, 1582934400, 4102444799};
    srand(1);
    for (size_t i = 9; i < 1000; i++)
        seconds[i] = ((uint64_t)rand() << 16 ^ (uint64_t)rand()) % 18446744073ull;
    for (size_t i = 0; i < 1000; i++) {
        char expected[64], got[32];
        struct text text = TEXT(got);
        time_t time = (time_t)(seconds[i] % 18446744073ull);
        size_t len = strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", gmtime(&time));
        snprintf(expected + len, sizeof expected - len, ".%03uZ", (unsigned)i);
        utc_time_append(&text, (uint64_t)time * 1000000000 + i * 1000000 + 999999);
        cr_assert(slice_equals(text_as_slice(&text), slice_of(expected)), "%s: %.*s", expected, (int)text.len, got);
    }
}
