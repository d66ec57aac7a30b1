"""test_pitfalls_framing.py - one test for each row of pitfalls.md, "Framing", end to end; the docstring is the row's evidence.

Every sample of tests/wire runs whole, at every prefix and byte by byte in the unit tests; here real programs frame the messages.
"""
import shutil
import socket
import subprocess
import threading

import pytest

from support.launch import Running, bare_environment, counters_in, environment, run
from support.ports import free_port
from system.programs.hostile import built, check_spans, compared
from system.test_spans import PARENT, TRACE, get, say

PYTHON = "/usr/bin/python3"
PAGE = b"<p>what looks like a message\r\n\r\nGET /never HTTP/1.1\r\n\r\nHTTP/1.1 500 Never\r\n\r\n" * 40000

NGINX = '''
daemon off;
user root;
worker_processes 1;
pid {place}/pid;
error_log {place}/error.log;
events {{}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    if_modified_since before;
    large_client_header_buffers 8 64k;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {place}/www;
        location /none {{ return 204; }}
        location /small {{ client_max_body_size 1k; return 200 "small\\n"; }}
    }}
}}
'''


@pytest.fixture
def nginx(receiver, place):
    """Debian's nginx under the library, with a page of 3 MB that it sends by sendfile: (its port, the receiver of its spans)."""
    if not shutil.which("nginx", path="/usr/sbin"):
        pytest.skip("nginx: the Debian package nginx is not installed")
    sidecar, port = receiver(), free_port()
    (place / "www").mkdir()
    (place / "www/page").write_bytes(PAGE)
    (place / "nginx.conf").write_text(NGINX.format(place=place, port=port))
    with Running.start(["/usr/sbin/nginx", "-c", place / "nginx.conf"], environment(sidecar.endpoint), port=port):
        yield port, sidecar


def facts(sidecar, count):
    """(method, path, status) of each span, in the order in which they began."""
    spans = sorted(sidecar.wait_for(spans=count).spans, key=lambda span: span.start_ns)
    return [(span["http.request.method"], span["url.path"], span["http.response.status_code"]) for span in spans]


def told(port, *requests):
    """All that comes back until the server closes, as the last of these requests asks it to."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"".join(requests))
        return b"".join(iter(lambda: connection.recv(65536), b""))


def answered(script, receiver, *requests):
    """A traced server of a few lines is told `requests` in turn on one connection; what it answered, and its receiver."""
    sidecar, port = receiver(), free_port()
    with Running.start([PYTHON, "-c", script, str(port)], environment(sidecar.endpoint), port=port) as running:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            heard = []
            for request in requests:
                connection.sendall(request)
                heard.append(connection.recv(65536))
        end = running.stop(None)
    return heard, sidecar, end


# A server that answers each request that it is told with the bytes that its script has for it.
SERVER = '''
import socket, sys
connection, _ = socket.create_server(("127.0.0.1", int(sys.argv[1]))).accept()
for answer in ANSWERS:
    connection.recv(65536)
    connection.sendall(answer)
'''


def serving(*answers):
    return SERVER.replace("ANSWERS", repr(answers))


# --- the rows ----------------------------------------------------------------------------------------------------------------

def test_bodies_sent_by_sendfile(nginx):
    """`sendfile` bodies not counted: later headers eaten as body; a 1 ms request reported as 1507 ms, paired with a later response:
    seen (AppScope, Debian's default nginx)."""
    port, sidecar = nginx
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        stream = connection.makefile("rb")
        for target in ("/page", "/none", "/page", "/missing", "/none"):
            connection.sendall(get(target))
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split()[1])
            assert len(stream.read(length)) == length
        threading.Event().wait(1.2)  # idle: no request took as long as this
    assert facts(sidecar, 5) == [("GET", "/page", 200), ("GET", "/none", 204), ("GET", "/page", 200), ("GET", "/missing", 404), ("GET", "/none", 204)]
    assert max(span.duration_s for span in sidecar.spans) < 1.2


def test_eight_pipelined_requests(nginx):
    """Pipelining: 1 of 8 requests seen: seen (AppScope)."""
    port, sidecar = nginx
    targets = ["/none", "/page", "/missing", "/none", "/page", "/missing", "/none", "/page"]
    heard = told(port, *(get(target) for target in targets[:-1]), get(targets[-1], "Connection: close"))
    assert heard.count(PAGE) == 3
    statuses = {"/none": 204, "/page": 200, "/missing": 404}
    assert sorted(facts(sidecar, 8)) == sorted(("GET", target, statuses[target]) for target in targets)


def test_a_peek_is_counted_once(receiver):
    """`MSG_PEEK` counted twice: reported (AppScope 1017)."""
    script = '''
import socket, sys
connection, _ = socket.create_server(("127.0.0.1", int(sys.argv[1]))).accept()
for _ in range(4):
    size = len(connection.recv(65536, socket.MSG_PEEK))
    connection.recv(10, socket.MSG_PEEK), connection.recv_into(bytearray(5), 5, socket.MSG_PEEK), connection.recvmsg(7, 0, socket.MSG_PEEK)
    connection.recv(size)
    connection.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
'''
    _, sidecar, _ = answered(script, receiver, *(get(f"/{number}") for number in range(4)))
    assert facts(sidecar, 4) == [("GET", f"/{number}", 204) for number in range(4)]


def test_responses_without_a_body(nginx):
    """HEAD, 204, 304, 1xx shift everything after: known."""
    port, sidecar = nginx
    heard = told(port, get("/page", method="HEAD"), get("/none"), get("/page", "If-Modified-Since: Sat, 01 Jan 2101 00:00:00 GMT"),
                 get("/page", method="HEAD"), get("/missing", "Connection: close"))
    assert [line.split()[1] for line in heard.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")] == [b"200", b"204", b"304", b"200", b"404"]
    assert sorted(facts(sidecar, 5)) == sorted([("HEAD", "/page", 200), ("GET", "/none", 204), ("GET", "/page", 304), ("HEAD", "/page", 200), ("GET", "/missing", 404)])


def test_interim_responses_are_not_the_response(receiver):
    """103 Early Hints twice before each answer (RFC 8297), read by curl, which is under the library as well."""
    if not shutil.which("curl"):
        pytest.skip("curl: the Debian package curl is not installed")
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    sidecar, port = receiver(), free_port()
    script = serving(hints * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", hints + b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
    with Running.start([PYTHON, "-c", script, str(port)], environment(sidecar.endpoint), port=port) as running:
        asked = run(["/usr/bin/curl", "-sS", f"http://127.0.0.1:{port}/a", f"http://127.0.0.1:{port}/b"], environment(sidecar.endpoint))
        running.stop(None)
    assert asked.stdout == b"ok"
    sidecar.wait_for(spans=4)
    for kind in ("SERVER", "CLIENT"):
        assert sorted(span["http.response.status_code"] for span in sidecar.spans if span.kind == kind) == [200, 404]


def test_a_body_that_waits_for_100_continue(receiver, origin):
    """100-continue: known. The span ends with the final response, and the next request is the next span."""
    sidecar = receiver()
    command = ["/usr/bin/curl", "-sS", "-H", "Expect: 100-continue", "-d", "x" * 3000, f"{origin.url}/echo", "--next", "-sS", f"{origin.url}/hello"]
    end = compared(command, sidecar)
    assert end.stdout == b"x" * 3000 + b"hello\n"
    assert sorted((span.name, span["http.response.status_code"]) for span in sidecar.wait_for(spans=2).spans) == [("GET", 200), ("POST", 200)]


def test_a_response_before_the_body_has_ended(nginx):
    """Early response before the body ends: known. nginx refuses a body that is too long by its head."""
    port, sidecar = nginx
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(get("/small", "Content-Length: 100000", method="POST") + b"x" * 100)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
    say(port, get("/none"))
    assert facts(sidecar, 2) == [("POST", "/small", 413), ("GET", "/none", 204)]


def test_after_an_upgrade_the_bytes_are_opaque(receiver):
    """Upgrade (websocket): known. Frames that look like messages are none."""
    script = serving(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"\x81\x05hello")
    _, sidecar, end = answered(script, receiver, get("/chat", "Connection: Upgrade", "Upgrade: websocket"), get("/frame"), b"\x81\x85mask*****")
    assert facts(sidecar, 1) == [("GET", "/chat", 101)]
    assert (end.counters["started"], end.counters["tunnels"]) == (1, 1)


def test_after_connect_the_bytes_are_opaque(receiver):
    """CONNECT: known. What goes through the tunnel is another's conversation, refused tunnels are none."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    script = serving(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 Connection established\r\n\r\n", ok, ok)
    connect = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
    _, sidecar, end = answered(script, receiver, connect, connect, get("/within"), get("/within"))
    assert [(span["http.request.method"], span["http.response.status_code"]) for span in sorted(sidecar.wait_for(spans=2).spans, key=lambda span: span.start_ns)] == \
        [("CONNECT", 403), ("CONNECT", 200)]
    assert (end.counters["started"], end.counters["tunnels"]) == (2, 1)


def test_a_head_of_50_kb_with_traceparent_at_its_end(nginx):
    """Header block larger than 1 kB, or `traceparent` after long cookies: reported (OBI 1976, 1381)."""
    port, sidecar = nginx
    cookies = [f"Cookie: c{number}={'x' * 7000}" for number in range(7)]
    whole = get("/none", *cookies, f"traceparent: 00-{TRACE}-{PARENT}-01") + get("/missing")
    say(port, *(whole[at:at + 3001] for at in range(0, len(whole), 3001)))
    first, second = sorted(sidecar.wait_for(spans=2).spans, key=lambda span: span.start_ns)
    assert (first["http.response.status_code"], first.trace_id, first.parent_span_id) == (204, TRACE, PARENT)
    assert second["http.response.status_code"] == 404 and second.trace_id != TRACE


def test_every_split_into_memory_that_ends_there(receiver):
    """Wire split at every byte, buffers ending at an unmapped page: known."""
    sidecar = receiver()
    # The program counts every byte; that the library's line is right at each split, test_propagation.py shows.
    end = compared([built("pointers"), "splits"], sidecar, OTEL_BSP_MAX_QUEUE_SIZE=10000, OTEL_PROPAGATORS="none")
    assert end.status == 0
    check_spans(end, sidecar)


@pytest.mark.parametrize("said, heard", [
    (b"GET things done\r\n\r\n", b"well\r\n"), (b"GET / HTTP/1.1 and more\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"), (b"PACK\x00\x00\x00\x02GET / HTTP/1.1\r\n\r\n", b"ok"),
    (b"get key\r\nGET / HTTP/1.1\r\n\r\n", b"END\r\n"), (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"), (b"EHLO x\r\nGET / HTTP/1.1\r\n\r\n", b"250 ok\r\n")],
    ids=["prose", "more words", "pack", "memcached", "redis", "smtp"])
def test_what_merely_looks_like_http(receiver, said, heard):
    """Something that merely looks like HTTP: reported (OBI 2706: git data corrupted; 1279: header injected into a body). Bytes
    arrive as they were sent, and there is no span."""
    script = '''
import socket, sys
connection, _ = socket.create_server(("127.0.0.1", int(sys.argv[1]))).accept()
for _ in range(3):
    connection.sendall(ANSWER + connection.recv(65536))
'''.replace("ANSWER", repr(heard))
    got, sidecar, end = answered(script, receiver, said, said, get("/late"))
    assert got == [heard + said, heard + said, heard + get("/late")]
    assert not sidecar.spans and end.counters["exported"] == 0


# The child is another image, and goes on with a connection that its parent has begun.
TAKE_OVER = '''
import os, socket, sys
if len(sys.argv) == 4:
    connection = socket.socket(fileno=int(sys.argv[2]))
    for part in eval(sys.argv[3]):
        connection.recv(65536)
        connection.sendall(part)
    sys.exit(0)
connection, _ = socket.create_server(("127.0.0.1", int(sys.argv[1]))).accept()
connection.recv(65536)
connection.sendall(FIRST)
os.set_inheritable(connection.fileno(), True)
os.execv(sys.executable, [sys.executable, "-c", os.environ["SCRIPT"], sys.argv[1], str(connection.fileno()), repr(REST)])
'''
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


def taken_over(receiver, first, rest, *requests):
    """What a client heard of a server that became another program between `first` and `rest`, twice; and the spans."""
    sidecar, heard = receiver(), []
    script = TAKE_OVER.replace("FIRST", repr(first)).replace("REST", repr(rest))
    for env in (bare_environment(), environment(sidecar.endpoint, "taken")):
        port = free_port()
        with Running.start([PYTHON, "-c", script, str(port)], {**env, "SCRIPT": script}, port=port) as running:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                for request in requests:
                    connection.sendall(request)
                    threading.Event().wait(0.3)
                connection.shutdown(socket.SHUT_WR)
                heard.append(b"".join(iter(lambda: connection.recv(65536), b"")))
            end = running.stop(None)
            assert end.status == 0
    assert heard[0] == heard[1]
    return sidecar, counters_in(end.text)


def test_a_connection_taken_over_between_messages(receiver):
    """Connection taken over mid-stream (inherited descriptor, exec): reported (OBI 3297). Joined at a message boundary or ignored."""
    sidecar, lines = taken_over(receiver, OK, [OK, OK], get("/1"), get("/2"), get("/3"))
    seen = [(span["url.path"], span["http.response.status_code"], span.status) for span in sorted(sidecar.spans, key=lambda span: span.start_ns)]
    assert ("/1", 200, "UNSET") in seen and seen in ([("/1", 200, "UNSET")], [(f"/{number}", 200, "UNSET") for number in (1, 2, 3)])
    assert sum(line["held"] for line in lines) == 0


def test_a_connection_taken_over_in_the_middle_of_a_message(receiver):
    """The rest of a body, which looks like a message itself, is nobody's."""
    sidecar, _ = taken_over(receiver, OK[:-4], [b"body" + OK], get("/1"), get("/2"))
    assert all((span["url.path"], span["http.response.status_code"]) == ("/1", 200) or span["error.type"] for span in sidecar.spans) and \
        len(sidecar.spans) <= 1, [(span["url.path"], span["http.response.status_code"], span["error.type"]) for span in sidecar.spans]


def test_a_connection_that_is_there_from_the_start(receiver):
    """Descriptors 0 and 1 are the connection, as inetd and systemd hand it over; it begins at a message, so it is watched."""
    sidecar = receiver()
    code = ("import os, sys\n"
            "for _ in range(3):\n"
            "    os.read(0, 65536)\n"
            "    os.write(1, b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')\n")
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname(), timeout=10) as client:
        accepted, _ = listener.accept()
        program = subprocess.Popen([PYTHON, "-c", code], stdin=accepted, stdout=accepted, stderr=subprocess.PIPE, env=environment(sidecar.endpoint))
        accepted.close()
        for number in range(3):
            client.sendall(get(f"/{number}"))
            assert client.recv(65536).endswith(b"ok")
        assert program.wait(10) == 0
        program.stderr.close()
    assert facts(sidecar, 3) == [("GET", f"/{number}", 200) for number in range(3)]
