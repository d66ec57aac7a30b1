"""processes.py - what the library costs programs that come and go, and those that do nothing.

Programs are started with and without the library in turn: by `spanload compare`, or, where the sidecar is one that does not answer, by
tests/bench/programs/spawn.c. Both are bare themselves: so the time is that of exec, the dynamic linker, the program and its end.
Those that have a span to deliver as they end wait for their sidecar: one that answers, one that never does, none, and one whose
host is silent.
"""
import http.client
import re
import signal
import socket
import statistics
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.calls import built
from bench.compared import compared, samples
from bench.row import Row, difference
from bench.rounds import LOAD_CPU, SERVER_CPU, on_cpu, session_of
from bench.servers import FULL, Sink, prepare_www, start_nginx
from support.launch import bare_environment, counters_in, environment, run, total
from support.ports import free_port

TRUE, CURL = "/bin/true", "/usr/bin/curl"
LOW = 0.1   # the quantile that noise hardly reaches
FAMILY = "processes"


def with_library(place, endpoint, **settings):
    """As it is used: every setting but the sidecar's address is the default."""
    return environment(endpoint, "bench", place, **{"SPANLOAD_LOG": None, "OTEL_BSP_SCHEDULE_DELAY": None, **settings})


# --- how long a program lives ----------------------------------------------------------------------------------------

class Lives:
    """Milliseconds of each run of a program, without and with the library."""

    def __init__(self, bare, spanload):
        self.bare, self.spanload = bare, spanload

    @classmethod
    def compared(cls, report):
        """Those that `spanload compare` has timed."""
        return cls(*([ns / 1e6 for ns in samples(report, "wall", name)] for name in ("bare", "exported")))

    @classmethod
    def spawned(cls, place, rounds, count, argv, env):
        """Those that spawn.c starts, in an environment of the bench's."""
        files = []
        for name, variables in (("bare", bare_environment(place)), ("spanload", env)):
            files.append(place / f"{name}.environment")
            files[-1].write_bytes(b"".join(f"{key}={value}".encode() + b"\0" for key, value in variables.items()))
        ended = run(on_cpu(SERVER_CPU, [built("spawn"), rounds, count, *files, "--", *argv]), bare_environment(place), timeout=300)
        if ended.status != 0:
            raise RuntimeError(f"spawn ended with {ended.status}: {ended.text}")
        pairs = [line.split() for line in ended.stdout.decode().splitlines()]
        return cls(*([int(ns) / 1e6 for which, ns in pairs if which == wanted] for wanted in ("0", "1")))

    def figures(self):
        found = {"runs": len(self.spanload)}
        for name, values in (("bare", self.bare), ("spanload", self.spanload)):
            found[f"{name}_median_ms"] = statistics.median(values)
            found[f"{name}_low_ms"] = quantile(values, LOW)
        return found

    def row(self, name, reach, remark="", shown="{:.2f} ms", **more):
        """The difference of the medians counts; that of the low quantiles is said."""
        figures = {**self.figures(), **more.pop("figures", {})}
        low = figures["spanload_low_ms"] - figures["bare_low_ms"]
        remark = "; ".join(filter(None, (f"{figures['runs']} runs each; 10th percentile {low:+.2f} ms", remark)))
        return difference(name, FAMILY, figures["bare_median_ms"], figures["spanload_median_ms"], "ms", reach, shown=shown,
                          remark=remark, figures=figures, **more)


def quantile(values, part):
    return sorted(values)[int(part * (len(values) - 1))]


# --- /bin/true -------------------------------------------------------------------------------------------------------

def added_calls(report):
    """What the library adds to the system calls of a program: name -> how many more."""
    changes = {name: row["instrumented"] - row["baseline"] for name, row in sorted(report["syscalls"]["by_name"].items())}
    return {name: round(count) for name, count in changes.items() if count}


def true(place, rounds):
    report = compared(place, "--runs", 200 * rounds, "--", TRUE)
    added = added_calls(report)
    return Lives.compared(report).row("/bin/true", 0.25, f"{sum(added.values())} system calls more", shown="{:.3f} ms",
                                      peers="AppScope +7.4 ms", figures={"system_calls_added": added})


# --- a program that makes one span and ends --------------------------------------------------------------------------

@contextmanager
def origin(place):
    """An nginx without the library, on the other processor. Yields the URL of 1 kB."""
    prepare_www(place)
    with ExitStack() as stack:
        server = start_nginx(stack, place, "origin", bare_environment(place), LOAD_CPU)
        yield f"http://127.0.0.1:{server.port}/1k.txt"


def curl(place, rounds):
    """Every one of the spans has to be there."""
    with origin(place) as url:
        report = compared(place, "--runs", 20 * rounds, "--no-syscalls", "--", CURL, "-s", url)
    lives, delivered = Lives.compared(report), int(report["spans"]["arrived"])
    runs = len(lives.spanload)
    row = lives.row("curl, span delivered before exit", 1.5, f"{delivered} of {runs} spans arrived", peers="AppScope +122 ms",
                    figures={"delivered": delivered})
    if delivered != runs:
        row.value, row.remark = None, f"{runs - delivered} of {runs} spans did not arrive"
    return row


class Stalled:
    """A sidecar that accepts and says nothing: stuck, or stopped."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.accepted = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):  # the listener was closed
            while True:
                self.accepted.append(self.listener.accept()[0])

    def saw(self):
        return f"it took {len(self.accepted)} connections and answered none"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        for one in [self.listener, *self.accepted]:
            one.close()


class Silent:
    """A sidecar whose host does not answer: the listener's queue is full, the kernel drops the SYNs of everybody else."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.listener.getsockname()[1]
        self.waiting = []
        while self._connects():
            assert len(self.waiting) < 10, "a listener whose queue is full still takes connections"

    def _connects(self):
        one = socket.socket()
        one.settimeout(0.3)
        self.waiting.append(one)
        try:
            one.connect(self.listener.getsockname())
            return True
        except TimeoutError:
            return False

    def saw(self):
        self.listener.setblocking(False)
        came = 0
        with suppress(BlockingIOError):
            while self.listener.accept():
                came += 1
        return f"{came - (len(self.waiting) - 1)} connections came through"

    def close(self):
        for one in [self.listener, *self.waiting]:
            one.close()


def exits(place, rounds):
    appscope = {"peers": "AppScope +6 s", "figures": {"peer_value": 6000}}
    with origin(place) as url:
        def lives(port, count):
            return Lives.spawned(place, rounds, count, [CURL, "-s", url], with_library(place, f"http://127.0.0.1:{port}"))

        for name, kind in (("a stalled", Stalled), ("a black-holed", Silent)):
            sidecar = kind()
            try:
                took = lives(sidecar.port, 5)
                yield took.row(f"exit with {name} sidecar", 200, sidecar.saw(), **appscope)
            finally:
                sidecar.close()
        yield lives(free_port(), 20).row("exit with an absent sidecar", 1, **appscope)


# --- a server that has nothing to do ---------------------------------------------------------------------------------

REQUESTS = 200
SETTLED_S = 2


def switches(pid):
    """(process, thread) -> how often it left its processor, for all threads of a session."""
    found = {}
    for process in session_of(pid):
        for task in Path(f"/proc/{process}/task").iterdir():
            found[process, int(task.name)] = sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())))
    return found


def ask(port, times):
    """Requests on one connection, which is closed then."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(times):
        connection.request("GET", "/1k.txt")
        connection.getresponse().read()
    connection.close()


def idle(place, rounds):
    """nginx is asked, its spans are exported, and then nobody asks: what still runs, without the library and with it."""
    seconds = 10 if rounds >= FULL else 2
    prepare_www(place)
    with Sink() as sink, ExitStack() as stack:
        ours = with_library(place, sink.endpoint, SPANLOAD_LOG="info", OTEL_BSP_SCHEDULE_DELAY=100)
        servers = [start_nginx(stack, place, name, env) for name, env in (("bare", bare_environment(place)), ("spanload", ours))]
        for server in servers:
            ask(server.port, REQUESTS)
        time.sleep(SETTLED_S)
        before = {server.name: switches(server.running.pid) for server in servers}
        time.sleep(seconds)
        woken = {}
        for server in servers:
            for thread, count in switches(server.running.pid).items():
                whose = "server" if thread[0] == thread[1] else "thread"
                woken[server.name, whose] = woken.get((server.name, whose), 0) + count - before[server.name].get(thread, 0)
        ended = [server.running.stop(signal.SIGQUIT) for server in servers]
    return idle_row(seconds, woken, total(counters_in(ended[-1].text))["exported"])


def idle_row(seconds, woken, exported):
    assert exported == REQUESTS, f"{exported} of {REQUESTS} spans were exported"
    bare, server, thread = (woken.get(key, 0) for key in (("bare", "server"), ("spanload", "server"), ("spanload", "thread")))
    own = f"our thread {thread}" if ("spanload", "thread") in woken else "our thread gone"
    return Row("idle wakeups of a server that has been traced", FAMILY, f"{bare / seconds:g}/s", f"{(server + thread) / seconds:g}/s",
               (thread + max(server - bare, 0)) / seconds, "/s", 0, at_least=False, peers="AppScope 920/s",
               remark=f"in {seconds} s after {exported} spans exported: {own}, the server's own {server}, without the library {bare}",
               figures={"seconds": seconds, "bare": bare, "server": server, "thread": thread})


def rows(place, rounds):
    yield true(place, rounds)
    yield curl(place, rounds)
    yield from exits(place, rounds)
    yield idle(place, rounds)
