"""processes.py - the programs of a soak: what they are started as, what they say, and what /proc says of them."""
import json
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

from programs.servers import prepare_nginx
from support.launch import Running
from support.ports import free_port, wait_until

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"


# --- /proc ---------------------------------------------------------------------------------------------------------------

def memory_kb(pid):
    """What is the process's own: pages of files come and go as the kernel likes. Not VmRSS, which the kernel brings up to
    date in steps of many pages."""
    try:
        return int(re.search(r"^Anonymous:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
    except (OSError, TypeError):
        return 0


def children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_shutting_down(pid):
    """nginx says so in the title of a worker."""
    try:
        return b"shutting down" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def descriptors(pid, thread=None):
    return sorted(map(int, os.listdir(f"/proc/{pid}/task/{thread or pid}/fd")))


def cpu_ns(pid, thread):
    return int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])


# --- what they say -------------------------------------------------------------------------------------------------------

class Said:
    """What a program wrote, by whole lines, each one taken once. `all_of_it` gives everything that was written so far."""

    def __init__(self, all_of_it):
        self.all_of_it, self.taken = all_of_it, 0

    def text(self):
        data = self.all_of_it()[self.taken:]
        data = data[:data.rfind(b"\n") + 1]
        self.taken += len(data)
        return data.decode("utf-8", "replace")


def read_from(path):
    return path.read_bytes() if path.exists() else b""


# --- programs ------------------------------------------------------------------------------------------------------------

class Tool:
    """load.py or rude.py, told what to do by lines."""

    def __init__(self, script, env, *arguments):
        self.running = Running.start([PYTHON, "-B", HERE / script, *map(str, arguments)], env)
        self.answers, self.last = 0, {}

    @property
    def pid(self):
        return self.running.pid

    def tell(self, *words):
        self.running.tell(" ".join(words).encode() + b"\n")

    def totals(self, timeout=40):
        """The answer to the next command that was not waited for yet."""
        wait_until(lambda: self.running.stdout.count(b"\n") > self.answers or self.running.ended, timeout,
                   f"{self.running.process.args} does not answer")
        if self.running.ended:
            self.running.readers[0].join(5)  # what it wrote last may not have been read yet
        line = bytes(self.running.stdout).split(b"\n")[self.answers]
        self.answers += 1
        self.last = json.loads(line or b"{}")
        return self.last

    def do(self, *words):
        self.tell(*words)
        return self.totals()


# Connections that were reset at a bad moment are closed within a phase.
TIMEOUTS = "".join(f"{name}_timeout 2s;\n" for name in ("client_header", "client_body", "send", "lingering", "keepalive"))


class Nginx:
    """Debian's nginx with a log of statuses, in a directory of its own."""

    def __init__(self, place, env, workers):
        self.place, self.port = Path(place), free_port()
        for name in ("log", "tmp"):
            (self.place / name).mkdir(parents=True)
        (self.place / "www").symlink_to(self.place.parent / "www")
        prepare_nginx(self.place, self.port, None)
        file = self.place / "nginx" / "nginx.conf"
        text = re.sub(r"worker_processes auto;", f"worker_processes {workers};", file.read_text())
        text, count = re.subn(r"access_log (\S+);", r"log_format status '$status'; access_log \1 status;", text)
        assert count, "nginx.conf has no access_log"
        text = text.replace("http {", f"http {{\n{TIMEOUTS}", 1)
        file.write_text(text)
        self.errors, self.access = self.place / "log" / "error.log", self.place / "log" / "access.log"
        self.running = Running.start(["/usr/sbin/nginx", "-c", file, "-g", "daemon off;"], env, port=self.port)
        self.said = Said(lambda: read_from(self.errors))
        self.logged = 0

    @property
    def workers(self):
        return children(self.running.pid)

    def reload(self):
        """New workers; the old ones end when they have answered."""
        os.kill(self.running.pid, signal.SIGHUP)

    def wait_for_new_workers(self, old, timeout=20):
        def done():
            now = self.workers
            return now and not set(now) & set(old)
        wait_until(done, timeout, f"of the workers {old} some are still there")

    def statuses(self):
        """How often each status was logged since."""
        data = read_from(self.access)[self.logged:]
        data = data[:data.rfind(b"\n") + 1]
        self.logged += len(data)
        return Counter(data.split())

    def stop(self):
        return self.running.stop(signal.SIGQUIT, timeout=20)


class Busybox:
    """busybox httpd: a process for each connection."""

    def __init__(self, www, env):
        self.port = free_port()
        self.running = Running.start(["/usr/bin/busybox", "httpd", "-f", "-p", f"127.0.0.1:{self.port}", "-h", www], env, port=self.port)
        self.said = Said(lambda: bytes(self.running.stderr))

    def wait_for_children(self, timeout=20):
        wait_until(lambda: not children(self.running.pid), timeout, "children of busybox are still there")
        time.sleep(0.05)  # what they wrote is read by a thread of ours

    def stop(self):
        return self.running.stop(signal.SIGTERM)
