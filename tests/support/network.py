"""network.py - a network and an /etc of a test's own, for what cannot be done to the machine's: links that break, names that move.

A Place is a network and a mount namespace, held by a process that sleeps. Programs are run in it by `inside(argv)`; sockets
that the test makes in `with place.entered():` belong to it for ever, so a Receiver made there serves there. It needs root.
"""
import ctypes
import os
import subprocess
import threading
from contextlib import contextmanager

from support.launch import bare_environment
from support.ports import wait_until

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def why_not():
    """Why there can be no such place here, in one line; None where there can."""
    if os.getuid() != 0:
        return "making a network namespace needs root"
    tried = subprocess.run(["unshare", "--net", "--mount", "ip", "link", "add", "near", "type", "veth", "peer", "name", "far"],
                           capture_output=True, text=True)
    return f"no network namespace with a veth pair: {tried.stderr.strip()}" if tried.returncode else None


class Place:
    def __init__(self, loopback=True):
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.pid = self.holder.pid
        own = os.readlink("/proc/self/ns/mnt")
        wait_until(lambda: os.readlink(f"/proc/{self.pid}/ns/mnt") != own, 5, "the namespace is there")
        if loopback:
            self.do("ip", "link", "set", "lo", "up")

    def inside(self, argv):
        return ["nsenter", "--target", self.pid, "--net", "--mount", *argv]

    def do(self, *argv):
        """Runs a command in it, which must succeed; what it printed."""
        done = subprocess.run([str(word) for word in self.inside(argv)], capture_output=True, text=True, env=bare_environment())
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def replace(self, path, by):
        """What programs in it find at `path` is the file `by`, and what is written there later."""
        self.do("mount", "--bind", by, path)

    def drop_from(self, port):
        """What comes from that TCP port of others vanishes: a rule before the table of our own addresses, and no short cut past it."""
        self.do("sh", "-c", "echo 0 >/proc/sys/net/ipv4/tcp_early_demux")
        self.do("ip", "rule", "add", "pref", 10, "ipproto", "tcp", "sport", port, "blackhole")
        self.do("ip", "rule", "add", "pref", 20, "lookup", "local")
        self.do("ip", "rule", "delete", "pref", 0)

    @contextmanager
    def entered(self):
        """The sockets that this thread makes meanwhile are the place's."""
        home, there = (os.open(f"/proc/{which}/ns/net", os.O_RDONLY) for which in (f"self/task/{threading.get_native_id()}", self.pid))
        try:
            assert libc.setns(there, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(home, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        finally:
            os.close(home)
            os.close(there)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait()


def join(one, other, network="10.77.0"):
    """A cable between two places: .1 and .2 of the network, both ends called `cable`."""
    one.do("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", other.pid)
    for place, host in ((one, 1), (other, 2)):
        place.do("ip", "address", "add", f"{network}.{host}/24", "dev", "cable")
        place.do("ip", "link", "set", "cable", "up")
