"""rounds.py - how a ratio is measured on a machine that others use too.

The servers of all variants are started once, with all their threads on processor 0; the load is on processor 1. The
variants are loaded in turn for about a second each, for many rounds, and of each the best round counts: noise only slows.
The figure to trust is the processor time of the server's threads for one request, from the scheduler's own account
(/proc/PID/task/*/schedstat): requests a second also measure the load generator.
"""
import os
from dataclasses import dataclass, field
from pathlib import Path

SERVER_CPU, LOAD_CPU = "0", "1"


def on_cpu(cpu, argv):
    return ["/usr/bin/taskset", "-c", cpu, *map(str, argv)]


@dataclass
class Variant:
    """One way to run the server. `running` is a support.launch.Running."""
    name: str
    running: object
    port: int
    rounds: list = field(default_factory=list)

    def best(self, figure):
        values = [getattr(one, figure) for one in self.rounds if getattr(one, figure) is not None]
        return (max if figure == "rate" else min)(values) if values else None


@dataclass
class Round:
    cpu_ns: float         # of all the server's threads, for one request
    rate: float           # requests a second
    p99_ns: float = None  # as the load generator saw it


def session_of(pid):
    """The processes of a session: a server and its workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == pid:
                found.append(int(entry.name))
    return found


def cpu_ns(pids):
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def in_turn(variants, load, rounds):
    """load(variant) -> (requests, seconds, p99 in nanoseconds or None)."""
    families = {variant.name: session_of(variant.running.pid) for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            before = cpu_ns(families[variant.name])
            requests, seconds, p99_ns = load(variant)
            spent = cpu_ns(families[variant.name]) - before
            variant.rounds.append(Round(spent / requests, requests / seconds, p99_ns))


def resident_kb(pid):
    return int(next(line.split()[1] for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")))


def cores():
    return os.cpu_count()
