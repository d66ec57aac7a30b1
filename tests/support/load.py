"""load.py - a traced nginx under load, and what can be seen of it from outside: memory, threads, descriptors, wake-ups.

One worker, so that there is one exporter and one line of counters; each request has a target of its own, so that it can be
told which spans are missing or came twice. The load is not traced.
"""
import os
import signal
import socket
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from support.launch import Running, counters_in
from support.ports import free_port, wait_until

PROGRAM = Path("/usr/sbin/nginx")
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {place}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    large_client_header_buffers 4 32k;
    client_body_temp_path {place}/a; proxy_temp_path {place}/b; fastcgi_temp_path {place}/c; uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok\\n"; }} }}
}}
"""


def children(pid):
    return [int(child) for child in open(f"/proc/{pid}/task/{pid}/children").read().split()]


class Nginx:
    """`directory`: where it may write. `place`: of network.py, for one in a network of its own."""

    def __init__(self, env, directory, place=None):
        if not PROGRAM.exists():
            pytest.skip("the Debian package nginx is not installed")
        self.port = free_port()
        self.place = place
        file = directory / f"nginx-{self.port}.conf"
        file.write_text(CONFIGURATION.format(place=directory, port=self.port))
        argv = [PROGRAM, "-c", file, "-e", "stderr"]
        self.running = Running.start(place.inside(argv) if place else argv, env)
        try:
            wait_until(lambda: children(self.running.pid) or self.running.ended, 10, self.running._not_ready)
            [self.pid] = children(self.running.pid)
        except BaseException:
            self.running.kill()
            raise
        self.asked = 0
        self.latencies_ns = []  # of the last load
        self._lock = threading.Lock()

    def load(self, requests=None, seconds=None, rate=None, connections=2, padding=0):
        """So many requests, or for so long, one after the other on each connection, at most `rate` a second; every one must
        be answered. Returns how many."""
        until = time.monotonic() + (seconds or 60)
        pause = connections / rate if rate else 0
        share = requests // connections if requests else None
        wrong, counts = [], []

        def work(first):
            try:
                counts.append(self._ask(first, share, until, pause, padding))
            except (OSError, AssertionError) as error:
                wrong.append(error)

        first = self.asked
        self.latencies_ns = []
        threads = [threading.Thread(target=work, args=(first + number * 10_000_000,)) for number in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong
        self.asked += sum(counts)
        return sum(counts)

    def _connect(self):
        with self.place.entered() if self.place else nullcontext():
            return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def _ask(self, number, count, until, pause, padding):
        latencies, done, due = [], 0, time.monotonic()
        with self._connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (count is None or done < count) and time.monotonic() < until:
                request = f"GET /{number + done}{'x' * padding} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
                start_ns = time.monotonic_ns()
                connection.sendall(request)
                answer = connection.recv(65536)
                while not answer.endswith(b"ok\n"):
                    more = connection.recv(65536)
                    assert more, f"cut off after {answer}"
                    answer += more
                latencies.append(time.monotonic_ns() - start_ns)
                assert answer.startswith(b"HTTP/1.1 200 "), answer
                done += 1
                due += pause
                if pause:
                    time.sleep(max(0, due - time.monotonic()))
        assert count is None or done == count, f"{done} of {count} requests in time"
        with self._lock:
            self.latencies_ns += latencies
        return done

    @property
    def own(self):
        """The id of our thread in the worker."""
        [task] = [task for task in tasks(self.pid) if task != self.pid]
        return task

    def stop(self, timeout=10):
        """Ends it in good order. Returns (the worker's counters, the complaints, the seconds it took)."""
        start = time.monotonic()
        end = self.running.stop(signal.SIGQUIT, timeout)
        took = time.monotonic() - start
        lines = [line for line in counters_in(end.text) if line["started"]]
        assert end.status == 0 and len(lines) == 1, end.text
        return lines[0], end.complaints, took

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.__exit__()


# --- what can be seen -------------------------------------------------------------------------------------------------------

def tasks(pid):
    return sorted(map(int, os.listdir(f"/proc/{pid}/task")))


def field(pid, name, task=None):
    """A number of /proc/PID/status, of the process or of one of its threads."""
    path = f"/proc/{pid}/task/{task}/status" if task else f"/proc/{pid}/status"
    for line in open(path):
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise KeyError(name)


def resident_kb(pid):
    return field(pid, "VmRSS")


def descriptors(pid):
    """How many each thread has: ours has a table of its own."""
    return {task: len(os.listdir(f"/proc/{pid}/task/{task}/fd")) for task in tasks(pid)}


def wakeups(pid, task):
    return field(pid, "voluntary_ctxt_switches", task) + field(pid, "nonvoluntary_ctxt_switches", task)


def cpu_ms(pid, task):
    """What the thread has run, by its scheduler's own account."""
    return int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0]) / 1e6


class Watch:
    """Looks at a process all the while: the most of everything."""

    def __init__(self, pid):
        self.pid, self.kb, self.tasks, self.descriptors = pid, 0, 0, 0
        self.first_kb = resident_kb(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self):
        while not self._over.wait(0.02):
            try:
                self.kb = max(self.kb, resident_kb(self.pid))
                held = descriptors(self.pid)
            except (FileNotFoundError, ProcessLookupError, KeyError):
                continue  # a thread, or the program, has just ended
            self.tasks = max(self.tasks, len(held))
            self.descriptors = max(self.descriptors, sum(held.values()))

    @property
    def grown_kb(self):
        return self.kb - self.first_kb

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
