"""test_spans.py - what spans say where a request is not the usual one: other families, proxies, pipelines, odd methods, odd bytes.

test_programs.py has the usual ones, through real Collectors. Here client and server are small, and both may be under the
library at once, which must agree about what they saw.
"""
import socket

import pytest

from support.launch import Running, environment, run
from support.ports import free_port

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"

# Serves pipelines and keeps connections: what it reads too early stays in its buffer.
SERVER = '''
import sys, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = self.path.encode()
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")
    do_HEAD = do_POST = do_BREW = do_GET
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''


@pytest.fixture
def serving(receiver):
    """A traced server of ours: (its port, the receiver of its spans)."""
    sidecar, port = receiver(), free_port()
    with Running.start(["/usr/bin/python3", "-c", SERVER, str(port)], environment(sidecar.endpoint), port=port):
        yield port, sidecar


def say(port, *parts):
    """Sends these bytes on one connection, says that there will be no more, and returns what came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def get(target, *fields, method="GET"):
    return "".join(f"{line}\r\n" for line in (f"{method} {target} HTTP/1.1", "Host: here:81", *fields, "")).encode()


# --- addresses -----------------------------------------------------------------------------------------------------------

def both_ends(receiver, peer, address):
    """A traced client asks a traced server at this address for /a; the client's and the server's span of it."""
    sidecar = receiver()
    with Running.start([peer, "server", address], environment(sidecar.endpoint), ready=b"ready") as running:
        asked = run([peer, "client", address, "/a?b", "/quit"], environment(sidecar.endpoint))
        running.stop(None)
    assert asked.stdout == b"200\n200\n"
    spans = {span.kind: span for span in sidecar.spans if span["url.path"] == "/a" or "/a" in (span["url.full"] or "")}
    assert len(sidecar.spans) == 4
    return spans["CLIENT"], spans["SERVER"]


def test_ipv6_addresses_stand_without_brackets_except_in_a_url(receiver, peer):
    """semconv.md section 1: addresses are addresses; RFC 3986: a URL brackets them."""
    port = free_port()
    client, at_server = both_ends(receiver, peer, f"[::1]:{port}")
    assert client["url.full"] == f"http://[::1]:{port}/a?b"
    assert (client["network.peer.address"], client["network.peer.port"], client["server.port"]) == ("::1", port, port)
    assert at_server["client.address"] == at_server["network.peer.address"] == "::1"
    assert client["server.address"] == at_server["server.address"] == "::1" and at_server["server.port"] == port


def test_unix_sockets_are_traced_by_their_path(receiver, peer, place):
    """semconv.md section 1: network.peer.address is the path; a path has no port."""
    path = f"{place}/peer.sock"
    client, at_server = both_ends(receiver, peer, f"unix:{path}")
    assert client["network.peer.address"] == path and client["network.peer.port"] is None
    assert at_server["network.peer.port"] is None and at_server["http.response.status_code"] == 200
    assert client.duration_s > 0 and at_server.duration_s > 0


def test_client_and_server_agree_about_a_request(receiver, peer):
    """Two measurements of one event on one clock: the server's lies within the client's."""
    client, at_server = both_ends(receiver, peer, f"127.0.0.1:{free_port()}")
    skew_ns = 2_000_000
    assert client.start_ns <= at_server.start_ns + skew_ns and at_server.start_ns <= client.end_ns
    assert client["http.response.status_code"] == at_server["http.response.status_code"] == 200


def test_a_client_behind_a_proxy_names_the_origin_and_the_proxy(receiver, origin):
    """semconv.md 2.2: absolute form: server.* from the URL, network.peer.* the proxy; credentials are redacted (2.4)."""
    sidecar = receiver()
    run(["/usr/bin/curl", "-sS", "-x", origin.url, "http://example.test/x?y=1"], environment(sidecar.endpoint))
    [span] = sidecar.spans
    assert (span["url.full"], span["server.address"], span["server.port"]) == ("http://example.test/x?y=1", "example.test", 80)
    assert (span["network.peer.address"], span["network.peer.port"]) == ("127.0.0.1", origin.port)


@pytest.mark.parametrize("fields, address, port, client", [
    ((), "here", 81, "127.0.0.1"),
    (("X-Forwarded-Host: shop.example:8443", "X-Forwarded-For: 203.0.113.7, 10.0.0.1"), "shop.example", 8443, "203.0.113.7"),
    (('Forwarded: for="[2001:db8::1]:4711";host=shop.example;proto=https',), "shop.example", None, "2001:db8::1"),
], ids=["direct", "X-Forwarded", "Forwarded"])
def test_a_server_behind_a_proxy_names_whom_the_client_meant(serving, fields, address, port, client):
    """semconv.md 2.2: Forwarded before X-Forwarded-* before Host."""
    at, sidecar = serving
    say(at, get("/200", *fields))
    [span] = sidecar.wait_for(spans=1).spans
    assert (span["server.address"], span["client.address"]) == (address, client)
    assert port is None or span["server.port"] == port
    assert span["network.peer.address"] == "127.0.0.1"


# --- requests --------------------------------------------------------------------------------------------------------------

def test_an_unknown_method_is_other_and_kept_as_it_was(serving):
    """semconv.md 2.1, 2.2: low cardinality in the name, the raw text in an attribute."""
    port, sidecar = serving
    say(port, get("/200", method="BREW"))
    [span] = sidecar.wait_for(spans=1).spans
    assert (span.name, span["http.request.method"], span["http.request.method_original"]) == ("HTTP", "_OTHER", "BREW")


def test_eight_pipelined_requests_are_eight_spans_with_their_own_answers(serving):
    """pitfalls.md: 1 of 8 pipelined requests seen (seen, AppScope)."""
    port, sidecar = serving
    statuses = [200, 404, 201, 500, 200, 403, 202, 503]
    answers = say(port, b"".join(get(f"/{status}/{number}") for number, status in enumerate(statuses)))
    assert answers.count(b"HTTP/1.1 ") == 8
    spans = sorted(sidecar.wait_for(spans=8).spans, key=lambda span: span["url.path"].split("/")[2])
    assert [(span["http.response.status_code"], span["url.path"]) for span in spans] == \
        [(status, f"/{status}/{number}") for number, status in enumerate(statuses)]


def test_a_request_that_comes_byte_by_byte_is_one_span(serving):
    """pitfalls.md: wire split at every byte. TCP promises nothing about where reads end."""
    port, sidecar = serving
    whole = get("/200/slow", "Content-Length: 5", f"traceparent: 00-{TRACE}-{PARENT}-01", method="POST") + b"12345" + get("/404/next")
    say(port, *(whole[at:at + 1] for at in range(len(whole))))
    first, second = sorted(sidecar.wait_for(spans=2).spans, key=lambda span: span.start_ns)
    assert (first.name, first["http.response.status_code"], first.trace_id) == ("POST", 200, TRACE)
    assert (second["url.path"], second["http.response.status_code"]) == ("/404/next", 404)


def test_a_traceparent_behind_long_cookies_is_found(serving):
    """pitfalls.md: header block larger than 1 kB, or `traceparent` after long cookies (reported, OBI 1976, 1381)."""
    port, sidecar = serving
    cookies = [f"Cookie: c{number}={'x' * 4000}" for number in range(10)]
    say(port, get("/200", *cookies, f"traceparent: 00-{TRACE}-{PARENT}-01"))
    [span] = sidecar.wait_for(spans=1).spans
    assert (span.trace_id, span.parent_span_id) == (TRACE, PARENT)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"GETTING THINGS DONE\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                  b"GET / HTTP/1.1 \x00\r\n\r\n", b"\x00" * 1000, b"HTTP/1.1 200 OK\r\n\r\n"],
                         ids=["TLS", "almost", "HTTP/2", "NUL", "zeros", "a response"])
def test_what_merely_looks_like_http_is_no_span_and_disturbs_none(serving, data):
    """pitfalls.md: something that merely looks like HTTP (reported, OBI 2706, 1279). What a server refuses as no request at
    all may be a span or not, but the next connection is."""
    port, sidecar = serving
    say(port, data)
    say(port, get("/200/real"))
    sidecar.wait_for(spans=1)
    assert [span["url.path"] for span in sidecar.spans if span["http.response.status_code"] == 200] == ["/200/real"]


PEEKING = '''
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
connection, _ = listener.accept()
for number in range(3):
    while b"\\r\\n\\r\\n" not in connection.recv(65536, socket.MSG_PEEK): pass
    connection.recv(65536, socket.MSG_PEEK)
    connection.recv(65536)
    connection.sendmsg([b"HTTP/1.1 200 OK\\r\\n", b"Content-Length: 2\\r\\n\\r\\n", b"ok"])
'''

UPGRADING = '''
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
connection, _ = listener.accept()
connection.recv(65536)
connection.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n")
for _ in range(3):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
'''


def converse(receiver, script, requests):
    """The requests in turn, each answered before the next, on one connection with a traced script."""
    sidecar, port = receiver(), free_port()
    with Running.start(["/usr/bin/python3", "-c", script, str(port)], environment(sidecar.endpoint), port=port) as running:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            for request in requests:
                connection.sendall(request)
                assert connection.recv(65536).startswith(b"HTTP/1.1 ")
        end = running.stop(None)
    return sidecar.spans, end


def test_a_peek_is_not_traffic(receiver):
    """pitfalls.md: MSG_PEEK counted twice (reported, AppScope 1017)."""
    spans, _ = converse(receiver, PEEKING, [get(f"/{number}") for number in range(3)])
    assert [span["url.path"] for span in spans] == ["/0", "/1", "/2"]


def test_after_an_upgrade_the_bytes_are_opaque(receiver):
    """pitfalls.md: Upgrade (websocket): whatever follows is not ours to read, even if it looks like HTTP."""
    upgrade = get("/chat", "Connection: Upgrade", "Upgrade: websocket")
    spans, end = converse(receiver, UPGRADING, [upgrade, get("/opaque"), get("/opaque"), get("/opaque")])
    assert [(span["url.path"], span["http.response.status_code"]) for span in spans] == [("/chat", 101)]
    assert end.counters["started"] == 1


# --- secrets ---------------------------------------------------------------------------------------------------------------

def test_secrets_in_urls_headers_and_bodies_are_not_exported(serving):
    """design.md 1.5, semconv.md 2.4: signature parameters by name; never a header's value or a body."""
    port, sidecar = serving
    secret = "hunter2hunter2"
    query = "&".join(f"{name}={secret}" for name in ("sig", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "X-Goog-Signature"))
    say(port, get(f"/200?a=1&{query}&b=2", f"Authorization: Bearer {secret}", f"Cookie: session={secret}", f"Content-Length: {len(secret)}",
                  method="POST") + secret.encode())
    [span] = sidecar.wait_for(spans=1).spans
    assert span["url.query"] == "a=1&" + query.replace(secret, "REDACTED") + "&b=2"
    assert secret.encode() not in sidecar.requests[0].body


def test_a_server_that_dies_in_mid_request_leaves_no_lie(receiver):
    """design.md 1.2: a status that was never sent is not reported."""
    sidecar, port = receiver(), free_port()
    code = "import os, socket, sys\nc, _ = socket.create_server(('127.0.0.1', int(sys.argv[1]))).accept()\nc.recv(999)\nos._exit(1)"
    with Running.start(["/usr/bin/python3", "-c", code, str(port)], environment(sidecar.endpoint), port=port) as running:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(get("/dies"))
            try:
                assert connection.recv(100) == b""
            except ConnectionResetError:
                pass
        running.stop(None)
    assert all(span.status == "ERROR" and span["error.type"] and span["http.response.status_code"] is None for span in sidecar.spans)
    assert len(sidecar.spans) == 1
