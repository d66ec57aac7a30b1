/*
 * check.c - `spanload check`: can a program be traced, and if not, why; is there a sidecar.
 *
 * Nothing is run: the file is read as the kernel and the loader would read it. Each check is one line that
 * begins with ok, no or note; the first "no" is the verdict. A note is a hint, never a verdict: what a
 * program does with sockets only shows when it runs.
 */
#include "commands.h"

#include "buffer.h"
#include "elf_file.h"
#include "endpoint.h"
#include "library.h"
#include "linkage.h"
#include "options.h"
#include "program.h"
#include "text.h"

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { EXIT_NOT_TRACEABLE = 1, EXIT_NO_SIDECAR = 3, SCRIPT_DEPTH = 5 };

/* ---- the report ---- */

struct report {
    struct buffer lines;
    struct buffer verdict;                 /* the first "no"; empty: yes */
};

/* Appends one line. Paths and names in it are strangers' texts. */
static void report_append(struct report *report, const char *mark, const char *format, va_list arguments)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    char *escaped = text_escape(text, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    buffer_append_format(&report->lines, "  %-5s %s\n", mark, escaped);
    if (strcmp(mark, "no") == 0 && report->verdict.len == 0)
        buffer_append_text(&report->verdict, escaped);
    free(escaped);
}

static __attribute__((format(printf, 2, 3))) void report_ok(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_append(report, "ok", format, arguments);
    va_end(arguments);
}

static __attribute__((format(printf, 2, 3))) void report_no(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_append(report, "no", format, arguments);
    va_end(arguments);
}

static __attribute__((format(printf, 2, 3))) void report_note(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_append(report, "note", format, arguments);
    va_end(arguments);
}

static void report_finish(struct report *report)
{
    buffer_finish(&report->lines);
    buffer_finish(&report->verdict);
}

/* ---- the program ---- */

/* The loader takes no LD_PRELOAD into a program that gains privileges (ld.so(8), secure-execution mode). */
static void check_privileges(struct report *report, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return;
    bool is_setuid = status.st_mode & S_ISUID;
    bool is_setgid = (status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    bool has_capabilities = getxattr(path, "security.capability", NULL, 0) > 0;
    if (is_setuid)
        report_no(report, "it is setuid: the loader ignores LD_PRELOAD for it");
    if (is_setgid)
        report_no(report, "it is setgid: the loader ignores LD_PRELOAD for it");
    if (has_capabilities)
        report_no(report, "it has file capabilities: the loader ignores LD_PRELOAD for it");
    if (!is_setuid && !is_setgid && !has_capabilities)
        report_ok(report, "neither setuid nor setgid, no file capabilities");
}

/* The class and machine of this very command are those of the library that was built with it. */
static void check_machine(struct report *report, const struct elf_file_facts *facts)
{
    struct elf_file_facts own;
    struct file_view view;
    if (file_view_open(&view, "/proc/self/exe") != 0)
        return;
    int known = elf_file_read(&own, view.bytes, view.len);
    file_view_close(&view);
    if (known != 0)
        return;
    if (own.machine != facts->machine || own.is_little_endian != facts->is_little_endian)
        report_no(report, "it is for %s, the library for %s", elf_file_machine_name(facts->machine),
                  elf_file_machine_name(own.machine));
    else if (own.is_64_bit != facts->is_64_bit)
        report_no(report, "it is a %d-bit program, the library is for %d bits", facts->is_64_bit ? 64 : 32,
                  own.is_64_bit ? 64 : 32);
}

static void check_loader(struct report *report, const struct elf_file_facts *facts)
{
    if (facts->has_go)
        report_no(report, "it is a Go program: Go makes its system calls itself, past libc%s",
                  facts->interpreter ? " (only what cgo calls in C could be seen)" : "");
    if (facts->interpreter == NULL)
        report_no(report, "it is statically linked: no loader, so nothing reads LD_PRELOAD");
    else if (access(facts->interpreter, X_OK) != 0)
        report_no(report, "its loader %s: %s", facts->interpreter, strerror(errno));
    else
        report_ok(report, "dynamically linked for %s, loaded by %s", elf_file_machine_name(facts->machine), facts->interpreter);
}

static void check_linkage(struct report *report, const struct elf_file_facts *facts, const char *path)
{
    struct linkage linkage;
    linkage_follow(&linkage, facts, path);
    if (linkage.socket_import[0] == '\0')
        report_note(report, "imports no socket functions, nor do the %zu libraries it links%s", linkage.count,
                    linkage.imports_dlopen ? "; it may load others when it runs" : ": there may be nothing to see");
    else if (linkage.socket_importer[0] != '\0')
        report_ok(report, "imports socket functions: %s, through %s", linkage.socket_import, linkage.socket_importer);
    else
        report_ok(report, "imports socket functions: %s", linkage.socket_import);
    if (linkage.tls[0] != '\0')
        report_note(report, "links %s: encrypted connections (HTTPS) are passed through untouched, not seen yet", linkage.tls);
    else if (facts->tls_export != NULL)
        report_note(report, "carries its own TLS (%s): encrypted connections (HTTPS) are passed through untouched, "
                            "not seen yet", facts->tls_export);
    if (linkage.missing[0] != '\0')
        report_note(report, "%s was not found", linkage.missing);
}

static void check_binary(struct report *report, const char *path, const struct file_view *view)
{
    struct elf_file_facts facts;
    int problem = elf_file_read(&facts, view->bytes, view->len);
    if (problem != 0) {
        report_no(report, problem == -EBADMSG ? "%s is a damaged ELF file" : "%s is no program that this system can run", path);
        return;
    }
    check_machine(report, &facts);
    if (report->verdict.len > 0)
        return;
    check_loader(report, &facts);
    check_privileges(report, path);
    if (facts.interpreter != NULL)
        check_linkage(report, &facts, path);
}

static bool check_is_executable(struct report *report, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        report_no(report, "%s: %s", path, strerror(errno));
    else if (S_ISDIR(status.st_mode))
        report_no(report, "%s is a directory", path);
    else if (access(path, X_OK) != 0)
        report_no(report, "%s is not executable", path);
    else
        return true;
    return false;
}

/* A script is traced in the program that reads it, which may be a script again. */
static void check_file(struct report *report, const char *path, int depth)
{
    struct file_view view;
    if (!check_is_executable(report, path))
        return;
    int problem = file_view_open(&view, path);
    if (problem != 0) {
        report_note(report, "%s cannot be read (%s): nothing more is known", path, strerror(-problem));
        check_privileges(report, path);
        return;
    }
    bool is_elf = view.len >= 4 && memcmp(view.bytes, "\177ELF", 4) == 0;
    char *interpreter = is_elf ? NULL : program_interpreter(&view);
    if (interpreter == NULL) {
        check_binary(report, path, &view);
    } else if (depth == SCRIPT_DEPTH) {
        report_no(report, "%s: too many scripts run by scripts", path);
    } else {
        report_ok(report, "%s is a script, run by %s", path, interpreter);
        check_file(report, interpreter, depth + 1);
    }
    free(interpreter);
    file_view_close(&view);
}

static void check_library(struct report *report, const char *wished)
{
    char *problem, *library = library_find(wished, &problem);
    if (library != NULL)
        report_ok(report, "library %s", library);
    else
        report_note(report, "%s", problem);
    free(problem);
    free(library);
}

static void check_settings(struct report *report)
{
    const char *disabled = getenv("OTEL_SDK_DISABLED"), *exporter = getenv("OTEL_TRACES_EXPORTER");
    if (disabled != NULL && strcasecmp(disabled, "true") == 0)
        report_note(report, "OTEL_SDK_DISABLED is true: the library would do nothing");
    if (exporter != NULL && strcmp(exporter, "none") == 0)
        report_note(report, "OTEL_TRACES_EXPORTER is none: spans would be made and not sent");
}

/* True if the program can be traced. */
static bool program_check(const char *name, const char *library)
{
    struct report report = {0};
    char *path = program_find(name);
    if (path != NULL)
        check_file(&report, path, 0);
    else
        report_no(&report, strchr(name, '/') ? "%s: no such file" : "%s is not found in PATH", name);
    bool is_traceable = report.verdict.len == 0;
    if (is_traceable) {
        check_library(&report, library);
        check_settings(&report);
    }
    char *shown = text_escape(path ? path : name, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    printf("program: %s: %s, %s\n%s", shown, is_traceable ? "yes" : "no",
           is_traceable ? "it can be traced" : report.verdict.bytes, report.lines.bytes);
    free(shown);
    free(path);
    report_finish(&report);
    return is_traceable;
}

/* ---- the sidecar ---- */

static void report_probe(struct report *report, const struct endpoint *endpoint, const struct probe *probe)
{
    if (probe->outcome == PROBE_UNREACHABLE)
        report_no(report, "cannot connect to %s", probe->detail);
    else
        report_ok(report, "connected to %s", probe->detail);
    if (probe->outcome == PROBE_CONNECTED && (endpoint->is_tls || endpoint->is_grpc))
        report_note(report, "%s: not asked further", endpoint->is_tls ? "TLS" : "gRPC");
    else if (probe->outcome == PROBE_CONNECTED)
        report_no(report, "it does not answer as an HTTP server");
    else if (probe->status == 404)
        report_no(report, "it answers 404: no traces are received at that path");
    else if (probe->outcome == PROBE_ANSWERED && (probe->status < 200 || probe->status > 299))
        report_no(report, "it refuses an empty request: HTTP status %d", probe->status);
    else if (probe->outcome == PROBE_ANSWERED)
        report_ok(report, "it takes traces: HTTP status %d", probe->status);
}

/* True if traces would be taken. */
static bool sidecar_check(const char *base)
{
    struct report report = {0};
    struct endpoint endpoint;
    if (endpoint_find(&endpoint, base)) {
        struct probe probe = endpoint_probe(&endpoint);
        report_probe(&report, &endpoint, &probe);
    } else {
        report_no(&report, "that is no URL of the form http://host:port or unix:/path");
    }
    bool is_reachable = report.verdict.len == 0;
    char *shown = text_escape(endpoint.url, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    printf("sidecar: %s: %s, %s\n%s", shown, is_reachable ? "yes" : "no",
           is_reachable ? "it is reachable" : report.verdict.bytes, report.lines.bytes);
    free(shown);
    report_finish(&report);
    return is_reachable;
}

int check_command(int argc, char **argv)
{
    const char *endpoint = NULL, *library = NULL;
    const struct option_row options[] = {
        {"endpoint", "URL", "the sidecar to ask for (OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318)", NULL, &endpoint},
        {"library", "PATH", "the libspanload.so to look for ($SPANLOAD_LIBRARY, else the one installed)", NULL, &library},
        {0},
    };
    const struct command_line line = {
        .synopsis = "check [options] program",
        .purpose = "Tells whether a program can be traced, why not, and whether a sidecar is reachable.",
        .notes = "Exit status: 0 it can be traced, and the sidecar takes traces; 1 it cannot be traced;\n"
                 "3 it can be traced, but the sidecar is not reachable; 2 wrong usage.",
        .options = options,
    };
    int first = options_parse(&line, argc, argv);
    if (first < 0)
        return options_exit_status(first);
    if (first >= argc)
        return usage_error("check: which program?");
    if (first + 1 < argc)
        return usage_error("check: one program at a time, what is %s?", argv[first + 1]);
    bool is_traceable = program_check(argv[first], library);
    bool is_reachable = sidecar_check(endpoint);
    return !is_traceable ? EXIT_NOT_TRACEABLE : is_reachable ? 0 : EXIT_NO_SIDECAR;
}
