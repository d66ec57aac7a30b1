"""compared.py - rows that `spanload compare` measures: what a user sees of their own program is what is published here.

Where there are two kinds, without the library and with it, and the sidecar answers at once. The command, its sidecar and the
load are on the load's processor; a server is put on its own by its command line.
"""
import json

from bench.rounds import LOAD_CPU, Round, Variant, on_cpu
from support.launch import BUILD, LIBRARY, bare_environment, run

SIDES = {"bare": "baseline", "exported": "instrumented", "bare again": "baseline_again"}
TIMEOUT_S = 600


def compared(place, *arguments, pinned=False):
    """What `spanload compare` found, as its JSON says. Any difference but the cost is an error."""
    report = place / "compare.json"
    argv = [BUILD / "spanload", "compare", "--json", report, *arguments]
    env = {**bare_environment(place), "SPANLOAD_LIBRARY": str(LIBRARY), "OTEL_SERVICE_NAME": "bench"}
    done = run(on_cpu(LOAD_CPU, argv) if pinned else list(map(str, argv)), env, timeout=TIMEOUT_S)
    if done.status != 0:
        raise RuntimeError(f"spanload compare ended with {done.status}: {done.text}\n{done.stdout.decode()}")
    return json.loads(report.read_text())


def samples(report, key, name):
    return report[key]["samples"][SIDES[name]]


def variants_of(report):
    """The servers of a comparison under load, with their rounds."""
    def rounds(name):
        each = zip(samples(report, "cpu", name), samples(report, "load", name), samples(report, "latency_p99", name))
        return [Round(None, cpu_ns, rate, p99_ns) for cpu_ns, rate, p99_ns in each]
    return [Variant(name, None, 0, rounds(name)) for name in SIDES]
