#!/usr/bin/python3
"""calls.py - what the library costs small programs, call by call and span by span: tests/bench/programs/*.c.

The programs measure themselves, most by the processor time of one thread, and print figures only. The variants run in turn as short
processes, in one order and then in the other, and of each what a tenth of the runs stayed below counts: noise slows, but where time is
stolen from a guest machine a thread's account of it may also fall short. Instructions are counted by valgrind's callgrind, exactly, as the
difference between a run and one twice as long, so that what is done once is not in them. Under valgrind the clock is read by a system
call, so the few dozen instructions of the kernel's vDSO are not counted.

    calls.py instructions      instructions that the library adds to a request, and by which of its functions
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.row import Row  # noqa: E402
from bench.servers import Sink  # noqa: E402
from support.launch import BUILD, ROOT, bare_environment, counters_in, environment, run, total  # noqa: E402

SOURCES = ROOT / "tests" / "bench" / "programs"


def built(name):
    """A program of tests/bench/programs, made when it is older than what it is made of."""
    source, program = SOURCES / f"{name}.c", BUILD / "tests" / "bench" / name
    newest = max(path.stat().st_mtime for path in [source, *SOURCES.glob("*.h")])
    if not program.exists() or program.stat().st_mtime < newest:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", str(source), "-o", str(program), "-lpthread"],
                       check=True)
    return program


def said(argv, env, timeout=60):
    """What a program printed, name -> figures, and the library's counters if it was there."""
    ended = run(argv, env, timeout)
    if ended.status != 0:
        raise RuntimeError(f"{argv[0]} ended with {ended.status}: {ended.text}")
    figures = {}
    for line in ended.stdout.decode().splitlines():
        name, figure = line.split()
        figures.setdefault(name, []).append(float(figure))
    return figures, total(counters_in(ended.text))


def with_library(place, endpoint=None, **settings):
    """As it is used, but for the line of counters: the delay of a batch is the default."""
    return environment(endpoint, "bench", place, **{"OTEL_BSP_SCHEDULE_DELAY": None, **settings})


def low(values):
    return sorted(values)[len(values) // 10]


class Runs:
    """All the runs of one variant. Of figures, those of runs that lost a span count only where all did: a lost one costs less."""

    def __init__(self):
        self.whole, self.lossy, self.counters = {}, {}, []

    def add(self, figures, counters):
        for name, values in figures.items():
            (self.lossy if counters.dropped else self.whole).setdefault(name, []).extend(values)
        self.counters.append(counters)

    @property
    def figures(self):
        return self.whole or self.lossy

    def best(self, name):
        return low(self.figures[name])

    def median(self, name):
        return median(self.figures[name])

    @property
    def accounts(self):
        counted = total(self.counters)
        return {"started": counted["started"], "exported": counted["exported"], "dropped": counted.dropped}


def in_turn(variants, rounds):
    """variants: name -> (program and arguments, environment). name -> Runs."""
    found = {name: Runs() for name in variants}
    for number in range(rounds):
        for name, (argv, env) in list(variants.items())[::-1 if number % 2 else 1]:
            found[name].add(*said(argv, env))
    return found


# --- instructions --------------------------------------------------------------------------------------------------

HEADS = {"as wrk asks": [], "as a browser asks": ["long"]}
REQUESTS = 1000  # twice as many still fit into the queue at once


def callgrind(argv, env, place):
    """The profile of a program's first thread."""
    for old in place.glob("profile*"):
        old.unlink()
    _, counters = said(["/usr/bin/valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={place}/profile", *argv], env)
    if counters.dropped:
        raise RuntimeError(f"{argv[0]} under valgrind dropped {counters.dropped} spans")
    return place / "profile-01"


def instructions_in(profile):
    return int(re.search(r"^(?:summary|totals): (\d+)", profile.read_text(), re.M)[1])


def functions_in(profile, *options, together=sum):
    """function -> instructions. A function whose parts were inlined from several files has a line for each."""
    argv = ["/usr/bin/callgrind_annotate", "--threshold=100", "--show-percs=no", "--auto=no", *options, str(profile)]
    lines = subprocess.run(argv, env=bare_environment(), capture_output=True, text=True, check=True).stdout
    found = {}
    for count, name in re.findall(r"^ *([\d,]+)  .*?:([^\s:\[]+)(?: \[.*)?$", lines, re.M):
        found.setdefault(name, []).append(int(count.replace(",", "")))
    return {name: together(counts) for name, counts in found.items()}


class Profile:
    """Instructions of the first thread of span.c for one request."""

    def __init__(self, env, place, head, by_function=False):
        once, self.own, self.inclusive = [], {}, {}
        for requests in (REQUESTS, 2 * REQUESTS):
            profile = callgrind([built("span"), requests, 1, *head], env, place)
            tables = [functions_in(profile), functions_in(profile, "--inclusive=yes", together=max)] if by_function else [{}, {}]
            once.append((instructions_in(profile), *tables))
        (less, *fewer), (more, *many) = once
        self.instructions = (more - less) / REQUESTS
        for into, few, full in zip((self.own, self.inclusive), fewer, many):
            into.update({name: (count - few.get(name, 0)) / REQUESTS for name, count in full.items()})


def print_instructions():
    with tempfile.TemporaryDirectory(prefix="calls-") as directory, Sink() as sink:
        place = Path(directory)
        for head_name, head in HEADS.items():
            bare = Profile(bare_environment(place), place, head).instructions
            for name, settings in {"exported": {}, "unsampled": {"OTEL_TRACES_SAMPLER": "always_off"}}.items():
                profile = Profile(with_library(place, sink.endpoint, **settings), place, head, by_function=True)
                print(f"\n{head_name}, {name}: {profile.instructions - bare:.1f} instructions added to a request's {bare:.1f}")
                print("      self  inclusive")
                order = sorted(profile.own.items(), key=lambda item: -item[1])
                for function, count in order[:25]:
                    print(f"{count:10.1f} {profile.inclusive.get(function, 0):10.1f}  {function}")


# --- rows ----------------------------------------------------------------------------------------------------------

CALLS, BLOCKS = 20000, 5
PROCESSES = 2  # for each round: a process's pages alone make a difference of some nanoseconds


def writes(place, rounds):
    """Calls that the library has to let pass."""
    goals = {"file": ("10^6 small writes to a file", "write", 5), "socket": ("10^6 small writes to an unwatched socket", "send", 10)}
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm") as memory:
        for kind, (name, call, goal) in goals.items():
            def argv(calls, blocks):
                return [built("writes"), kind, calls, blocks, f"{memory}/written"]
            environments = {"bare": bare_environment(place), "spanload": with_library(place)}
            runs = in_turn({one: (argv(CALLS, BLOCKS), env) for one, env in environments.items()}, PROCESSES * rounds)
            bare, spanload = (runs[one].best("ns") for one in environments)
            counted = [(instructions_in(callgrind(argv(2000, 1), env, place)) - instructions_in(callgrind(argv(1000, 1), env, place))) / 1000
                       for env in environments.values()]
            added = counted[1] - counted[0]
            yield Row(name, "calls", f"{bare:.0f} ns", f"{spanload:.0f} ns", spanload - bare, "ns", goal, False,
                      remark=f"{call}() of 16 bytes; exactly {added:.0f} instructions more for each",
                      figures={"bare_ns": bare, "spanload_ns": spanload, "instructions_added": added,
                               "bare_median_ns": runs["bare"].median("ns"), "spanload_median_ns": runs["spanload"].median("ns")})


def spans(place, rounds):
    """One server span: what its thread spends on it."""
    with Sink() as sink:
        environments = {"bare": bare_environment(place), "exported": with_library(place, sink.endpoint),
                        "unsampled": with_library(place, sink.endpoint, OTEL_TRACES_SAMPLER="always_off")}
        figures = {}
        for head_name, head in HEADS.items():
            runs = in_turn({name: ([built("span"), 2000, 3, *head], env) for name, env in environments.items()}, PROCESSES * rounds)
            instructions = {name: Profile(env, place, head).instructions for name, env in environments.items()}
            for name in environments:
                of = figures[f"{name}, {head_name}"] = {"request_ns": runs[name].best("request_ns"), "instructions": instructions[name]}
                if name != "bare":
                    of["added_ns"] = of["request_ns"] - runs["bare"].best("request_ns")
                    of["added_median_ns"] = runs[name].median("request_ns") - runs["bare"].median("request_ns")
                    of["added_instructions"] = of["instructions"] - instructions["bare"]
                    of.update(runs[name].accounts)
        for head_name, goal in zip(HEADS, (250, None)):
            bare, exported, unsampled = (figures[f"{name}, {head_name}"] for name in environments)
            dropped = f"; {exported['dropped']:,} of {exported['started']:,} spans dropped" if exported["dropped"] else ""
            yield Row(f"one server span, application's thread, {head_name}", "calls",
                      f"{bare['request_ns']:,.0f} ns a request", f"{exported['request_ns']:,.0f} ns",
                      exported["added_ns"], "ns", goal, False, peers="Dapper 204 ns" if goal else "",
                      remark=f"{exported['added_instructions']:,.0f} instructions; not sampled {unsampled['added_ns']:,.0f} ns and "
                             f"{unsampled['added_instructions']:,.0f}; a request is both ends of loopback{dropped}",
                      figures={name: of for name, of in figures.items() if name.endswith(head_name)})


def stdlib(place, rounds):
    """What a second thread of libc's would cost a program of one thread, and ours does not."""
    with Sink() as sink:
        env = with_library(place, sink.endpoint, OTEL_BSP_SCHEDULE_DELAY=1)
        runs = in_turn({"bare": ([built("stdlib"), 200000, 5], bare_environment(place)),
                        "spanload": ([built("stdlib"), 200000, 5], env),
                        "threaded": ([built("stdlib"), 200000, 5, "threaded"], bare_environment(place))}, 3 * PROCESSES * rounds)
    accounts = runs["spanload"].accounts
    if accounts["exported"] != accounts["started"] or not accounts["started"]:
        raise RuntimeError(f"stdlib: not every program's span was exported: {accounts}")
    for what, peers in {"malloc": "an exporter on a pthread: 2.4 times slower", "putc": "an exporter on a pthread: 6.6 times slower"}.items():
        bare, spanload, threaded = (runs[name].best(f"{what}_ns") for name in ("bare", "spanload", "threaded"))
        title = "malloc and free" if what == "malloc" else what
        yield Row(f"{title} after the first span, one thread", "calls", f"{bare:.2f} ns", f"{spanload:.2f} ns", bare / spanload, "x", 0.98,
                  peers=peers, remark=f"with a pthread beside it, here: {threaded:.2f} ns",
                  figures={"bare_ns": bare, "spanload_ns": spanload, "pthread_ns": threaded, "pthread_ratio": bare / threaded})


THREADS = (1, 2, 4, 8)


def threads(place, rounds):
    """Spans made on several threads at once: by how much more each costs than on one."""
    with Sink() as sink:
        environments = {"bare": bare_environment(place), "none": with_library(place, OTEL_TRACES_EXPORTER="none"),
                        "exported": with_library(place, sink.endpoint)}
        runs = in_turn({(name, count): ([built("threads"), count, 12000], env) for count in THREADS for name, env in environments.items()},
                       PROCESSES * rounds)
    best = {key: of.best("request_ns") for key, of in runs.items()}
    added = {(name, count): best[name, count] - best["bare", count] for name, count in best if name != "bare"}
    for count in THREADS[1:]:
        ratios = {name: best[name, 1] / best["bare", 1] / (best[name, count] / best["bare", count]) for name in ("none", "exported")}
        accounts = runs["exported", count].accounts
        yield Row(f"spans on {count} threads at once", "threads",
                  *(f"{best[name, 1]:,.0f} to {best[name, count]:,.0f} ns" for name in ("bare", "none")), ratios["none"], "x", 0.95,
                  remark=f"a request on 1 thread and on {count}, on 2 processors: +{added['none', 1]:,.0f} and +{added['none', count]:,.0f} ns; "
                         f"exported x {ratios['exported']:.3f}, with {accounts['dropped']:,} of {accounts['started']:,} spans dropped: queue full",
                  figures={"ratio_none": ratios["none"], "ratio_exported": ratios["exported"], "accounts_exported": accounts,
                           "request_ns": {f"{name}, {at}": best[name, at] for name in environments for at in (1, count)},
                           "added_ns": {f"{name}, {at}": added[name, at] for name in ratios for at in (1, count)},
                           "added_ratio": {name: added[name, count] / added[name, 1] for name in ratios}})


FEW, MANY, CHURN, PARTS = 10, 10000, 100000, 50


def connections(place, rounds):
    """Connections: what each takes, and whether many slow the one."""
    with Sink() as sink:
        environments = {"bare": bare_environment(place), "spanload": with_library(place, sink.endpoint)}
        opened = in_turn({name: ([built("connections"), "open", FEW, MANY, 20000], env) for name, env in environments.items()}, (rounds + 1) // 2)
        churned = in_turn({name: ([built("connections"), "churn", CHURN, CHURN // PARTS], env) for name, env in environments.items()},
                          (rounds + 4) // 5)
    bare, spanload = (opened[name] for name in environments)
    count = f"{min(bare.figures['connections']):,.0f}"
    bytes_each = spanload.median("bytes") - bare.median("bytes")
    yield Row("10,000 open connections: memory of each", "connections", f"{bare.median('bytes'):.0f} B", f"{spanload.median('bytes'):.0f} B",
              bytes_each, "B", 300, False, remark=f"{count} connections, one request on each; private, written memory",
              figures={name: {"bytes": of.figures["bytes"], "connections": max(of.figures["connections"])} for name, of in opened.items()})
    few, many = ({name: of.best(figure) for name, of in opened.items()} for figure in ("few_ns", "many_ns"))
    yield slowing(f"10,000 open connections: a request, from {FEW} to all", few, many, opened["spanload"])
    spanload_grown, bare_grown = churned["spanload"].median("grown_bytes"), churned["bare"].median("grown_bytes")
    yield Row("100,000 connections opened and closed: growth", "connections", f"{bare_grown / 1024:.0f} kB", f"{spanload_grown / 1024:.0f} kB",
              (spanload_grown - bare_grown) / 1024, "kB", 32, False, remark="private, written memory, after 1,000 and after all",
              figures={name: of.figures["grown_bytes"] for name, of in churned.items()})
    tenths = [range(PARTS // 10), range(PARTS - PARTS // 10, PARTS)]
    first, last = ({name: low([ns for at, ns in enumerate(of.figures["connection_ns"]) if at % PARTS in tenth]) for name, of in churned.items()}
                   for tenth in tenths)
    yield slowing("100,000 connections opened and closed: one, from first to last", first, last, churned["spanload"])


def slowing(name, before, after, runs):
    """Whether what grew made the library slower, beyond what it did to the kernel. `before` and `after`: nanoseconds by variant."""
    bare, spanload = (before[variant] / after[variant] for variant in ("bare", "spanload"))
    added = [at["spanload"] - at["bare"] for at in (before, after)]
    return Row(name, "connections", *(f"{before[variant]:,.0f} to {after[variant]:,.0f} ns" for variant in ("bare", "spanload")),
               spanload / bare, "x", 0.95, remark=f"the library's part: {added[0]:+,.0f} and {added[1]:+,.0f} ns",
               figures={"before_ns": before, "after_ns": after, "added_ns": added, **runs.accounts})


def rows(place, rounds):
    for family in (writes, spans, stdlib, threads, connections):
        yield from family(place, rounds)


if __name__ == "__main__":
    if sys.argv[1:] != ["instructions"]:
        sys.exit(__doc__)
    print_instructions()
