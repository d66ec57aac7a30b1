"""rude.py - clients that break off, send nonsense, or are slow, and know how many spans each of them can have caused.

`rude.py PORT RATE SEED keep-alive|once`, with the commands of load.py. Each act is a connection of its own and returns (least, most): how
many requests the server has certainly read whole heads of, and how many it may have. Where the two are equal the soak
demands exactly that number of spans.
"""
import json
import random
import socket
import struct
import sys
import threading
import time

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: rude\r\n\r\n"
MALFORMED = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nA\x01b: c\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Long: " + b"b" * 70000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnot a chunk\r\n",
    b"\r\n\r\n\r\n", b"G", b"\x00" * 300,
]


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drain(connection):
    connection.settimeout(3)
    total = 0
    while data := connection.recv(65536):
        total += len(data)
    return total


def silent(connection, rng):
    return 0, 0


def half_head(connection, rng):
    connection.sendall((GET % b"/index.html")[:rng.randrange(1, 60)])
    if rng.random() < 0.5:
        reset(connection)
    return 0, 0


def half_body(connection, rng):
    connection.sendall(b"POST /index.html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + b"p" * rng.randrange(2000))
    if rng.random() < 0.5:
        reset(connection)
        return 0, 1
    return 1, 1


def torn_answer(connection, rng):
    """Closed with bytes unread, which the kernel makes a reset of."""
    connection.sendall(GET % b"/big.bin")
    connection.recv(rng.choice((1, 1000)))
    return 1, 1


def late_reset(connection, rng):
    connection.sendall(GET % b"/index.html")
    connection.recv(65536)
    reset(connection)
    return 1, 1


def early_reset(connection, rng):
    connection.sendall(GET % b"/big.bin")
    reset(connection)
    return 0, 1


def nonsense(connection, rng):
    connection.sendall(rng.choice(MALFORMED))
    connection.shutdown(socket.SHUT_WR)
    drain(connection)
    return 0, 1


def slow_writer(connection, rng):
    request = GET % b"/index.html"
    for at in range(0, len(request), 7):
        connection.sendall(request[at:at + 7])
        time.sleep(0.002)
    connection.recv(65536)
    return 1, 1


def slow_reader(connection, rng):
    connection.sendall(GET % b"/page.bin")
    for _ in range(10):
        connection.recv(512)
        time.sleep(0.005)
    return 1, 1


def half_close(connection, rng):
    connection.sendall(GET % b"/index.html")
    connection.shutdown(socket.SHUT_WR)
    drain(connection)
    return 1, 1


ACTS = [silent, half_head, half_body, torn_answer, late_reset, early_reset, nonsense, slow_writer, slow_reader, half_close]


def pipelined(connection, rng):
    """Five requests in one write. All answers are read, or the first byte of them."""
    connection.sendall((GET % b"/index.html") * 4 + (GET % b"/index.html").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    if rng.random() < 0.5:
        drain(connection)
        return 5, 5
    connection.recv(1)
    return 1, 5


class Rude:
    def __init__(self, port, rate, seed, keep_alive):
        self.port, self.pause_s, self.rng = int(port), 1 / float(rate), random.Random(int(seed))
        self.acts = [*ACTS, pipelined] if keep_alive == "keep-alive" else ACTS
        self.running, self.idle, self.stopped = threading.Event(), threading.Event(), False
        self.totals = {"acts": 0, "least": 0, "most": 0, "nonsense": 0}
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def act(self):
        act = self.rng.choice(self.acts)
        least = most = 0
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                most = 5 if act is pipelined else 1
                least, most = act(connection, self.rng)
        except OSError:
            pass  # cut off by the server, which is its right: then 0 to `most`
        self.totals["acts"] += 1
        self.totals["nonsense"] += act is nonsense
        self.totals["least"] += least
        self.totals["most"] += most

    def work(self):
        while not self.stopped:
            if self.running.is_set():
                self.act()
                time.sleep(self.pause_s)
            else:
                self.idle.set()
                self.running.wait()

    def obey(self, command, *words):
        self.stopped = command == "stop"
        if command in ("go", "stop"):
            self.idle.clear()
            self.running.set()
        if command == "pause":
            self.running.clear()
            self.idle.wait()
        if command == "stop":
            self.thread.join()
        print(json.dumps(self.totals), flush=True)


def main(arguments):
    rude = Rude(*arguments)
    for line in sys.stdin:
        rude.obey(*line.split())
        if rude.stopped:
            return
    rude.obey("stop")


if __name__ == "__main__":
    main(sys.argv[1:])
