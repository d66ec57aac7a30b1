"""launch.py - runs a program without and with the library, and reads what the library says about itself.

Programs run in an environment made here, not in the caller's: nothing of OTEL_* or LD_PRELOAD leaks in or out. Each has a
session of its own, so that what it leaves behind can be ended with it and with nothing else.
"""
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from support.ports import is_listening, wait_until

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SPANLOAD_BUILD", ROOT / "build"))
LIBRARY = Path(os.environ.get("SPANLOAD_LIBRARY", BUILD / "libspanload.so"))
PREFIX = "spanload: "


def bare_environment(home="/nonexistent"):
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}


def environment(endpoint=None, service=None, home="/nonexistent", **settings):
    """The environment of a program under the library; a setting given as None is left out."""
    variables = bare_environment(home)
    variables["LD_PRELOAD"] = str(LIBRARY)
    variables["SPANLOAD_LOG"] = "info"
    variables["OTEL_BSP_SCHEDULE_DELAY"] = "100"
    if endpoint:
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    if service:
        variables["OTEL_SERVICE_NAME"] = service
    for name, value in settings.items():
        variables[name] = value
    return {name: str(value) for name, value in variables.items() if value is not None}


class Counters(dict):
    """One line of SPANLOAD_LOG=info."""

    @property
    def dropped(self):
        return sum(value for name, value in self.items() if name.startswith("dropped_"))

    def reason(self, part):
        """How many were dropped for reasons whose name contains `part`."""
        return sum(value for name, value in self.items() if name.startswith("dropped_") and part in name)

    def check(self, tolerance=0):
        """`tolerance`: what may be missing or twice of a thousand."""
        accounted = self["exported"] + self["sampled_out"] + self.dropped + self["held"]
        assert abs(self["started"] - accounted) * 1000 <= tolerance * self["started"], f"started is not exported + sampled_out + dropped + held: {dict(self)}"
        return self


def library_lines(text):
    return [line[len(PREFIX):] for line in text.splitlines() if line.startswith(PREFIX)]


def is_counters(line):
    return re.search(r"(^| )started=\d+( |$)", line) is not None


def counters_in(text, tolerance=0):
    """Every counter line in what processes wrote to stderr (one per process that ended in order), each one checked."""
    found = []
    for line in filter(is_counters, library_lines(text)):
        pairs = (word.split("=", 1) for word in line.split() if "=" in word)
        found.append(Counters({name: int(value) for name, value in pairs if value.isdigit()}).check(tolerance))
    return found


def complaints_in(text):
    """What the library wrote besides counters."""
    return [line for line in library_lines(text) if not is_counters(line)]


def total(lines):
    """The sum of several processes' counters."""
    result = Counters()
    for line in lines:
        for name, value in line.items():
            result[name] = result.get(name, 0) + value
    return result


@dataclass
class Finished:
    status: int
    stdout: bytes
    stderr: bytes
    start_ns: int
    end_ns: int
    pid: int
    descriptors: object = None  # of a run that was watched, what watched() says

    @property
    def wall_s(self):
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def text(self):
        return self.stderr.decode("utf-8", "replace")

    @property
    def counters(self):
        """The one line that this process printed at its end."""
        lines = counters_in(self.text)
        assert len(lines) == 1, f"{len(lines)} counter lines in: {self.text!r}"
        return lines[0]

    @property
    def complaints(self):
        return complaints_in(self.text)

    @property
    def own_stderr(self):
        """stderr without the library's lines: what the program itself wrote."""
        return b"".join(line for line in self.stderr.splitlines(True) if not line.startswith(PREFIX.encode()))


class Watch:
    """Descriptors of every process of a program, at each exec and exit: tests/support/watch.c."""

    def __init__(self):
        handle, name = tempfile.mkstemp(prefix="watch-")
        os.close(handle)
        self.report = Path(name)

    def over(self, argv):
        return [_watcher(), self.report, *argv]

    def end(self, timeout=3):
        """(event, program, descriptors) of each process, in no order; waits for the last process of the family."""
        deadline = time.monotonic() + timeout
        while not (text := self.report.read_text(errors="replace")).endswith("end\n") and time.monotonic() < deadline:
            time.sleep(0.005)
        self.report.unlink()
        lines = [line.split("\t") for line in text.splitlines() if line != "end"]
        return sorted((event, program, " ".join(descriptors)) for event, _, program, *descriptors in lines)


def _watcher():
    source, program = Path(__file__).with_name("watch.c"), BUILD / "tests" / "system" / "watch"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-static", str(source), "-o", str(program)], check=True)
    return program


def run(argv, env, timeout=20, cwd=None, stdin=b"", watched=False, **options):
    """Runs a program to its end. `watched`: its descriptors are written down."""
    watch = Watch() if watched else None
    argv = watch.over(argv) if watch else argv
    start_ns = time.time_ns()
    process = subprocess.Popen([str(word) for word in argv], env=env, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True, **options)
    try:
        stdout, stderr = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        end_session(process.pid)
        stdout, stderr = process.communicate()
        raise AssertionError(f"{argv[0]} did not end within {timeout} s; stderr: {stderr.decode('utf-8', 'replace')}")
    end_ns = time.time_ns()
    return Finished(process.returncode, stdout, stderr, start_ns, end_ns, process.pid, watch.end() if watch else None)


def end_session(pid):
    """Ends a process of ours and what it left in its session."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _is_anybody_in(group):
    """Is a process of that group alive? One that has ended, and that only init has not noticed yet, is not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return False


@dataclass
class Running:
    """A program of ours that runs until stop(); its output is read as it comes, so that it never blocks on a pipe."""
    process: subprocess.Popen
    start_ns: int
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    readers: list = field(default_factory=list)
    watch: object = None

    @classmethod
    def start(cls, argv, env, port=None, ready=None, cwd=None, timeout=15, watched=False, **options):
        """Waits until `port` is listened on, or `ready` was written to stdout. `watched`: as of run()."""
        watch = Watch() if watched else None
        argv = watch.over(argv) if watch else argv
        start_ns = time.time_ns()
        process = subprocess.Popen([str(word) for word in argv], env=env, cwd=cwd, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options)
        running = cls(process, start_ns, watch=watch)
        for pipe, into in ((process.stdout, running.stdout), (process.stderr, running.stderr)):
            reader = threading.Thread(target=running._read, args=(pipe, into), daemon=True)
            reader.start()
            running.readers.append(reader)
        try:
            if port:
                wait_until(lambda: is_listening(port) or running.ended, timeout, running._not_ready)
            if ready:
                wait_until(lambda: ready in running.stdout or running.ended, timeout, running._not_ready)
            assert not (running.ended and (port or ready)), running._not_ready()
        except AssertionError:
            running.kill()
            raise
        return running

    @staticmethod
    def _read(pipe, into):
        while True:
            data = os.read(pipe.fileno(), 65536)
            if not data:
                return
            into += data

    def _not_ready(self):
        return f"{self.process.args[0]} is not ready; it wrote {bytes(self.stdout)!r} {bytes(self.stderr)!r}"

    @property
    def ended(self):
        return self.process.poll() is not None

    @property
    def pid(self):
        return self.process.pid

    def tell(self, line=b"\n"):
        """One line on the program's stdin."""
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def stop(self, how=signal.SIGTERM, timeout=10):
        """Ends the program by that signal (None: wait for it) and returns what it left."""
        if how is not None and not self.ended:
            os.kill(self.pid, how)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.process.args[0]} did not end within {timeout} s of {how}; stderr: {bytes(self.stderr)!r}")
        end_ns = time.time_ns()
        self._wait_for_children(3)
        self.kill()
        return Finished(self.process.returncode, bytes(self.stdout), bytes(self.stderr), self.start_ns, end_ns, self.pid,
                        self.watch.end() if self.watch else None)

    def _wait_for_children(self, timeout):
        """Servers that fork for a connection leave their last children at work."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and _is_anybody_in(self.pid):
            time.sleep(0.01)

    def kill(self):
        end_session(self.pid)
        self.process.wait()
        for reader in self.readers:
            reader.join(2)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.stdin.closed:
            return
        self.kill()
