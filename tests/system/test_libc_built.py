"""test_libc_built.py - programs built here for another libc or another machine, where those of test_libc.py are as they come.

Threads, children and descriptors as test_hostile_*.py has them, functions that a libc lacks, and small programs for the musl
of this machine.
"""
import os
import shutil
import subprocess

import pytest

from support.launch import BUILD, ROOT, Running, bare_environment, environment, run
from support.ports import free_port
from support.trees import check_accounts, tree, variables_of  # noqa: F401
from support.twin import Life, run_twice, twin
from system.programs import hostile

MUSL_FLAGS = ("-idirafter", "/usr/include", "-idirafter", f"/usr/include/{os.uname().machine}-linux-gnu")


def built_with_musl(name, *flags, suffix=""):
    """A program of tests/support or tests/system/programs, for musl."""
    if not shutil.which("musl-gcc"):
        pytest.skip("a musl program: the Debian package musl-tools is not installed")
    source = next(path for path in (ROOT / "tests/support" / name, hostile.HERE / name) if path.exists())
    program = BUILD / "tests" / "musl" / (source.stem + suffix)
    header, compat = hostile.HERE / "speak.h", ROOT / "tests/support/musl.h"
    if not program.exists() or program.stat().st_mtime < max(file.stat().st_mtime for file in (source, header, compat)):
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["musl-gcc", *hostile.FLAGS, "-O1", *MUSL_FLAGS, *flags, source, "-o", program, "-lpthread"], check=True)
    return program


HOSTILE = ("-include", ROOT / "tests/support/musl.h", "-Wl,-z,lazy,--unresolved-symbols=ignore-all")  # musl has no ucontext
SCENARIOS = {"processes": ("fork_threads", "first_together", "fork_batch", "vfork_exec", "clone_exec", "spawn", "chain", "signals"),
             "threads": ("cancel", "jump_from_recv", "small_handler_stack", "small_threads"),
             "descriptors": ("lowest", "listing", "dup2_all", "moving")}
# Not more of them: this emulator dies when the child of a process with threads makes a thread, has no seccomp, and execs only what
# the host can.
EMULATED = {"processes": ("fork_batch", "vfork_exec"), "threads": ("cancel",), "descriptors": ("lowest",)}
LOADERS = (rb"ERROR: ld.so: object .*\n", b"")  # the host's, of the other machine's library: the child of a vfork execs `true`


def built_for(tree, name):
    if tree.name == "musl":
        return built_with_musl(f"{name}.c", *HOSTILE)
    if tree.name != "aarch64":
        return hostile.built(name, "-O1", "-rdynamic", suffix="-rdynamic")
    source, program = hostile.HERE / f"{name}.c", BUILD / "tests" / "aarch64" / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["aarch64-linux-gnu-gcc", *hostile.FLAGS, "-O1", "-rdynamic", source, "-o", program, "-lpthread"], check=True)
    return program


WANTED = [(system, name, scenario) for system, programs in (("debian13", SCENARIOS), ("musl", SCENARIOS), ("aarch64", EMULATED))
          for name, scenarios in programs.items() for scenario in scenarios]


@pytest.mark.parametrize("tree, name, scenario", WANTED, indirect=["tree"])
def test_threads_and_processes_of_another_libc(receiver, tree, name, scenario):
    """Threads on stacks of 128 kB and less, forks among them, vforks, spawns, every kind of exec: as test_hostile_*.py has it."""
    program, sidecar = built_for(tree, name), receiver()
    with tree.place() as (place, inside):
        words = [f"{inside}/{name}", scenario]
        variables = variables_of(tree, sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=3)
        pair = twin(lambda env: Life(run(tree.command(words, env), bare_environment(), timeout=40)), place, variables,
                    prepare=lambda: shutil.copy(program, place / name), blanks=(LOADERS,))
    assert pair.traced.finished.status == 0
    hostile.check_spans(pair.traced.finished, sidecar)


ENDS = '''
import ctypes, platform, sys, urllib.request
libc = ctypes.CDLL(None)
exit_group, execveat = (231, 322) if platform.machine() == "x86_64" else (94, 281)
urllib.request.urlopen(sys.argv[1]).read()
if sys.argv[2] == "exec":
    words = (ctypes.c_char_p * 4)(b"sh", b"-c", b"exit 3", None)
    nothing = (ctypes.c_char_p * 1)(None)
    libc.syscall(execveat, -100, b"/bin/sh", words, nothing, 0)
libc.syscall(exit_group, 3)
'''


@pytest.mark.parametrize("way", ["exit", "exec"])
def test_an_end_that_no_libc_has_a_name_for_is_an_end(receiver, origin, place, way):
    """exit_group(2) everywhere, execveat(2) in musl and before glibc 2.34: both are made by syscall(). What was finished goes out first."""
    sidecar = receiver()
    variables = environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=60000)
    pair = run_twice(["/usr/bin/python3", "-c", ENDS, f"{origin.url}/hello", way], place, variables)
    assert pair.traced.finished.status == 3 and len(sidecar.spans) == 1
    check_accounts(pair.traced, 1)


# --- musl, as this machine has it --------------------------------------------------------------------------------------------

STEPS = ["/hello", "HEAD:/hello", "POST:/missing", "close", "/hello", "exit:4"]


@pytest.fixture(scope="module")
def musl_peer():
    return built_with_musl("peer.c")


def test_a_musl_client_is_traced(receiver, origin, place, musl_peer):
    """Alpine's libc: no symbol versions, another thread block, dl_iterate_phdr without extras."""
    sidecar = receiver()
    pair = run_twice([musl_peer, "client", origin.address, *STEPS], place, environment(sidecar.endpoint))
    assert (pair.traced.finished.status, pair.traced.finished.stdout) == (4, b"200\n200\n404\n200\n")
    assert [span["http.response.status_code"] for span in sidecar.spans] == [200, 200, 404, 200]
    check_accounts(pair.traced, 4)


@pytest.mark.parametrize("ending", ["_exit:3", "exit:3"])
def test_a_musl_client_flushes_at_its_end(receiver, origin, musl_peer, ending):
    """Destructors and exit handlers are run in another order there."""
    sidecar = receiver()
    end = run([musl_peer, "client", origin.address, "/hello", ending], environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=60000))
    assert end.status == 3 and len(sidecar.spans) == 1


def test_a_musl_server_is_traced(receiver, musl_peer, peer):
    """The server's half of the hooks: accept, recv, send."""
    sidecar, port = receiver(), free_port()
    with Running.start([musl_peer, "server", f"127.0.0.1:{port}"], environment(sidecar.endpoint), ready=b"ready") as running:
        asked = run([peer, "client", f"127.0.0.1:{port}", "/a", "HEAD:/404", "POST:/500", "close", "/quit"], bare_environment())
        end = running.stop(None)
    assert asked.stdout == b"200\n404\n500\n200\n"
    assert [(span.kind, span.name, span["url.path"], span["http.response.status_code"], span.status) for span in sidecar.spans] == [
        ("SERVER", "GET", "/a", 200, "UNSET"), ("SERVER", "HEAD", "/404", 404, "UNSET"), ("SERVER", "POST", "/500", 500, "ERROR"),
        ("SERVER", "GET", "/quit", 200, "UNSET")]
    assert end.counters["exported"] == 4


def test_what_musl_opens_late_is_traced(receiver, origin, place):
    """A client in a library that is opened by dlopen, long after ours: its calls pass here all the same."""
    library = built_with_musl("peer.c", "-shared", "-fPIC", "-Dmain=late_main", suffix="-late.so")
    loader = built_with_musl("late.c")
    sidecar = receiver()
    pair = run_twice([loader, library, "client", origin.address, *STEPS], place, environment(sidecar.endpoint))
    assert (pair.traced.finished.status, len(sidecar.spans)) == (4, 4)
    check_accounts(pair.traced, 4)


def test_what_this_musl_lacks_works_for_those_who_find_it(receiver, place):
    """musl 1.2.3 has no preadv2, no musl has execveat: programs look for them by weak references (tests/support/absent.c)."""
    pair = run_twice([built_with_musl("absent.c")], place, environment(receiver().endpoint))
    assert pair.traced.finished.status == 0


@pytest.mark.parametrize("tree", ["musl"], indirect=True)
def test_what_the_next_musl_lacks_works_for_those_who_find_it(receiver, tree):
    """From 1.2.4 on sendfile64 and freopen64 are in its loader only, for programs that were built before."""
    with tree.place() as (place, inside):
        pair = twin(lambda env: Life(run(tree.command([f"{inside}/absent"], env), bare_environment())), place,
                    variables_of(tree, receiver().endpoint), prepare=lambda: shutil.copy(built_with_musl("absent.c"), place))
    assert pair.traced.finished.status == 0
