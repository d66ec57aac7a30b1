"""origin.py - the server that client programs are sent to; it writes down every request that it was asked.

It says the same thing at every run (no Date header, no changing text), so that what a client prints can be compared byte
for byte. Serves a git repository over both of git's HTTP protocols: as plain files, and through `git http-backend`.
"""
import os
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
}


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
        path = self.path.split("?")[0]
        self.visit = Visit(self.command, self.path, 0, self.client_address[1], received_ns, dict(self.headers), self.rfile.taken(), self.request_version.removeprefix("HTTP/"))
        if path.startswith("/git/"):
            self._git(path[len("/git"):], body)
        elif path.startswith("/files/"):
            self._file(path[len("/files/"):])
        elif path == "/echo":
            self._answer(200, body)
        else:
            self._answer(*PAGES.get(path, PAGES["/missing"]))
        self.wfile.flush()

    def handle_expect_100(self):
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    do_POST = do_HEAD = do_PUT = do_DELETE = do_PROPFIND = do_GET

    def _begin(self, status):
        self.visit.status = status
        self.server.visits.append(self.visit)
        self.send_response_only(status)

    def _answer(self, status, body, kind="text/plain"):
        self._begin(status)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

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
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def handle_error(self, request, client_address):
        pass  # a client that went away is what some tests are about

    def stop(self):
        self.shutdown()
        self.server_close()
        self._thread.join(2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
