"""test_sharing.py - LD_PRELOAD shared with another library, in both orders: spans exact, the program as without us, and the
other library's effect still there (pitfalls.md: `LD_PRELOAD` already set by somebody else).

The others stand in front of the same functions (fakeroot, libfaketime, libeatmydata) or of the allocator (jemalloc, tcmalloc).
"""
import os
import shutil
import time
from dataclasses import dataclass
from glob import glob

import pytest

from support.launch import Running, counters_in, environment, run, total
from support.ports import free_port
from support.twin import Life, twin

PYTHON = "/usr/bin/python3"
FAKED_TIME = "2001-02-03 04:05:06"
BLANKS = ((rb"\b\d{1,7}#\d{1,7}", b"PID"), (rb"faketime_shm_\d{1,7}", b"faketime_shm"))  # of nginx's log, of libfaketime's memory


@dataclass
class Other:
    """A library that is preloaded too. `path`: where Debian has it; `effect`: Python that prints what only it makes so."""
    name: str
    package: str
    path: str
    effect: str
    expected: bytes
    settings: dict

    @property
    def library(self):
        found = sorted(glob(f"/usr/lib/*-linux-gnu/{self.path}"))
        if not found:
            pytest.skip(f"{self.name}: the Debian package {self.package} is not installed")
        return found[0]


# Which file holds the allocator that is called; malloc itself has an address in an executable that is at a fixed place.
MALLOC = '''
address = ctypes.cast(ctypes.CDLL(None).memalign, ctypes.c_void_p).value
for line in open("/proc/self/maps"):
    begin, end = (int(number, 16) for number in line.split()[0].split("-"))
    if begin <= address < end: print(os.path.basename(line.split()[-1]).split(".so")[0])
'''

OTHERS = [
    Other("libeatmydata", "libeatmydata1", "libeatmydata.so.1",
          "print(os.fsync(os.pipe()[0]))", b"None\n", {}),
    Other("jemalloc", "libjemalloc2", "libjemalloc.so.2", MALLOC, b"libjemalloc\n", {}),
    Other("tcmalloc", "libtcmalloc-minimal4", "libtcmalloc_minimal.so.4", MALLOC, b"libtcmalloc_minimal\n", {}),
    Other("libfaketime", "libfaketime", "faketime/libfaketime.so.1",
          "import time; print(time.strftime('%Y-%m-%d', time.gmtime()))", b"2001-02-03\n", {"FAKETIME": f"@{FAKED_TIME}", "TZ": "UTC"}),
]

# The three requests of a client, and what they print. Connections are closed, the last one is reused.
CLIENT = '''
import ctypes, http.client, os, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=10)
for target in ("/hello", "/missing", "/big"):
    connection.request("GET", target)
    answer = connection.getresponse()
    print(answer.status, len(answer.read()))
connection.close()
'''

NGINX = '''
daemon off;
pid {place}/pid;
error_log {place}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log {place}/access.log combined;
    sendfile on;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    server {{ listen 127.0.0.1:{port}; root {place}/www; }}
}}
'''

both_orders = pytest.mark.parametrize("order", ["{ours}:{other}", "{other}:{ours}"], ids=["ours first", "theirs first"])
each_other = pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)


def shared(other, order, sidecar):
    variables = environment(sidecar.endpoint, "shared", **other.settings)
    variables["LD_PRELOAD"] = order.format(ours=variables["LD_PRELOAD"], other=other.library)
    return variables


def check_client_spans(spans, before_ns):
    """Three, each once, right, and at the time that it was: our clock is the kernel's, whatever the program is told."""
    assert sorted((span.kind, span["http.response.status_code"]) for span in spans) == [("CLIENT", 200), ("CLIENT", 200), ("CLIENT", 404)]
    assert len({span.span_id for span in spans}) == 3
    assert all(before_ns - 1e9 < span.start_ns < span.end_ns < time.time_ns() + 1e9 for span in spans), "times that are not those of the machine"


@each_other
@both_orders
def test_python_is_traced_beside_another_library(receiver, origin, place, other, order):
    """The other library does what it is there for, and Python says the same as with it alone."""
    sidecar, before_ns = receiver(), time.time_ns()
    command = [PYTHON, "-c", CLIENT + other.effect, origin.address]
    pair = twin(lambda env: Life(run(command, env, cwd=place, watched=True)), place, shared(other, order, sidecar), blanks=BLANKS)
    assert pair.traced.finished.status == 0
    assert pair.traced.finished.stdout.endswith(b"200 285000\n" + other.expected)
    check_client_spans(sidecar.wait_for(spans=3).spans, before_ns)
    assert total(pair.traced.counters)["exported"] == total(pair.traced.counters)["started"] == 3


@each_other
@both_orders
def test_curl_is_traced_beside_another_library(receiver, origin, place, other, order):
    """Its two threads (one resolves) and the other library; a connection that is used three times."""
    if not shutil.which("curl"):
        pytest.skip("curl: the Debian package curl is not installed")
    sidecar, before_ns = receiver(), time.time_ns()
    targets = [f"http://localhost:{origin.port}{path}" for path in ("/hello", "/missing", "/hello")]
    command = ["/usr/bin/curl", "-sS", "-w", "%{http_code} %{num_connects}\n", *targets]
    pair = twin(lambda env: Life(run(command, env, cwd=place, watched=True)), place, shared(other, order, sidecar), blanks=BLANKS)
    assert pair.traced.finished.stdout == b"hello\n200 1\nno such page\n404 0\nhello\n200 0\n"
    check_client_spans(sidecar.wait_for(spans=3).spans, before_ns)
    assert total(pair.traced.counters)["exported"] == total(pair.traced.counters)["started"] == 3


@each_other
@both_orders
def test_nginx_is_traced_beside_another_library(receiver, place, other, order):
    """A master that forks, workers that give up root, sendfile."""
    if not shutil.which("nginx", path="/usr/sbin"):
        pytest.skip("nginx: the Debian package nginx is not installed")
    sidecar, before_ns = receiver(), time.time_ns()
    port = free_port()

    def prepare():
        (place / "www").mkdir()
        (place / "www/index.html").write_bytes(b"abcdefghi\n" * 30000)
        (place / "nginx.conf").write_text(NGINX.format(place=place, port=port))

    def live(env):
        asked = ["/usr/bin/curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_download}\n"]
        with Running.start(["/usr/sbin/nginx", "-c", place / "nginx.conf"], env, port=port) as running:
            mapped = open(f"/proc/{running.pid}/maps").read()
            assert os.path.basename(other.library).split(".so")[0] in mapped
            heard = run([*asked, *(f"http://127.0.0.1:{port}/{name}" for name in ("", "missing", ""))], {"PATH": "/usr/bin:/bin"}).stdout
            return Life(running.stop(3), heard)

    # Two ports of nginx's own stand in no file; the process id does.
    pair = twin(live, place, shared(other, order, sidecar), prepare=prepare, blank_files=("pid",), blanks=BLANKS)
    assert pair.traced.heard.count(b"200 300000\n") == 2
    spans = sidecar.wait_for(spans=3).spans
    assert sorted(span["http.response.status_code"] for span in spans) == [200, 200, 404] and len({span.span_id for span in spans}) == 3
    assert all(span.kind == "SERVER" and before_ns - 1e9 < span.start_ns < span.end_ns < time.time_ns() + 1e9 for span in spans)


FAKEROOT = '''
file=$(mktemp)
if [ "$ORDER" = ours ]; then LD_PRELOAD=$OURS:$LD_PRELOAD; else LD_PRELOAD=$LD_PRELOAD:$OURS; fi
export LD_PRELOAD
"$@" "$file"
rm -f "$file"
'''


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_python_is_traced_within_fakeroot(receiver, origin, first):
    """fakeroot stands in front of chown, stat, setuid and fork; what it pretends is still pretended, and only there."""
    if not shutil.which("fakeroot"):
        pytest.skip("fakeroot: the Debian package fakeroot is not installed")
    sidecar, before_ns = receiver(), time.time_ns()
    code = CLIENT + ("os.chown(sys.argv[2], 12345, 54321); print(os.stat(sys.argv[2]).st_uid, os.stat(sys.argv[2]).st_gid, os.getuid())\n"
                     "os.setresuid(7, 8, 9); print(os.getresuid()); os.setresuid(0, 0, 0)\n"
                     "print(open('/proc/self/status').read().split('Uid:')[1].split()[0] == str(int(os.environ['REAL'])))\n"
                     "child = os.fork()\nif not child: os._exit(os.stat(sys.argv[2]).st_uid % 256)\nprint(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))")
    variables = environment(sidecar.endpoint, "shared", REAL=os.getuid(), ORDER=first)
    ours = variables.pop("LD_PRELOAD")
    command = ["/usr/bin/fakeroot", "--", "/bin/sh", "-c", FAKEROOT, "sh", PYTHON, "-c", code, origin.address]
    bare = run(command, {**variables, "OURS": ""})
    end = run(command, {**variables, "OURS": ours})
    assert (end.status, end.stdout, end.own_stderr) == (bare.status, bare.stdout, bare.stderr)
    assert end.stdout.endswith(b"\n12345 54321 0\n(7, 8, 9)\nTrue\n57\n"), end.stdout
    check_client_spans(sidecar.wait_for(spans=3).spans, before_ns)
    assert total(counters_in(end.text))["exported"] == 3
