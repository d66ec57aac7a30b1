"""test_programs.py - n requests of an unmodified program are n spans in the backend, and the program notices nothing.

One test per row of tests/programs/programs.py. Each program runs twice, without and with the library, and is asked the same;
what it answers, prints and logs is compared, then its spans, which went through both Collectors, with what the other end of
each connection wrote down.
"""
import http.client
import io
import os
import re
import shutil
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass

import pytest

from programs import results
from programs.programs import CLIENTS, SERVERS, filled
from support.facts import check_client_span, check_server_span
from support.launch import Running, bare_environment, complaints_in, counters_in, environment, run, total
from support.ports import free_port

USER_AGENT = "system-test/1.0 (päth)".encode().decode("latin-1")


def installed_version(program):
    """The version of the program's Debian package; a test without its program is skipped in one line."""
    for package in program.packages:
        query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", package]
        result = subprocess.run(query, capture_output=True, text=True)
        if not result.stdout.startswith("ii"):
            pytest.skip(f"{program.name}: the Debian package {package} is not installed")
    return result.stdout.split()[-1]


def new_service(program):
    return f"{re.sub('[^a-z0-9]+', '-', program.name.lower())}-{uuid.uuid4().hex[:8]}"


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
    answer: bytes = b""


class Recorded(io.RawIOBase):
    """Hands on what a connection says and keeps it."""

    def __init__(self, stream):
        self.stream, self.bytes = stream, bytearray()

    def readline(self, limit=-1):
        return self._keep(self.stream.readline(limit))

    def read(self, size=-1):
        return self._keep(self.stream.read(size))

    def _keep(self, data):
        self.bytes += data
        return data

    def makefile(self, *_):
        return self


def ask(connection, port, method, target, body=b"", version="1.1", close=False):
    """Sends one request, reads its whole answer, and says what was seen."""
    lines = [f"{method} {target} HTTP/{version}", f"Host: localhost:{port}", f"User-Agent: {USER_AGENT}"]
    lines += [f"Content-Length: {len(body)}"] if body else []
    lines += ["Connection: close"] if close else []
    exchange = Exchange(method, target, "localhost", port, USER_AGENT.encode("latin-1").decode(), version,
                        connection.getsockname()[1], time.time_ns())
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    recorded = Recorded(connection.makefile("rb"))
    answer = http.client.HTTPResponse(recorded, method=method)
    answer.begin()
    answer.read()
    exchange.end_ns = time.time_ns()
    exchange.status, exchange.answer_version = answer.status, {10: "1.0", 11: "1.1"}[answer.version]
    exchange.answer = re.sub(rb"\r\nDate: [^\r]*", b"\r\nDate: -", bytes(recorded.bytes))
    return exchange, answer.will_close


def ask_all(program, port):
    """What every server is asked: on one connection as long as it lasts, then one connection for each request."""
    def connect():
        return socket.create_connection(("127.0.0.1", port), timeout=10)

    kept = [("GET", "/index.html"), ("GET", "/big.bin?a=1&sig=secret"), ("HEAD", "/index.html"), ("GET", "/missing?x=y"), ("GET", "/index.html")]
    once = [{"method": "GET", "target": "/index.html"}, {"method": "GET", "target": "/big.bin"},
            {"method": "HEAD", "target": "/big.bin"}, {"method": "GET", "target": "/missing"},
            {"method": "GET", "target": "/index.html", "version": "1.0"},
            {"method": "POST", "target": program.post, "body": b"p" * 1000}]
    exchanges, connection, ended = [], connect(), False
    for method, target in kept:
        if ended:
            connection.close()
            connection = connect()
        exchange, ended = ask(connection, port, method, target)
        exchanges.append(exchange)
    connection.close()
    assert not (program.keep_alive and len({exchange.client_port for exchange in exchanges}) > 1), "the server kept no connection"
    for request in once:
        with connect() as connection:
            exchanges.append(ask(connection, port, close=True, **request)[0])
    return exchanges


def make_site(place):
    """The files that servers serve, the same at both runs: one of them larger than any socket buffer."""
    site = place / "www"
    site.mkdir()
    (site / "index.html").write_bytes(b"<p>hello</p>\n")
    (site / "big.bin").write_bytes(bytes(range(256)) * 20000)
    for file in site.iterdir():
        os.utime(file, (1700000000, 1700000000))


def serve(program, place, port, env):
    """One life of the server: its exchanges, what it left, and its access log without times and ports."""
    for entry in place.iterdir():
        if entry.name != "www":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in ("log", "tmp"):
        (place / name).mkdir()
        (place / name).chmod(0o777)
    for name, text in program.files.items():
        (place / name).write_text(text)
    if program.prepare:
        program.prepare(place, port)
    env = {**env, **{name: filled(value, dir=place) for name, value in program.variables.items()}}
    command = [filled(word, dir=place, port=port) for word in program.command]
    with Running.start(command, env, port=port, cwd=place) as running:
        exchanges = ask_all(program, port)
        finished = running.stop(program.stop)
    log = finished.own_stderr if program.access_log == "stderr" else (place / program.access_log).read_bytes()
    errors = (place / program.error_log).read_text(errors="replace") if program.error_log else ""
    return exchanges, finished, without_times(log.decode("utf-8", "replace")), errors + finished.text


def without_times(log):
    """The lines of an access log in an order of their own: threads write theirs when they come to it."""
    return sorted(re.sub(r"\[\d\d/[^\]]*\]", "[time]", re.sub(r":\d{4,5}\b", ":port", log)).splitlines())


@pytest.mark.parametrize("program", SERVERS, ids=lambda program: program.name)
def test_each_request_to_a_server_is_one_span(program, place, collectors):
    """pitfalls.md: sendfile bodies not counted, HEAD and 404 that shift what follows, headers split from bodies (seen)."""
    version, service, port = installed_version(program), new_service(program), free_port()
    make_site(place)
    bare, bare_end, bare_log, _ = serve(program, place, port, bare_environment(place))
    exchanges, end, log, said = serve(program, place, port, environment(collectors.endpoint, service, place))

    assert [exchange.answer for exchange in exchanges] == [exchange.answer for exchange in bare], "the answers differ"
    assert end.status == bare_end.status
    assert log == bare_log, "the access logs differ"
    assert not complaints_in(said)

    spans = collectors.spans(service, len(exchanges))
    results.record(program, version, len(exchanges), len(spans))
    assert len(spans) == len(exchanges)
    for span, exchange in zip(sorted(spans, key=lambda span: span.start_ns), exchanges):
        check_server_span(span, exchange)
    counted = total(counters_in(said))
    assert (counted["started"], counted["exported"], counted.dropped) == (len(exchanges), len(exchanges), 0), counted


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


def tree_of(directory):
    """The checked-out files of a clone."""
    return {str(file.relative_to(directory)): file.read_bytes() for file in sorted(directory.rglob("*"))
            if file.is_file() and ".git" not in file.parts}


def fetch(program, place, origin, env):
    """One run of the client: what it left, and what the origin was asked meanwhile."""
    shutil.rmtree(place / "clone", ignore_errors=True)
    before = len(origin.visits)
    finished = run([filled(word, dir=place, url=origin.url) for word in program.command], env, cwd=place)
    return finished, origin.visits[before:], tree_of(place / "clone") if program.repository else None


def bytes_of(program, visits):
    """What a client sent, in no order: some ask several things at once."""
    return sorted((visit.method, visit.target, visit.status,
                   sorted(pair for pair in visit.fields.items() if pair[0] not in program.varies)) for visit in visits)


@pytest.mark.parametrize("program", CLIENTS, ids=lambda program: program.name)
def test_each_request_of_a_client_is_one_span(program, place, origin, collectors):
    """Promise 1 and the program's half of promise 3 (design.md, 1), for clients."""
    version, service = installed_version(program), new_service(program)
    if program.repository:
        origin.root = place
        make_repository(place)
    bare, bare_visits, bare_tree = fetch(program, place, origin, bare_environment(place))
    finished, visits, tree = fetch(program, place, origin, environment(collectors.endpoint, service, place))

    assert (finished.status, finished.stdout, finished.own_stderr) == (bare.status, bare.stdout, bare.stderr)
    assert finished.status == program.exit_status and tree == bare_tree
    assert bytes_of(program, visits) == bytes_of(program, bare_visits), "the requests differ"
    if program.visits:
        assert [(visit.method, visit.target, visit.status) for visit in visits] == list(program.visits)
    if program.connections:
        assert len({visit.client_port for visit in visits}) == program.connections
    assert not finished.complaints

    spans = collectors.spans(service, len(visits))
    results.record(program, version, len(visits), len(spans))
    assert len(spans) == len(visits) > 0
    spans.sort(key=lambda span: (span.name, span["url.full"].split("?")[0], span.start_ns))
    visits.sort(key=lambda visit: (visit.method, origin.url + visit.target.split("?")[0], visit.received_ns))
    for span, visit in zip(spans, visits):
        check_client_span(span, visit, origin, finished)
    counted = total(counters_in(finished.text))
    assert (counted["started"], counted["exported"], counted.dropped) == (len(visits), len(visits), 0), counted
