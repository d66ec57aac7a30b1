"""collectors.py - the two real Collectors: the sidecar that programs export to, and the one that stands for the backend.

program -> OTLP/HTTP JSON -> sidecar -> gRPC -> backend -> a file of OTLP JSON lines, which is read here. tests/collector/
holds their configurations and what they are built from.
"""
import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from support.launch import BUILD, ROOT, Running, bare_environment
from support.ports import free_port, wait_until
from support.spans import spans_of

CONFIGURATIONS = ROOT / "tests" / "collector"


class NoCollector(Exception):
    pass


def collector_program():
    """The Collector, built if it has to be; NoCollector with one clear line where there is none and none can be built."""
    result = subprocess.run([str(CONFIGURATIONS / "build.sh"), str(BUILD)], capture_output=True, text=True)
    if result.returncode == 77:
        raise NoCollector(result.stderr.strip())
    assert result.returncode == 0, result.stderr
    return BUILD / "otelcol"


class Collectors:
    """Started once for all tests; each test knows its spans by their service.name."""

    def __init__(self):
        self.program = collector_program()
        self.directory = tempfile.TemporaryDirectory(prefix="collectors-")
        self.file = Path(self.directory.name) / "traces.jsonl"
        for attempt in range(3):
            if self._start():
                return
        raise AssertionError("the Collectors did not start: " + self._said())

    def _start(self):
        """False if somebody took one of the ports between our asking for it and their listening."""
        names = ("SIDECAR_HTTP_PORT", "SIDECAR_HEALTH_PORT", "BACKEND_GRPC_PORT", "BACKEND_HEALTH_PORT")
        ports = {name: free_port() for name in names}
        variables = {**bare_environment(), **{name: str(port) for name, port in ports.items()},
                     "BACKEND_FILE": str(self.file), "GOMAXPROCS": "1"}
        self.running = [Running.start([self.program, f"--config={CONFIGURATIONS / name}.yaml"], variables)
                        for name in ("backend", "sidecar")]
        self.endpoint = f"http://127.0.0.1:{ports['SIDECAR_HTTP_PORT']}"
        health = [ports["BACKEND_HEALTH_PORT"], ports["SIDECAR_HEALTH_PORT"]]
        wait_until(lambda: all(map(_is_healthy, health)) or any(one.ended for one in self.running), 20, self._said)
        if not any(one.ended for one in self.running):
            return True
        self._end()
        return False

    def _said(self):
        return " ".join(bytes(one.stderr).decode("utf-8", "replace") for one in self.running)

    def _end(self):
        return [one.stop() for one in reversed(self.running)]  # the sidecar first: it hands over what it holds

    def stop(self):
        ended = self._end()
        self.directory.cleanup()
        assert all(one.status == 0 for one in ended), self._said()

    def spans(self, service, expected=0, timeout=10, settle=0.4):
        """The spans of that service that reached the backend: waits for `expected`, then `settle` seconds for one too many."""
        deadline = time.monotonic() + timeout
        found = self._read(service)
        while len(found) < expected and time.monotonic() < deadline:
            time.sleep(0.05)
            found = self._read(service)
        time.sleep(settle)
        return self._read(service)

    def _read(self, service):
        if not self.file.exists():
            return []
        wanted = json.dumps(service)
        with self.file.open() as lines:
            # A line without its end is still being written.
            return [span for line in lines if wanted in line and line.endswith("\n")
                    for span in spans_of(line) if span.resource.get("service.name") == service]


def _is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
