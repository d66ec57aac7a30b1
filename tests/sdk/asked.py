"""asked.py - a service that runs under the library, between a client with a context of its own and an origin; and its spans.

Each request has a trace of its own, which the client begins: FRONT is its span. What is told of a trace is who has made which
span of it, in the words of `ours SERVER` and `sdk CLIENT`.
"""
import http.client
import random
import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from support.launch import Running, complaints_in, environment
from support.ports import free_port, wait_until

SERVICES = Path(__file__).with_name("services")
NODE = shutil.which("node", path="/usr/local/bin:/usr/bin")
NODE_REGISTERS = "--require @opentelemetry/auto-instrumentations-node/register"
FRONT = "00f067aa0ba902b7"
CONTEXT = {  # propagator: what the client sends, and how the ids are read at the origin
    "tracecontext": ("traceparent", "00-{trace}-{span}-01", r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])"),
    "b3": ("b3", "{trace}-{span}-1", r"([0-9a-f]{32})-([0-9a-f]{16})-([01])"),
}
AT_ONCE = 8


def python(how, directory, port):
    """How the SDK comes in: `environment`, by OpenTelemetry's own command; `code`; `not`."""
    launcher = [directory / "bin" / "opentelemetry-instrument"] if how == "environment" else []
    argv = [*launcher, directory / "bin" / "python", "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class",
            "gthread", "--threads", AT_ONCE, "--log-level", "warning", "--chdir", SERVICES, "application:application"]
    return argv, {"OTEL_TRACES_EXPORTER": "otlp_json_http" if how != "not" else None, "PYTHONDONTWRITEBYTECODE": 1, "SDK": how}


def node(how, directory, port):
    """`environment`, `arguments`: node is told to require it; `code`; `not`."""
    assert NODE, "node is not installed"
    argv = [NODE, *(NODE_REGISTERS.split() if how == "arguments" else []), SERVICES / "service.js", port]
    return argv, {"NODE_OPTIONS": NODE_REGISTERS if how == "environment" else None, "NODE_PATH": directory / "node_modules",
                  "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_NODE_RESOURCE_DETECTORS": "env", "SDK": how}


LANGUAGES = {"python": python, "node": node}
WAYS = {"python": ["/library"], "node": ["/library", "/fetch"]}  # by clients that the SDK instruments


class Asked:
    """`ask` gives the trace of each request; what came of it is known behind stop()."""

    def __init__(self, running, port, receiver, origin, propagator):
        self.running, self.port, self.receiver, self.origin = running, port, receiver, origin
        self.field, self.sent, self.read = CONTEXT[propagator]
        self.ended, self._spans = None, None

    def ask(self, path, trace=None):
        trace = trace or f"{random.getrandbits(128):032x}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={self.field: self.sent.format(trace=trace, span=FRONT)})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
        finally:
            connection.close()
        return trace

    def ask_often(self, path, one_by_one=0, at_once=0, trace=None):
        found = [self.ask(path, trace) for _ in range(one_by_one)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return found + list(pool.map(self.ask, [path] * at_once, [trace] * at_once))

    def stop(self, spans=0):
        """Ends the service when so many spans have come; its end delivers those that nobody waits for."""
        wait_until(lambda: len(self.spans) >= spans, 10, lambda: f"{spans} spans; {self.tally}")
        self.ended = self.running.stop()
        self._spans = self.spans

    @property
    def complaints(self):
        """Of the library, but for the name of an exporter that only the SDK has."""
        return [line for line in complaints_in(self.ended.text) if not line.startswith("OTEL_TRACES_EXPORTER=otlp_json_http")]

    # --- what came of it ---

    @property
    def spans(self):
        """The SDKs make others too, of connections."""
        return self._spans or [span for span in self.receiver.spans if span.kind in ("SERVER", "CLIENT")]

    @property
    def tally(self):
        return Counter(map(word_of, self.spans))

    @property
    def ours(self):
        return [span for span in self.spans if is_ours(span)]

    def words(self, trace):
        """Of all its spans."""
        return sorted(word_of(span) for span in self.spans if span.trace_id == trace)

    def arrivals(self):
        """{trace: (span, flags)} of the requests at the origin: each names one context, once, and each trace arrives once."""
        found = {}
        for visit in self.origin.visits:
            [value] = re.findall(rf"(?im)^{self.field}: *([^\r]*)\r$", visit.heard.decode())
            trace, span, flags = re.fullmatch(self.read, value).groups()
            assert trace not in found, f"two requests in {trace}"
            found[trace] = span, flags
        return found

    def chain(self, trace):
        """From what the origin was told to the client in front, each the child of the next."""
        by_id = {span.span_id: span for span in self.spans if span.trace_id == trace}
        words, (at, _) = [], self.arrivals()[trace]
        while at in by_id:
            words.append(word_of(by_id[at]))
            at = by_id[at].parent_span_id
        return [*words, "front" if at == FRONT else f"unknown {at}"]


def is_ours(span):
    return span.scope == "spanload"


def word_of(span):
    return f"{'ours' if is_ours(span) else 'sdk'} {span.kind}"


@contextmanager
def started(argv, receiver, origin, port, propagator="tracecontext", **settings):
    env = environment(receiver.endpoint, "service", OTEL_PROPAGATORS=propagator, **{"LEAF": f"{origin.url}/hello", **settings})
    with Running.start(argv, env, port=port) as running:
        yield Asked(running, port, receiver, origin, propagator)


@contextmanager
def service(language, how, installed, receiver, origin, **settings):
    """settings: as of environment()."""
    port = free_port()
    argv, own = LANGUAGES[language](how, installed[language], port)
    others = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    with started(argv, receiver, origin, port, **{**others, **own, **settings}) as it:
        yield it
