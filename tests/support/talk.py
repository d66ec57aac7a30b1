"""talk.py - short ways to make a program under the library speak: peer (tests/support/peer.c) as client and as server."""
import http.client
from contextlib import contextmanager

from support.launch import Running, environment, run
from support.ports import free_port
from support.strict import built


def client(origin, *steps, endpoint=None, timeout=20, **settings):
    """A client that takes these steps and ends."""
    return run([built("peer.c"), "client", origin.address, *steps], environment(endpoint, "client", **settings), timeout)


def running_client(origin, *steps, endpoint=None, **settings):
    """The same, not waited for: a step `-` waits for tell()."""
    return Running.start([built("peer.c"), "client", origin.address, *steps], environment(endpoint, "client", **settings))


class Server:
    """A peer that serves under the library; ask() is a client that is not under it."""

    def __init__(self, env):
        self.port = free_port()
        self.running = Running.start([built("peer.c"), "server", f"127.0.0.1:{self.port}"], env, ready=b"ready")

    @property
    def pid(self):
        return self.running.pid

    def ask(self, target="/", headers=None, method="GET"):
        """One request on a connection of its own; its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, target, headers=headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def quit(self):
        """Has it end itself, which costs one request, and returns what it left."""
        self.ask("/quit")
        return self.running.stop(None)


@contextmanager
def server(endpoint, **settings):
    serving = Server(environment(endpoint, settings.pop("service", "server"), **settings))
    with serving.running:
        yield serving
