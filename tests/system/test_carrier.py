"""test_carrier.py - context in the environment of programs, and the spans of commands.

What a program finds in its environment is said by tests/system/programs/carrier.c, which starts itself in every way there is;
with SPANLOAD_COMMAND_SPANS=1 each of those is a span, and the sidecar tells whose child it is. Then programs as they come.
"""
import http.client
import os
from pathlib import Path

import pytest

from support.launch import Running, bare_environment, counters_in, environment, run, total
from support.ports import free_port, wait_until
from system.programs.hostile import built
from system.test_libc_built import built_with_musl

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STARTED = f"00-{TRACE}-{PARENT}-01"
ANOTHER = "00-11111111111111111111111111111111-2222222222222222-01"
CONTEXT = {"TRACEPARENT": STARTED, "TRACESTATE": "x=y", "BAGGAGE": "k=v"}
WITH_ENVIRONMENT = ["execve", "execvpe", "fexecve", "execveat", "execle"]
FORMS = [*WITH_ENVIRONMENT, "execv", "execvp", "execl", "execlp"]
SHELL = ["system", "popen"]
MUSL = ("-include", Path(__file__).resolve().parents[1] / "support/musl.h")


@pytest.fixture(params=["glibc", "musl"])
def program(request):
    return built("carrier") if request.param == "glibc" else built_with_musl("carrier.c", *MUSL)


def is_musl(program):
    return "musl" in str(program)


def carrier(program, *arguments, sidecar=None, **settings):
    """What it says, in order: (form, variables of context, how many others)."""
    env = environment(sidecar.endpoint if sidecar else None, "carrier", **{"OTEL_TRACES_EXPORTER": None if sidecar else "none", **settings})
    end = run([program, *arguments], env)
    assert end.status == 0, (end.status, end.stdout, end.stderr)
    counters_in(end.text)
    end.given = [parts(line) for line in end.stdout.decode().splitlines() if "others=" in line]
    return end


def parts(line):
    form, _, rest = line.partition(": ") if ": " in line else ("", "", line)
    *variables, others = rest.split()
    pairs = dict(variable.split("=", 1) for variable in variables)
    return form, pairs if len(pairs) == len(variables) else {"twice": line}, int(others.removeprefix("others="))


# --- handed on ---------------------------------------------------------------------------------------------------------------

def test_every_way_to_start_a_program_hands_on_what_the_process_does(receiver, program):
    """exec in nine forms from the children of fork and of vfork, posix_spawn, posix_spawnp, system and popen."""
    sidecar = receiver()
    end = carrier(program, "forms", sidecar=sidecar, SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    ways = [*FORMS, *FORMS, "posix_spawn", "posix_spawnp", *SHELL]
    assert [form for form, _, _ in end.given] == ways and b"environ is as it was" in end.stdout
    unseen = ["execveat"] if is_musl(program) else []  # made by syscall(2) there
    spans = sidecar.wait_for(spans=1 + len(ways)).spans
    own, = [span for span in spans if span["process.pid"] == end.pid]
    others = {way: count for way, _, count in end.given}
    for form, variables, _ in end.given:
        expected = PARENT if form in unseen or form in SHELL else own.span_id  # a shell becomes the command
        assert variables.pop("TRACEPARENT").split("-")[1:3] == [TRACE, own.span_id if form in SHELL else expected], form
        assert bool(variables.pop("SPANLOAD_COMMAND", None)) == (form in SHELL)
        assert variables == {"TRACESTATE": "x=y", "BAGGAGE": "k=v"}
    assert len({others[way] for way in ways if way not in SHELL}) == 1
    assert own.parent_span_id == PARENT and {span.trace_id for span in spans} == {TRACE} and {span.trace_state for span in spans} == {"x=y"}
    assert sorted(span.parent_span_id for span in spans if span is not own) == \
        sorted([own.span_id] * (len(ways) - 2 * len(unseen)) + [PARENT] * 2 * len(unseen))
    assert all(own.start_ns <= span.start_ns and span.end_ns <= own.end_ns for span in spans)


@pytest.mark.parametrize("settings", [{}, CONTEXT, {**CONTEXT, "OTEL_PROPAGATORS": "none"}, {**CONTEXT, "OTEL_SDK_DISABLED": "true"},
                                      {**CONTEXT, "OTEL_PROPAGATORS": "none", "SPANLOAD_COMMAND_SPANS": 0}])
def test_what_is_inherited_already_is_passed_on_as_it_is(program, settings):
    """No context, or none but what the environment holds: the very same pointers go to the kernel."""
    end = carrier(program, "forms", **settings)
    wanted = CONTEXT if "TRACEPARENT" in settings else {}
    assert len(end.given) == 22 and all(variables == wanted for _, variables, _ in end.given)


GIVEN = [
    ([], {}, {**CONTEXT, "TRACEPARENT": None}, 0),
    (["A=b", "C=d"], {}, {**CONTEXT, "TRACEPARENT": None}, 2),
    (["A=b", f"TRACEPARENT={STARTED}", "TRACESTATE=x=y", "BAGGAGE=k=v"], {}, {**CONTEXT, "TRACEPARENT": None}, 1),
    (["TRACEPARENT=", "TRACESTATE=stale=1", "A=b"], {}, {**CONTEXT, "TRACEPARENT": None}, 1),
    ([f"TRACEPARENT={STARTED}", f"TRACEPARENT={ANOTHER}", "A=b"], {}, {**CONTEXT, "TRACEPARENT": None}, 1),
    ([f"TRACEPARENT={STARTED}", "BAGGAGE=mine=1"], {}, {**CONTEXT, "TRACEPARENT": None, "BAGGAGE": "mine=1"}, 0),
    ([f"TRACEPARENT={ANOTHER}", "TRACESTATE=a=b", "A=b"], {}, {"TRACEPARENT": ANOTHER, "TRACESTATE": "a=b"}, 1),
    (["A=b"], {"OTEL_PROPAGATORS": "baggage"}, {}, 1),
    (["A=b", f"TRACEPARENT={STARTED}", "BAGGAGE=k=v"], {"OTEL_PROPAGATORS": "tracecontext"},
     {"TRACEPARENT": None, "TRACESTATE": "x=y", "BAGGAGE": "k=v"}, 1),
]


@pytest.mark.parametrize("words, settings, expected, others", GIVEN)
def test_an_environment_of_the_programs_own_making(receiver, program, words, settings, expected, others):
    """Stale variables are replaced, and all others keep their places; a TRACEPARENT that the program has put there holds."""
    sidecar = receiver()
    end = carrier(program, "given", *words, sidecar=sidecar, SPANLOAD_COMMAND_SPANS=1, **{**CONTEXT, **settings})
    own = sidecar.wait_for(spans=1).spans[0]
    assert len(end.given) == 7
    for form, variables, count in end.given:
        if form == "execveat" and is_musl(program):
            continue
        wanted = {name: value or f"00-{TRACE}-{own.span_id}-01" for name, value in expected.items()}
        if settings.get("OTEL_PROPAGATORS") == "baggage":
            wanted = {"BAGGAGE": "k=v"}
        assert (variables, count) == (wanted, others), form


@pytest.mark.parametrize("count, is_copied", [(0, True), (2000, True), (4096, True), (4097, False), (10000, False)])
def test_an_environment_of_thousands_of_entries(program, count, is_copied):
    end = carrier(program, "many", str(count), SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    assert [(bool(variables), others) for _, variables, others in end.given] == [(is_copied, count)] * 3


def test_what_is_no_environment_is_an_error_and_no_crash(program):
    """EFAULT, by every call that takes one."""
    bare = run([program, "pointers"], bare_environment())
    end = carrier(program, "pointers", SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    assert end.stdout == bare.stdout and end.stdout.count(b"Bad address") == 24
    (_, variables, others), = carrier(program, "edge", SPANLOAD_COMMAND_SPANS=1, **CONTEXT).given
    assert set(variables) == set(CONTEXT) and others == 0


def test_what_we_add_is_never_what_is_too_much(program):
    """An environment as large as the kernel takes goes as it is."""
    bare = run([program, "too_long"], bare_environment())
    end = carrier(program, "too_long", SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    assert b", 0\n" in bare.stdout and end.stdout == bare.stdout


@pytest.mark.parametrize("propagators, inherited", [("b3", {"B3": f"{TRACE}-{PARENT}-1"}),
                                                    ("b3multi", {"X_B3_TRACEID": TRACE, "X_B3_SPANID": PARENT, "X_B3_SAMPLED": "1"})])
def test_context_as_b3(receiver, propagators, inherited):
    sidecar = receiver()
    end = carrier(built("carrier"), "forms", sidecar=sidecar, SPANLOAD_COMMAND_SPANS=1, OTEL_PROPAGATORS=propagators, **inherited)
    own, = [span for span in sidecar.wait_for(spans=23).spans if span["process.pid"] == end.pid]
    assert own.parent_span_id == PARENT and {span.parent_span_id for span in sidecar.spans} == {PARENT, own.span_id}
    for form, variables, _ in end.given:
        assert form in SHELL or variables == {name: value.replace(PARENT, own.span_id) for name, value in inherited.items()}, form


@pytest.mark.parametrize("length", [8192, 100000])
def test_large_baggage(program, length):
    """What is within the limit of the specification is handed on; beyond it, it is inherited as it is."""
    baggage = "k=" + "v" * (length - 2)
    end = carrier(program, "forms", SPANLOAD_COMMAND_SPANS=1, TRACEPARENT=STARTED, BAGGAGE=baggage)
    assert len(end.given) == 22 and {variables["BAGGAGE"] for _, variables, _ in end.given} == {baggage}


# --- system and popen ----------------------------------------------------------------------------------------------------------

def test_in_a_program_of_threads_a_shell_inherits_what_it_always_did(program):
    end = carrier(program, "with_threads", SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    assert [(form, variables["TRACEPARENT"]) for form, variables, _ in end.given] == [(form, STARTED) for form in SHELL]
    assert b"environ is as it was" in end.stdout


def test_a_handler_leaves_system_for_good(program):
    """`environ` is whole all the same, and the program's own again with the next call."""
    end = carrier(program, "leaves", SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    assert len(end.given) == 8 and end.stdout.count(b"HOME is /nonexistent") == 3 and b"not left" not in end.stdout
    assert len({variables["TRACEPARENT"] for _, variables, _ in end.given} - {STARTED}) == 1
    assert [others - end.given[0][2] for _, _, others in end.given] == [0] * 6 + [1] * 2


def test_a_handler_starts_programs_while_system_waits(program):
    end = carrier(program, "within", SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    assert len(end.given) == 4 and b"system 0" in end.stdout and b"environ is as it was" in end.stdout
    assert len({variables["TRACEPARENT"] for _, variables, _ in end.given} - {STARTED}) == 1


def test_a_cleared_environment_is_cleared_for_the_program(program):
    end = carrier(program, "cleared", SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    assert [set(variables) for _, variables, _ in end.given] == [set(CONTEXT)] * 2 and b"environ is none" in end.stdout


# --- commands --------------------------------------------------------------------------------------------------------------------

def command(receiver, words, spans=1, timeout=20, **settings):
    """Its end, and the spans of all its processes by their start."""
    sidecar = receiver()
    env = environment(sidecar.endpoint, None, **{"SPANLOAD_COMMAND_SPANS": 1, "PYTHONDONTWRITEBYTECODE": 1, **settings})
    end = run(words, env, timeout)
    found = sorted(sidecar.wait_for(spans=spans).spans, key=lambda span: span.start_ns) if spans else sidecar.spans
    lines = counters_in(end.text)
    assert len(found) == spans == total(lines).get("exported", 0), [(span.name, span["process.pid"]) for span in found]
    return end, found


@pytest.mark.parametrize("status", [0, 3, 255])
@pytest.mark.parametrize("way", range(7), ids=["return", "exit", "_exit", "_Exit", "quick_exit", "exit_group", "a handler of exit"])
def test_a_command_is_a_span_with_its_exit_status(receiver, program, way, status):
    end, (span,) = command(receiver, [program, "end", str(way), str(status)])
    status = 44 if way == 6 else status
    assert end.status == status
    known = None if way == 0 and is_musl(program) else status  # nobody tells there
    assert (span.kind, span.name, span.parent_span_id, span.flags) == ("INTERNAL", "carrier", "", 0x103)
    assert span.attributes == {name: value for name, value in {
        "process.executable.name": "carrier", "process.executable.path": str(program), "process.pid": end.pid,
        "process.exit.code": known, "error.type": str(known) if known else None}.items() if value is not None}
    assert span.status == ("ERROR" if known else "UNSET")
    assert end.start_ns <= span.start_ns <= span.end_ns <= end.end_ns


def test_a_command_that_a_signal_ends_says_nothing(receiver, program):
    end, _ = command(receiver, [program, "end", "7", "0"], spans=0)
    assert end.status == -9


def test_children_that_execute_nothing_are_a_part_of_the_command(receiver, program):
    end, (span,) = command(receiver, [program, "children"])
    assert end.stdout == b"".join(b"child %d\n" % (i // 2) for i in range(6)) + b"exchanges 0\n"
    assert span["process.pid"] == end.pid


@pytest.mark.parametrize("form", range(len(FORMS)), ids=FORMS)
@pytest.mark.parametrize("context", [CONTEXT, {}], ids=["with a parent", "alone"])
def test_a_process_that_executes_another_program_goes_on_with_its_span(receiver, program, form, context):
    """Once an exec that fails, then one that does not."""
    end, (span,) = command(receiver, [program, "replace", str(form)], **context)
    (_, variables, _), = [parts(line) for line in end.stdout.decode().splitlines()]
    if is_musl(program) and FORMS[form] == "execveat":  # made by syscall(2) there, which hands on nothing
        assert "SPANLOAD_COMMAND" not in variables and variables == context
        return
    assert variables.pop("SPANLOAD_COMMAND").split("-")[-3:] == [span.trace_id, span.span_id, "03" if not context else "01"]
    assert variables == context
    assert span.parent_span_id == (PARENT if context else "") and span["process.pid"] == end.pid
    assert (span.flags & 0x200 != 0) == bool(context)


def test_a_command_is_sampled_as_its_parent_is(receiver, program):
    unsampled = STARTED[:-1] + "0"
    end, _ = command(receiver, [program, "forms"], spans=0, TRACEPARENT=unsampled)
    assert total(counters_in(end.text))["sampled_out"] == 23
    assert all(variables["TRACEPARENT"].endswith("-00") for _, variables, _ in map(parts, filter(lambda line: "others" in line, end.stdout.decode().splitlines())))


# --- programs as they come -------------------------------------------------------------------------------------------------------

def names(spans):
    """`name<parent's name`, in order; of one whose parent is not among them, the parent's id."""
    known = {span.span_id: span.name for span in spans}
    return sorted(f"{span.name}<{known.get(span.parent_span_id, span.parent_span_id)}" for span in spans)


PYTHON = "/usr/bin/python3"
SHELL_NAME, PYTHON_NAME = (Path(os.path.realpath(path)).name for path in ("/bin/sh", PYTHON))
FAMILIES = [
    (["/bin/true"], [f"true<{PARENT}"], 0),
    (["/bin/false"], [f"false<{PARENT}"], 1),
    (["/bin/sh", "-c", "exit 3"], [f"{SHELL_NAME}<{PARENT}"], 3),
    (["/bin/sh", "-c", "/bin/true; /bin/false; exit 4"], [f"false<{SHELL_NAME}", f"{SHELL_NAME}<{PARENT}", f"true<{SHELL_NAME}"], 4),
    (["/bin/sh", "-c", "exec /bin/false"], [f"false<{PARENT}"], 1),
    (["/bin/sh", "-c", "(exit 1); /bin/cat /dev/null | /bin/cat; x=$(/bin/true)"],
     [f"cat<{SHELL_NAME}", f"cat<{SHELL_NAME}", f"{SHELL_NAME}<{PARENT}", f"true<{SHELL_NAME}"], 0),
    (["/usr/bin/env", "A=b", "/bin/true"], [f"true<{PARENT}"], 0),
    (["/bin/bash", "-c", "/bin/true & wait; /bin/true; :"], [f"bash<{PARENT}", "true<bash", "true<bash"], 0),
    (["/usr/bin/perl", "-e", "system('/bin/true'); system('/bin/true; /bin/true'); print `/bin/true`"],
     [f"perl<{PARENT}", f"{SHELL_NAME}<perl", "true<perl", "true<perl", f"true<{SHELL_NAME}", f"true<{SHELL_NAME}"], 0),
    ([PYTHON, "-c", "import subprocess, os; subprocess.run(['/bin/true']); subprocess.run(['/bin/true'], env={**os.environ, 'A': 'b'}); "
      "os.system('exec /bin/true'); os.posix_spawn('/bin/true', ['true'], os.environ); os.wait(); subprocess.run('exec /bin/true', shell=True, close_fds=False)"],
     [f"{PYTHON_NAME}<{PARENT}"] + [f"true<{PYTHON_NAME}"] * 5, 0),
    (["/usr/bin/xargs", "-n1", "-I{}", "/bin/true", "{}"], ["true<xargs", "true<xargs", f"xargs<{PARENT}"], 0),
    (["/usr/bin/make", "-s", "-f", "/dev/stdin"], [f"make<{PARENT}", "true<make", "true<make"], 0),
    (["/usr/bin/find", "/dev/null", "-exec", "/bin/true", "{}", ";"], [f"find<{PARENT}", "true<find"], 0),
    (["/usr/bin/timeout", "5", "/bin/true"], [f"timeout<{PARENT}", "true<timeout"], 0),
]
INPUTS = {"xargs": b"a\nb\n", "make": b"all: one\n\t/bin/true all\none:\n\t/bin/true one\n"}


@pytest.mark.parametrize("words, expected, status", FAMILIES, ids=[" ".join(words)[:40] for words, _, _ in FAMILIES])
def test_the_commands_of_a_program_are_its_children(receiver, words, expected, status):
    assert os.path.exists(words[0])
    sidecar = receiver()
    env = environment(sidecar.endpoint, None, SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    end = run(words, env, stdin=INPUTS.get(Path(words[0]).name, b""))
    spans = sidecar.wait_for(spans=len(expected)).spans
    assert (end.status, names(spans)) == (status, sorted(expected)), end.text
    own, = [span for span in spans if span["process.pid"] == end.pid]
    assert own["process.exit.code"] == status and {span.trace_id for span in spans} == {TRACE}
    for line in counters_in(end.text):  # some close stderr before their end
        assert line["started"] == line["exported"] <= 1


def test_a_script_that_names_a_parent_of_its_own_is_heeded(receiver):
    """As scripts do that make their spans by a command line tool."""
    sidecar = receiver()
    script = f"TRACEPARENT={ANOTHER} /bin/true; export TRACEPARENT={ANOTHER}; /bin/true; exec /bin/true"
    run(["/bin/sh", "-c", script], environment(sidecar.endpoint, None, SPANLOAD_COMMAND_SPANS=1, **CONTEXT))
    assert names(sidecar.wait_for(spans=3).spans) == ["true<2222222222222222"] * 3


def test_a_request_is_made_for_the_command_that_makes_it(receiver, origin):
    """curl, started by a shell, started with a TRACEPARENT."""
    sidecar = receiver()
    env = environment(sidecar.endpoint, None, SPANLOAD_COMMAND_SPANS=1, **CONTEXT)
    end = run(["/bin/sh", "-c", f"/usr/bin/curl -sS {origin.url}/hello; exit 0"], env)
    assert end.status == 0, end.text
    assert names(sidecar.wait_for(spans=3).spans) == ["GET<curl", f"curl<{SHELL_NAME}", f"{SHELL_NAME}<{PARENT}"]


def test_a_request_continues_what_its_process_was_started_with(receiver, origin):
    sidecar = receiver()
    end = run(["/bin/sh", "-c", f"/usr/bin/curl -sS {origin.url}/hello; exit 0"], environment(sidecar.endpoint, None, **CONTEXT))
    span, = sidecar.wait_for(spans=1).spans
    assert (span.name, span.trace_id, span.parent_span_id, span.flags) == ("GET", TRACE, PARENT, 0x301), end.text


SERVER = """
import http.server, os, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        how, show = self.path[1:], [sys.argv[2], "show"]
        if how == "system":
            os.system(f"exec {sys.argv[2]} show >said")
            said = open("said", "rb").read()
        else:
            said = subprocess.run(show, capture_output=True, env={"A": "b"} if how == "own" else None).stdout
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.parametrize("settings", [{}, CONTEXT, {**CONTEXT, "SPANLOAD_COMMAND_SPANS": 1}], ids=["alone", "with a parent", "as a command"])
def test_what_a_server_starts_continues_the_request_that_it_works_on(receiver, place, settings):
    """The request's own tracestate and baggage too, and nothing of what the server was started with."""
    def served():
        return sorted((span for span in sidecar.spans if span.kind == "SERVER"), key=lambda span: span.start_ns)

    sidecar, port = receiver(), free_port()
    incoming = [{}, {"traceparent": ANOTHER, "tracestate": "t=1", "baggage": "b=1"}, {"traceparent": ANOTHER}]
    given = []
    with Running.start([PYTHON, "-c", SERVER, port, built("carrier")], environment(sidecar.endpoint, None, **settings), port=port, cwd=place) as running:
        for how in ("inherited", "own", "system"):
            for headers in incoming:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", f"/{how}", headers=headers)
                given.append((how, headers, parts(connection.getresponse().read().decode())))
                connection.close()
        wait_until(lambda: len(served()) == len(given), 10, lambda: f"{len(served())} spans of {len(given)}")
        running.stop()
    for (how, headers, (_, variables, others)), span in zip(given, served()):
        assert variables.pop("TRACEPARENT") == f"00-{span.trace_id}-{span.span_id}-{span.flags & 3:02x}", how
        assert bool(variables.pop("SPANLOAD_COMMAND", None)) == (how == "system" and "SPANLOAD_COMMAND_SPANS" in settings)
        assert variables == {name.upper(): value for name, value in headers.items() if name != "traceparent"}
        assert how != "own" or others == 1


def test_a_command_without_a_sidecar_is_as_fast_as_the_budget(receiver):
    env = environment("http://127.0.0.1:9", None, SPANLOAD_COMMAND_SPANS=1, SPANLOAD_EXIT_TIMEOUT_MS=100)
    end = run(["/bin/true"], env)
    assert end.status == 0 and end.wall_s < 1
