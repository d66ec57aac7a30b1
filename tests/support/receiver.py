"""receiver.py - an OTLP receiver that misbehaves to order, for what a real Collector never does.

`Receiver([status(503, retry_after="1"), ok()])` gives each request the next answer of the list, then `ok()` for ever. It
writes down every request: bytes, headers, when, and on which connection. One thread per connection, blocking sockets.

An answer is a function (connection, request) that says whether the connection stays open. Those marked `at_accept` are
taken when a connection is made, before a byte was read, and get None as the request.
"""
import json
import os
import socket
import struct
import tempfile
import threading
import time
from dataclasses import dataclass, field

from support.ports import wait_until
from support.spans import spans_of

SUCCESS = b'{"partialSuccess":{}}'


@dataclass
class Request:
    connection: int
    method: str
    path: str
    headers: dict  # lower-case names; a header that came twice holds a list
    body: bytes
    at: float      # monotonic, when the last byte had come

    @property
    def spans(self):
        return spans_of(self.body)


def head(code, length=None, *lines):
    text = f"HTTP/1.1 {code} Whatever\r\nContent-Type: application/json\r\n"
    if length is not None:
        text += f"Content-Length: {length}\r\n"
    return (text + "".join(line + "\r\n" for line in lines) + "\r\n").encode()


# --- answers that are in order -----------------------------------------------------------------------------------------

def ok(body=SUCCESS):
    def answer(connection, request):
        connection.sendall(head(200, len(body)) + body)
        return True
    return answer


def status(code, retry_after=None, body=b'{"code":3,"message":"no"}'):
    def answer(connection, request):
        lines = [f"Retry-After: {retry_after() if callable(retry_after) else retry_after}"] if retry_after else []
        connection.sendall(head(code, len(body), *lines) + body)
        return True
    return answer


def partial(rejected, message="too late"):
    """rejected as given: a string as proto3 JSON prints it, or a number, as some servers do."""
    return ok(json.dumps({"partialSuccess": {"rejectedSpans": rejected, "errorMessage": message}}).encode())


def chunked():
    def answer(connection, request):
        connection.sendall(head(200, None, "Transfer-Encoding: chunked") + b"5\r\n" + SUCCESS[:5] + b"\r\n")
        time.sleep(0.02)
        rest = SUCCESS[5:]
        connection.sendall(b"%x;x=y\r\n" % len(rest) + rest + b"\r\n0\r\nTrailer: 1\r\n\r\n")
        return True
    return answer


def interim():
    """100 Continue before the answer, unasked: an interim response is not the response."""
    def answer(connection, request):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return ok()(connection, request)
    return answer


def closing():
    """Answers and says that the connection ends."""
    def answer(connection, request):
        connection.sendall(head(200, len(SUCCESS), "Connection: close") + SUCCESS)
        return False
    return answer


def close_when_idle():
    """Answers, says nothing about it and closes, as a proxy does whose idle time is over."""
    def answer(connection, request):
        ok()(connection, request)
        return False
    return answer


def slow(pause=0.005):
    def answer(connection, request):
        for byte in head(200, len(SUCCESS)) + SUCCESS:
            connection.sendall(bytes([byte]))
            time.sleep(pause)
        return True
    return answer


# --- answers that are not -------------------------------------------------------------------------------------------------

def garbage():
    return ok(b"\x00\xff<html>}{not json")


def not_http():
    def answer(connection, request):
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        return False
    return answer


def cut():
    """A response that ends in the middle of its body."""
    def answer(connection, request):
        connection.sendall(head(200, 1000) + SUCCESS)
        return False
    return answer


def too_long():
    """More bytes than Content-Length says: what follows on the connection cannot be told from an answer."""
    def answer(connection, request):
        connection.sendall(head(200, len(SUCCESS)) + SUCCESS + b"HTTP/1.1 500 Never asked\r\nContent-Length: 0\r\n\r\n")
        return True
    return answer


def huge(size=5 << 20):
    """A well-formed response larger than a client may read (4 MiB)."""
    def answer(connection, request):
        connection.sendall(head(200, size) + b" " * size)
        return True
    return answer


def endless():
    """A body without an end; `sent` of the answer says how much of it the client took."""
    def answer(connection, request):
        connection.sendall(head(200))
        while True:
            answer.sent += connection.send(b" " * 65536)
    answer.sent = 0
    return answer


def close_unanswered():
    def answer(connection, request):
        return False
    return answer


def reset_unanswered():
    def answer(connection, request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    return answer


def stall():
    """Takes the request and never answers."""
    def answer(connection, request):
        connection.settimeout(60)
        while connection.recv(65536):
            pass
        return False
    return answer


def close_on_accept():
    def answer(connection, request):
        return False
    answer.at_accept = True
    return answer


def black_hole():
    """Takes the connection and never reads a byte of it."""
    def answer(connection, request):
        answer.until.wait(60)
        return False
    answer.at_accept = True
    answer.until = threading.Event()
    return answer


# --- the receiver ----------------------------------------------------------------------------------------------------------

@dataclass
class Receiver:
    answers: list = field(default_factory=list)
    then: object = None            # what comes after the list; ok() if not given
    family: str = "v4"             # v4, v6, unix
    port: int = 0                  # any free one
    requests: list = field(default_factory=list)
    connections: int = 0

    def __post_init__(self):
        self.answers = list(self.answers)
        self.then = self.then or ok()
        self._lock = threading.Lock()
        self._open = set()
        self._threads = []
        self._directory = None
        self._stopping = False
        self._listen()

    def _listen(self):
        if self.family == "unix":
            self._directory = tempfile.mkdtemp(prefix="receiver-")
            os.chmod(self._directory, 0o755)
            self.path = os.path.join(self._directory, "otlp.sock")
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.path)
            os.chmod(self.path, 0o777)
            self.endpoint = f"unix:{self.path}"
        else:
            self.listener = socket.socket(socket.AF_INET6 if self.family == "v6" else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("::1" if self.family == "v6" else "127.0.0.1", self.port))
            self.port = self.listener.getsockname()[1]
            self.endpoint = f"http://[::1]:{self.port}" if self.family == "v6" else f"http://127.0.0.1:{self.port}"
        self.listener.listen(64)
        self._spawn(self._accept)

    def _spawn(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                if self._stopping:
                    connection.close()
                    return
                self.connections += 1
                number = self.connections
                self._open.add(connection)
            self._spawn(self._serve, connection, number)

    def _next(self, at_accept):
        """The next answer, if it is one for this moment."""
        with self._lock:
            answer = self.answers[0] if self.answers else self.then
            if getattr(answer, "at_accept", False) != at_accept:
                return None
            return self.answers.pop(0) if self.answers else answer

    def _serve(self, connection, number):
        try:
            answer = self._next(at_accept=True)
            if answer:
                answer(connection, None)
                return
            with connection.makefile("rb") as stream:
                while True:
                    request = self._read(stream, number)
                    if request is None:
                        return
                    answer = self._next(at_accept=False) or close_unanswered()
                    with self._lock:
                        self.requests.append(request)
                    if not answer(connection, request):
                        return
        except OSError:
            pass  # the client went away, or stop() closed the socket
        finally:
            with self._lock:
                self._open.discard(connection)
                if not self._stopping:
                    connection.close()

    @staticmethod
    def _read(stream, number):
        line = stream.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return None
        method, path, version = line.split(" ")
        assert version == "HTTP/1.1", version
        headers = {}
        while True:
            line = stream.readline().decode("latin-1")
            if line == "\r\n":
                break
            if not line:
                return None
            name, value = line.rstrip("\r\n").split(":", 1)
            name, value = name.lower(), value.strip()
            headers[name] = value if name not in headers else [headers[name], value]
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int(stream.readline().split(b";")[0], 16)
                body += stream.read(size)
                stream.readline()
                if size == 0:
                    break
        else:
            length = int(headers.get("content-length", 0))
            body = stream.read(length)
            if len(body) < length:
                return None
        return Request(number, method, path, headers, body, time.monotonic())

    @property
    def spans(self):
        """All spans of all requests, whatever they were answered."""
        return [span for request in list(self.requests) for span in request.spans]

    def wait_for(self, requests=0, spans=0, timeout=10):
        wait_until(lambda: len(self.requests) >= requests and (not spans or len(self.spans) >= spans), timeout,
                   lambda: f"{requests} requests with {spans} spans; {len(self.requests)} with {len(self.spans)} came")
        return self

    def stop(self):
        """Closes everything; whoever still talks to us is cut off."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            for answer in [*self.answers, self.then]:
                if hasattr(answer, "until"):
                    answer.until.set()
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for thread in self._threads:
            thread.join(2)
        for connection in self._open:
            connection.close()
        if self._directory:
            os.unlink(self.path)
            os.rmdir(self._directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Unreachable:
    """An address whose connections are never made: a listener whose backlog is full drops what comes after."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self._fill = []
        for _ in range(4):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(self.listener.getsockname())
            self._fill.append(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in [*self._fill, self.listener]:
            connection.close()
