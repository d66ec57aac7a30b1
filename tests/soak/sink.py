"""sink.py - where the spans of a soak go, and who of them arrived: a receiver with moods, a real Collector, or nobody.

All of them take turns on one port, so that the programs under load see one address behind which things go wrong. What arrives
is known by service.name and span id. `accepted` are spans in requests that were answered 2xx: no program may count more
than these as exported. `came` are all, whatever they were answered.
"""
import json
import os
import random
import re
import signal
import threading
from collections import defaultdict
from pathlib import Path

from support import receiver
from support.collectors import CONFIGURATIONS
from support.launch import Running, bare_environment
from support.ports import free_port, is_listening, wait_until
from support.receiver import Receiver

SERVICE = re.compile(rb'"service\.name","value":\{"stringValue":"([^"]+)"')
SPAN_ID = re.compile(rb'"spanId":"([0-9a-f]{16})"')
PROBE = re.compile(rb'q=(probe[0-9]+)"')
KEPT_EACH = 97  # of so many requests one is kept for the strict reader

# What a mood answers: name, answer, whether the spans are accepted by it.
MOODS = [
    ("503 with Retry-After", lambda: receiver.status(503, retry_after="1"), False),
    ("429", lambda: receiver.status(429), False),
    ("502", lambda: receiver.status(502), False),
    ("400", lambda: receiver.status(400), False),
    ("413", lambda: receiver.status(413), False),
    ("partial success", lambda: receiver.partial("1"), True),
    ("garbage", receiver.garbage, True),
    ("not HTTP", receiver.not_http, False),
    ("half an answer", receiver.cut, False),
    ("more than an answer", receiver.too_long, True),
    ("slow", receiver.slow, True),
    ("closes unasked", receiver.close_when_idle, True),
    ("Connection: close", receiver.closing, True),
    ("closes unanswered", receiver.close_unanswered, False),
    ("reset", receiver.reset_unanswered, False),
    ("stall", None, False),
]


class Arrivals:
    """Everything that came, by service."""

    def __init__(self):
        self.came, self.accepted, self.twice, self.rejected = defaultdict(set), defaultdict(set), defaultdict(int), defaultdict(int)
        self.probes, self.kept, self.requests = set(), [], 0
        self.lock = threading.Lock()

    def count(self, service, ids, accepted):
        with self.lock:
            came = self.came[service]
            before = len(came)
            came.update(ids)
            self.twice[service] += before + len(ids) - len(came)
            if accepted:
                self.accepted[service].update(ids)

    def take(self, body, accepted, rejected=0):
        """One request of a program, as it came."""
        service = SERVICE.search(body)
        service = service[1].decode() if service else ""
        ids = [int(span_id, 16) for span_id in SPAN_ID.findall(body)]
        self.count(service, ids, accepted)
        with self.lock:
            self.requests += 1
            self.rejected[service] += min(rejected, len(ids))
            self.probes.update((service, match.decode()) for match in PROBE.findall(body))
            if self.requests % KEPT_EACH == 1 and len(self.kept) < 500:
                self.kept.append(bytes(body))


class Moody(Receiver):
    """A receiver that is in order, or answers each request as a seeded generator of moods says."""

    def __init__(self, port, arrivals, seed):
        self.arrivals, self.rng, self.moods, self.health = arrivals, random.Random(seed), (), 1.0
        self.recovered = threading.Event()
        super().__init__(port=port)

    def be(self, moods=(), health=1.0):
        """`health`: the share of requests that are answered well. Whom it let wait is cut off when it recovers."""
        self.moods, self.health = tuple(moods), health
        self.recovered.clear() if moods else self.recovered.set()

    def _stall(self, connection, request):
        self.recovered.wait(60)
        return False

    def stop(self):
        self.recovered.set()
        super().stop()

    def _next(self, at_accept):
        if at_accept:
            if self.connections % 64 == 0:  # every connection leaves a thread that has ended
                self._threads = [thread for thread in self._threads if thread.is_alive()]
            return None
        with self._lock:
            moods = self.moods
            name, answer, accepted = ("ok", receiver.ok, True) if not moods or self.rng.random() < self.health else self.rng.choice(moods)
        return self._noted(answer() if answer else self._stall, accepted, rejected=int(name == "partial success"))

    def _noted(self, answer, accepted, rejected):
        def noted(connection, request):
            with self._lock:
                self.requests.clear()
            self.arrivals.take(request.body, accepted, rejected)
            return answer(connection, request)
        return noted


class Collector:
    """The sidecar of tests/collector on a given port, and the backend behind it, whose file is read as it grows."""

    def __init__(self, program, place, arrivals):
        self.program, self.arrivals = program, arrivals
        self.file, self.offset = Path(place) / "traces.jsonl", 0
        self.variables = {**bare_environment(), "GOMAXPROCS": "1", "BACKEND_FILE": str(self.file)}
        for name in ("SIDECAR_HEALTH_PORT", "BACKEND_GRPC_PORT", "BACKEND_HEALTH_PORT"):
            self.variables[name] = str(free_port())
        self.backend = self._start("backend", int(self.variables["BACKEND_GRPC_PORT"]))
        self.sidecar = None

    def _start(self, name, port):
        return Running.start([self.program, f"--config={CONFIGURATIONS / name}.yaml"], self.variables, port=port)

    def start(self, port):
        self.variables["SIDECAR_HTTP_PORT"] = str(port)
        self.sidecar = self._start("sidecar", port)

    def stop(self, how=signal.SIGTERM):
        """SIGTERM: it hands over what it has taken. SIGKILL: that is lost."""
        if self.sidecar:
            self.sidecar.stop(how, timeout=20)
            self.sidecar = None

    def signal(self, number):
        os.kill(self.sidecar.pid, number)

    def read(self):
        """Counts what the backend wrote since."""
        if not self.file.exists():
            return
        with self.file.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        data = data[:data.rfind(b"\n") + 1]
        self.offset += len(data)
        for resource in (each for line in data.splitlines() for each in json.loads(line)["resourceSpans"]):
            attributes = resource["resource"]["attributes"]
            service = next((pair["value"]["stringValue"] for pair in attributes if pair["key"] == "service.name"), "")
            ids = [int(span["spanId"], 16) for scope in resource["scopeSpans"] for span in scope["spans"]]
            self.arrivals.count(service, ids, accepted=True)
            with self.arrivals.lock:
                self.arrivals.probes.update((service, word.decode()) for word in PROBE.findall(json.dumps(resource).encode()))

    def end(self):
        self.stop()
        self.backend.stop()


class Sink:
    """The port, and who is behind it."""

    def __init__(self, program, place, seed):
        self.port, self.arrivals, self.seed = free_port(), Arrivals(), seed
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.collector = Collector(program, place, self.arrivals) if program else None
        self.receiver, self.lives = None, 0
        self.receive()

    def nobody(self):
        if self.receiver:
            self.receiver.stop()
            self.receiver = None
        if self.collector:
            self.collector.stop()
            wait_until(lambda: not is_listening(self.port), 10, "the port is still listened on")

    def receive(self):
        """A receiver in order; the one that is there, or a new one."""
        if not self.receiver:
            self.nobody()
            self.lives += 1
            self.receiver = Moody(self.port, self.arrivals, self.seed + self.lives)
        self.receiver.be()
        return self.receiver

    def collect(self):
        """The real Collector."""
        self.nobody()
        self.collector.start(self.port)
        return self.collector

    def has(self, probe):
        """Whether the span of that (service, word) came."""
        self.read()
        return probe in self.arrivals.probes

    def read(self):
        if self.collector:
            self.collector.read()

    def end(self):
        """May be called again."""
        self.nobody()
        collector, self.collector = self.collector, None
        if collector:
            collector.end()
            collector.read()
