/* config.h - the settings of this process, read once from its environment.
 *
 * The rows are in config.def. Everything is set when the library starts and constant from then on, so
 * both rooms read it without care. Texts point into memory of ours: programs rewrite their environment.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "slice.h"

#include <stdint.h>

/* The words of each CHOICE, in the order of its enum, ended by NULL. */
enum choice_sampler {
    SAMPLER_ALWAYS_ON,
    SAMPLER_ALWAYS_OFF,
    SAMPLER_TRACEIDRATIO,
    SAMPLER_PARENTBASED_ALWAYS_ON,
    SAMPLER_PARENTBASED_ALWAYS_OFF,
    SAMPLER_PARENTBASED_TRACEIDRATIO,
};
#define CHOICE_SAMPLER_WORDS                                                                  \
    "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", \
        "parentbased_traceidratio", NULL

enum choice_exporter { EXPORTER_OTLP, EXPORTER_CONSOLE, EXPORTER_NONE };
#define CHOICE_EXPORTER_WORDS "otlp", "console", "none", NULL

enum choice_protocol { PROTOCOL_HTTP_JSON };
#define CHOICE_PROTOCOL_WORDS "http/json", NULL

enum choice_compression { COMPRESSION_NONE };
#define CHOICE_COMPRESSION_WORDS "none", NULL

/* What is done with what an SDK in the process has traced already. */
enum choice_sdk { SDK_STANDDOWN, SDK_JOIN };
#define CHOICE_SDK_WORDS "standdown", "join", NULL

enum choice_log { LOG_NONE, LOG_WARN, LOG_INFO };
#define CHOICE_LOG_WORDS "none", "warn", "info", NULL

#define CONFIG_NO_LIMIT UINT32_MAX

typedef bool config_BOOLEAN;
typedef bool config_SWITCH;
typedef uint32_t config_INTEGER;
typedef uint32_t config_POSITIVE;
typedef uint32_t config_DURATION;
typedef uint32_t config_LIMIT;
typedef struct slice config_TEXT;
typedef enum choice_sampler config_CHOICE_SAMPLER;
typedef enum choice_exporter config_CHOICE_EXPORTER;
typedef enum choice_protocol config_CHOICE_PROTOCOL;
typedef enum choice_compression config_CHOICE_COMPRESSION;
typedef enum choice_log config_CHOICE_LOG;
typedef enum choice_sdk config_CHOICE_SDK;

struct config {
#define SETTING(kind, field, variable, fallback, default_value, meaning) config_##kind field;
#include "config.def"
#undef SETTING
    uint64_t sampling_threshold; /* of sampler_arg: a trace is sampled when its low 63 random bits are below it */
    bool extract_tracecontext;   /* of propagators: W3C Trace Context, read and written */
    bool propagate_baggage;
    bool propagate_b3;           /* a single header */
    bool propagate_b3multi;      /* and several; each is read where either is asked for */
    bool b3_holds;               /* B3 is named behind tracecontext: where both came, it is what counts */
    bool propagates;             /* something is written onto the wire */
};

extern struct config config;

/* The program as it was called (argv[0]), before it could rewrite its arguments; NUL-ended, empty when not known. */
extern char process_command[256];

/* Reads the environment (envp: NULL-ended, NAME=value). Problems become notices (notice.h) and the default holds.
 * Threads: once, before there is a second user of `config`. */
void config_read(char *const *envp);

#endif
