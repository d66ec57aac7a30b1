"""runtimes.py - rows of servers in languages: Flask under gunicorn, and node's http server, every request exported.

The load is wrk's, as on nginx (servers.py). A small JSON answer, so that as little as possible but the runtime's own handling of
a request is measured. Of all processes and threads of the server the processor time counts. `spanload compare` measures them;
peers.py, which has a third kind, starts them itself, and takes of the process that serves the resident memory.
"""
from dataclasses import dataclass
from statistics import median

from bench.compared import compared, samples, variants_of
from bench.rounds import SERVER_CPU, Variant, best_of, busiest_of, in_turn, noise_in_words, on_cpu, resident_kb
from bench.row import ratio
from bench.servers import CONNECTIONS, warm_up, wrk
from support.launch import Running
from support.ports import free_port

FLASK = '''
from flask import Flask, jsonify

application = Flask(__name__)


@application.get("/item")
def item():
    return jsonify(id=17, name="anvil", price=12.5)
'''

NODE = '''
const http = require("http");
const port = Number(process.argv[2]);
http.createServer((request, response) => {
    response.writeHead(200, {"Content-Type": "application/json"});
    response.end(JSON.stringify({id: 17, name: "anvil", price: 12.5}));
}).listen(port, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
'''

WARM_UPS = 3  # turns: until node has compiled what is hot


@dataclass
class Program:
    """One server. `argv(place, port)`; what it needs lies in `place` already."""
    name: str
    file: str
    text: str
    reach: float
    argv: object
    peers: str

    def prepare(self, place):
        (place / self.file).write_text(self.text)

    def start(self, stack, place, name, env, interpreter=()):
        """`interpreter`: words in place of the first one, of a peer that has its own."""
        port = free_port()
        first, *rest = self.argv(place, port)
        argv = on_cpu(SERVER_CPU, [*(interpreter or [first]), *rest])
        return Variant(name, stack.enter_context(Running.start(argv, env, port=port, cwd=place)), port)


def gunicorn(place, port):
    return ["/usr/bin/python3", "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread",
            "--threads", "4", "--keep-alive", "75", "--log-level", "warning", "--chdir", place, "application:application"]


def node(place, port):
    return ["/usr/bin/node", place / "server.js", port]


PROGRAMS = (
    Program("Flask under gunicorn", "application.py", FLASK, 0.99, gunicorn, "OpenTelemetry's own instrumentation 0.45, +166 us, +39 MB"),
    Program("node's http server", "server.js", NODE, 0.93, node, "OpenTelemetry's own instrumentation 0.35, +14 us, +118 MB"),
)


def load(variant):
    return wrk(variant, "/item")


def measured(variants, rounds):
    """Loads them in turn; returns the requests each took before its rounds, and the resident kB of what serves, after them."""
    taken = dict.fromkeys((variant.name for variant in variants), 0)
    for _ in range(WARM_UPS):
        for name, requests in warm_up(variants, load).items():
            taken[name] += requests
    in_turn(variants, load, rounds)
    return taken, {variant.name: resident_kb(busiest_of(variant.running.pid)) for variant in variants}


def cost_of(variants, memory, name):
    """us and MB more than bare, for one request and in all."""
    bare_kb = (memory["bare"] + memory["bare again"]) / 2
    return (best_of(variants, name) - best_of(variants, "bare")) / 1e3, (memory[name] - bare_kb) / 1024


def account_of(spans, loads):
    """Each answer is a span; of those under way when a load ended, one a connection, some are."""
    answered, made = int(spans["requests"]), int(spans["made"])
    assert answered <= made <= answered + loads * CONNECTIONS, f"{answered} answers, spans: {spans}"
    assert made == spans["exported"] + spans["dropped"] and spans["arrived"] == spans["exported"], f"not accounted for: {spans}"
    return f"{answered} answers, {made} spans started, {int(spans['exported'])} exported, {int(spans['dropped'])} dropped"


def peak_mb(report, name):
    return median(samples(report, "rss", name)) / 1e6


def rows_of(program, place, rounds):
    program.prepare(place)
    argv = on_cpu(SERVER_CPU, program.argv(place, "{port}"))
    load = f"wrk --latency -t1 -c{CONNECTIONS} -d1s http://127.0.0.1:{{port}}/item"
    report = compared(place, "--runs", rounds, "--no-syscalls", "--load", load, "--", *argv, pinned=True)
    variants = variants_of(report)
    bare, exported = best_of(variants, "bare"), best_of(variants, "exported")
    mb = peak_mb(report, "exported") - (peak_mb(report, "bare") + peak_mb(report, "bare again")) / 2
    yield ratio(f"{program.name}, every request exported", "runtimes", bare / 1e3, exported / 1e3, program.reach, shown="{:.1f} us",
                peers=program.peers, figures={**{variant.name: variant.figures for variant in variants}, "spans": report["spans"]},
                remark=f"{(exported - bare) / 1e3:+.2f} us, {mb:+.1f} MB at the peak; {noise_in_words(variants, 'exported')}; "
                       f"{account_of(report['spans'], rounds + 1)}")


def rows(place, rounds):
    for program in PROGRAMS:
        yield from rows_of(program, place, rounds)
