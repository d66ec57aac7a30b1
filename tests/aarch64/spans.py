#!/usr/bin/env python3
"""spans.py - a client and a server of the other machine under the library: same output as without, and their spans arrive."""
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.launch import BUILD, ROOT, Running, bare_environment, counters_in, environment, run, total  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.receiver import Receiver  # noqa: E402

ARCH = BUILD / "aarch64-linux-gnu"
PEER = ARCH / "peer"
PROCESSES = ARCH / "processes"
EMULATOR = ["qemu-aarch64", "-L", BUILD / "trees" / "aarch64"]
STEPS = ["/hello", "HEAD:/404", "POST:/500", "close", "/again", "close", "/quit"]


def command(endpoint, name, *arguments):
    """The program as it is given to the emulator, whose own environment stays bare."""
    if not endpoint:
        return [*EMULATOR, PEER, *arguments]
    variables = {**environment(endpoint, name), "LD_PRELOAD": ARCH / "libspanload.so"}
    settings = [word for key, value in variables.items() for word in ("-E", f"{key}={value}")]
    return [*EMULATOR, *settings, PEER, *arguments]


def conversation(endpoint):
    """The client's and the server's end."""
    where = f"127.0.0.1:{free_port()}"
    with Running.start(command(endpoint, "server", "server", where), bare_environment(), ready=b"ready") as server:
        client = run(command(endpoint, "client", "client", where, *STEPS), bare_environment(), timeout=30)
        return client, server.stop(None, timeout=20)


def build(program, source):
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["aarch64-linux-gnu-gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", "-o", str(program), str(source), "-lpthread"],
                       check=True)


def problems_of_forks():
    """The emulator's madvise says yes to MADV_WIPEONFORK and does nothing, as a kernel might: a child must know itself all the same."""
    build(PROCESSES, ROOT / "tests/system/programs/processes.c")
    for scenario, expected in (("fork_batch", 70), ("vfork_exec", 40)):
        with Receiver() as receiver:
            variables = {**environment(receiver.endpoint, "forks"), "LD_PRELOAD": ARCH / "libspanload.so"}
            settings = [word for key, value in variables.items() for word in ("-E", f"{key}={value}")]
            end = run([*EMULATOR, *settings, PROCESSES, scenario], bare_environment(), timeout=40)
            started, exported = total(counters_in(end.text))["started"], total(counters_in(end.text))["exported"]
            if (end.status, started, exported, len(receiver.spans)) != (0, expected, expected, expected):
                yield f"{scenario}: {expected} spans; {started} started, {exported} exported, {len(receiver.spans)} came"


def problems():
    build(PEER, ROOT / "tests/support/peer.c")
    bare = conversation(None)
    with Receiver() as receiver:
        ends = conversation(receiver.endpoint)
        spans = receiver.spans
    for name, without, end in zip(("client", "server"), bare, ends):
        if (end.status, end.stdout, end.own_stderr) != (without.status, without.stdout, without.stderr):
            yield f"the {name} ended with {end.status} {end.stdout!r} {end.own_stderr!r}, without us {without.status} {without.stdout!r}"
        if end.counters["exported"] != 5 or end.counters["started"] != 5:
            yield f"the {name} counted {dict(end.counters)}"
        yield from (f"the {name} complains: {line}" for line in end.complaints)
    for kind in ("CLIENT", "SERVER"):
        seen = [(span.name, span["http.response.status_code"]) for span in spans if span.kind == kind]
        if seen != [("GET", 200), ("HEAD", 404), ("POST", 500), ("GET", 200), ("GET", 200)]:
            yield f"{kind} spans: {seen}"
    if len({span.span_id for span in spans}) != 10 or not all(span["network.peer.address"] == "127.0.0.1" for span in spans):
        yield "span ids are not distinct, or a peer is wrong"


def claim(name, check):
    try:
        found = list(check())
    except AssertionError as failure:
        found = [str(failure)]
    print(f"not ok aarch64/{name}: {'; '.join(found)}" if found else f"ok aarch64/{name}")
    return not found


sys.exit(0 if all([claim("spans", problems), claim("forks", problems_of_forks)]) else 1)
