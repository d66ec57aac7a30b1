"""test_life.py - a process is born, forks, changes its skin, gives up rights, closes everything and dies; spans arrive.

The programs are short scripts of /usr/bin/python3, which calls libc for each of these things as any program does. SERVER is
what they have in common: `answer()` serves one request on a connection of its own and returns its target.
"""
import http.client
import os
import signal
import socket
import struct
import threading
import time

import pytest

from support.launch import Running, bare_environment, counters_in, environment, run, total
from support.load import tasks
from support.ports import free_port, wait_until
from support.talk import client, running_client, server

PYTHON = "/usr/bin/python3"
NEVER_MS = 60000  # a schedule delay that no test waits for: what arrives was flushed

CLIENT = '''
import ctypes, http.client, os, signal, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def ask(target):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=10)
    connection.request("GET", target)
    connection.getresponse().read()
    connection.close()
'''

SERVER = '''
import ctypes, fcntl, os, resource, signal, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(64)
def serve(connection, meanwhile=lambda target: "ok"):
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        head += connection.recv(65536)
    target = head.split()[1].decode()
    body = str(meanwhile(target)).encode()
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
    return target
def answer(meanwhile=lambda target: "ok"):
    connection, _ = listener.accept()
    with connection:
        return serve(connection, meanwhile)
'''


def script(code, env, *arguments):
    return run([PYTHON, "-c", CLIENT + code, *arguments], env)


class Served:
    """A script that serves, and the ends of the requests that the test made."""

    def __init__(self, code, env, *arguments):
        self.port = free_port()
        self.running = Running.start([PYTHON, "-c", SERVER + code, str(self.port), *arguments], env, port=self.port)

    @property
    def pid(self):
        return self.running.pid

    def ask(self, target="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", target)
            return connection.getresponse().read()
        finally:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.__exit__()


def status_field(pid, task, name):
    for line in open(f"/proc/{pid}/task/{task}/status"):
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].split()
    return []


def targets(spans):
    return sorted(span["url.path"] for span in spans)


def are_distinct(spans):
    return len({span.span_id for span in spans}) == len({span.trace_id for span in spans}) == len(spans)


# --- the ways to end -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ending, status", [
    ("sys.exit(3)", 3), ("os._exit(3)", 3), ("libc._Exit(3)", 3), ("libc.quick_exit(3)", 3), ("libc.exit(3)", 3),
    ("os.abort()", -signal.SIGABRT), ("os.execv('/bin/sh', ['sh', '-c', 'exit 3'])", 3),
    ("libc.execl(b'/bin/sh', b'sh', b'-c', b'exit 3', None)", 3)], ids=str)
def test_what_is_queued_is_flushed_at_every_end(receiver, origin, ending, status):
    """design.md 3 and 5: a process that exits at once flushes from the exiting thread, exec flushes within the budget."""
    sidecar = receiver()
    end = script(f"ask('/hello')\n{ending}", environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=NEVER_MS), origin.address)
    assert end.status == status
    assert len(sidecar.spans) == 1


def test_a_process_that_is_killed_has_lost_only_its_last_batch(receiver, origin):
    """Nothing can be done at SIGKILL, and nothing is done at signals: no handlers of ours (pitfalls.md)."""
    sidecar = receiver()
    end = client(origin, "/hello", "+500", "kill:9", endpoint=sidecar.endpoint)
    assert end.status == -signal.SIGKILL and len(sidecar.spans) == 1


def test_a_program_that_is_executed_is_traced_as_itself(receiver, origin, peer):
    """The new image is a new process instance with the same pid; nothing of the old is sent twice."""
    sidecar = receiver()
    end = script(f"ask('/hello')\nos.execv({str(peer)!r}, ['peer', 'client', sys.argv[1], '/big'])",
                 environment(sidecar.endpoint), origin.address)
    before, after = sorted(sidecar.spans, key=lambda span: span.start_ns)
    assert before.resource["process.executable.name"].startswith("python3") and after.resource["process.executable.name"] == "peer"
    assert before.resource["process.pid"] == after.resource["process.pid"] == end.pid
    assert before.resource["service.instance.id"] != after.resource["service.instance.id"]


@pytest.mark.parametrize("failing", ["os.execv('/no/such/file', ['x'])", "os.execv('/etc/passwd', ['x'])"])
def test_an_exec_that_fails_changes_nothing(receiver, origin, failing):
    """Shells try each directory of PATH; between two failures the process goes on as it was."""
    sidecar = receiver()
    end = script(f"ask('/hello')\nfor _ in range(3):\n try: {failing}\n except OSError as error: print(error.errno)\nask('/big')",
                 environment(sidecar.endpoint), origin.address)
    bare = script(f"for _ in range(3):\n try: {failing}\n except OSError as error: print(error.errno)", bare_environment(), origin.address)
    assert end.stdout == bare.stdout and end.status == 0
    # One line before the exec, which might have been the end, and one at the end; the last one holds.
    assert len(sidecar.spans) == 2 and [line["exported"] for line in counters_in(end.text)] == [1, 2]


@pytest.mark.parametrize("how", [
    "os.posix_spawn({0!r}, ['peer', 'client', sys.argv[1], '/big'], os.environ)",
    "subprocess.Popen([{0!r}, 'client', sys.argv[1], '/big'], stdout=subprocess.DEVNULL)"], ids=["posix_spawn", "subprocess"])
def test_a_spawned_child_is_traced_and_its_parent_goes_on(receiver, origin, peer, how):
    """CPython's subprocess uses vfork: the child shares our memory until it executes (pitfalls.md)."""
    sidecar = receiver()
    end = script("ask('/hello')\n" + how.format(str(peer)) + "\nos.wait()\nask('/hello')",
                 environment(sidecar.endpoint), origin.address)
    sidecar.wait_for(spans=3)
    assert sorted(span["url.full"].rsplit("/", 1)[1] for span in sidecar.spans) == ["big", "hello", "hello"]
    assert are_distinct(sidecar.spans)
    assert total(counters_in(end.text))["started"] == 3


@pytest.mark.parametrize("ending", ["closed", "reset", "exit"])
def test_a_request_without_an_answer_ends_as_an_error(receiver, origin, ending):
    """semconv.md 2.1: no response is an ERROR with an error.type that is a class of errors, and no status code."""
    sidecar = receiver()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        origin.address = f"127.0.0.1:{silent.getsockname()[1]}"

        def refuse():
            connection, _ = silent.accept()
            connection.recv(65536)
            if ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if ending == "exit":
                time.sleep(1)
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        if ending == "exit":
            code = "import threading\nthreading.Timer(0.4, os._exit, [0]).start()\nask('/silent')"
            script(code, environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=NEVER_MS), origin.address)
        else:
            client(origin, "/silent", endpoint=sidecar.endpoint)
        thread.join()
    [span] = sidecar.spans
    assert span.status == "ERROR" and span["error.type"] and not span["error.type"].isdigit()
    assert span["http.response.status_code"] is None and span["url.full"].endswith("/silent")


# --- fork ------------------------------------------------------------------------------------------------------------------

def test_parent_and_child_of_a_fork_both_serve(receiver):
    """pitfalls.md: span ids equal in parent and child; a thread that the child does not have; locks held in the child."""
    sidecar = receiver()
    code = '''
answer()
child = os.fork()
if child == 0:
    answer(), answer()
    sys.exit(0)
os.waitpid(child, 0)
answer()
'''
    with Served(code, environment(sidecar.endpoint)) as served:
        for target in ("/before", "/child-1", "/child-2", "/after"):
            served.ask(target)
        end = served.running.stop(None)
    sidecar.wait_for(spans=4)
    assert targets(sidecar.spans) == ["/after", "/before", "/child-1", "/child-2"]
    assert are_distinct(sidecar.spans)
    in_child = [span.resource for span in sidecar.spans if "child" in span["url.path"]]
    in_parent = [span.resource for span in sidecar.spans if "child" not in span["url.path"]]
    assert {resource["process.pid"] for resource in in_parent} == {end.pid} and end.pid not in {one["process.pid"] for one in in_child}
    assert len({resource["service.instance.id"] for resource in in_child + in_parent}) == 2
    assert total(counters_in(end.text))["exported"] == 4


def test_a_child_does_not_send_what_its_parent_queued(receiver, origin):
    """environment.md section 3: the queue copy in the child would be exported twice."""
    sidecar = receiver()
    code = "ask('/hello')\nif os.fork() == 0: sys.exit(0)\nos.wait()"
    end = script(code, environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=NEVER_MS), origin.address)
    assert len(sidecar.spans) == 1
    assert total(counters_in(end.text))["started"] == 1


def test_children_forked_from_many_threads_do_not_hang(receiver, origin):
    """pitfalls.md: thread in the parent, child deadlocks on the tool's or libc's lock (reported: git, node)."""
    sidecar = receiver()
    code = '''
import threading
def work():
    for _ in range(5):
        ask("/nothing")
        if os.fork() == 0:
            ask("/nothing")
            os._exit(0)
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
while True:
    try: os.wait()
    except ChildProcessError: break
'''
    end = script(code, environment(sidecar.endpoint), origin.address)
    sidecar.wait_for(spans=40)
    assert end.status == 0 and len(sidecar.spans) == 40 and are_distinct(sidecar.spans)
    assert total(counters_in(end.text))["exported"] == 40


# --- descriptors ------------------------------------------------------------------------------------------------------------

def test_a_daemon_that_closes_everything_still_exports(receiver, place):
    """pitfalls.md: a daemonising program that closes everything loses nothing and gains nothing."""
    sidecar = receiver()
    code = '''
answer()
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.alarm(30)
os.dup2(listener.fileno(), 3)
listener.detach()
os.closerange(0, 3)
os.closerange(4, 65536)
for _ in range(3): os.open("/dev/null", os.O_RDWR)
listener = socket.socket(fileno=3)
file = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
answer()
os.write(file, b"mine\\n")
answer(lambda target: os.getpid())
'''
    with Served(code, environment(sidecar.endpoint), str(place / "file")) as served:
        served.ask("/before")
        wait_until(lambda: served.running.ended, 5, "the first process ends")
        served.ask("/daemon")
        pid = int(served.ask("/last"))
        sidecar.wait_for(spans=3)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5, "the daemon ends")
    assert targets(sidecar.spans) == ["/before", "/daemon", "/last"]
    assert (place / "file").read_bytes() == b"mine\n"


@pytest.mark.parametrize("call", [
    "os.closerange(4, 1 << 20)", "libc.syscall(436, 4, ctypes.c_uint(-1), 0)", "libc.closefrom(4)",
    "[libc.close(number) for number in range(4, 5000)]"], ids=["close_range", "raw system call", "closefrom", "close"])
def test_closing_every_descriptor_while_serving_costs_nothing(receiver, place, call):
    """pitfalls.md: after close_range(3, ~0) the tool wrote 5 kB of JSON into the application's own file (seen)."""
    sidecar = receiver()
    code = '''
os.dup2(listener.fileno(), 3)
listener.detach()
listener = socket.socket(fileno=3)
answer()
time.sleep(0.3)
%s
files = [os.open(os.path.join(sys.argv[2], str(number)), os.O_RDWR | os.O_CREAT) for number in range(40)]
for high in (1000, 1010, 1020, 1023): os.dup2(files[-1], high)
answer()
time.sleep(0.3)
answer(lambda target: files[0])
''' % call
    with Served(code, environment(sidecar.endpoint), str(place)) as served:
        served.ask("/before")
        time.sleep(0.4)
        served.ask("/closed")
        first_file = int(served.ask("/last"))
        end = served.running.stop(None)
    sidecar.wait_for(spans=3)
    assert targets(sidecar.spans) == ["/before", "/closed", "/last"]
    assert first_file == 4, "the application does not get the lowest free number"
    assert all((place / str(number)).stat().st_size == 0 for number in range(40)), "our bytes in the application's files"
    assert end.counters["exported"] == 3


def test_a_file_that_became_descriptor_2_gets_no_line_of_ours(receiver, origin, place):
    """The counters go to stderr; a program that closed it and opened a file instead has no stderr."""
    code = "ask('/hello')\nos.close(2)\nassert os.open(sys.argv[2], os.O_RDWR | os.O_CREAT) == 2"
    end = script(code, environment(receiver().endpoint), origin.address, place / "file")
    assert end.status == 0 and (place / "file").read_bytes() == b""


def test_connections_on_high_descriptors_are_seen(receiver):
    """pitfalls.md: connections on descriptor 1024 and above invisible (seen, AppScope)."""
    sidecar = receiver()
    code = '''
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
limit = hard if 0 < hard < 70000 else 70000
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
for number in (1024, 2000, limit - 1):
    connection, _ = listener.accept()
    high = socket.socket(fileno=fcntl.fcntl(connection, fcntl.F_DUPFD_CLOEXEC, number))
    connection.close()
    serve(high)
    high.close()
'''
    with Served(code, environment(sidecar.endpoint)) as served:
        for target in ("/a", "/b", "/c"):
            served.ask(target)
        served.running.stop(None)
    assert targets(sidecar.spans) == ["/a", "/b", "/c"]


def test_the_application_gets_the_same_descriptor_numbers(receiver):
    """Promise 1: select() users and shells depend on low numbers; ours are above."""
    code = "for _ in range(4): answer(lambda target: sorted(os.listdir('/proc/self/fd'), key=int)[:4] + [os.dup(0)])"
    seen = []
    for env in (bare_environment(), environment(receiver().endpoint)):
        with Served(code, env) as served:
            seen.append([served.ask("/") for _ in range(2)])
            time.sleep(0.3)
            seen[-1] += [served.ask("/") for _ in range(2)]
            served.running.stop(None)
    assert seen[0] == seen[1]


def test_before_the_first_span_nothing_can_be_seen(receiver, peer):
    """pitfalls.md: no signal or timer of ours, no second thread present too early, no descriptor."""
    def look(env):
        port = free_port()
        with Running.start([peer, "server", f"127.0.0.1:{port}"], env, ready=b"ready") as running:
            pid = running.pid
            signals = [status_field(pid, pid, name) for name in ("SigCgt", "SigIgn", "SigBlk", "SigPnd")]
            return tasks(pid) == [pid], sorted(os.listdir(f"/proc/{pid}/fd"), key=int), signals

    bare = look(bare_environment())
    assert look(environment(receiver().endpoint)) == bare
    assert bare[0]


# --- threads ----------------------------------------------------------------------------------------------------------------

def test_the_first_span_starts_one_thread_that_sleeps_when_idle(receiver):
    """pitfalls.md: 920 wake-ups a second in an idle process (seen, AppScope)."""
    sidecar = receiver()

    def switches(pid, task):
        return [status_field(pid, task, name)[0] for name in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")]

    with server(sidecar.endpoint) as serving:
        signals = [status_field(serving.pid, serving.pid, name) for name in ("SigCgt", "SigIgn", "SigBlk")]
        serving.ask("/hello")
        sidecar.wait_for(spans=1)
        time.sleep(0.5)
        own, = [task for task in tasks(serving.pid) if task != serving.pid]
        before = switches(serving.pid, own)
        time.sleep(1.2)
        assert switches(serving.pid, own) == before, "an idle process woke up"
        assert [status_field(serving.pid, serving.pid, name) for name in ("SigCgt", "SigIgn", "SigBlk")] == signals
        blocked = int(status_field(serving.pid, own, "SigBlk")[0], 16)
        assert all(blocked >> number - 1 & 1 for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM))
        serving.quit()


def test_threads_that_come_and_go_lose_nothing(receiver):
    """One thread per connection, eight connections at a time, as many servers do."""
    sidecar = receiver()
    code = '''
threads = []
for _ in range(120):
    connection, _ = listener.accept()
    def work(connection=connection):
        with connection: serve(connection)
    threads.append(threading.Thread(target=work))
    threads[-1].start()
[thread.join() for thread in threads]
'''
    with Served(code, environment(sidecar.endpoint)) as served:
        askers = [threading.Thread(target=lambda: [served.ask("/") for _ in range(15)]) for _ in range(8)]
        for one in askers:
            one.start()
        for one in askers:
            one.join()
        end = served.running.stop(None)
    assert len(sidecar.spans) == 120 and are_distinct(sidecar.spans)
    assert end.counters["exported"] == end.counters["started"] == 120


def test_subprocesses_of_a_server_do_not_touch_its_connections(receiver):
    """pitfalls.md: a vfork child's close and dup2 edit the parent's connection table (CPython's subprocess, dash)."""
    sidecar = receiver()
    code = '''
def meanwhile(target):
    return subprocess.run(["/bin/sh", "-c", "echo $$ >/dev/null; exit 5"], close_fds=True, stdin=subprocess.DEVNULL).returncode
connection, _ = listener.accept()
for _ in range(5): serve(connection, meanwhile)
'''
    with Served(code, environment(sidecar.endpoint)) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        for number in range(5):
            connection.request("GET", f"/{number}")
            assert connection.getresponse().read() == b"5"
        connection.close()
        served.running.stop(None)
    assert targets(sidecar.spans) == ["/0", "/1", "/2", "/3", "/4"]
    assert all(span["http.response.status_code"] == 200 and span.duration_s > 0.0005 for span in sidecar.spans)


# --- rights -----------------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(os.getuid() != 0, reason="only root can give up being root")
@pytest.mark.parametrize("call", [
    "(os.setgroups([]), os.setgid(65534), os.setuid(65534))", "(os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534))",
    "(os.setregid(65534, 65534), os.setreuid(65534, 65534))"], ids=["setuid", "setresuid", "setreuid"])
def test_a_server_that_gives_up_root_gives_it_up_whole(receiver, call):
    """pitfalls.md: a thread unknown to libc keeps the old credentials after setuid."""
    sidecar = receiver()
    code = f"answer()\ntime.sleep(0.3)\nanswer(lambda target: {call} and os.getuid())\nfor _ in range(2): answer()"
    with Served(code, environment(sidecar.endpoint)) as served:
        served.ask("/as-root")
        sidecar.wait_for(spans=1)
        assert served.ask("/drop") == b"65534"
        served.ask("/as-nobody")
        sidecar.wait_for(spans=3)
        for task in tasks(served.pid):
            assert status_field(served.pid, task, "Uid") == ["65534"] * 4, "a thread is still root"
            assert status_field(served.pid, task, "Gid") == ["65534"] * 4
            assert int(status_field(served.pid, task, "CapEff")[0], 16) == 0
        served.ask("/last")
        end = served.running.stop(None)
    assert targets(sidecar.spans) == ["/as-nobody", "/as-root", "/drop", "/last"]
    assert end.counters["exported"] == 4


@pytest.mark.parametrize("flags", [0x10000000, 0x00000200], ids=["CLONE_NEWUSER", "CLONE_FS"])
def test_unshare_answers_as_without_us(receiver, flags):
    """pitfalls.md: a second thread breaks unshare and setns (reported): a new user namespace needs a single-threaded process."""
    sidecar = receiver()
    code = f"answer()\ntime.sleep(0.3)\nanswer(lambda target: (libc.unshare({flags}), ctypes.get_errno()))\nanswer()"
    seen = []
    for env in (bare_environment(), environment(sidecar.endpoint)):
        with Served(code, env) as served:
            served.ask("/before")
            time.sleep(0.4)
            seen.append(served.ask("/unshare"))
            served.ask("/after")
            served.running.stop(None)
    assert seen[0] == seen[1]
    assert targets(sidecar.spans) == ["/after", "/before", "/unshare"]


# --- orders -----------------------------------------------------------------------------------------------------------------

def test_another_preloaded_library_and_we_both_work(receiver, origin):
    """pitfalls.md: LD_PRELOAD already set by somebody else (reported, Odigos). Debian's libc ships one to preload."""
    sidecar = receiver()
    other = next((path for path in ("/lib/x86_64-linux-gnu/libmemusage.so", "/usr/lib/x86_64-linux-gnu/libmemusage.so",
                                    "/lib/x86_64-linux-gnu/libpcprofile.so", "/lib/x86_64-linux-gnu/libSegFault.so",
                                    "/lib/aarch64-linux-gnu/libmemusage.so", "/lib/aarch64-linux-gnu/libpcprofile.so")
                  if os.path.exists(path)), None)
    assert other, "glibc ships libmemusage.so or libpcprofile.so"
    env = environment(sidecar.endpoint)
    for order in (f"{env['LD_PRELOAD']} {other}", f"{other}:{env['LD_PRELOAD']}"):
        end = script("ask('/hello')", {**env, "LD_PRELOAD": order}, origin.address)
        assert end.status == 0
    assert len(sidecar.spans) == 2


def test_a_running_client_is_not_held_up_by_a_sidecar_that_stalls(receiver, origin):
    """design.md 1.4: nobody waits for us. Each request takes as long as without."""
    from support.receiver import stall
    sidecar = receiver(then=stall())
    start = time.monotonic()
    with running_client(origin, *["/nothing"] * 300, "-", endpoint=sidecar.endpoint) as running:
        wait_until(lambda: running.stdout.count(b"204") == 300, 10, "300 answers")
        took = time.monotonic() - start
        running.tell()
        end = running.stop(None)
    assert took < 3 and end.counters["started"] == 300


def test_an_end_that_finds_an_attempt_under_way_is_worth_one_of_its_own(receiver):
    """The attempt failed after the process had begun to end, and took the whole queue with it, with most of the budget left."""
    gate = threading.Event()

    def held_then_cut(connection, request):
        gate.wait(10)
        return False

    sidecar = receiver(held_then_cut)
    with server(sidecar.endpoint, SPANLOAD_EXIT_TIMEOUT_MS=3000) as serving:
        serving.ask("/a")
        sidecar.wait_for(requests=1)
        threading.Timer(0.5, gate.set).start()
        end = serving.quit()
    assert (end.counters["exported"], end.counters["held"]) == (2, 0)
