#!/usr/bin/env python3
"""soak.py - programs under load while everything around them goes wrong; at the end the accounts must balance.

`make soak MINUTES=10` runs it; SOAK_SEED repeats a schedule. Phases of a few seconds follow each other; in each of them
one kind of fault is injected (faults.py), then all requests are let come to an end, the Collector is in order again, and the
accounts of what ended are closed (accounts.py): nginx is reloaded, so that its workers end, a process of busybox httpd ends with
each connection, a curl with its two requests. Other programs live through all phases; for them the accounts are closed
at the end, and they are compared with twins without the library that are asked the same (watch.py).

Prints a line a phase, and `ok CLAIM` or `not ok CLAIM: why` at the end. Leaves nothing running.
"""
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import processes  # noqa: E402
from accounts import Account, Audit  # noqa: E402
from claims import BALANCE, IN_TIME, PRINTS, RIGHT, VALID, Claims  # noqa: E402
from faults import HEALTHY, PHASES, REAL_PHASES, WARM_UP  # noqa: E402
from programs_under_load import Programs  # noqa: E402
from sink import Sink  # noqa: E402
from support.collectors import NoCollector, collector_program  # noqa: E402
from support.launch import LIBRARY  # noqa: E402
from support.ports import wait_until  # noqa: E402
from support.strict import violations_in  # noqa: E402
from watch import Watch  # noqa: E402

PHASE_S, PHASE_LEAST_S = 12, 1.5
SETTLE_S = 2    # about what it takes to bring a phase to its end
END_S = 3       # and all of it
OVER_S = 5      # a slow machine may take so much longer; phases still to come are left out then
LATE_S = 18     # it is given up

HEAD = f"{'s':>5} {'fault':25} {'requests':>9} {'started':>8} {'exported':>8} {'held':>5} {'kB of nginx (bare)':>19} {'fds':>9}  dropped"


def collector():
    try:
        return collector_program()
    except NoCollector as missing:
        print(f"skip the real Collector: {missing}")
        return None


def make_site(site):
    site.mkdir()
    pattern = bytes(range(256))
    for name, content in (("index.html", b"<p>hello</p>\n"), ("page.bin", pattern * 80), ("big.bin", pattern * 8000)):
        (site / name).write_bytes(content)


class Soak:
    def __init__(self, seconds, seed, place, at_end):
        self.seconds, self.began, self.rng = seconds, time.monotonic(), random.Random(seed)
        self.claims, self.sums, self.kills, self.probes, self.is_cold = Claims(), {}, 0, 0, True
        self.check = self.claims.check
        make_site(place / "www")
        self.sink = Sink(collector(), place, seed)
        at_end.append(self.sink.end)
        self.programs = Programs(place, self.sink.endpoint, seed, at_end)
        self.audit, self.watch = Audit(self.claims, self.sink), Watch(self.claims, self.programs.worlds)

    def left(self):
        return self.seconds - (time.monotonic() - self.began)

    def work(self):
        phases = PHASES + (REAL_PHASES if self.sink.collector else [])
        print(HEAD, flush=True)
        self.phase(WARM_UP, max(5, min(PHASE_S, self.seconds / 20)))
        self.watch.is_warm()
        to_come, seconds = self.rng.sample(phases, len(phases)), PHASE_LEAST_S
        while to_come:
            if self.left() < -OVER_S:
                print("left out, the machine being slow:", ", ".join(phase.name for phase in to_come))
                break
            seconds = max(PHASE_LEAST_S, min(PHASE_S, (self.left() - END_S) / (len(to_come) + 1) - SETTLE_S))
            self.phase(to_come.pop(), seconds)
            if not to_come and self.left() > (PHASE_S + SETTLE_S) * 2:
                to_come = self.rng.sample(phases, min(len(phases), int(self.left() / (PHASE_S + SETTLE_S)) - 1))
        self.phase(HEALTHY, seconds)
        self.end()

    # --- one phase -----------------------------------------------------------------------------------------------------

    def phase(self, phase, seconds):
        self.sink.collect() if phase.is_real else self.sink.receive()
        self.programs.go(phase.is_rude)
        ends, rng, due = time.monotonic() + seconds, random.Random(self.rng.random()), 0
        while time.monotonic() < ends:
            if phase.fault and time.monotonic() >= due:
                due = time.monotonic() + phase.fault(self, rng)
            self.watch.sample()
            time.sleep(max(0, min(0.5, ends - time.monotonic())))
        self.programs.pause()
        if not phase.is_real:
            self.sink.receive()
        self.wait_until_brought_out()
        self.watch.look_at_descriptors(phase.name)
        self.close_accounts(phase, self.end_workers())

    def wait_until_brought_out(self):
        """Spans of a process go out in their order: when that of one more request has come, all before it have, or were
        dropped. It may be dropped itself, where the queue is full: then another one."""
        missing, words = {"steady", "pool", "keeper"}, []
        for _ in range(12):
            words.append(f"probe{self.probes}")
            self.probes += 1
            for world in self.programs.worlds:
                for tool in (world.load, *world.clients.values()):
                    tool.do("probe", words[-1])
            ends = time.monotonic() + 1.5
            while missing and time.monotonic() < ends:
                time.sleep(0.03)
                missing -= {service for service in missing for word in words if self.sink.has((service, word))}
            if not missing:
                return
        raise AssertionError(f"no spans come from {missing}, {len(words)} requests after the Collector is there again")

    def end_workers(self):
        """nginx's workers end, and busybox's last processes; the workers that began to just now."""
        nginx = self.programs.nginx
        old = nginx.workers
        ended_now = [pid for pid in old if not processes.is_shutting_down(pid)]
        nginx.reload()
        nginx.wait_for_new_workers(old)
        self.programs.busybox.wait_for_children()
        return ended_now

    def close_accounts(self, phase, ended_now):
        programs, audit, curls = self.programs, self.audit, self.programs.curls.take()
        nonsense = {"nginx": audit.grown(programs.nginx_rude, "nonsense"), "fork": audit.grown(programs.fork_rude, "nonsense"), "curl": 0}
        by_curl = 2 * len(curls)
        fork_least, fork_most = audit.asked(programs.fork_load, programs.fork_rude)
        text = programs.nginx.said.text()
        accounts = {
            "nginx": Account(*audit.asked(programs.nginx_load, programs.nginx_rude), audit.lines("nginx", text)),
            "fork": Account(fork_least + by_curl, fork_most + by_curl, audit.lines("fork", programs.busybox.said.text())),
            "curl": Account(by_curl, by_curl, [line for curl in curls for line in audit.lines("curl", curl.text)]),
        }
        if phase.is_real and phase.is_lossy:
            self.wait_for_quiet()
        elif phase.is_real:
            self.wait_for_backend(accounts)
        kills = audit.since("kills", self.kills)
        for service, account in accounts.items():
            audit.arrived(account, service)
            audit.check_account(f"{phase.name}: {service}", account, nonsense[service], kills)
            if phase.is_clean:
                audit.check_clean(f"{phase.name}: {service}", account)
            self.sums[service] = self.sums.get(service, Account()) + account
        audit.check_held(f"{phase.name}: nginx", [line for line in accounts["nginx"].lines if line["pid"] in ended_now])
        audit.check_access_log(phase.name, programs.nginx, accounts["nginx"])
        self.check_processes(phase, accounts, curls, ended_now, text)
        self.print_phase(phase, sum(accounts.values(), Account()))

    def wait_for_backend(self, accounts):
        """It writes what came a little after the sidecar has answered for it."""
        try:
            wait_until(lambda: self.audit.has_all(accounts), 10, "", pause=0.05)
        except AssertionError:
            pass  # said by the checks

    def wait_for_quiet(self):
        """What a process had sent when it gave up may still be on its way through the Collectors: it belongs to this phase."""
        ends, before = time.monotonic() + 5, None
        while time.monotonic() < ends:
            self.sink.read()
            now = sum(len(ids) for ids in self.sink.arrivals.accepted.values())
            if now == before:
                return
            before = now
            time.sleep(0.5)

    def check_processes(self, phase, accounts, curls, ended_now, errors):
        failed = [curl.status for curl in curls if curl.status]
        self.check(RIGHT, not failed, f"{phase.name}: curl ended with {failed}")
        self.check(RIGHT, "exited on signal" not in errors and "[alert]" not in errors, f"{phase.name}: nginx wrote {errors[-500:]!r}")
        self.check(PRINTS, len(accounts["curl"].lines) == len(curls),
                   f"{phase.name}: {len(curls)} curls, {len(accounts['curl'].lines)} lines")
        missing = set(ended_now) - {line["pid"] for line in accounts["nginx"].lines}
        self.check(PRINTS, not missing, f"{phase.name}: no line of the workers {missing} of nginx")
        fork = accounts["fork"]  # a process each; those of rude clients may have had none and have something to say all the same
        self.check(PRINTS, len(fork.lines) >= fork.least and (phase.is_rude or len(fork.lines) <= fork.most),
                   f"{phase.name}: {fork.least} to {fork.most} requests of busybox, {len(fork.lines)} lines")

    def print_phase(self, phase, account):
        said = account.sum
        requests = f"{account.least}" if account.least == account.most else f"{account.least}+{account.most - account.least}"
        dropped = " ".join(f"{name[8:]}={value}" for name, value in said.items() if name.startswith("dropped_") and value)
        memory = "{} ({})".format(*(processes.memory_kb(world.pids["nginx"]) for world in self.programs.worlds))
        descriptors = "{} ({}) {}".format(*self.watch.descriptors)
        print(f"{time.monotonic() - self.began:5.0f} {phase.name:25} {requests:>9} {said['started']:8} {said['exported']:8} "
              f"{said['held']:5} {memory:>19} {descriptors:>9}  {dropped}", flush=True)

    # --- the end -------------------------------------------------------------------------------------------------------

    def end(self):
        cpu = self.watch.cpu()
        for tool in self.programs.tools:
            tool.do("stop")
            ended = tool.running.stop(None)
            self.check(RIGHT, ended.status == 0 and not tool.last.get("wrong"),
                       f"{tool.running.process.args[2:]}: {tool.last} {ended.own_stderr[-300:]!r}")
        for nginx in self.programs.nginxes:
            status = nginx.stop().status
            crashed = b"exited on signal" in processes.read_from(nginx.errors)
            self.check(RIGHT, status == 0 and not crashed, f"nginx ended with {status}" + ", a worker crashed" * crashed)
        self.programs.busybox.stop()
        self.close_long_lives()
        self.sink.end()
        kept = self.sink.arrivals.kept
        violations = violations_in(kept)
        self.check(VALID, kept and not violations, f"of {len(kept)} requests: {violations[:3]}")
        self.watch.check_memory()
        print(cpu)

    def close_long_lives(self):
        """The accounts of what lived through all phases."""
        world, audit = self.programs.with_us, self.audit
        accounts = {name: Account(*audit.asked(tool), audit.lines(name, bytes(tool.running.stderr).decode("utf-8", "replace")))
                    for name, tool in world.clients.items()}
        clients = sum(accounts.values(), Account())
        least, most = audit.asked(world.load, world.rude)
        accounts["steady"] = Account(least + clients.least, most + clients.most, audit.lines("steady", world.nginx.said.text()))
        for service, account in accounts.items():
            audit.arrived(account, service)
            audit.check_account(service, account, world.rude.last["nonsense"] if service == "steady" else 0, self.kills)
            audit.check_held(service, account.lines)
            self.check(PRINTS, account.lines, f"{service}: no line")
        audit.check_access_log("steady", world.nginx, accounts["steady"])
        self.sums.update(accounts)
        everything = sum(self.sums.values(), Account())
        self.check(BALANCE, everything.sum.balances, f"in sum: {everything.sum}")
        for name, account in {**self.sums, "in sum": everything}.items():
            print(f"{name}: {account.least} to {account.most} requests: {account.sum}")


class TooLate(Exception):
    pass


def give_up(*_):
    raise TooLate


def clean_up(at_end):
    """Everything is tried; what does not end in good order is ended all the same by Running.stop."""
    for end in reversed(at_end):
        try:
            end()
        except AssertionError as why:
            print(why)


def main():
    seconds = 60 * float(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MINUTES") or "10")
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1 << 31))
    assert LIBRARY.exists(), f"{LIBRARY} is not there: run make first"
    print(f"soak: {seconds:.0f} s, SOAK_SEED={seed}", flush=True)
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds + LATE_S)
    place = Path(tempfile.mkdtemp(prefix="soak-"))
    place.chmod(0o755)  # servers that gave up root read it
    at_end, soak = [], None
    try:
        soak = Soak(seconds, seed, place, at_end)
        soak.work()
    except (TooLate, AssertionError) as why:
        if not soak:
            raise
        soak.claims.fail(IN_TIME, str(why) or f"it was ended, or was not done after {seconds + LATE_S:.0f} s")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        clean_up(at_end)
        shutil.rmtree(place, ignore_errors=True)
    return soak.claims.report()


if __name__ == "__main__":
    sys.exit(main())
