"""What the spanload command promises, told from outside: what it prints, answers and ends with.

Each test is a claim. Nothing here knows how the command is built; it is run as a user runs it, with
sockets, signals and pseudo-terminals. SPANLOAD_BIN names another binary than build/spanload.

The traced programs are small scripts that post their spans themselves, and the library is an empty one:
the command must be right without a right library.
"""
import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPANLOAD = os.environ.get("SPANLOAD_BIN", str(ROOT / "build" / "spanload"))
TRACE = "5b8efff798038103d269b633813fc60c"
EPOCH_NS = 1_755_734_400_000_000_000
MS = 1_000_000
SUCCESS = b'{"partialSuccess":{}}'

pytestmark = pytest.mark.skipif(not os.access(SPANLOAD, os.X_OK), reason=f"{SPANLOAD} is not built")


# ---- spans ----

def value(of):
    return {"intValue": str(of)} if isinstance(of, int) else {"stringValue": of}


def span(number, parent=0, name="GET", kind=2, start=0, took=MS, trace=TRACE, failed=False, **attributes):
    made = {
        "traceId": trace, "spanId": f"{number:016x}", "name": name, "kind": kind,
        "startTimeUnixNano": str(EPOCH_NS + start), "endTimeUnixNano": str(EPOCH_NS + start + took),
        "attributes": [{"key": key.replace("__", "."), "value": value(of)} for key, of in attributes.items()],
    }
    if parent:
        made["parentSpanId"] = f"{parent:016x}"
    if failed:
        made["status"] = {"code": 2}
    return made


def request(*spans, service="shop"):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def shop():
    """A page that asks two services, one of which fails."""
    return request(
        span(1, name="GET /cart", took=104 * MS, url__path="/cart", url__query="user=17", http__response__status_code=200),
        span(2, 1, "GET", 3, 3 * MS, 60 * MS, failed=True, url__full="http://items:8080/v1?page=2",
             http__response__status_code=503, error__type="503"),
        span(3, 2, "SELECT items", 3, 7 * MS, 4_200_000, db__query__summary="SELECT items"),
        span(4, 1, "GET", 3, 64 * MS, 312_000, url__full="http://cache/k/17", http__response__status_code=200))


# ---- HTTP ----

def http(body, path="/v1/traces", method="POST", type_="application/json", more="", length=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: desk\r\n"
    if type_:
        head += f"Content-Type: {type_}\r\n"
    head += f"Content-Length: {len(body) if length is None else length}\r\n{more}\r\n"
    return head.encode() + body


def chunked(body, size=7, more=""):
    body = json.dumps(body).encode()
    head = f"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n{more}\r\n"
    parts = [b"%x;x=y\r\n%s\r\n" % (len(part), part)
             for part in (body[i:i + size] for i in range(0, len(body), size))]
    return head.encode() + b"".join(parts) + b"0\r\nTrailer: t\r\n\r\n"


def read_answer(stream):
    status = int(stream.readline().split()[1])
    headers = {}
    while (line := stream.readline().strip()):
        name, _, text = line.decode().partition(":")
        headers[name.lower()] = text.strip()
    return status, headers, stream.read(int(headers.get("content-length", 0)))


# ---- the sidecar ----

class Sidecar:
    def __init__(self, *options, env=None, stdout=subprocess.PIPE):
        options = options if "--socket" in options else ("--port", "0", *options)
        self.process = subprocess.Popen([SPANLOAD, "sidecar", *options], stdout=stdout, stderr=subprocess.PIPE,
                                        env=environment(**(env or {})))
        self.banner = self.process.stderr.readline().decode()
        found = re.search(r":(\d+)/v1/traces", self.banner)
        self.port = int(found[1]) if found else None

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, raw):
        with self.connect() as client:
            client.sendall(raw)
            with client.makefile("rb") as stream:
                return read_answer(stream)

    def post(self, body):
        status, _, answer = self.send(http(body))
        assert (status, answer) == (200, SUCCESS)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, self.err = self.process.communicate(timeout=10)
        assert self.process.returncode == 0, self.err
        return out.decode() if out is not None else None


def environment(**changes):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/"}
    env.update((key, text) for key, text in os.environ.items() if key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"))
    env.update(changes)
    return {key: text for key, text in env.items() if text is not None}


@contextlib.contextmanager
def sidecar(*options, **more):
    made = Sidecar(*options, **more)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()


def printed(*bodies, **env):
    """What the sidecar prints of these requests."""
    with sidecar(env=env) as desk:
        for body in bodies:
            desk.post(body)
        return desk.end()


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in line)


# ---- the tree ----

def test_a_tree_reads_like_this():
    assert printed(shop()) == textwrap.dedent("""\
        trace 5b8efff7  4 spans  104 ms  1 error
        shop        SERVER  GET /cart ?user=17               200         104 ms  ███████████████████████████
        ├─ shop     CLIENT  GET http://items:8080/v1?page=2  error=503  60.0 ms  ▐███████████████▌
        │  └─ shop  CLIENT  SELECT items                                 4.2 ms   ▐█
        └─ shop     CLIENT  GET http://cache/k/17            200         312 µs                  ▐
        """)


def test_a_locale_without_unicode_gets_ascii():
    text = printed(shop(), LC_ALL="C")
    assert text.isascii()
    assert "|- shop" in text and "`- shop" in text and "312 us" in text


@pytest.mark.parametrize("columns", [1, 20, 24, 30, 40, 50, 60, 79, 80, 100, 133, 200])
def test_no_line_is_wider_than_the_terminal(columns):
    deep = request(*[span(i, i - 1, "a long name of an operation", took=MS * (60 - i), service__x="y",
                          url__full="http://日本語.example/" + "é" * 90) for i in range(1, 50)], service="a-service-of-some-length")
    for locale in ("C.UTF-8", "C"):
        for line in printed(shop(), deep, COLUMNS=str(columns), LC_ALL=locale).splitlines():
            assert width(line) <= max(columns, 20), line
            assert line == line.rstrip()


def test_columns_stand_below_each_other():
    lines = printed(shop(), COLUMNS="120").splitlines()[1:]
    assert len({line.index(kind) for line, kind in zip(lines, ["SERVER", "CLIENT", "CLIENT", "CLIENT"])}) == 1
    assert len({re.search(r"\d (ms|µs)", line).end() for line in lines}) == 1


def test_an_error_is_told_in_words_and_not_twice():
    text = printed(request(span(1, failed=True, http__response__status_code=503, error__type="503"),
                           span(2, failed=True, http__response__status_code=200, error__type="timeout"),
                           span(3, failed=True)))
    assert "error=503" in text and "503 error=503" not in text
    assert "200 error=timeout" in text
    assert "3 errors" in text


def test_control_characters_never_reach_the_terminal():
    evil = "a\x1b]0;owned\x07b\r\nc\x9bd\u202ee\u2028f\x7f"
    text = printed(request(span(1, name=evil, url__full=evil, error__type=evil), service=evil))
    assert not [c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf", "Zl"))]
    assert r"a\x1b]0;owned\x07b\r\nc" in printed(request(span(1, name=evil)), COLUMNS="200")
    assert len(text.splitlines()) == 2


def test_bytes_that_are_not_utf8_are_shown_as_such():
    with sidecar() as desk:
        raw = json.dumps(request(span(1, name="NAME"))).encode().replace(b"NAME", b"a\xff\xc3(\xed\xa0\x80")
        assert desk.send(http(raw))[0] == 200
        assert r"a\xff\xc3(\xed\xa0\x80" in desk.end()


def test_a_span_whose_parent_is_not_here_is_a_marked_root():
    text = printed(request(span(2, 1)))
    assert "(↑ parent not seen)" in text.splitlines()[0]
    assert text.splitlines()[1].startswith("↑ shop")
    assert "not seen" not in printed(request(span(1)))


def test_a_span_that_comes_twice_is_shown_once():
    assert "1 span " in printed(request(span(1)), request(span(1)))


def test_parents_that_form_a_ring_are_still_shown_once_each():
    text = printed(request(span(1, 2, "one"), span(2, 1, "two"), span(3, 3, "self")))
    assert sorted(re.findall("one|two|self", text)) == ["one", "self", "two"]


def test_a_very_deep_trace_is_shown_whole():
    text = printed(request(*[span(i, i - 1, f"level-{i}.") for i in range(1, 3001)]))
    assert all(f"level-{i}." in text for i in (1, 2, 100, 3000))


@pytest.mark.parametrize("took, text", [
    (0, "0 ns"), (999, "999 ns"), (1_000, "1.0 µs"), (9_949, "9.9 µs"), (9_950, "10 µs"), (312_400, "312 µs"),
    (999_499, "999 µs"), (999_500, "1.0 ms"), (4_200_000, "4.2 ms"), (99_949_000, "99.9 ms"), (104 * MS, "104 ms"),
    (999_499_999, "999 ms"), (999_500_000, "1.00 s"), (1_310 * MS, "1.31 s"), (13_100 * MS, "13.1 s"),
    (60_000 * MS, "1m 00s"), (125_000 * MS, "2m 05s"), (3_723_000 * MS, "1h 02m"),
])
def test_durations_are_said_as_people_say_them(took, text):
    assert printed(request(span(1, took=took))).splitlines()[0] == f"trace 5b8efff7  1 span  {text}"


def test_a_duration_that_is_not_known_is_not_invented():
    assert re.search(r"GET +\?", printed(request(span(1, took=-5))))


def test_the_name_is_not_repeated_by_the_target():
    assert "/cart /cart" not in printed(request(span(1, name="GET /cart", url__path="/cart")))
    assert printed(request(span(1, name="SELECT x", db__query__summary="SELECT x"))).count("SELECT x") == 1


# ---- when a trace is printed ----

def test_a_trace_is_printed_when_quiet_and_continued_when_more_comes():
    with sidecar() as desk:
        desk.post(request(span(1)))
        first = read_for(desk.process.stdout.fileno(), "SERVER", 5)
        assert "continued" not in first
        desk.post(request(span(2, 1)))
        rest = desk.end()
    assert "(continued)" in rest and "↑" in rest


def read_for(fd, text, seconds):
    """Reads until `text` and its line's end have come."""
    got, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.05)[0]:
            try:
                chunk = os.read(fd, 65536)
            except OSError:
                break
            if not chunk:
                break
            got += chunk
            if re.search(re.escape(text.encode()) + rb"[^\n]*\n", got):
                break
    return got.decode(errors="replace")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sidecar_ends_on_a_signal_with_what_it_holds_printed(number):
    with sidecar() as desk:
        desk.post(request(span(1)))
        assert "1 span" in desk.end(number)


def test_more_than_ten_thousand_traces_are_printed_early_not_lost():
    with sidecar() as desk:
        out = []
        reader = threading.Thread(target=lambda: out.append(desk.process.stdout.read()))
        reader.start()
        for batch in range(11):
            desk.post(request(*[span(i + 1, trace=f"{batch * 1000 + i + 1:032x}") for i in range(1000)]))
        desk.process.send_signal(signal.SIGTERM)
        reader.join(20)
        assert out[0].decode().count("trace ") == 11000
        assert "continued" not in out[0].decode()


# ---- JSON lines ----

def test_json_lines_are_the_requests_as_received_on_one_line_each():
    body = request(span(1, name='a "quoted" \\ name'))
    with sidecar("--format", "json") as desk:
        assert desk.send(http(json.dumps(body, indent=3).encode()))[0] == 200
        desk.post({"resourceSpans": []})
        desk.post(shop())
        lines = desk.end().splitlines()
    assert [json.loads(line) for line in lines] == [body, shop()]
    assert " :" not in lines[0] and "\x1b" not in lines[0]


# ---- HTTP ----

@pytest.mark.parametrize("raw, status", [
    (http(b"", method="GET"), 405),
    (http(b"", method="PUT"), 405),
    (http({}, path="/"), 404),
    (http({}, path="/v1/metrics"), 404),
    (http({}, path="/v1/logs"), 404),
    (http({}, type_=None), 415),
    (http(b"\n", type_="application/x-protobuf"), 415),
    (http({}, type_="application/json; charset=utf-8"), 200),
    (http({}, type_="Application/JSON"), 200),
    (http({}, path="/v1/traces?x=y"), 200),
    (http({}, path="http://desk/v1/traces"), 200),
    (http({}, more="Content-Encoding: gzip\r\n"), 415),
    (http({}, more="Content-Encoding: identity\r\n"), 400),
    (http(b""), 400),
    (http(b"{"), 400),
    (http(b"[]"), 400),
    (http(b"{} x"), 400),
    (http(b"{} \n"), 200),
    (http(b'{"resourceSpans":7}'), 400),
    (http({"resourceSpans": [], "unknown": 1}), 200),
    (http({"resourceSpans": None}), 200),
    (http(request(span(1, trace="abc"))), 400),
    (http(request(span(1, trace="0" * 32))), 400),
    (http(request(span(1, trace="x" * 32))), 400),
    (http(request({**span(1), "parentSpanId": "12"})), 400),
    (http(b"[" * 5000), 400),
    (http({}, more="Content-Length: 7\r\n"), 400),
    (http({}, more="Transfer-Encoding: chunked\r\n"), 400),
    (http({}, more="Transfer-Encoding: gzip\r\n"), 501),
    (http({}, length="-1"), 400),
    (http({}, length="9" * 30), 400),
    (http({}, more=" folded: x\r\n"), 400),
    (http({}, more="name : x\r\n"), 400),
    (http({}, more="x: " + "y" * 70000 + "\r\n"), 431),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"nonsense\r\n\r\n", 400),
])
def test_requests_are_answered_as_a_collector_would(raw, status):
    with sidecar() as desk:
        assert desk.send(raw)[0] == status
        desk.post(request(span(1)))
        assert "1 span" in desk.end()


def test_a_refusal_says_what_to_set():
    with sidecar() as desk:
        assert b"http/json" in desk.send(http(b"\n", type_="application/x-protobuf"))[2]
        assert b"COMPRESSION" in desk.send(http(b"x", more="Content-Encoding: gzip\r\n"))[2]
        status, headers, answer = desk.send(http(b"{"))
        assert headers["content-type"] == "application/json" and json.loads(answer)["code"] == 3
        assert desk.send(http(b"", method="GET"))[1]["allow"] == "POST"
        desk.end()
        assert b"refused GET /v1/traces" in desk.err


def test_one_bad_id_refuses_the_whole_request():
    with sidecar() as desk:
        assert desk.send(http(request(span(1), span(2, trace="5b"))))[0] == 400
        assert desk.end() == ""


def test_a_request_may_come_in_pieces_of_one_byte():
    with sidecar() as desk, desk.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in http(request(span(1)), more="X: y\r\n"):
            client.send(bytes([byte]))
        assert read_answer(client.makefile("rb"))[0] == 200


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_chunked_body_may_be_cut_anywhere(size):
    with sidecar() as desk, desk.connect() as client:
        stream = client.makefile("rb")
        raw = chunked(shop(), size)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(raw), 5 if size < 4096 else 1000):
            client.sendall(raw[i:i + (5 if size < 4096 else 1000)])
        assert read_answer(stream)[::2] == (200, SUCCESS)
        client.sendall(http(b"{"))                       # the connection is still in step
        assert read_answer(stream)[0] == 400
        assert "4 spans" in desk.end()


@pytest.mark.parametrize("tail", [b"xyz\r\n", b"-1\r\n", b"fffffffff\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"\r\n"])
def test_a_malformed_chunk_is_refused_and_the_connection_closed(tail):
    raw = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + tail
    with sidecar() as desk:
        status, headers, _ = desk.send(raw)
        assert (status, headers["connection"]) == (400, "close")


def test_requests_in_a_row_are_answered_in_order():
    with sidecar() as desk, desk.connect() as client:
        stream = client.makefile("rb")
        client.sendall((http({}) + http(b"{") + chunked({}) + http({}, path="/x")) * 50)
        assert [read_answer(stream)[0] for _ in range(200)] == [200, 400, 200, 404] * 50


def test_a_client_that_reads_late_gets_every_answer():
    with sidecar() as desk, desk.connect() as client:
        count = 4000
        raw = http({}, path="/" + "x" * 200) * count
        client.setblocking(False)
        sent = 0
        while sent < len(raw) and select.select([], [client], [], 0.3)[1]:
            sent += client.send(raw[sent:sent + 65536])
        client.setblocking(True)
        stream = client.makefile("rb")
        answers = 0
        while answers < count:
            if sent < len(raw):
                client.settimeout(5)
                sent += client.send(raw[sent:sent + 2048])
            assert read_answer(stream)[0] == 404
            answers += 1


def test_a_client_may_close_its_side_and_still_read():
    with sidecar() as desk, desk.connect() as client:
        client.sendall(http({}))
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_asks_for_100_continue_gets_it():
    with sidecar() as desk, desk.connect() as client:
        raw = http({}, more="Expect: 100-continue\r\n")
        stream = client.makefile("rb")
        client.sendall(raw[:-2])
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n" and stream.readline() == b"\r\n"
        client.sendall(raw[-2:])
        assert read_answer(stream)[0] == 200


@pytest.mark.parametrize("more, connection", [("", "keep-alive"), ("Connection: close\r\n", "close")])
def test_the_connection_is_kept_unless_asked_otherwise(more, connection):
    with sidecar() as desk:
        assert desk.send(http({}, more=more))[1]["connection"] == connection


def test_a_body_of_20_mib_is_taken_and_one_byte_more_is_not():
    limit = 20 * 1024 * 1024
    with sidecar() as desk:
        assert desk.send(http(b"{}" + b" " * (limit - 2)))[0] == 200
        status, headers, answer = desk.send(http(b"{}", length=limit + 1))
        assert (status, headers["connection"]) == (400, "close") and b"20 MiB" in answer


def test_a_chunked_body_without_end_is_refused():
    with sidecar() as desk, desk.connect() as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(330):
                client.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        assert read_answer(client.makefile("rb"))[0] == 400
        desk.post({})


def test_many_large_requests_at_once_are_held_off_not_held():
    with sidecar() as desk, contextlib.ExitStack() as clients:
        answers = []
        for _ in range(5):
            client = clients.enter_context(desk.connect())
            client.sendall(http(b"{", length=20 * 1024 * 1024))
            time.sleep(0.05)
            answers.append(client)
        status, headers, _ = read_answer(answers[-1].makefile("rb"))
        assert (status, headers["retry-after"]) == (503, "1")
        desk.post({})


def test_one_client_in_the_middle_of_a_request_keeps_nobody_waiting():
    with sidecar() as desk, desk.connect() as slow:
        slow.sendall(http(shop())[:-5])
        desk.post(request(span(1)))


def test_hundreds_of_idle_connections_do_not_shut_out_the_next():
    with sidecar() as desk, contextlib.ExitStack() as clients:
        for _ in range(600):
            clients.enter_context(desk.connect())
        desk.post(request(span(1)))


# ---- where the sidecar listens ----

def test_a_socket_file_is_served_replaced_when_stale_and_removed(tmp_path):
    path = str(tmp_path / "otlp.sock")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    with sidecar("--socket", path) as desk:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(http(request(span(1))))
            assert read_answer(client.makefile("rb"))[0] == 200
        second = run_spanload("sidecar", "--socket", path)
        assert second.returncode == 1 and "in use" in second.stderr
        assert "1 span" in desk.end()
    assert not os.path.exists(path)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "notes"
    path.write_text("mine")
    assert run_spanload("sidecar", "--socket", str(path)).returncode == 1
    assert path.read_text() == "mine"


def test_a_port_in_use_is_told():
    with sidecar() as desk:
        second = run_spanload("sidecar", "--port", str(desk.port))
        assert second.returncode == 1 and "in use" in second.stderr and str(desk.port) in second.stderr


# ---- the command line ----

def run_spanload(*arguments, env=None, **more):
    return subprocess.run([SPANLOAD, *arguments], capture_output=True, text=True, timeout=20,
                          env=environment(**(env or {})), stdin=subprocess.DEVNULL, **more)


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["run"], ["run", "--"], ["run", "--nonsense", "true"], ["run", "--service"],
    ["run", "--service=", "true"], ["run", "--show=yes", "true"], ["run", "--format", "json", "true"],
    ["run", "--show", "--format", "xml", "true"], ["run", "--show", "--endpoint", "http://x", "true"],
    ["sidecar", "what"], ["sidecar", "--port", "70000"], ["sidecar", "--port", "x"], ["sidecar", "--format", "xml"],
    ["check"], ["check", "a", "b"], ["check", "-x"],
])
def test_wrong_usage_is_one_line_and_status_2(arguments):
    done = run_spanload(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("spanload: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments, words", [
    (["--help"], ["run", "sidecar", "check"]),
    (["run", "--help"], ["--show", "--library", "--service", "--endpoint", "--format", "--no-helpers"]),
    (["sidecar", "--help"], ["--port", "--host", "--socket", "--format"]),
    (["check", "--help"], ["--endpoint", "Exit status"]),
    (["--version"], ["spanload "]),
])
def test_help_goes_to_standard_output(arguments, words):
    done = run_spanload(*arguments)
    assert done.returncode == 0 and done.stderr == ""
    assert all(word in done.stdout for word in words)
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_help_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        assert subprocess.run([SPANLOAD, "--help"], stdout=full, stderr=subprocess.DEVNULL).returncode != 0


# ---- run ----

@pytest.fixture(scope="session")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "libspanload.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)], input=b"int nothing;", check=True)
    return str(path)


POST = textwrap.dedent("""
    import json, os, urllib.request
    def post(body):
        url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request).read()
    """)


def poster(body, then=""):
    return [sys.executable, "-c", POST + f"post({body!r})\n" + textwrap.dedent(then)]


def started(library, *arguments, **env):
    return run_spanload("run", "--library", library, *arguments, env=env)


SHOW_ENV = "env | grep -E '^(LD_PRELOAD|OTEL)' | sort"


def test_run_sets_what_was_asked_for_and_nothing_else(library):
    assert started(library, "sh", "-c", SHOW_ENV).stdout == f"LD_PRELOAD={library}\n"
    done = started(library, "--service", "s", "--endpoint=http://x:1", "--", "sh", "-c", SHOW_ENV,
                   OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://elsewhere")
    assert done.stdout == f"LD_PRELOAD={library}\nOTEL_EXPORTER_OTLP_ENDPOINT=http://x:1\nOTEL_SERVICE_NAME=s\n"


def test_what_is_preloaded_already_stays_and_comes_after(library, tmp_path):
    other = tmp_path / "other.so"
    other.write_bytes(Path(library).read_bytes())
    done = started(library, "sh", "-c", "echo $LD_PRELOAD", LD_PRELOAD=str(other))
    assert done.stdout == f"{library}:{other}\n"


def test_the_library_is_named_by_option_then_variable_then_place(library, tmp_path):
    binary = tmp_path / "prefix" / "bin" / "spanload"
    installed = tmp_path / "prefix" / "lib" / "spanload" / "libspanload.so"
    beside = binary.with_name("libspanload.so")
    for path in (binary, installed):
        path.parent.mkdir(parents=True)
    binary.write_bytes(Path(SPANLOAD).read_bytes())
    binary.chmod(0o755)

    def found(*options, **env):
        done = subprocess.run([binary, "run", *options, "sh", "-c", "echo $LD_PRELOAD"], capture_output=True, text=True,
                              env=environment(**env))
        return done.returncode, done.stdout.strip()
    assert found() == (125, "")
    installed.write_bytes(Path(library).read_bytes())
    assert found() == (0, str(installed))
    beside.write_bytes(Path(library).read_bytes())
    assert found() == (0, str(beside))
    assert found(SPANLOAD_LIBRARY=library) == (0, library)
    assert found("--library", str(installed), SPANLOAD_LIBRARY=library) == (0, str(installed))
    assert found("--library", "/nowhere.so") == (125, "")


def test_a_relative_library_becomes_absolute_and_a_path_with_a_space_is_refused(library, tmp_path):
    done = run_spanload("run", "--library", "./libspanload.so", "sh", "-c", "echo $LD_PRELOAD", cwd=os.path.dirname(library))
    assert done.stdout.strip() == library
    spaced = tmp_path / "a b.so"
    spaced.write_bytes(b"")
    assert started(str(spaced), "true").returncode == 125


HELPERS = {  # what a variable has before a helper, which one, and what after it
    "NODE_OPTIONS": ("--require=", "node/spanload.cjs", " "),
    "PYTHONPATH": ("", "python", ":"),
    "RUBYOPT": ("-r", "ruby/spanload.rb", " "),
}
SHOW_HELPERS = "for name in NODE_OPTIONS PYTHONPATH RUBYOPT; do eval echo \"\\${$name-unset}\"; done"


def place_with_helpers(library, place, runtime, files=("node/spanload.cjs", "python/sitecustomize.py", "ruby/spanload.rb")):
    """A copy of the library at `place`, and helpers in `runtime`."""
    place.mkdir(parents=True, exist_ok=True)
    for file in files:
        (runtime / file).parent.mkdir(parents=True)
        (runtime / file).touch()
    copy = place / "libspanload.so"
    copy.write_bytes(Path(library).read_bytes())
    return str(copy)


def helper_lines(runtime, names=HELPERS, after={}):
    return [HELPERS[name][0] + f"{runtime}/{HELPERS[name][1]}" + (HELPERS[name][2] + after[name] if name in after else "")
            if name in names else after.get(name, "unset") for name in HELPERS]


@pytest.mark.parametrize("place,runtime", [("lib/spanload", "lib/spanload/runtime"), ("build", "runtime")])
def test_helpers_beside_the_library_come_first_and_what_is_there_stays(library, tmp_path, place, runtime):
    copy, present = place_with_helpers(library, tmp_path / place, tmp_path / runtime), {name: f"{name} a b" for name in HELPERS}
    for env in ({}, {name: "" for name in HELPERS}):
        assert started(copy, "sh", "-c", SHOW_HELPERS, **env).stdout.splitlines() == helper_lines(tmp_path / runtime)
    assert started(copy, "sh", "-c", SHOW_HELPERS, **present).stdout.splitlines() == helper_lines(tmp_path / runtime, after=present)
    done = started(copy, "--no-helpers", "sh", "-c", SHOW_HELPERS, **present)
    assert done.stdout.splitlines() == list(present.values())


def test_a_helper_that_is_not_there_is_not_named(library, tmp_path):
    copy = place_with_helpers(library, tmp_path / "build", tmp_path / "runtime", ("python/sitecustomize.py",))
    assert started(copy, "sh", "-c", SHOW_HELPERS).stdout.splitlines() == helper_lines(tmp_path / "runtime", ("PYTHONPATH",))
    assert started(library, "sh", "-c", SHOW_HELPERS).stdout.splitlines() == ["unset"] * 3


@pytest.mark.parametrize("name", ["a\"b", "a\tb", "a\\b"])
def test_helpers_whose_path_a_variable_could_misread_are_left_out(library, tmp_path, name):
    copy = place_with_helpers(library, tmp_path / name / "build", tmp_path / name / "runtime")
    assert started(copy, "sh", "-c", SHOW_HELPERS).stdout.splitlines() == ["unset"] * 3


@pytest.mark.parametrize("show", [[], ["--show"]])
@pytest.mark.parametrize("program, status", [
    (["sh", "-c", "exit 7"], 7), (["true"], 0), (["no-such-program-here"], 127), (["/no/such/file"], 127),
    (["/etc/passwd"], 126), (["/tmp"], 126),
])
def test_the_exit_status_is_the_programs_or_a_shells(library, show, program, status):
    assert started(library, *show, "--", *program).returncode == status


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_death_by_signal_is_128_and_its_number(library, number):
    assert started(library, "--show", "sh", "-c", f"kill -{number} $$").returncode == 128 + number


def test_show_leaves_standard_output_and_input_to_the_program(library):
    command = [SPANLOAD, "run", "--library", library, "--show", *poster(shop(), "import sys; print(sys.stdin.read())")]
    done = subprocess.run(command, input="in", capture_output=True, text=True, env=environment())
    assert done.stdout == "in\n"
    assert "trace 5b8efff7  4 spans" in done.stderr and "\x1b" not in done.stderr


def test_show_points_the_program_to_itself_whatever_was_set(library):
    done = started(library, "--show", "sh", "-c", SHOW_ENV, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://elsewhere",
                   OTEL_EXPORTER_OTLP_ENDPOINT="http://elsewhere", OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
                   OTEL_TRACES_EXPORTER="none", OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    assert re.sub(r":\d+", ":PORT", done.stdout) == textwrap.dedent(f"""\
        LD_PRELOAD={library}
        OTEL_BSP_SCHEDULE_DELAY=200
        OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:PORT
        OTEL_EXPORTER_OTLP_PROTOCOL=http/json
        OTEL_TRACES_EXPORTER=otlp
        """)
    assert "OTEL_BSP_SCHEDULE_DELAY=9" in started(library, "--show", "sh", "-c", SHOW_ENV, OTEL_BSP_SCHEDULE_DELAY="9").stdout


def test_show_prints_json_lines_when_asked(library):
    done = started(library, "--show", "--format", "json", *poster(shop()))
    assert json.loads(done.stderr) == shop()


def test_show_prints_a_quiet_trace_while_the_program_runs(library):
    with subprocess.Popen([SPANLOAD, "run", "--library", library, "--show", *poster(shop(), "import time; time.sleep(30)")],
                          stderr=subprocess.PIPE, env=environment()) as process:
        assert "4 spans" in read_for(process.stderr.fileno(), "4 spans", 10)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM


def test_show_waits_a_moment_for_a_grandchild_that_holds_a_connection(library):
    late = f"""
        import http.client
        url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"].split("//")[1]
        connection = http.client.HTTPConnection(url)
        connection.connect()
        if os.fork() == 0:
            import time; time.sleep(0.1)
            connection.request("POST", "/v1/traces", json.dumps({request(span(9, name="late"))!r}), {{"Content-Type": "application/json"}})
            connection.getresponse().read()
        os._exit(0)
        """
    assert "late" in started(library, "--show", *poster(shop(), late)).stderr


def test_show_does_not_wait_when_nobody_is_left(library):
    begin = time.monotonic()
    started(library, "--show", "true")
    assert time.monotonic() - begin < 0.25 or "san" in SPANLOAD


@pytest.mark.parametrize("number", ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH"])
def test_signals_are_passed_to_the_program(library, number):
    script = f"trap 'echo got; exit 5' {number}; echo ready; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done"
    with subprocess.Popen([SPANLOAD, "run", "--library", library, "--show", "bash", "-c", script],
                          stdout=subprocess.PIPE, env=environment(), start_new_session=True) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(getattr(signal, f"SIG{number}"))
        assert process.stdout.readline() == b"got\n"
        assert process.wait(10) == 5


def test_what_the_program_inherits_of_signals_is_untouched(library):
    script = "grep -E '^Sig(Blk|Ign)' /proc/self/status"

    def inherited(*command):
        return subprocess.run([*command, "sh", "-c", script], capture_output=True, text=True, env=environment(),
                              preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)).stdout
    assert inherited(SPANLOAD, "run", "--library", library, "--show", "--") == inherited("env")


# ---- on a terminal ----

def on_terminal(command, typed=b"", columns=80, after="", **env):
    """Runs a command on a terminal of its own; types when `after` has been seen. Output and exit status."""
    import fcntl
    import struct
    import termios
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
        os.execvpe(command[0], command, environment(TERM="xterm", **env))
    got = read_for(fd, after, 10) if after else ""
    if typed:
        os.write(fd, typed)
    got += read_for(fd, "never printed", 10)
    os.close(fd)
    return got.replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_errors_are_red_on_a_terminal(library):
    out, status = on_terminal([SPANLOAD, "run", "--library", library, "--show", *poster(shop())])
    assert status == 0 and "\x1b[31merror=503\x1b[0m" in out


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_is_left_out_when_it_is_not_wanted(library, env):
    command = ["env", *[f"{key}={text}" for key, text in env.items()], SPANLOAD, "run", "--library", library, "--show"]
    out, _ = on_terminal([*command, *poster(shop())])
    assert "error=503" in out and "\x1b" not in out


@pytest.mark.parametrize("columns", [40, 80, 110])
def test_the_width_of_the_window_is_respected(library, columns):
    out, _ = on_terminal([SPANLOAD, "run", "--library", library, "--show", *poster(shop())], columns=columns, NO_COLOR="1")
    widest = max(map(width, out.splitlines()))
    assert columns - 15 < widest <= columns


def test_an_interrupt_from_the_terminal_reaches_the_program_once(library):
    script = "n=0; trap 'n=$((n+1))' INT; echo ready; sleep 1; sleep 0.3; echo count=$n; exit 4"
    out, status = on_terminal([SPANLOAD, "run", "--library", library, "--show", "bash", "-c", script],
                              typed=b"\x03", after="ready")
    assert "count=1" in out and status == 4


def test_an_interrupt_from_the_terminal_ends_both(library):
    out, status = on_terminal([SPANLOAD, "run", "--library", library, "--show", *poster(shop(), "print('ready', flush=True)\nimport signal, time\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('set', flush=True)\ntime.sleep(9)")],
                              typed=b"\x03", after="set")
    assert status == 128 + signal.SIGINT and "4 spans" in out


# ---- check ----

@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Programs to check, by name."""
    place = tmp_path_factory.mktemp("programs")

    def build(name, text, *options):
        subprocess.run(["gcc", "-x", "c", "-", "-o", str(place / name), *options], input=text.encode(), check=True)
        return str(place / name)
    main = "int main(void) { return 0; }"
    go = '__attribute__((section(".go.buildinfo"))) const char info[16] = "go1"; ' + main
    return {
        "static": build("static", main, "-static"),
        "static-pie": build("static-pie", main, "-static-pie"),
        "plain": build("plain", main),
        "socket": build("socket", "#include <sys/socket.h>\nint main(void) { return socket(1, 1, 0) < 0; }"),
        "go-cgo": build("go-cgo", go),
        "go": build("go", go, "-static"),
        "no-loader": build("no-loader", main, "-Wl,--dynamic-linker=/nowhere/ld.so"),
    }


def checked(program, *options, **env):
    env.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    return run_spanload("check", *options, program, env=env)


@pytest.mark.parametrize("name, words", [
    ("static", "statically linked"), ("static-pie", "statically linked"), ("go", "Go makes its system calls itself"),
    ("go-cgo", "cgo"), ("no-loader", "/nowhere/ld.so"),
])
def test_a_program_that_cannot_be_traced_is_told_why(built, name, words):
    done = checked(built[name])
    assert done.returncode == 1
    assert done.stdout.startswith(f"program: {built[name]}: no, ") and words in done.stdout


def test_a_program_that_can_be_traced_is_3_without_and_0_with_a_sidecar(library):
    done = checked("true", "--library", library)
    assert done.returncode == 3
    assert re.match(r"program: /\S+/true: yes, ", done.stdout)
    assert "sidecar: http://127.0.0.1:9/v1/traces: no, " in done.stdout and "refused" in done.stdout
    with sidecar() as desk:
        done = checked("true", "--endpoint", f"http://127.0.0.1:{desk.port}/")
        assert done.returncode == 0
        assert f"sidecar: http://127.0.0.1:{desk.port}/v1/traces: yes, " in done.stdout
        assert desk.end() == ""


@pytest.mark.parametrize("bits, word", [(0o4755, "setuid"), (0o2755, "setgid")])
def test_privileges_switch_preloading_off(built, tmp_path, bits, word):
    copy = tmp_path / "copy"
    copy.write_bytes(Path(built["plain"]).read_bytes())
    copy.chmod(bits)
    done = checked(str(copy))
    assert done.returncode == 1 and f"it is {word}" in done.stdout


def test_scripts_are_followed_to_what_runs_them(tmp_path, built):
    outer, inner = tmp_path / "outer", tmp_path / "inner"
    inner.write_text("#!/usr/bin/env -S sh -e\n")
    outer.write_text(f"#!{inner} x\n")
    for path in (outer, inner):
        path.chmod(0o755)
    done = checked(str(outer))
    assert done.returncode == 3
    assert f"outer is a script, run by {inner}" in done.stdout and re.search(r"inner is a script, run by /\S*/sh", done.stdout)
    inner.write_text(f"#!{built['static']}\n")
    assert checked(str(outer)).returncode == 1
    inner.write_text(f"#!{outer}\n")
    assert checked(str(outer)).returncode == 1
    inner.write_text("#!/no/such/interpreter\n")
    assert "/no/such/interpreter" in checked(str(outer)).stdout


def test_the_socket_functions_are_a_hint_not_a_verdict(built):
    assert "note  imports no socket functions" in checked(built["plain"]).stdout
    assert "ok    imports socket functions: socket" in checked(built["socket"]).stdout
    assert checked(built["plain"]).returncode == 3


def test_missing_unexecutable_and_foreign_files_are_told_apart(tmp_path, built):
    assert "not found in PATH" in checked("no-such-program-here").stdout
    assert "no such file" in checked("/no/such/file").stdout
    assert "not executable" in checked("/etc/passwd").stdout
    assert "directory" in checked("/tmp").stdout
    for number, change in ((0xF3, "risc-v"), (0x03, "x86")):
        raw = bytearray(Path(built["plain"]).read_bytes())
        raw[18:20] = number.to_bytes(2, "little")
        foreign = tmp_path / change
        foreign.write_bytes(raw)
        foreign.chmod(0o755)
        done = checked(str(foreign))
        assert done.returncode == 1 and f"it is for {change}" in done.stdout
    junk = tmp_path / "junk"
    junk.write_bytes(b"\x00\x01\x02")
    junk.chmod(0o755)
    assert "no program that this system can run" in checked(str(junk)).stdout


def test_a_damaged_file_is_judged_not_believed(tmp_path, built):
    """Every prefix at a boundary, and single bytes of the headers turned: an answer, never a crash."""
    raw = Path(built["plain"]).read_bytes()
    path = tmp_path / "damaged"
    path.write_bytes(b"")
    path.chmod(0o755)
    cases = [raw[:n] for n in (4, 16, 20, 63, 64, 100, 500, 1000, len(raw) // 2, len(raw) - 1)]
    cases += [raw[:i] + b"\xff" * 8 + raw[i + 8:] for i in range(16, 600, 24)]
    for case in cases:
        path.write_bytes(case)
        assert checked(str(path)).returncode in (1, 3), case[:64]


@pytest.mark.parametrize("env, url", [
    ({}, "http://localhost:4318/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "http://127.0.0.1:9/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9/x/"}, "http://127.0.0.1:9/x/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, "http://localhost:4318/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "http://127.0.0.1:9"),
    ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://localhost:4317"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "unix:/no/socket"}, "unix:/no/socket"),
])
def test_the_sidecar_is_where_the_variables_say(env, url):
    done = run_spanload("check", "true", env=env)
    assert f"sidecar: {url}: " in done.stdout


@pytest.mark.parametrize("url", ["x", "ftp://x", "http://", "http://x:y", "http://[::1", "unix:relative"])
def test_an_endpoint_that_is_no_url_is_told(url):
    done = checked("true", "--endpoint", url)
    assert done.returncode == 3 and "that is no URL" in done.stdout


def test_a_server_that_is_no_sidecar_is_told_by_its_answer():
    with sidecar() as desk:
        done = checked("true", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{desk.port}")
        assert done.returncode == 3 and "404" in done.stdout
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        begin = time.monotonic()
        done = checked("true", "--endpoint", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        assert done.returncode == 3 and "does not answer" in done.stdout and time.monotonic() - begin < 5


def test_a_unix_socket_is_asked_too(tmp_path):
    path = str(tmp_path / "s")
    with sidecar("--socket", path):
        assert checked("true", "--endpoint", f"unix:{path}").returncode == 0


def test_names_in_a_report_are_harmless(tmp_path):
    path = tmp_path / "a\x1b[31m"
    path.write_text("")
    out = checked(str(path)).stdout
    assert "\x1b" not in out and r"\x1b[31m" in out
