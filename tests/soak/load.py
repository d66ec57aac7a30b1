"""load.py - clients that know exactly how many of their requests were answered, and that each answer was the right one.

`load.py PORT FILES THREADS CONNECTIONS RATE PER_CONNECTION MIX SEED`. Run bare it is the load of a soak; run under the library
it is one of the programs under load: many threads with short connections, or one thread on a connection that is kept.
On stdin it takes `go`, `pause`, `probe WORD` (one more request, told apart by that word) and `stop`; to each it answers with
one line of JSON, its totals so far. At a pause nothing is under way: each request was answered, or is counted as cut.
"""
import json
import random
import socket
import struct
import sys
import threading
import time
from pathlib import Path

# (weight, method, target, body, status): what is asked for, and what nginx says to it.
MIXES = {
    "all": [(70, "GET", "/index.html", "index.html", 200), (10, "GET", "/page.bin", "page.bin", 200), (5, "HEAD", "/page.bin", "", 200),
            (8, "GET", "/missing", None, 404), (5, "POST", "/index.html", None, 405), (1, "GET", "/big.bin", "big.bin", 200)],
    "get": [(80, "GET", "/index.html", "index.html", 200), (10, "GET", "/page.bin", "page.bin", 200), (10, "GET", "/missing", None, 404)],
}
TIMEOUT_S = 20


class Cut(Exception):
    """The connection ended before the first byte of an answer: whether the request was read, nobody can say."""


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.unread = b""
        self.left = None

    def close(self, by_reset):
        if by_reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def ask(self, asked, word):
        _, method, target, _, _ = self.asked = asked
        body = b"p" * 600 if method == "POST" else b""
        lines = [f"{method} {target}?q={word} HTTP/1.1", "Host: localhost", "User-Agent: soak/1"]
        lines += [f"Content-Length: {len(body)}"] if body else []
        try:
            self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        except (BrokenPipeError, ConnectionResetError):
            raise Cut from None

    def _more(self):
        data = self.socket.recv(16384)
        if not data:
            raise ConnectionResetError("ended in the middle of an answer")
        self.unread += data

    def answer(self, files):
        """What is wrong with the answer, or None; and whether the connection goes on."""
        _, method, _, name, status = self.asked
        try:
            self._more()
        except (ConnectionResetError, BrokenPipeError):
            raise Cut from None
        while b"\r\n\r\n" not in self.unread:
            self._more()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        ends = fields.get("connection", "").lower() == "close"
        body = self._body(0 if method == "HEAD" else fields.get("content-length"))
        if int(lines[0].split()[1]) != status or (name is not None and body != files.get(name, b"")):
            return f"{self.asked[1:]}: {lines[0]}, {len(body)} bytes", ends
        return None, ends

    def _body(self, length):
        if length is None:  # to the end of the connection
            while data := self.socket.recv(16384):
                self.unread += data
            length = len(self.unread)
        parts, missing = [self.unread], int(length) - len(self.unread)
        while missing > 0:
            data = self.socket.recv(min(missing, 16384))
            if not data:
                raise ConnectionResetError("ended in the middle of a body")
            parts.append(data)
            missing -= len(data)
        self.unread = b""
        return b"".join(parts)


class Load:
    def __init__(self, port, files, threads, connections, rate, per_connection, mix, seed):
        self.port, self.connections, self.pause_s = int(port), int(connections), int(connections) * int(threads) / float(rate)
        self.files = {file.name: file.read_bytes() for file in Path(files).iterdir()}
        self.per_connection, self.mix, self.seed = int(per_connection), MIXES[mix], int(seed)
        self.running, self.stopped = threading.Event(), False
        self.lock, self.busy = threading.Condition(), int(threads)
        self.totals = {"answered": 0, "cut": 0, "wrong": 0, "connections": 0, "why": []}
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(int(threads))]
        for thread in self.threads:
            thread.start()

    def count(self, what, why=None):
        with self.lock:
            self.totals[what] += 1
            if why and len(self.totals["why"]) < 5:
                self.totals["why"].append(why)

    def connect(self):
        self.count("connections")
        connection = Connection(self.port)
        connection.left = self.per_connection
        return connection

    def round(self, connections, choose):
        """One request on each connection, all of them sent before the first answer is read; the connections that go on.
        The others are closed, every other one by a reset."""
        kept, asked = [], []
        for connection in connections:
            try:
                connection.ask(*choose())
                asked.append(connection)
            except Cut:
                self.count("cut")
        for connection in asked:
            try:
                why, ends = connection.answer(self.files)
                self.count("wrong" if why else "answered", why)
            except Cut:
                self.count("cut")
                continue
            except OSError as error:
                self.count("wrong", f"{connection.asked[1:]}: {error!r}")
                continue
            connection.left -= 1
            if not ends and connection.left:
                kept.append(connection)
        for connection in connections:
            if connection not in kept:
                connection.close(by_reset=self.totals["connections"] % 2)
        return kept

    def work(self, number):
        rng = random.Random(self.seed * 1000 + number)
        weights = [row[0] for row in self.mix]
        connections, due = [], 0.0

        def choose():
            return rng.choices(self.mix, weights)[0], f"{rng.getrandbits(32):08x}"

        while not self.stopped:
            if not self.running.is_set():
                for connection in connections:
                    connection.socket.close()
                connections = []
                with self.lock:
                    self.busy -= 1
                    self.lock.notify_all()
                self.running.wait()
                with self.lock:
                    self.busy += 1
                due = time.monotonic()
                continue
            connections += [self.connect() for _ in range(self.connections - len(connections))]
            connections = self.round(connections, choose)
            due += self.pause_s
            late = time.monotonic() - due
            if late > 1:
                due += late  # what could not be kept up with is not made up for
            time.sleep(max(0, -late))
        for connection in connections:
            connection.socket.close()

    def obey(self, command, *words):
        if command == "go":
            self.running.set()
        if command == "pause":
            self.running.clear()
            with self.lock:
                self.lock.wait_for(lambda: not self.busy)
        if command == "probe":
            self.round([self.connect()], lambda: (self.mix[0], words[0]))
        if command == "stop":
            self.stopped = True
            self.running.set()
            for thread in self.threads:
                thread.join()
        print(json.dumps(self.totals), flush=True)


def main(arguments):
    load = Load(*arguments)
    for line in sys.stdin:
        load.obey(*line.split())
        if load.stopped:
            return
    load.obey("stop")


if __name__ == "__main__":
    main(sys.argv[1:])
