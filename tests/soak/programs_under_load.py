"""programs_under_load.py - which programs a soak runs, and who asks them for what."""
import threading
import time

from processes import Busybox, Nginx, Tool
from support.launch import bare_environment, environment, run

# A stall is over within a phase; programs may take their time at the end, since the machine may be busy. The queue of the
# clients, who ask less often, is small enough to be full once within the warm-up too.
ALL = {"OTEL_EXPORTER_OTLP_TIMEOUT": "2000"}
SHORT = {**ALL, "SPANLOAD_EXIT_TIMEOUT_MS": "1000"}
LONG = {**ALL, "SPANLOAD_EXIT_TIMEOUT_MS": "5000"}
SMALL = {**LONG, "OTEL_BSP_MAX_QUEUE_SIZE": "256", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "128"}
SETTINGS = {"nginx": LONG, "fork": SHORT, "curl": SHORT, "steady": LONG, "pool": SMALL, "keeper": SMALL}


class World:
    """Programs that live through all phases, with the library or without it: a server with one worker, a client with eight
    threads and short connections, and one that keeps its connection. Both worlds are asked the same."""

    def __init__(self, name, place, env, started, tool, seed):
        self.name, www = name, place / "www"
        self.nginx = started(Nginx(place / f"steady-{name}", env("steady"), workers=1))
        port, bare = self.nginx.port, bare_environment(place)
        self.load = tool("load.py", bare, port, www, 1, 16, 800, 10, "all", seed)
        self.rude = tool("rude.py", bare, port, 200, seed, "keep-alive")
        self.pool = tool("load.py", env("pool"), port, www, 8, 1, 200, 20, "get", seed)
        self.keeper = tool("load.py", env("keeper"), port, www, 1, 1, 200, 1000000, "get", seed)
        self.clients = {"pool": self.pool, "keeper": self.keeper}

    @property
    def pids(self):
        return {"nginx": self.nginx.workers[0], "pool": self.pool.pid, "keeper": self.keeper.pid}


class Curls(threading.Thread):
    """curl, one after the other: processes that live for two requests."""

    def __init__(self, port, env, rate):
        super().__init__(daemon=True)
        url = f"http://127.0.0.1:{port}/index.html"
        self.command = ["/usr/bin/curl", "-sS", "-o", "/dev/null", "-o", "/dev/null", url, url]
        self.env, self.pause_s = env, 1 / rate
        self.going, self.idle, self.ended = threading.Event(), threading.Event(), False
        self.finished = []
        self.start()

    def run(self):
        while not self.ended:
            if self.going.is_set():
                self.finished.append(run(self.command, self.env))
                time.sleep(self.pause_s)
            else:
                self.idle.set()
                self.going.wait()

    def pause(self):
        self.idle.clear()
        self.going.clear()
        self.idle.wait(30)

    def take(self):
        """Those that have ended since."""
        taken, self.finished = self.finished, []
        return taken

    def end(self):
        self.ended = True
        self.going.set()
        self.join(30)


class Programs:
    """All of them. Besides the worlds: an nginx that is reloaded, busybox httpd, and curl, whose processes end in each phase."""

    def __init__(self, place, endpoint, seed, at_end):
        def with_us(service):
            return environment(endpoint, service, place, **SETTINGS[service])

        bare, www = bare_environment(place), place / "www"
        self.started, self.tools, self.curls = [], [], None
        at_end.append(self.kill)
        self.with_us = World("library", place, with_us, self._started, self._tool, seed)
        self.bare = World("bare", place, lambda service: bare, self._started, self._tool, seed)
        self.worlds = self.with_us, self.bare
        self.nginx = self._started(Nginx(place / "nginx", with_us("nginx"), workers=2))
        self.busybox = self._started(Busybox(www, with_us("fork")))
        self.nginx_load = self._tool("load.py", bare, self.nginx.port, www, 1, 16, 600, 1000, "all", seed + 1)
        self.fork_load = self._tool("load.py", bare, self.busybox.port, www, 1, 2, 30, 1, "get", seed + 2)
        self.always = list(self.tools)
        self.nginx_rude = self._tool("rude.py", bare, self.nginx.port, 30, seed + 3, "keep-alive")
        self.fork_rude = self._tool("rude.py", bare, self.busybox.port, 4, seed + 4, "once")
        self.curls = Curls(self.busybox.port, with_us("curl"), rate=4)

    def _started(self, program):
        self.started.append(program.running)
        return program

    def _tool(self, *arguments):
        self.tools.append(self._started(Tool(*arguments)))
        return self.tools[-1]

    @property
    def nginxes(self):
        return [self.nginx, *(world.nginx for world in self.worlds)]

    def go(self, is_rude):
        self.active = self.tools if is_rude else self.always
        for tool in self.active:
            tool.do("go")
        self.curls.going.set()

    def pause(self):
        """Returns when every request was answered, or is counted as cut."""
        self.curls.pause()
        for tool in self.active:
            tool.tell("pause")
        for tool in self.active:
            tool.totals()

    def kill(self):
        """What is left of them."""
        if self.curls:
            self.curls.end()
        for running in self.started:
            if not running.process.stdin.closed:
                running.kill()
