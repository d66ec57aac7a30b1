/* test_config.c - the environment, read: every kind of setting with good, bad and empty values, and what is said. */
#include <criterion/criterion.h>

/* The true reader, beside the `config` that other sources of the archive see. */
#define config config_under_test
#include "../../preload/config.c"

#include "support_exporter.h"

TestSuite(settings, .init = notices_clear);

static void read_variables(const char *first, const char *second, const char *third)
{
    const char *envp[] = {"PATH=/bin", first ? first : "A=", second ? second : "B=", third ? third : "C=", NULL};
    notices_clear();
    config_read((char *const *)(uintptr_t)envp);
}

static void read_variable(const char *variable)
{
    read_variables(variable, NULL, NULL);
}

Test(settings, has_its_defaults)
{
    static char *none[] = {NULL};
    config_read(none);
    cr_expect_not(config.sdk_disabled);
    cr_expect_eq(config.service_name.len, 0);
    cr_expect(slice_equals(config.endpoint, SLICE("http://localhost:4318")));
    cr_expect_eq(config.traces_endpoint.len, 0);
    cr_expect_eq(config.sampler, SAMPLER_PARENTBASED_ALWAYS_ON);
    cr_expect_eq(config.sampling_threshold, UINT64_MAX);
    cr_expect(config.extract_tracecontext);
    cr_expect_eq(config.exporter, EXPORTER_OTLP);
    cr_expect_eq(config.export_attempt_timeout_ms, 10000);
    cr_expect_eq(config.schedule_delay_ms, 5000);
    cr_expect_eq(config.export_timeout_ms, 30000);
    cr_expect_eq(config.max_queue_size, 2048);
    cr_expect_eq(config.max_export_batch_size, 512);
    cr_expect_eq(config.attribute_value_length_limit, CONFIG_NO_LIMIT);
    cr_expect_eq(config.attribute_count_limit, 128);
    cr_expect_eq(config.log, LOG_WARN);
    cr_expect_eq(config.exit_timeout_ms, 200);
    cr_expect_str_empty(noticed());
}

#define BAD(variable, value, holds) variable "=" value ": not a value that can be used; using " holds "\n"

Test(settings, reads_switches)
{
    static const struct {
        const char *variable;
        bool value;
        const char *notice;
    } rows[] = {
        {"SPANLOAD_COMMAND_SPANS=1", true, ""},
        {"SPANLOAD_COMMAND_SPANS=True", true, ""},
        {"SPANLOAD_COMMAND_SPANS=0", false, ""},
        {"SPANLOAD_COMMAND_SPANS=false", false, ""},
        {"SPANLOAD_COMMAND_SPANS=", false, ""},
        {"SPANLOAD_COMMAND_SPANS=yes", false, BAD("SPANLOAD_COMMAND_SPANS", "yes", "0")},
        {"SPANLOAD_COMMAND_SPANS=11", false, BAD("SPANLOAD_COMMAND_SPANS", "11", "0")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_variable(rows[i].variable);
        cr_expect_eq(config.command_spans, rows[i].value, "%s", rows[i].variable);
        cr_expect_str_eq(noticed(), rows[i].notice, "%s: %s", rows[i].variable, noticed());
    }
}

Test(settings, reads_booleans)
{
    static const struct {
        const char *variable;
        bool value;
        const char *notice;
    } rows[] = {
        {"OTEL_SDK_DISABLED=true", true, ""},
        {"OTEL_SDK_DISABLED=TRUE", true, ""},
        {"OTEL_SDK_DISABLED=True", true, ""},
        {"OTEL_SDK_DISABLED=false", false, ""},
        {"OTEL_SDK_DISABLED=False", false, ""},
        {"OTEL_SDK_DISABLED=", false, ""},
        {"OTEL_SDK_DISABLED=1", false, BAD("OTEL_SDK_DISABLED", "1", "false")},
        {"OTEL_SDK_DISABLED=yes", false, BAD("OTEL_SDK_DISABLED", "yes", "false")},
        {"OTEL_SDK_DISABLED=truely", false, BAD("OTEL_SDK_DISABLED", "truely", "false")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_variable(rows[i].variable);
        cr_expect_eq(config.sdk_disabled, rows[i].value, "%s", rows[i].variable);
        cr_expect_str_eq(noticed(), rows[i].notice);
    }
}

Test(settings, reads_numbers)
{
    static const struct {
        const char *variable;
        const uint32_t *field;
        uint32_t value;
        const char *notice;
    } rows[] = {
        {"OTEL_BSP_SCHEDULE_DELAY=0", &config.schedule_delay_ms, 0, ""},
        {"OTEL_BSP_SCHEDULE_DELAY=1", &config.schedule_delay_ms, 1, ""},
        {"OTEL_BSP_SCHEDULE_DELAY= 70 ", &config.schedule_delay_ms, 70, ""},
        {"OTEL_BSP_SCHEDULE_DELAY=007", &config.schedule_delay_ms, 7, ""},
        {"OTEL_BSP_SCHEDULE_DELAY=2147483647", &config.schedule_delay_ms, INT32_MAX, ""},
        {"OTEL_BSP_SCHEDULE_DELAY=2147483648", &config.schedule_delay_ms, 5000, BAD("OTEL_BSP_SCHEDULE_DELAY", "2147483648", "5000")},
        {"OTEL_BSP_SCHEDULE_DELAY=-1", &config.schedule_delay_ms, 5000, BAD("OTEL_BSP_SCHEDULE_DELAY", "-1", "5000")},
        {"OTEL_BSP_SCHEDULE_DELAY=5s", &config.schedule_delay_ms, 5000, BAD("OTEL_BSP_SCHEDULE_DELAY", "5s", "5000")},
        {"OTEL_BSP_SCHEDULE_DELAY=1.5", &config.schedule_delay_ms, 5000, BAD("OTEL_BSP_SCHEDULE_DELAY", "1.5", "5000")},
        {"OTEL_BSP_SCHEDULE_DELAY=0x10", &config.schedule_delay_ms, 5000, BAD("OTEL_BSP_SCHEDULE_DELAY", "0x10", "5000")},
        {"OTEL_BSP_SCHEDULE_DELAY= ", &config.schedule_delay_ms, 5000, BAD("OTEL_BSP_SCHEDULE_DELAY", " ", "5000")},
        {"OTEL_BSP_SCHEDULE_DELAY=", &config.schedule_delay_ms, 5000, ""},
        {"OTEL_BSP_SCHEDULE_DELAY=99999999999999999999", &config.schedule_delay_ms, 5000,
         BAD("OTEL_BSP_SCHEDULE_DELAY", "99999999999999999999", "5000")},
        {"OTEL_BSP_MAX_QUEUE_SIZE=1", &config.max_queue_size, 1, ""},
        {"OTEL_BSP_MAX_QUEUE_SIZE=0", &config.max_queue_size, 2048, BAD("OTEL_BSP_MAX_QUEUE_SIZE", "0", "2048")},
        {"OTEL_BSP_MAX_QUEUE_SIZE=x", &config.max_queue_size, 2048, BAD("OTEL_BSP_MAX_QUEUE_SIZE", "x", "2048")},
        {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=0", &config.attribute_value_length_limit, 0, ""},
        {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=", &config.attribute_value_length_limit, CONFIG_NO_LIMIT, ""},
        {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=-1", &config.attribute_value_length_limit, CONFIG_NO_LIMIT,
         BAD("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1", "no limit")},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=3", &config.attribute_count_limit, 3, ""},
        {"SPANLOAD_EXIT_TIMEOUT_MS=0", &config.exit_timeout_ms, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_variable(rows[i].variable);
        cr_expect_eq(*rows[i].field, rows[i].value, "%s: %u", rows[i].variable, *rows[i].field);
        cr_expect_str_eq(noticed(), rows[i].notice);
    }
}

Test(settings, reads_choices)
{
    static const struct {
        const char *variable;
        int sampler, exporter, log;
        const char *notice;
    } rows[] = {
        {"OTEL_TRACES_SAMPLER=always_on", SAMPLER_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN, ""},
        {"OTEL_TRACES_SAMPLER=ALWAYS_OFF", SAMPLER_ALWAYS_OFF, EXPORTER_OTLP, LOG_WARN, ""},
        {"OTEL_TRACES_SAMPLER=traceidratio", SAMPLER_TRACEIDRATIO, EXPORTER_OTLP, LOG_WARN, ""},
        {"OTEL_TRACES_SAMPLER=parentbased_always_off", SAMPLER_PARENTBASED_ALWAYS_OFF, EXPORTER_OTLP, LOG_WARN, ""},
        {"OTEL_TRACES_SAMPLER=parentbased_traceidratio", SAMPLER_PARENTBASED_TRACEIDRATIO, EXPORTER_OTLP, LOG_WARN, ""},
        {"OTEL_TRACES_SAMPLER=jaeger_remote", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN,
         BAD("OTEL_TRACES_SAMPLER", "jaeger_remote", "parentbased_always_on")},
        {"OTEL_TRACES_SAMPLER=always", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN,
         BAD("OTEL_TRACES_SAMPLER", "always", "parentbased_always_on")},
        {"OTEL_TRACES_SAMPLER=", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN, ""},
        {"OTEL_TRACES_EXPORTER=console", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_CONSOLE, LOG_WARN, ""},
        {"OTEL_TRACES_EXPORTER= None ", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_NONE, LOG_WARN, ""},
        {"OTEL_TRACES_EXPORTER=zipkin", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN,
         BAD("OTEL_TRACES_EXPORTER", "zipkin", "otlp")},
        {"SPANLOAD_LOG=info", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_INFO, ""},
        {"SPANLOAD_LOG=none", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_NONE, ""},
        {"SPANLOAD_LOG=debug", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN, BAD("SPANLOAD_LOG", "debug", "warn")},
        {"OTEL_EXPORTER_OTLP_PROTOCOL=http/json", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN, ""},
        {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN,
         BAD("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/json")},
        {"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", SAMPLER_PARENTBASED_ALWAYS_ON, EXPORTER_OTLP, LOG_WARN,
         BAD("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "none")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_variable(rows[i].variable);
        cr_expect_eq((int)config.sampler, rows[i].sampler, "%s", rows[i].variable);
        cr_expect_eq((int)config.exporter, rows[i].exporter, "%s", rows[i].variable);
        cr_expect_eq((int)config.log, rows[i].log, "%s", rows[i].variable);
        cr_expect_str_eq(noticed(), rows[i].notice);
    }
}

Test(settings, reads_ratios)
{
    static const struct {
        const char *variable;
        double ratio;
        bool is_noticed;
    } rows[] = {
        {"OTEL_TRACES_SAMPLER_ARG=0", 0, false},
        {"OTEL_TRACES_SAMPLER_ARG=0.0", 0, false},
        {"OTEL_TRACES_SAMPLER_ARG=0.5", 0.5, false},
        {"OTEL_TRACES_SAMPLER_ARG=.25", 0.25, false},
        {"OTEL_TRACES_SAMPLER_ARG= 0.125 ", 0.125, false},
        {"OTEL_TRACES_SAMPLER_ARG=125e-3", 0.125, false},
        {"OTEL_TRACES_SAMPLER_ARG=1E-3", 0.001, false},
        {"OTEL_TRACES_SAMPLER_ARG=1", 1, false},
        {"OTEL_TRACES_SAMPLER_ARG=1.0", 1, false},
        {"OTEL_TRACES_SAMPLER_ARG=", 1, false},
        {"OTEL_TRACES_SAMPLER_ARG=1.01", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=2", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=-0.5", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=.", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=0.5.5", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=50%", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=e-3", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=1e", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=1e-", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=1e+3", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=nan", 1, true},
        {"OTEL_TRACES_SAMPLER_ARG=half", 1, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_variables("OTEL_TRACES_SAMPLER=traceidratio", rows[i].variable, NULL);
        uint64_t expected = rows[i].ratio >= 1 ? UINT64_MAX : (uint64_t)(rows[i].ratio * 9223372036854775808.0);
        cr_expect_eq(config.sampling_threshold, expected, "%s", rows[i].variable);
        cr_expect_eq(strstr(noticed(), "not a ratio from 0 to 1; using 1\n") != NULL, rows[i].is_noticed, "%s: %s", rows[i].variable,
                     noticed());
    }
}

Test(settings, an_argument_is_for_samplers_that_take_one)
{
    read_variables("OTEL_TRACES_SAMPLER=always_on", "OTEL_TRACES_SAMPLER_ARG=endpoint=http://x", NULL);
    cr_expect_str_empty(noticed());
    cr_expect_eq(config.sampling_threshold, UINT64_MAX);
    read_variable("OTEL_TRACES_SAMPLER_ARG=0.1");
    cr_expect_eq(config.sampling_threshold, UINT64_MAX);
}

Test(settings, the_signals_own_variable_comes_first)
{
    read_variables("OTEL_EXPORTER_OTLP_TIMEOUT=5", NULL, NULL);
    cr_expect_eq(config.export_attempt_timeout_ms, 5);
    read_variables("OTEL_EXPORTER_OTLP_TIMEOUT=5", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=6", NULL);
    cr_expect_eq(config.export_attempt_timeout_ms, 6);
    read_variables("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=6", "OTEL_EXPORTER_OTLP_TIMEOUT=5", NULL);
    cr_expect_eq(config.export_attempt_timeout_ms, 6);
    read_variables("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=", "OTEL_EXPORTER_OTLP_TIMEOUT=5", NULL);
    cr_expect_eq(config.export_attempt_timeout_ms, 5, "an empty variable is an unset one");
    read_variables("OTEL_ATTRIBUTE_COUNT_LIMIT=7", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=8", NULL);
    cr_expect(config.attribute_count_limit == 7 && config.attribute_value_length_limit == 8);
    read_variables("OTEL_EXPORTER_OTLP_HEADERS=a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=b=2", NULL);
    cr_expect(slice_equals(config.headers, SLICE("b=2")), "not merged");
    cr_expect_str_empty(noticed());
}

/* Specification: a value that cannot be used is ignored, as if the variable were unset. */
Test(settings, a_bad_own_variable_falls_back_to_the_general_one)
{
    read_variables("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=soon", "OTEL_EXPORTER_OTLP_TIMEOUT=5", NULL);
    cr_expect_eq(config.export_attempt_timeout_ms, 5, "%u", config.export_attempt_timeout_ms);
    cr_expect(strstr(noticed(), "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=soon: "), "%s", noticed());
}

Test(settings, a_notice_names_the_variable_that_was_used)
{
    read_variable("OTEL_EXPORTER_OTLP_TIMEOUT=soon");
    cr_expect_str_eq(noticed(), BAD("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "10000"));
}

Test(settings, finds_variables_by_their_whole_name)
{
    read_variables("OTEL_SERVICE_NAMES=no", "XOTEL_SERVICE_NAME=no", "OTEL_SERVICE_NAME");
    cr_expect_eq(config.service_name.len, 0);
    read_variables("OTEL_SERVICE_NAME=a=b,c", "OTEL_SERVICE_NAME=second", NULL);
    cr_expect(slice_equals(config.service_name, SLICE("a=b,c")), "the first one counts, as getenv has it");
}

Test(settings, keeps_texts_though_the_environment_is_rewritten)
{
    char service[] = "OTEL_SERVICE_NAME=shop", endpoint[] = "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:1";
    char *envp[] = {service, endpoint, NULL};
    config_read(envp);
    memset(service, 'x', sizeof service);
    memset(endpoint, 'x', sizeof endpoint);
    cr_expect(slice_equals(config.service_name, SLICE("shop")));
    cr_expect(slice_equals(config.endpoint, SLICE("http://c:1")));
}

Test(settings, a_text_that_is_too_long_is_left_out)
{
    static char variable[20000] = "OTEL_RESOURCE_ATTRIBUTES=";
    memset(variable + strlen(variable), 'x', sizeof variable - 100);
    read_variables(variable, "OTEL_SERVICE_NAME=shop", NULL);
    cr_expect_eq(config.resource_attributes.len, 0);
    cr_expect_str_eq(noticed(), "OTEL_RESOURCE_ATTRIBUTES: too long; it is ignored\n");
    cr_expect(slice_equals(config.service_name, SLICE("shop")));
}

Test(settings, of_two_formats_of_ids_the_last_holds)
{
    read_variable("OTEL_PROPAGATORS=b3multi,tracecontext");
    cr_expect(config.propagates && config.propagate_b3multi && config.extract_tracecontext && !config.propagate_b3 && !config.b3_holds);
    read_variable("OTEL_PROPAGATORS=tracecontext,baggage,b3,baggage");
    cr_expect(config.propagates && config.propagate_baggage && config.propagate_b3 && config.b3_holds);
    read_variable("OTEL_PROPAGATORS=none");
    cr_expect_not(config.propagates);
}

Test(settings, reads_propagators)
{
#define UNSUPPORTED(name) "OTEL_PROPAGATORS=" name ": not supported by this version; it is ignored\n"
    static const struct {
        const char *variable;
        bool extract;
        const char *notice;
    } rows[] = {
        {"OTEL_PROPAGATORS=tracecontext", true, ""},
        {"OTEL_PROPAGATORS=TraceContext", true, ""},
        {"OTEL_PROPAGATORS=baggage, tracecontext ", true, ""},
        {"OTEL_PROPAGATORS=tracecontext,tracecontext", true, ""},
        {"OTEL_PROPAGATORS=", true, ""},
        {"OTEL_PROPAGATORS=baggage", false, ""},
        {"OTEL_PROPAGATORS=none", false, ""},
        {"OTEL_PROPAGATORS=b3", false, ""},
        {"OTEL_PROPAGATORS=xray,tracecontext,jaeger", true, UNSUPPORTED("xray") UNSUPPORTED("jaeger")},
        {"OTEL_PROPAGATORS=,", false, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_variable(rows[i].variable);
        cr_expect_eq(config.extract_tracecontext, rows[i].extract, "%s", rows[i].variable);
        cr_expect_str_eq(noticed(), rows[i].notice);
    }
}

Test(settings, a_batch_is_no_larger_than_the_queue)
{
    read_variable("OTEL_BSP_MAX_QUEUE_SIZE=100");
    cr_expect_eq(config.max_export_batch_size, 100);
    read_variables("OTEL_BSP_MAX_QUEUE_SIZE=100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=70", NULL);
    cr_expect_eq(config.max_export_batch_size, 70);
}

Test(settings, says_that_configuration_files_are_not_read)
{
    read_variable("OTEL_CONFIG_FILE=/etc/otel.yaml");
    cr_expect_str_eq(noticed(), "OTEL_CONFIG_FILE=/etc/otel.yaml: configuration files are not supported by this version; "
                                "the variables hold\n");
}
