"""test_propagation.py - trace context on the wire: exactly one line in each head, the program none the wiser.

The work is done in C, thousands of cases in one process: programs/propagate.c sends, programs/received.c is sent to, and
programs/untouched.c carries what is not to be touched. Each compares what the other end heard, by system calls that the library
does not see, with what was said, and prints the ids that it found; here they are held against the spans. Each is run without the
library as well, so that what it expects of the kernel is what the kernel does.
"""
import socket
import subprocess

import pytest

from support.launch import BUILD, bare_environment, environment, run
from system.programs.hostile import HERE, built

DIGITS = {name: "%" * length for name, length in (("trace", 32), ("span", 16))}
TRACECONTEXT = "traceparent: 00-{trace}-{span}-03\r\n".format(**DIGITS)
B3 = "b3: {trace}-{span}-1\r\n".format(**DIGITS)
B3MULTI = "X-B3-TraceId: {trace}\r\nX-B3-SpanId: {span}\r\nX-B3-Sampled: 1\r\n".format(**DIGITS)


@pytest.fixture(scope="module")
def stingy():
    library = BUILD / "tests/hostile/stingy.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", str(HERE / "stingy.c"), "-o", str(library)], check=True)
    return library


def program(name, *flags, suffix=""):
    """Built anew: it includes raw.h."""
    (BUILD / "tests/hostile" / (name + suffix)).unlink(missing_ok=True)
    return built(name, *flags, suffix=suffix)


@pytest.fixture(scope="module")
def propagate():
    return program("propagate")


@pytest.fixture(scope="module")
def received():
    return program("received")


@pytest.fixture(scope="module")
def untouched():
    return program("untouched")


def said(finished):
    """What it says went wrong, in the assertion; else the lines that begin with each word."""
    text = finished.stdout.decode(errors="replace")
    assert finished.status == 0 and "wrong:" not in text, text[-3000:] + finished.text
    lines = {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        lines.setdefault(word, []).append(rest)
    *_, last = lines.pop("cases")
    count, _, requests = last.split()
    return lines, int(count), int(requests)


def in_both(argv, sidecar=None, preload=(), pattern=TRACECONTEXT, **settings):
    """Without and with the library; what the latter said, and its counters."""
    bare = dict(bare_environment(), **({"LD_PRELOAD": ":".join(map(str, preload))} if preload else {}))
    _, cases, _ = said(run([*argv, ""], bare, timeout=60))
    assert cases
    settings = {"OTEL_BSP_MAX_QUEUE_SIZE": 65536, "SPANLOAD_EXIT_TIMEOUT_MS": 5000, **({} if sidecar else {"OTEL_TRACES_EXPORTER": "none"}), **settings}
    variables = environment(sidecar.endpoint if sidecar else None, "wire", **settings)
    variables["LD_PRELOAD"] = ":".join([variables["LD_PRELOAD"], *map(str, preload)])
    end = run([*argv, pattern], variables, timeout=60)
    lines, _, requests = said(end)
    return lines, requests, end.counters


def given_up(counters):
    return {name: value for name, value in counters.items() if name.startswith("given_up") and value}


# --- requests that leave ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["limits", "pipelined", "cuts", "tcp", "sendfile", "messages", "errors", "threads:limits", "threads:pipelined"])
def test_a_request_leaves_with_one_line_and_the_program_is_told_what_it_would_have_been(receiver, stingy, propagate, mode):
    """Every call, every cut of the head, every number of bytes that the kernel takes; and the span has the id on the wire."""
    sidecar = receiver()
    lines, requests, counters = in_both([propagate, mode], sidecar, [stingy])
    assert (counters["started"], counters["exported"], given_up(counters)) == (requests, requests, {})
    assert counters["context_out"] + counters["context_out_missed"] == requests
    spans = {span.span_id: span for span in sidecar.wait_for(spans=requests).spans}
    assert len(spans) == requests, "each request is one span"
    wire = [line.split() for line in lines["wire"]]
    own = lines.get("own", [])
    assert len(wire) + len(own) >= counters["context_out"]
    assert len({span for _, span in wire}) == len(wire), "no id twice"
    assert all(spans[span].trace_id == trace and not spans[span].parent_span_id for trace, span in wire)
    named = [spans[span] for span in own if span in spans]
    assert all((span.trace_id, span.parent_span_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7") for span in named)
    assert len(named) + len(wire) == counters["context_out"]


def test_a_peer_that_goes_away_is_one_error_and_one_signal(stingy, propagate):
    in_both([propagate, "gone"], preload=[stingy])


def test_a_head_that_has_begun_to_leave_goes_on_with_its_line_in_however_many_pieces(stingy, propagate):
    """pieces: as many as the kernel takes, so that there is none left for the rest of the line."""
    _, requests, counters = in_both([propagate, "pieces"], preload=[stingy])
    assert (counters["started"], given_up(counters)) == (requests, {})


def test_the_kernel_takes_parts_and_a_reader_is_slow(stingy, propagate):
    lines, requests, counters = in_both([propagate, "slow"], preload=[stingy])
    assert all(line.split()[0] == line.split()[2] for line in lines["slow"])
    assert (counters["started"], counters["context_out"], given_up(counters)) == (requests, requests, {})


@pytest.mark.parametrize("propagators, pattern", [("none", ""), ("baggage", ""), ("b3", B3), ("b3multi", B3MULTI), ("b3,tracecontext", TRACECONTEXT + B3),
                                                  ("tracecontext,baggage", TRACECONTEXT), ("tracecontext,b3multi,b3", TRACECONTEXT + B3 + B3MULTI)])
def test_of_each_format_its_lines_and_no_others(stingy, propagate, propagators, pattern):
    _, requests, counters = in_both([propagate, "bare"], preload=[stingy], pattern=pattern, OTEL_PROPAGATORS=propagators)
    assert counters["started"] == requests and given_up(counters) == {}


@pytest.mark.parametrize("mode", ["limits", "pipelined", "cuts", "tcp", "sendfile", "messages", "errors", "gone"])
def test_with_no_propagators_not_a_byte_is_touched(stingy, propagate, mode):
    """Nor with heads that carry a context already."""
    _, requests, counters = in_both([propagate, mode], preload=[stingy], pattern="", OTEL_PROPAGATORS="none")
    assert counters["context_out"] == counters["context_out_missed"] == 0


# --- requests that arrive -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["sizes", "cuts", "peek", "all", "tcp", "one_after_another"])
def test_a_request_is_read_with_at_most_one_line_and_nothing_is_lost(receiver, received, mode):
    """Every call, buffers of all sizes that end where memory ends, every cut; and what was read is all that the kernel had."""
    sidecar = receiver()
    lines, requests, counters = in_both([received, mode], sidecar)
    assert (counters["started"], counters["exported"], given_up(counters)) == (requests, requests, {})
    assert counters["context_in"] + counters["context_in_missed"] == requests
    spans = {span.span_id: span for span in sidecar.wait_for(spans=requests).spans}
    wire = [line.split() for line in lines.get("wire", [])]
    assert len(spans) == requests and {span.kind for span in spans.values()} == {"SERVER"}
    assert len({span for _, span in wire}) == len(wire) and all(spans[span].trace_id == trace for trace, span in wire)
    named = [span for span in lines.get("own", []) if span in spans]
    assert len(named) + len(wire) == counters["context_in"]


@pytest.mark.parametrize("propagators, pattern", [("none", ""), ("baggage", ""), ("b3", B3), ("b3multi", B3MULTI), ("b3,tracecontext", TRACECONTEXT + B3)])
def test_of_each_format_its_lines_are_read_and_no_others(received, propagators, pattern):
    in_both([received, "bare"], pattern=pattern, OTEL_PROPAGATORS=propagators)


# --- what is never touched -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("role", ["client", "server"])
def test_nothing_is_written_into_what_is_no_request_head(untouched, role):
    """Bodies, tunnels and other protocols that hold what looks like requests, in pieces of all sizes."""
    _, requests, counters = in_both([untouched, role])
    assert counters["held"] == 0


@pytest.mark.parametrize("role", ["client", "server"])
def test_with_no_propagators_no_conversation_is_touched(untouched, role):
    in_both([untouched, role], pattern="", OTEL_PROPAGATORS="none")


def test_what_began_elsewhere_is_not_written_into(untouched):
    """A socket pair; and a descriptor in the middle of a body, in a program that was given it."""
    in_both([untouched, "pair"])
    for variables in (bare_environment(), environment(OTEL_TRACES_EXPORTER="none")):
        ours, theirs = socket.socketpair()
        listener = socket.create_server(("127.0.0.1", 0))
        tcp = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        for one, other in ((ours, theirs), (tcp, accepted)):
            end = run([untouched, "inherited", str(one.fileno())], variables, pass_fds=[one.fileno()])
            one.close()
            heard = b""
            while data := other.recv(65536):
                heard += data
            assert end.status == 0 and heard == end.stdout
            other.close()
        listener.close()
