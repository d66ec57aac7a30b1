"""origin.py - the server that client programs are sent to; it writes down every request that it was asked.

It says the same thing at every run (no Date header, no changing text), so that what a client prints can be compared byte
for byte. Beside PAGES there are targets for what HTTP can do to a client: SPECIAL. Serves a git repository over both of
git's HTTP protocols: as plain files, and through `git http-backend`; what is under /svn/ it asks of a server behind it.
"""
import gzip
import http.client
import os
import re
import socket
import socketserver
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGES = {
    "/hello": (200, b"hello\n"),
    "/big": (200, bytes(range(32, 127)) * 3000),
    "/missing": (404, b"no such page\n"),
    "/broken": (500, b"broken\n"),
    "/nothing": (204, b""),
    "/index.html": (200, b"<p>hello</p>\n"),
    "/big.bin": (200, bytes(range(256)) * 20000),
    "/links.html": (200, b'<p><a href="index.html">one</a> <a href="moved">two</a> <a href="missing">three</a> <a href="#x">none</a></p>\n',
                    "text/html"),
}
SPECIAL = {
    "/echo": "_echo",          # the request's body
    "/zipped": "_zipped",      # gzip, if the client takes it
    "/chunked": "_chunked",    # in several chunks, each sent alone, with a trailer
    "/to-the-end": "_to_the_end",  # as long as the connection lasts
    "/hints": "_hints",        # 103 before the answer
    "/moved": "_moved",        # to /hello
    "/elsewhere": "_moved",    # to /hello by another name of this host
    "/posted": "_moved",       # 303, to be fetched with GET
    "/dated": "_dated",        # not modified since
    "/together": "_together",  # ?of=N&size=N: sent when so many are asking for it, and ended when all have got the most of it
}
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "date", "server"}
LAST_MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"


@dataclass
class Visit:
    """One request, as the server saw it; written down before the first byte of its answer, so that no client is quicker."""
    method: str
    target: str
    status: int
    client_port: int
    received_ns: int
    fields: dict = field(default_factory=dict)
    heard: bytes = b""  # every byte of the request, as it came
    version: str = "1.1"
    server: tuple = ()  # the address that the client reached: (host, port), or (path,) of a unix socket
    span_id: str = ""   # that the request named (support/context.py)


class Kept:
    """A stream that keeps what was read from it."""

    def __init__(self, stream):
        self.stream, self.bytes = stream, bytearray()

    def readline(self, limit=-1):
        return self._keep(self.stream.readline(limit))

    def read(self, size=-1):
        return self._keep(self.stream.read(size))

    def _keep(self, data):
        self.bytes += data
        return data

    def taken(self):
        """What was read since it was asked last."""
        data, self.bytes = bytes(self.bytes), bytearray()
        return data

    def __getattr__(self, name):
        return getattr(self.stream, name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one segment for head and body where they fit

    def setup(self):
        super().setup()
        self.rfile = Kept(self.rfile)

    def do_GET(self):
        received_ns = time.time_ns()
        length = int(self.headers.get("Content-Length", 0))
        body = self._read_chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        self.visit = self._visit(received_ns)
        path = re.sub("^http://[^/]*", "", self.path).split("?")[0]
        if path.startswith("/git/"):
            self._git(path[len("/git"):], body)
        elif path.startswith("/files/"):
            self._file(path[len("/files/"):])
        elif path.startswith("/svn/"):
            self._ask_behind(body)
        elif path in SPECIAL:
            getattr(self, SPECIAL[path])(body)
        else:
            self._answer(*PAGES.get(path, PAGES["/missing"]))
        self.wfile.flush()

    def __getattr__(self, name):
        """Every method is answered as GET is."""
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def handle_expect_100(self):
        if self.path == "/refused":
            self.visit = self._visit(time.time_ns())
            self.close_connection = True
            self._answer(413, b"too large\n", fields={"Connection": "close"})
            self.wfile.flush()
            return False
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def _visit(self, received_ns):
        here, peer = self.connection.getsockname(), self.client_address
        return Visit(self.command, self.path, 0, peer[1] if peer else 0, received_ns, dict(self.headers), self.rfile.taken(),
                     self.request_version.removeprefix("HTTP/"), here[:2] if isinstance(here, tuple) else (here,))

    def _begin(self, status):
        self.visit.status = status
        self.server.visits.append(self.visit)
        self.send_response_only(status)

    def _answer(self, status, body, kind="text/plain", fields={}, together=None):
        """The body, or of a page that is large the part that was asked for."""
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if part and status == 200 and int(part[1]) < len(body):
            first, last = int(part[1]), min(int(part[2] or len(body) - 1), len(body) - 1)
            fields = {**fields, "Content-Range": f"bytes {first}-{last}/{len(body)}"}
            status, body = 206, body[first:last + 1]
        self._begin(status)
        if status not in (204, 304):
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        if self.request_version == "HTTP/1.0" and not self.close_connection:
            self.send_header("Connection", "keep-alive")
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if together:
            self.wfile.flush()
            self._meet(together)
            try:
                self.wfile.write(body[:-1])
                self.wfile.flush()
                time.sleep(0.2)  # for a client to read it
            finally:  # who does not want all of it has the most of it, too
                self._meet(together)
            body = body[-1:]
        if self.command != "HEAD":
            self.wfile.write(body)

    def _echo(self, body):
        self._answer(200, body)

    def _zipped(self, _):
        text = PAGES["/big"][1]
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            self._answer(200, gzip.compress(text, mtime=0), fields={"Content-Encoding": "gzip"})
        else:
            self._answer(200, text)

    def _chunked(self, _):
        self._begin(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        for text in b"one\n", b"two " * 5000, b"three\n":
            self.wfile.flush()
            self.wfile.write(b"%x;of=some\r\n%s\r\n" % (len(text), text))
        self.wfile.write(b"0\r\nX-Trailer: yes\r\n\r\n")

    def _to_the_end(self, _):
        self._begin(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(PAGES["/big"][1] if self.command != "HEAD" else b"")
        self.close_connection = True

    def _hints(self, _):
        self.send_response_only(103)
        self.send_header("Link", "</style.css>; rel=preload")
        self.end_headers()
        self.wfile.flush()
        self._answer(200, b"hinted\n")

    def _moved(self, _):
        path = self.path.split("?")[0]
        there = f"http://localhost:{self.server.port}/hello" if path == "/elsewhere" else "/hello"
        self._answer(303 if path == "/posted" else 302, b"moved\n", fields={"Location": there})

    def _dated(self, _):
        if self.headers.get("If-Modified-Since") == LAST_MODIFIED:
            self._answer(304, b"")
        else:
            self._answer(200, b"of 2023\n", fields={"Last-Modified": LAST_MODIFIED})

    def _together(self, _):
        """For programs that fetch the parts of a file at once: without it, how many ask depends on who is quick.
        A range without an end is a question for the size."""
        count, size = map(int, re.fullmatch(r".*\?of=(\d+)&size=(\d+)", self.path).groups())
        with self.server.lock:
            barrier = self.server.barriers.setdefault(self.path, threading.Barrier(count, timeout=10))
        barrier = None if self.headers.get("Range", "").endswith("-") else barrier
        self._answer(200, (bytes(range(256)) * (size // 256 + 1))[:size], fields={"Accept-Ranges": "bytes"}, together=barrier)

    def _meet(self, barrier):
        try:
            barrier.wait()
        except threading.BrokenBarrierError:
            pass  # fewer came, or more: what was asked will tell

    def _ask_behind(self, body):
        """A gateway to the server behind: the same request and the same answer, one connection for each."""
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=20)
        fields = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        behind.request(self.command, self.path, body, fields)
        answer = behind.getresponse()
        text = answer.read()
        fields = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP | {"content-type"}}
        self._answer(answer.status, text, answer.getheader("Content-Type", "text/plain"), fields)
        behind.close()

    def _read_chunks(self):
        body = b""
        while True:
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def _file(self, name):
        path = Path(self.server.root) / name
        if path.is_file():
            self._answer(200, path.read_bytes(), "application/octet-stream")
        else:
            self._answer(404, b"no such file\n")

    def _git(self, path, body):
        """What a web server does for `git http-backend`: a CGI, its answer sent on in chunks."""
        variables = {
            "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_PROJECT_ROOT": str(self.server.root), "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": self.path.partition("?")[2],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1"}
        result = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True)
        head, _, answer = result.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self._begin(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(answer), 4000):
            part = answer[at:at + 4000]
            self.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


class Origin(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root=os.devnull):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.visits = []
        self.port = self.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.behind = None  # the port of the server that /svn/ is asked of
        self.beside = []
        self.lock, self.barriers = threading.Lock(), {}
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def handle_error(self, request, client_address):
        pass  # a client that went away is what some tests are about

    def listen_also(self, address):
        """At `::1`, with the same port, or at the path of a unix socket. False where there is no such address."""
        try:
            self.beside.append(Beside(self, address))
        except OSError:
            return False
        return True

    def stop(self):
        for one in self.beside:
            one.stop()
        self.shutdown()
        self.server_close()
        self._thread.join(2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Beside(ThreadingHTTPServer):
    """The same origin at one more address."""
    daemon_threads = True
    server_bind = socketserver.TCPServer.server_bind
    handle_error = Origin.handle_error

    def __init__(self, origin, address):
        self.origin = origin
        self.address_family = socket.AF_UNIX if "/" in address else socket.AF_INET6
        super().__init__(address if "/" in address else (address, origin.port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __getattr__(self, name):
        return getattr(self.origin, name)

    def stop(self):
        self.shutdown()
        self.server_close()
        self._thread.join(2)
