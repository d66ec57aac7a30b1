"""test_libc.py - the same file in the programs of another libc: musl, and the glibc of Debian 11.

design.md section 2: no DT_NEEDED, no symbol versions, imports that every libc exports itself. Before glibc 2.34 dlsym and
pthread_create lived in libraries of their own, and one that a preloaded file asked for in vain killed the program at start.
"""
import os
import shutil
import subprocess

import pytest

from support.launch import BUILD, LIBRARY, ROOT, bare_environment, environment, run
from support.strict import built
from support.ports import free_port
from support.launch import Running


@pytest.fixture(scope="module")
def musl_peer():
    if not shutil.which("musl-gcc"):
        pytest.skip("a musl program: the Debian package musl-tools is not installed")
    return built("peer.c", compiler="musl-gcc", name="peer-musl")


@pytest.fixture(scope="module")
def bullseye():
    tree = BUILD / "bullseye"
    result = subprocess.run([str(ROOT / "tests" / "support" / "bullseye.sh"), str(tree)], capture_output=True, text=True)
    if result.returncode == 77:
        pytest.skip(result.stderr.strip())
    assert result.returncode == 0, result.stderr
    if os.getuid() != 0:
        pytest.skip("Debian 11 tree: chroot needs root")
    shutil.copy(LIBRARY, tree / "libspanload.so")
    return tree


def test_a_musl_client_is_traced(receiver, origin, musl_peer):
    """Alpine's libc: no symbol versions, another thread block, dl_iterate_phdr without extras."""
    sidecar = receiver()
    bare = run([musl_peer, "client", origin.address, "/hello", "/missing", "exit:4"], bare_environment())
    end = run([musl_peer, "client", origin.address, "/hello", "/missing", "exit:4"], environment(sidecar.endpoint))
    assert (end.status, end.stdout, end.own_stderr) == (bare.status, bare.stdout, bare.stderr) == (4, b"200\n404\n", b"")
    assert [span["http.response.status_code"] for span in sidecar.spans] == [200, 404]
    assert end.counters["exported"] == 2


@pytest.mark.parametrize("ending", ["_exit:3", "exit:3"])
def test_a_musl_client_flushes_at_its_end(receiver, origin, musl_peer, ending):
    """Destructors and exit handlers are run in another order there."""
    sidecar = receiver()
    end = run([musl_peer, "client", origin.address, "/hello", ending], environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=60000))
    assert end.status == 3 and len(sidecar.spans) == 1


def test_a_musl_server_is_traced(receiver, origin, musl_peer, peer):
    """The server's half of the hooks: accept, recv, send."""
    sidecar = receiver()
    port = free_port()
    with Running.start([musl_peer, "server", f"127.0.0.1:{port}"], environment(sidecar.endpoint), ready=b"ready") as running:
        asked = run([peer, "client", f"127.0.0.1:{port}", "/a", "HEAD:/404", "POST:/500", "close", "/quit"], bare_environment())
        end = running.stop(None)
    assert asked.stdout == b"200\n404\n500\n200\n"
    assert [(span.kind, span.name, span["url.path"], span["http.response.status_code"], span.status) for span in sidecar.spans] == [
        ("SERVER", "GET", "/a", 200, "UNSET"), ("SERVER", "HEAD", "/404", 404, "UNSET"), ("SERVER", "POST", "/500", 500, "ERROR"),
        ("SERVER", "GET", "/quit", 200, "UNSET")]
    assert end.counters["exported"] == 4


RAW_CLIENT = '''
import socket, sys
host, port = sys.argv[1].split(":")
connection = socket.create_connection((host, int(port)))
connection.sendall(b"GET /hello HTTP/1.1\\r\\nHost: " + sys.argv[1].encode() + b"\\r\\nConnection: close\\r\\n\\r\\n")
data = b""
while True:
    part = connection.recv(65536)
    if not part:
        break
    data += part
print(data.decode())
'''


@pytest.mark.parametrize("command", [
    ("/usr/bin/curl", "-sS", "-i", "http://{}/hello"), ("/usr/bin/python3", "-c", RAW_CLIENT, "{}"), ("/bin/true",),
    ("/bin/sh", "-c", "echo a | cat")], ids=["curl", "python3", "true", "sh"])
def test_debian_11_runs_it(receiver, origin, bullseye, command):
    """glibc 2.31, and a tree without /proc: what cannot be found out is left out (design.md 1.2)."""
    sidecar = receiver()
    command = ["/usr/sbin/chroot", bullseye, *(word.replace("{}", origin.address) for word in command)]
    env = {**environment(sidecar.endpoint, "old"), "LD_PRELOAD": "/libspanload.so"}
    inside = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in env.items())]
    bare = run(command, bare_environment())
    end = run([*command[:2], *inside, *command[2:]], bare_environment())
    assert (end.status, end.stdout, end.own_stderr) == (bare.status, bare.stdout, bare.stderr)
    assert end.status == 0 and "symbol lookup" not in end.text and "cannot be preloaded" not in end.text
    expected = 1 if "curl" in command[2] or "python3" in command[2] else 0
    assert len(sidecar.spans) == expected
    assert all(span.kind == "CLIENT" and span.resource["service.name"] == "old" for span in sidecar.spans)
