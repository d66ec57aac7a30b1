"""ports.py - TCP ports nobody uses, and who listens where, without connecting to anybody."""
import random
import socket
import time

LISTEN = "0A"


def free_port():
    """A port below the range from which the kernel takes those of outgoing connections: no client will sit on it."""
    while True:
        port = random.randint(12000, 32000)
        if all(_can_bind(family, address, port) for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::"))):
            return port


def _can_bind(family, address, port):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
            return True
    except OSError as error:
        return error.errno in (97, 99)  # no such family, no such address: then nobody is there either


def is_listening(port):
    """Read from /proc: a test that counts connections must not make one to find out."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = open(table).read().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            _, local, _, state = line.split()[:4]
            if state == LISTEN and int(local.rsplit(":", 1)[1], 16) == port:
                return True
    return False


def wait_until(condition, timeout, what, pause=0.01):
    """Polls condition() until it is true and returns what it gave; AssertionError with `what` after timeout seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(pause)
