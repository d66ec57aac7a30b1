"""test_programs.py - n requests of an unmodified program are n spans in the backend, and the program notices nothing.

One test per row of tests/programs/. Each program runs twice, without and with the library (tests/support/twin.py), and is
asked the same; what it answers, prints, writes, logs and leaves open is compared, then its spans, which went through both
Collectors, with what the other end of each connection wrote down.
"""
import http.client
import os
import re
import socket
import subprocess
import time
import uuid
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field

import pytest

from programs import results
from programs.packages import missing_packages, version_of
from programs.programs import CLIENTS, SERVERS, SILENT
from programs.rows import FOR_EACH, PORTS, filled
from support.context import check_context, is_traced, take_context
from support.facts import check_client_span, check_client_spans, check_server_span
from support.launch import Running, bare_environment, environment, run, total
from support.origin import Kept, Origin
from support.ports import free_port, wait_until
from support.rest import wait_for_rest
from support.twin import TIMES, Life, blanked, twin

SITE = {"/index.html": b"<p>hello</p>\n", "/big.bin": bytes(range(256)) * 20000}  # one is larger than any socket buffer
USER_AGENT = "system-test/1.0 (päth)".encode().decode("latin-1")


def installed_version(program):
    """The version of the program's package; a test without its program is skipped in one line."""
    missing = missing_packages(program)
    if missing:
        pytest.skip(f"{program.name}: not installed: {', '.join(missing)}")
    return version_of(program)


def new_service(program):
    return f"{re.sub('[^a-z0-9]+', '-', program.name.lower())}-{uuid.uuid4().hex[:8]}"


def prepared(program, place, port, url):
    """What stands in the program's directory at the start of each of its lives."""
    for name in ("log", "tmp"):
        (place / name).mkdir()
        (place / name).chmod(0o777)
    for name, text in program.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(filled(text, dir=place, port=port, url=url))
    if program.prepare:
        program.prepare(place, port, url)


def with_variables(program, env, place, port):
    return {**env, **{name: filled(value, dir=place, port=port, url="") for name, value in program.variables.items()}}


def check_accounts(life, spans):
    counted = total(life.counters)
    assert (counted.get("started", 0), counted.get("exported", 0), counted.dropped) == (spans, spans, 0), counted
    assert not life.complaints


# --- servers -------------------------------------------------------------------------------------------------------------

@dataclass
class Exchange:
    """One request and its answer, as the client of the test saw them."""
    method: str
    target: str
    host: str
    port: int
    user_agent: str
    version: str
    client_port: int
    start_ns: int
    end_ns: int = 0
    status: int = 0
    answer_version: str = ""
    answer: bytes = field(default=b"", repr=False)  # every byte of it
    head: bytes = b""
    body: bytes = field(default=b"", repr=False)    # without the marks of chunks


class Recorded(Kept):
    """What http.client takes for a socket."""

    def makefile(self, *_):
        return self


def ask(connection, port, method, target, body=b"", fields=(), version="1.1", close=False):
    """Sends one request, reads its whole answer, and says what was seen."""
    lines = [f"{method} {target} HTTP/{version}", f"Host: localhost:{port}", f"User-Agent: {USER_AGENT}"]
    lines += [f"Content-Length: {len(body)}"] if body else []
    lines += [*fields, *(["Connection: close"] if close else [])]
    exchange = Exchange(method, target, "localhost", port, USER_AGENT.encode("latin-1").decode(), version,
                        connection.getsockname()[1], time.time_ns())
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    recorded = Recorded(connection.makefile("rb"))
    answer = http.client.HTTPResponse(recorded, method=method)
    answer.begin()
    exchange.head = recorded.taken()
    exchange.body = answer.read()
    exchange.end_ns = time.time_ns()
    exchange.status, exchange.answer_version = answer.status, {10: "1.0", 11: "1.1"}[answer.version]
    exchange.answer = exchange.head + recorded.taken()
    return exchange, answer.will_close


def ask_all(program, port):
    """What every server is asked: on one connection as long as it lasts, then one connection for each request."""
    def connect():
        return socket.create_connection(("127.0.0.1", port), timeout=20)

    kept = [("GET", "/index.html"), ("GET", "/big.bin?a=1&sig=secret"), ("HEAD", "/index.html"), ("GET", "/missing?x=y"), ("GET", "/index.html")]
    once = [{"method": "GET", "target": "/index.html"}, {"method": "GET", "target": "/big.bin"},
            {"method": "HEAD", "target": "/big.bin"}, {"method": "GET", "target": "/missing"},
            {"method": "GET", "target": "/index.html", "version": "1.0"},
            {"method": "POST", "target": program.post, "body": b"p" * 1000}]
    if program.asks:
        kept, once = [], [dict(zip(("method", "target", "status", "body", "fields"), asked)) for asked in program.asks]
    exchanges, connection = [], None
    for method, target in kept:
        connection = connection or connect()
        exchange, ended = ask(connection, port, method, target)
        exchanges.append(exchange)
        if ended or program.connections == FOR_EACH:  # some end it without a word
            connection.close()
            connection = None
    if connection:
        connection.close()
    assert not kept or len({exchange.client_port for exchange in exchanges}) == program.connections
    for request in once:
        status = request.pop("status", None)
        with connect() as connection:
            exchanges.append(ask(connection, port, close=True, **request)[0])
        assert status in (None, exchanges[-1].status), exchanges[-1]
    if kept:
        check_answers(program, exchanges)
    return exchanges


def check_answers(program, exchanges):
    """That the program does what its row is for."""
    *of_files, posted = exchanges
    for exchange in of_files:
        body = SITE.get(exchange.target.split("?")[0])
        assert exchange.status == (404 if body is None else 200), exchange
        assert body is None or exchange.body == (b"" if exchange.method == "HEAD" else body), exchange
    assert program.post != "/echo" or (posted.status, posted.body) == (200, b"p" * 1000), posted


def make_site(place):
    """The files that servers serve, the same at both runs."""
    site = place / "www"
    site.mkdir()
    for target, body in SITE.items():
        (site / target[1:]).write_bytes(body)
    for file in [*site.iterdir(), site]:
        os.utime(file, (1700000000, 1700000000))


def serve(program, place, port, origin, env):
    """One life of the server, and of what it needs beside it."""
    env = with_variables(program, env, place, port)
    visits_before = len(origin.visits)
    with ExitStack() as stack:
        beside = [stack.enter_context(Running.start([filled(word, dir=place, port=port, url=origin.url) for word in command],
                                                    env, cwd=place, watched=True)) for command in program.beside]
        if program.ready:
            wait_until(lambda: program.ready(place), 20, lambda: [one._not_ready() for one in beside])
        command = [filled(word, dir=place, port=port, url=origin.url) for word in program.command]
        running = stack.enter_context(Running.start(command, env, port=port, cwd=place, watched=True, timeout=40))
        exchanges = ask_all(program, port)
        wait_for_rest(running.pid)
        finished = running.stop(program.stop)
        ends = [one.stop() for one in reversed(beside)]
    life = Life(one_of(finished, *ends))
    life.exchanges, life.visits = exchanges, take_context(origin.visits[visits_before:], is_traced(env))
    heard = [unframed(exchange) if program.cut_by_time else exchange.answer for exchange in exchanges]
    life.heard = [blanked(data, (PORTS, *TIMES, *program.blanks)) for data in (*heard, *(visit.heard for visit in life.visits))]
    return life


def unframed(exchange):
    """The answer without what says how its body was cut into pieces."""
    return re.sub(rb"(?i)\r\n(Transfer-Encoding|Content-Length): [^\r]*", b"", exchange.head) + exchange.body


def one_of(finished, *others):
    """What several programs left, as if it were one."""
    for other in others:
        finished.status = (finished.status, other.status)
        finished.stdout, finished.stderr = finished.stdout + other.stdout, finished.stderr + other.stderr
        finished.descriptors = [*finished.descriptors, *other.descriptors]
    return finished


@pytest.mark.parametrize("program", SERVERS, ids=lambda program: program.name)
def test_each_request_to_a_server_is_one_span(program, place, collectors):
    """pitfalls.md: sendfile bodies not counted, HEAD and 404 that shift what follows, headers split from bodies (seen)."""
    version, service, port = installed_version(program), new_service(program), free_port()
    with Origin() as origin:

        def prepare():
            make_site(place)
            prepared(program, place, port, origin.url)

        pair = twin(lambda env: serve(program, place, port, origin, env), place, environment(collectors.endpoint, service, place),
                    prepare=prepare, sorted_lines=True, **program.differing)
    life, exchanges, visits = pair.traced, pair.traced.exchanges, pair.traced.visits
    spans = collectors.spans(service, len(exchanges) + len(visits))
    results.record(program, version, len(exchanges) + len(visits), len(spans))
    served, asked = ([span for span in spans if span.kind == kind] for kind in ("SERVER", "CLIENT"))
    assert (len(served), len(asked)) == (len(exchanges), len(visits)) and bool(visits) == program.upstream
    for span, exchange in zip(sorted(served, key=lambda span: span.start_ns), exchanges):
        check_server_span(span, exchange)
    named = check_context(asked, visits)
    for number, span in enumerate(sorted(asked, key=lambda span: span.start_ns)):
        parent = one_around(span, served) if number >= program.unlinked else None
        check_client_span(span, named[span.span_id], origin, life.finished, parent=parent)
    check_accounts(life, len(spans))


def one_around(span, served):
    """The request that the program was answering when it made this one: they come one after the other, and the last that had come
    is the one, though the program may still have been busy with the end of the one before."""
    return max((server for server in served if server.start_ns <= span.start_ns <= server.end_ns), key=lambda server: server.start_ns)


# --- clients -------------------------------------------------------------------------------------------------------------

def make_repository(root):
    """A small bare repository, the same at each call, that plain file servers can serve too."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    env = {**bare_environment(root), "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    work = root / "work"
    subprocess.run([*git, "init", "-q", str(work)], env=env, check=True)
    for number in range(3):
        (work / f"file-{number}").write_text(f"{number}\n" * 5000)
        subprocess.run([*git, "-C", str(work), "add", "."], env=env, check=True)
        subprocess.run([*git, "-C", str(work), "commit", "-q", "-m", f"commit {number}"], env=env, check=True)
    subprocess.run([*git, "clone", "-q", "--bare", str(work), str(root / "repo.git")], env=env, check=True)
    subprocess.run([*git, "-C", str(root / "repo.git"), "update-server-info"], env=env, check=True)


def fetch(program, place, origin, env):
    """One run of the client, and what the origin heard meanwhile."""
    before = len(origin.visits)
    with program.offers(origin) if program.offers else nullcontext():
        finished = run([filled(word, dir=place, port=origin.port, url=origin.url, root=origin.root) for word in program.command],
                       with_variables(program, env, place, origin.port), timeout=60, cwd=place, watched=True)
    visits = take_context(origin.visits[before:], is_traced(env) and not program.unseen)
    heard = [blanked(visit.heard, program.blanks) for visit in visits]
    life = Life(finished, sorted(heard) if program.unordered or not program.visits else heard)
    life.visits = visits
    return life


@pytest.mark.parametrize("program", CLIENTS, ids=lambda program: program.name)
def test_each_request_of_a_client_is_one_span(program, place, origin, collectors, tmp_path):
    """Promise 1 and the program's half of promise 3 (design.md, 1), for clients."""
    version, service = installed_version(program), new_service(program)
    origin.root = tmp_path
    if program.repository:
        make_repository(tmp_path)
    if program.also and not origin.listen_also(filled(program.also, root=tmp_path)):
        pytest.skip(f"{program.name}: this machine has no address {program.also}")
    pair = twin(lambda env: fetch(program, place, origin, env), place, environment(collectors.endpoint, service, place),
                prepare=lambda: prepared(program, place, origin.port, origin.url), **program.differing)
    life, visits = pair.traced, pair.traced.visits
    assert life.finished.status == program.exit_status
    if program.visits:
        visited = [(visit.method, visit.target, visit.status) for visit in visits]
        in_order = sorted if program.unordered else list
        assert in_order(visited) == in_order(program.visits)
    if program.connections:
        assert len({visit.client_port for visit in visits}) == program.connections

    spans = collectors.spans(service, 0 if program.unseen else len(visits))
    results.record(program, version, len(visits), len(spans))
    assert visits and len(spans) == (0 if program.unseen else len(visits))
    if not program.unseen:
        check_context(spans, visits)
    check_client_spans(spans, visits, origin, life.finished)
    check_accounts(life, len(spans))


# --- neither -------------------------------------------------------------------------------------------------------------

def speak(program, place, port, env):
    """One life of a program that speaks something else, with its clients, all of them under the library or none."""
    env = with_variables(program, env, place, port)
    commands = [[filled(word, dir=place, port=port, url="") for word in command] for command in (program.server, *program.commands)]
    with ExitStack() as stack:
        if program.server:
            running = stack.enter_context(Running.start(commands[0], env, port=None if program.ready else port, cwd=place, watched=True, timeout=40))
            if program.ready:
                wait_until(lambda: program.ready(place, port) or running.ended, 40, running._not_ready)
        ends = [run(command, env, timeout=60, cwd=place, watched=True) for command in commands[1:]]
        finished = running.stop(program.stop, timeout=20) if program.server else ends.pop()
    said = "".join(end.text for end in ends)
    heard = [(end.status, *(blanked(text, (*TIMES, *program.blanks)) for text in (end.stdout, end.own_stderr)), sorted(set(end.descriptors)))
             for end in ends]
    return Life(finished, heard, said=said)


@pytest.mark.parametrize("program", SILENT, ids=lambda program: program.name)
def test_a_program_that_speaks_something_else_is_left_alone(program, place, receiver, readable_library):
    """No span, nothing sent, nothing printed, and the same results."""
    version, port, sidecar = installed_version(program), free_port(), receiver()
    variables = environment(sidecar.endpoint, "silent", place, LD_PRELOAD=readable_library)
    pair = twin(lambda env: speak(program, place, port, env), place, variables,
                prepare=lambda: prepared(program, place, port, ""), sorted_lines=True, **program.differing)
    results.record(program, version, 0, len(sidecar.spans))
    assert not sidecar.requests
    check_accounts(pair.traced, 0)
