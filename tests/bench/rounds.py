"""rounds.py - how a ratio is measured on a machine that others use too.

The servers of all variants are started once, with all their threads on processor 0; the load is on processor 1. The
variants are loaded in turn for about a second each, every other round backwards, and of each the best round counts: noise
only slows. The figure to trust is the processor time of the server's threads for one request, from the scheduler's own
account (/proc/PID/task/*/schedstat): requests a second also measure the load generator.

What is left of noise is shown, not guessed: a second server that is bare too is loaded like the others, and its ratio to the
first is printed with each row. Two processes of one program differ by up to one in a hundred, by where their memory happens
to lie; where there are two servers of a variant, the mean of their bests stands for it.
"""
import os
import statistics
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
    thread: Path = None  # /proc/PID/task/ID of the library's own thread, where its time is wanted too

    def best(self, figure):
        """The best round; of more than ten, the best of every ten: the very best of very many is luck."""
        values = sorted((value for one in self.rounds if (value := getattr(one, figure)) is not None), reverse=figure == "rate")
        return values[(len(values) - 1) // 10] if values else None

    @property
    def figures(self):
        """All that was measured, by round."""
        names = [name for name in Round.__annotations__ if any(getattr(one, name) is not None for one in self.rounds)]
        return {name: [round(getattr(one, name)) for one in self.rounds] for name in names}


@dataclass
class Round:
    requests: int
    cpu_ns: float            # of all the server's threads, for one request
    rate: float              # requests a second
    p99_ns: float = None     # as the load generator saw it
    thread_ns: float = None  # of the library's own thread, for one request


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


def task_ns(task):
    return int((task / "schedstat").read_text().split()[0])


def cpu_ns(pids):
    return sum(task_ns(task) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())


def busiest_of(pid):
    """Of a server and its workers, the one that has done the work."""
    return max(session_of(pid), key=lambda one: cpu_ns([one]))


def in_turn(variants, load, rounds):
    """load(variant) -> (requests, seconds, p99 in nanoseconds or None)."""
    families = {id(variant): session_of(variant.running.pid) for variant in variants}
    for number in range(rounds):
        for variant in variants if number % 2 == 0 else reversed(variants):
            before, thread_before = cpu_ns(families[id(variant)]), variant.thread and task_ns(variant.thread)
            requests, seconds, p99_ns = load(variant)
            spent = cpu_ns(families[id(variant)]) - before
            thread_ns = (task_ns(variant.thread) - thread_before) / requests if variant.thread else None
            variant.rounds.append(Round(requests, spent / requests, requests / seconds, p99_ns, thread_ns))


def best_of(variants, name, figure="cpu_ns"):
    """The mean of the bests of those servers that are called so, `again` or not."""
    bests = [variant.best(figure) for variant in variants if variant.name in (name, name + " again")]
    return sum(bests) / len(bests)


def noise_of(variants, figure="cpu_ns"):
    """What nothing at all seems to cost: the ratio of one bare server to the other."""
    one, other = (next(variant for variant in variants if variant.name == name).best(figure) for name in ("bare", "bare again"))
    return one / other


def median_ratio(variants, name):
    """Another reading of the same rounds: the median, over the rounds, of the ratio of the bare ones to this one in that round."""
    bare = [one.rounds for one in variants if one.name in ("bare", "bare again")]
    theirs = next(one.rounds for one in variants if one.name == name)
    return statistics.median(statistics.mean(one.cpu_ns for one in beside) / its.cpu_ns for its, *beside in zip(theirs, *bare))


def noise_in_words(variants, name):
    return f"bare again {noise_of(variants):.3f}, median of the rounds {median_ratio(variants, name):.3f}"


def resident_kb(pid):
    """Exact: VmRSS of /proc/PID/status is behind by up to 64 pages for each processor."""
    return int(next(line.split()[1] for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Rss:")))


def cores():
    return os.cpu_count()
