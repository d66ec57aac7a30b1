"""faults.py - what goes wrong in a soak. A phase is a row; its fault is called again and again while the phase lasts."""
import os
import signal
import time
from dataclasses import dataclass

from sink import MOODS


@dataclass(frozen=True)
class Phase:
    name: str
    fault: object = None     # called with (soak, rng): one fault; returns the pause until the next, in seconds
    is_real: bool = False    # the Collector is the real one
    is_rude: bool = False    # some clients break off, send nonsense, are slow
    is_clean: bool = False   # the Collector is there and in order, and so is every client
    is_lossy: bool = False   # the Collector loses what it has taken


def warming_up(soak, rng):
    """The queues fill, and go out in full batches: from then on the library has touched all that it maps."""
    if soak.is_cold:
        soak.is_cold = False
        soak.sink.nobody()
        return 2.5
    soak.sink.receive()
    return 1


def moods(soak, rng):
    """A few moods, changed twice a second; sometimes each answer is one of them."""
    soak.sink.receiver.be(rng.sample(MOODS, 4), rng.choice((0.0, 0.3, 0.6, 0.9)))
    return 0.5


def coming_and_going(soak, rng):
    if soak.sink.receiver:
        soak.sink.nobody()
        return rng.uniform(0.2, 1.5)
    soak.sink.receive()
    return rng.uniform(0.2, 1.0)


def signals(soak, rng):
    """The server is reloaded, reopens its logs, or workers stand still for a moment."""
    what = rng.choice(("reload", "reload", "reopen", "stop"))
    if what == "reload":
        soak.programs.nginx.reload()
        return rng.uniform(0.5, 1.0)
    if what == "reopen":
        os.kill(soak.programs.nginx.running.pid, signal.SIGUSR1)
        return 0.3
    for pid in [*soak.programs.nginx.workers[:1], *(pid for world in soak.programs.worlds for pid in world.nginx.workers)]:
        try:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(rng.uniform(0.05, 0.3))
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass  # it was on its way out
    return 0.3


def everything(soak, rng):
    return rng.choice((moods if soak.sink.receiver else coming_and_going, coming_and_going, signals))(soak, rng)


def collector_stopped(soak, rng):
    """The Collector stands still, or ends in good order and is started again."""
    if rng.random() < 0.5:
        soak.sink.collector.signal(signal.SIGSTOP)
        time.sleep(rng.uniform(0.1, 1.0))
        soak.sink.collector.signal(signal.SIGCONT)
        return 0.5
    soak.sink.nobody()
    time.sleep(rng.uniform(0.0, 0.5))
    soak.sink.collect()
    return 0.7


def collector_killed(soak, rng):
    soak.sink.collector.stop(signal.SIGKILL)
    soak.kills += 1
    time.sleep(rng.uniform(0.0, 0.5))
    soak.sink.collect()
    return rng.uniform(1.0, 2.0)


WARM_UP = Phase("warm-up", warming_up, is_rude=True)
HEALTHY = Phase("none", is_clean=True)
PHASES = [
    Phase("Collector answers wrongly", moods),
    Phase("Collector away", coming_and_going),
    Phase("rude clients", is_rude=True),
    Phase("reloads, stops", signals),
    Phase("all of these", everything, is_rude=True),
]
REAL_PHASES = [
    Phase("none (real Collector)", is_real=True, is_clean=True),
    Phase("real Collector stopped", collector_stopped, is_real=True),
    Phase("real Collector killed", collector_killed, is_real=True, is_lossy=True),
]
