"""peers.py - the servers of runtimes.py with OpenTelemetry's own instrumentation instead, beside bare and spanload in one run.

Installed from PyPI and npm into build/peers when these rows are asked for (`make bench PEERS=1`), and only then. Both sides export
every request by the specification's defaults to receivers of the same kind; OpenTelemetry's send protobuf over HTTP, and have
nothing on but the instrumentation of node's http and of Flask: no metrics and no logs.
"""
import time
from contextlib import ExitStack
from dataclasses import dataclass

from bench.rounds import best_of, noise_in_words
from bench.row import Row
from bench.runtimes import PROGRAMS, WARM_UPS, cost_of, measured
from bench.servers import Sink, account_of, accounted, exported_environment
from support import peers
from support.launch import bare_environment
from support.peers import NODE_API, NODE_SDK, PYTHON_INSTRUMENTATION, PYTHON_SDK

DELIVERED_S = 6  # longer than OTEL_BSP_SCHEDULE_DELAY: what can be delivered has been

PYTHON = (f"opentelemetry-distro=={PYTHON_INSTRUMENTATION}", f"opentelemetry-instrumentation-flask=={PYTHON_INSTRUMENTATION}",
          f"opentelemetry-sdk=={PYTHON_SDK}", f"opentelemetry-exporter-otlp-proto-http=={PYTHON_SDK}")
NODE = {"@opentelemetry/api": NODE_API, "@opentelemetry/sdk-node": NODE_SDK, "@opentelemetry/instrumentation-http": NODE_SDK,
        "@opentelemetry/exporter-trace-otlp-proto": "0.223.1"}

NODE_START = '''
const {NodeSDK} = require("@opentelemetry/sdk-node");
const {OTLPTraceExporter} = require("@opentelemetry/exporter-trace-otlp-proto");
const {HttpInstrumentation} = require("@opentelemetry/instrumentation-http");
new NodeSDK({traceExporter: new OTLPTraceExporter(), instrumentations: [new HttpInstrumentation()]}).start();
'''


def python_peer():
    """A Python that has it, and sees Debian's Flask and gunicorn, the same as the bare server's."""
    directory = peers.python("python", PYTHON)
    return [directory / "bin" / "opentelemetry-instrument", directory / "bin" / "python"], {}


def node_peer():
    directory = peers.node("node", NODE, {"start.js": NODE_START})
    return [], {"NODE_OPTIONS": f"--require {directory / 'start.js'}"}


@dataclass
class Peer:
    prepare: object  # -> (words in place of the interpreter, settings)
    name: str


PEER_OF = {
    "Flask under gunicorn": Peer(python_peer, "OpenTelemetry's Python instrumentation 1.45"),
    "node's http server": Peer(node_peer, "OpenTelemetry's Node instrumentation 0.223"),
}


def peer_environment(sink, place, settings):
    return {**bare_environment(place), "OTEL_SERVICE_NAME": "bench", "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint,
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none", **settings}


def run_beside(program, peer, place, rounds):
    """The variants, their memory, spanload's counters, and the peer's answers and spans that arrived."""
    program.prepare(place)
    interpreter, settings = peer.prepare()
    with Sink() as sink, Sink() as peers_sink, ExitStack() as stack:
        variants = [program.start(stack, place, "bare", bare_environment(place)),
                    program.start(stack, place, "exported", exported_environment(sink, place)),
                    program.start(stack, place, "peer", peer_environment(peers_sink, place, settings), interpreter),
                    program.start(stack, place, "bare again", bare_environment(place))]
        taken, memory = measured(variants, rounds)
        time.sleep(DELIVERED_S)
        ended = {variant.name: variant.running.stop() for variant in variants}
        peers_sink.stop()
    assert peers_sink.spans, f"{peer.name} made no spans: {ended['peer'].text[-2000:]}"
    counted = accounted(variants[1], ended["exported"], rounds + WARM_UPS, taken["exported"])
    answered = taken["peer"] + sum(one.requests for one in variants[2].rounds)
    return variants, memory, counted, (answered, peers_sink)


def rows_of(program, peer, place, rounds):
    variants, memory, counted, (answered, sink) = run_beside(program, peer, place, rounds)
    bare = best_of(variants, "bare")
    figures = {**{variant.name: variant.figures for variant in variants}, "resident_kb": memory, "counters": counted,
               "peer": {"answered": answered, "requests": sink.requests, "bytes": sink.bytes, "spans": sink.spans}}
    ends = {"exported": ("spanload", account_of(counted)),
            "peer": (peer.name, f"{answered} answers, {sink.spans} spans arrived ({min(sink.spans / answered, 1):.0%})")}
    for name, (who, account) in ends.items():
        spent, (us, mb) = best_of(variants, name), cost_of(variants, memory, name)
        text = f"{spent / 1e3:.1f} us"
        yield Row(f"{program.name}, {who}", "peers", f"{bare / 1e3:.1f} us", text if name == "exported" else "", bare / spent, "x",
                  peers="" if name == "exported" else text,
                  remark=f"{us:+.2f} us a request, {mb:+.1f} MB; {noise_in_words(variants, name)}; {account}", figures=figures)


def rows(place, rounds):
    for program in PROGRAMS:
        yield from rows_of(program, PEER_OF[program.name], place, rounds)
