/* config.c - the environment, read into `config`. See include/config.h.
 *
 * What cannot be used becomes a notice that names the variable, its value and what holds instead; the
 * program runs on (OpenTelemetry specification, "Environment variables").
 */
#include "config.h"

#include "notice.h"
#include "text.h"

struct config config;

/* Texts are kept here: programs rewrite the memory of their environment. */
static char kept[16 * 1024];
static size_t kept_len;

static struct slice keep(const char *variable, struct slice value)
{
    if (value.len > sizeof kept - kept_len) {
        notice_add(variable, (struct slice){NULL, 0}, "too long; it is ignored");
        return (struct slice){kept, 0};
    }
    char *at = kept + kept_len;
    memcpy(at, value.ptr, value.len);
    kept_len += value.len;
    return (struct slice){at, value.len};
}

/* The value of a variable; `ptr` NULL when it is not set, or empty, which is the same. */
static struct slice lookup(char *const *envp, const char *variable)
{
    size_t len = variable ? strlen(variable) : 0;
    for (; len && *envp; envp++)
        if (memcmp(*envp, variable, len < strlen(*envp) ? len : strlen(*envp)) == 0 && strlen(*envp) > len && (*envp)[len] == '=')
            return (*envp)[len + 1] ? slice_of(*envp + len + 1) : (struct slice){NULL, 0};
    return (struct slice){NULL, 0};
}

/* Each reader: false when the value is none of its kind. */
static bool read_BOOLEAN(const char *variable, struct slice value, bool *field)
{
    (void)variable;
    *field = slice_equals_nocase(value, SLICE("true"));
    return *field || slice_equals_nocase(value, SLICE("false"));
}

static bool read_SWITCH(const char *variable, struct slice value, bool *field)
{
    *field = slice_equals(value, SLICE("1"));
    return *field || slice_equals(value, SLICE("0")) || read_BOOLEAN(variable, value, field);
}

static bool read_INTEGER(const char *variable, struct slice value, uint32_t *field)
{
    unsigned long long number;
    (void)variable;
    if (!slice_to_number(slice_trim(value), INT32_MAX, &number))
        return false;
    *field = (uint32_t)number;
    return true;
}

static bool read_POSITIVE(const char *variable, struct slice value, uint32_t *field)
{
    return read_INTEGER(variable, value, field) && *field > 0;
}

#define read_DURATION read_INTEGER

static bool read_LIMIT(const char *variable, struct slice value, uint32_t *field)
{
    if (value.len)
        return read_INTEGER(variable, value, field);
    *field = CONFIG_NO_LIMIT;
    return true;
}

static bool read_TEXT(const char *variable, struct slice value, struct slice *field)
{
    *field = keep(variable, value);
    return true;
}

static bool read_word(struct slice value, const char *const *words, unsigned *field)
{
    value = slice_trim(value);
    for (unsigned i = 0; words[i]; i++)
        if (slice_equals_nocase(value, slice_of(words[i]))) {
            *field = i;
            return true;
        }
    return false;
}

#define CHOICE(kind, type)                                                              \
    static bool read_##kind(const char *variable, struct slice value, enum type *field) \
    {                                                                                   \
        static const char *const words[] = {kind##_WORDS};                              \
        unsigned word;                                                                  \
        (void)variable;                                                                 \
        if (!read_word(value, words, &word))                                            \
            return false;                                                               \
        *field = (enum type)word;                                                       \
        return true;                                                                    \
    }
CHOICE(CHOICE_SAMPLER, choice_sampler)
CHOICE(CHOICE_SDK, choice_sdk)
CHOICE(CHOICE_EXPORTER, choice_exporter)
CHOICE(CHOICE_PROTOCOL, choice_protocol)
CHOICE(CHOICE_COMPRESSION, choice_compression)
CHOICE(CHOICE_LOG, choice_log)

static void say_what_holds(const char *variable, struct slice value, struct slice what_holds)
{
    char room[128];
    struct text problem = TEXT(room);
    text_literal(&problem, "not a value that can be used; using ");
    text_slice(&problem, what_holds.len ? what_holds : SLICE("no limit"));
    room[problem.len < sizeof room ? problem.len : sizeof room - 1] = '\0';
    notice_add(variable, value, room);
}

/* A ratio from 0 to 1, such as `1`, `0.25`, `.5` or `1e-3`. */
static bool read_ratio(struct slice s, double *ratio)
{
    double value = 0, scale = 1;
    bool any = false, fraction = false;
    size_t i = 0;
    for (; i < s.len && (s.ptr[i] == '.' || (s.ptr[i] >= '0' && s.ptr[i] <= '9')); i++) {
        if (s.ptr[i] == '.') {
            if (fraction)
                return false;
            fraction = true;
            continue;
        }
        any = true;
        value = value * 10 + (s.ptr[i] - '0');
        if (fraction)
            scale *= 10;
    }
    unsigned long long exponent = 0;
    if (i < s.len && ascii_lower(s.ptr[i]) == 'e') {
        struct slice digits = slice_after(s, i + 1);
        if (!digits.len || digits.ptr[0] != '-' || !slice_to_number(slice_after(digits, 1), 300, &exponent))
            return false;
        i = s.len;
    }
    for (; exponent; exponent--)
        scale *= 10;
    *ratio = value / scale;
    return any && i == s.len && *ratio >= 0 && *ratio <= 1;
}

static void read_sampler_arg(void)
{
    bool is_ratio = config.sampler == SAMPLER_TRACEIDRATIO || config.sampler == SAMPLER_PARENTBASED_TRACEIDRATIO;
    double ratio = 1;
    if (is_ratio && config.sampler_arg.len && !read_ratio(slice_trim(config.sampler_arg), &ratio)) {
        notice_add("OTEL_TRACES_SAMPLER_ARG", config.sampler_arg, "not a ratio from 0 to 1; using 1");
        ratio = 1;
    }
    config.sampling_threshold = ratio >= 1 ? UINT64_MAX : (uint64_t)(ratio * 9223372036854775808.0);
}

static void read_propagators(void)
{
    const struct {
        struct slice name;
        bool *is_wanted;
    } known[] = {
        {SLICE("tracecontext"), &config.extract_tracecontext},
        {SLICE("baggage"), &config.propagate_baggage},
        {SLICE("b3"), &config.propagate_b3},
        {SLICE("b3multi"), &config.propagate_b3multi},
    };
    const size_t count = sizeof known / sizeof *known;
    struct slice rest = config.propagators, part;
    while (slice_next(&rest, ',', &part)) {
        size_t i = 0;
        part = slice_trim(part);
        while (i < count && !slice_equals_nocase(part, known[i].name))
            i++;
        if (i == count) {
            if (part.len && !slice_equals_nocase(part, SLICE("none")))
                notice_add("OTEL_PROPAGATORS", part, "not supported by this version; it is ignored");
            continue;
        }
        *known[i].is_wanted = true;
        if (known[i].is_wanted != &config.propagate_baggage)
            config.b3_holds = known[i].is_wanted != &config.extract_tracecontext;
    }
    config.propagates = config.extract_tracecontext || config.propagate_baggage || config.propagate_b3 || config.propagate_b3multi;
}

static void check_together(bool is_set)
{
    if (config.max_export_batch_size > config.max_queue_size) {
        char room[128];
        struct text problem = TEXT(room);
        text_number(&problem, config.max_export_batch_size);
        text_literal(&problem, " is more than the queue holds; using ");
        text_number(&problem, config.max_queue_size);
        text_char(&problem, '\0');
        /* Only what was asked for is worth a line: a small queue alone makes small batches. */
        if (is_set)
            notice_add("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", (struct slice){NULL, 0}, room);
        config.max_export_batch_size = config.max_queue_size;
    }
    if (config.config_file.len)
        notice_add("OTEL_CONFIG_FILE", config.config_file, "configuration files are not supported by this version; the variables hold");
}

/* A signal's own variable, else the general one; one that cannot be used is as if it were not set, and is said. */
#define READ(kind, field, variable, fallback, default_value)                                   \
    do {                                                                                       \
        const char *const names[] = {variable, fallback};                                      \
        const char *refused = NULL;                                                            \
        struct slice value, refused_value = {NULL, 0}, used = {NULL, 0};                       \
        read_##kind(variable, SLICE(default_value), &config.field);                            \
        for (size_t i = 0; i < 2 && !used.ptr; i++) {                                          \
            config_##kind read;                                                                \
            if (!(value = lookup(envp, names[i])).ptr)                                         \
                continue;                                                                      \
            if (read_##kind(names[i], value, &read)) {                                         \
                config.field = read;                                                           \
                used = value;                                                                  \
            } else {                                                                           \
                if (refused)                                                                   \
                    say_what_holds(refused, refused_value, slice_of(default_value));           \
                refused = names[i];                                                            \
                refused_value = value;                                                         \
            }                                                                                  \
        }                                                                                      \
        if (refused)                                                                           \
            say_what_holds(refused, refused_value, used.ptr ? used : slice_of(default_value)); \
    } while (0);

void config_read(char *const *envp)
{
    kept_len = 0;
    config = (struct config){0};
#define SETTING(kind, field, variable, fallback, default_value, meaning) READ(kind, field, variable, fallback, default_value)
#include "config.def"
#undef SETTING
    read_sampler_arg();
    read_propagators();
    check_together(lookup(envp, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE").ptr != NULL);
}
