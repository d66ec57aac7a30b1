"""test_pitfalls_process.py - one test for each row of pitfalls.md, "The host process", that concerns what exists; the docstring is
the row's evidence. Each is the shortest program that would show the fault; longer stories are in test_hostile_*.py, test_life.py.

Then what else an unusual program may do: its own ways to make processes, to allocate, to be signalled, to look at itself.
"""
import ctypes
import os
import re
import shutil
import subprocess
import time

import pytest

from support.launch import LIBRARY, ROOT, Running, bare_environment, counters_in, environment, run, total
from support.ports import wait_until
from support.receiver import stall
from support.talk import client, running_client
from system.programs.hostile import built, check_spans, compared, exchanges_in, shown

PYTHON = "/usr/bin/python3"
root = pytest.mark.skipif(os.getuid() != 0, reason="only root has rights to give up")


def as_without_us(receiver, program, *arguments, flags=(), **settings):
    """The program does its exchanges and ends as without us; each exchange is two spans."""
    sidecar = receiver()
    end = compared([built(program, *flags), *map(str, arguments)], sidecar, **settings)
    check_spans(end, sidecar)
    return end


def without_a_wrong_span(receiver, program, *arguments, flags=(), tolerance=0, **settings):
    """As without us, where not every exchange can be seen: what is exported is right, and all is accounted for."""
    sidecar = receiver()
    end = compared([built(program, *flags), *map(str, arguments)], sidecar, tolerance=tolerance, **settings)
    lines = counters_in(end.text, tolerance)
    sidecar.wait_for(spans=total(lines)["exported"])
    assert all(span["http.response.status_code"] == 200 and span.status == "UNSET" for span in sidecar.spans), \
        [(span.kind, span["error.type"], span["http.response.status_code"]) for span in sidecar.spans]
    assert len({span.span_id for span in sidecar.spans}) == len(sidecar.spans)
    return end, total(lines)


def symbols(*options):
    output = subprocess.run(["nm", "-D", *options, LIBRARY], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].partition("@")[0] for line in output.splitlines()}


# --- the rows ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("way", range(4), ids=["close", "close_range", "system call", "closefrom"])
def test_own_descriptors_reused_by_the_application(receiver, way):
    """After `close_range(3, ~0)` the tool wrote 5 kB of JSON into the application's own file: seen (AppScope)."""
    assert as_without_us(receiver, "descriptors", "close_all", way).status == 0


def test_dup2_onto_the_tools_socket(receiver):
    """It closed an application descriptor: reported (AppScope 672)."""
    assert as_without_us(receiver, "descriptors", "dup2_all").status == 0


def test_close_of_our_descriptor_answered_without_a_word(receiver):
    """`close()` answered "0": seen in source (uftrace, AppScope). No number but the program's own is open at all."""
    assert b"used 0, closed 0" in as_without_us(receiver, "odd", "strangers").stdout


@pytest.mark.parametrize("command", [
    (PYTHON, "-c", "import os, re\nif os.fork() == 0: os._exit(0)\nos.wait()\n"
                   "print(len(set(re.findall(r'\\S*/libc\\.so\\S*|\\S*/libc-\\S*', open('/proc/self/maps').read()))))"),
    ("/usr/bin/perl", "-e", "if (!fork) { exit 0 } wait; open F, '/proc/self/maps'; my %f; m{(\\S*/libc[.-]\\S*)} && $f{$1}++ for <F>; print scalar(keys %f), qq(\\n)")],
    ids=["python3", "perl"])
def test_no_second_libc(receiver, command):
    """`dlmopen` for isolation: thread-specific keys of two libcs collide in one thread; CPython and perl crashed after fork: seen."""
    if not os.path.exists(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    end = compared(command, receiver())
    assert (end.status, end.stdout) == (0, b"1\n")


def test_a_program_with_a_malloc_of_its_own(receiver):
    """`RTLD_DEEPBIND` with a replaced malloc: libc allocates with one, the library frees with the other: reasoned."""
    assert as_without_us(receiver, "mallocs", "counted", flags=("-O1", "-fno-builtin")).status == 0


def test_no_symbol_leaks_into_the_host():
    """Symbols of our own, or of a bundled library, leak and replace the host's: seen (AppScope: 234 accidental exports)."""
    rows = re.findall(r"^(?:HOOK|SENDS|OWN)\([^,]+, (\w+),|^ASSEMBLY\((\w+)\)", (ROOT / "preload/hooks.def").read_text(), re.M)
    assert symbols("--defined-only") == {name for pair in rows for name in pair if name}


def test_limits_and_filters_stay_as_the_program_has_them(receiver):
    """seccomp and rlimits "fixed" for the tool's sake: seen in source (AppScope, still open)."""
    assert as_without_us(receiver, "odd", "attributes").status == 0


def test_libc_goes_on_believing_in_one_thread(receiver):
    """`pthread_create` by the tool: libc leaves its single-threaded fast paths for good (malloc+free 11 -> 26 ns, putc 1.7 -> 11.3 ns): seen."""
    assert b"before: 1\nafter: 1\n" in as_without_us(receiver, "odd", "single_threaded").stdout


def test_nothing_is_imported_that_a_libc_may_lack():
    """`dlsym`, `pthread_create` not in libc.so before glibc 2.34: "symbol lookup error", the program dies at start: seen (Debian 11)."""
    assert symbols("--undefined-only") <= {"dl_iterate_phdr", "environ", "__errno_location"} | symbols("--defined-only")


@root
def test_our_thread_has_no_older_credentials(receiver):
    """A thread unknown to libc keeps the old credentials after setuid, the old filter after seccomp: reasoned."""
    assert b"not every task" not in as_without_us(receiver, "rights", "give_up", 0).stdout


def test_no_signal_and_no_timer_of_ours(receiver):
    """Signal or timer used by the tool: reported."""
    assert b"handled 0" in as_without_us(receiver, "signals", "state").stdout


@pytest.mark.parametrize("command", [("/usr/bin/unshare", "-U", "/bin/cat", "/proc/self/uid_map"),
                                     ("/bin/sh", "-c", "grep ^Threads /proc/$$/status")], ids=["unshare", "sh"])
def test_no_thread_before_the_first_span(receiver, command):
    """Second thread present too early breaks sandboxes, shells, `unshare`, `setns`: reported."""
    end = compared(command, receiver())
    assert end.status == 0 and b"Threads:\t1" in end.stdout or command[0].endswith("unshare")


def test_no_lock_survives_a_fork(receiver):
    """Thread started in the parent, child of fork deadlocks on the tool's or libc's lock: reported (git, node)."""
    assert as_without_us(receiver, "processes", "fork_threads", varies=("descriptors",)).status == 0  # a child's are its threads' of that moment


def test_a_vfork_child_edits_no_table_of_its_parents(receiver):
    """vfork child's `close`/`dup2` edits the parent's connection table: reasoned; CPython's subprocess and dash use vfork."""
    assert as_without_us(receiver, "processes", "vfork_exec").status == 0


def test_ids_differ_in_parent_and_child(receiver):
    """Span and trace ids equal in parent and child: reasoned."""
    sidecar = receiver()
    end = compared([built("processes"), "fork_batch"], sidecar)
    check_spans(end, sidecar)
    assert len({span.span_id for span in sidecar.spans}) == len(sidecar.spans)
    assert len({span.trace_id for span in sidecar.spans}) == len(sidecar.spans) / 2, "a request and its answer are one trace"


def test_connections_on_descriptor_1024_and_above(receiver):
    """Invisible: seen (AppScope)."""
    assert as_without_us(receiver, "descriptors", "high").status == 0


def test_a_program_built_with_no_plt_full_relro_and_fortified_is_seen(receiver):
    """Programs built with `-fno-plt`, full RELRO, or fortified (`__read_chk`) not seen: seen (AppScope: 0 of 3)."""
    sidecar = receiver()
    program = built("fortified", "-O2", "-fno-plt", "-Wl,-z,relro,-z,now", "-D_FORTIFY_SOURCE=2", suffix="-all")
    assert "__read_chk" in subprocess.run(["nm", "-D", program], capture_output=True, text=True).stdout
    check_spans(compared([program], sidecar), sidecar)


def system_calls(env, place):
    """How many system calls /bin/true makes from its exec to its end."""
    report = place / "calls"
    run(["/usr/bin/strace", "-qq", "-o", report, "-E", f"LD_PRELOAD={env.get('LD_PRELOAD', '')}", "/bin/true"],
        {name: value for name, value in env.items() if name != "LD_PRELOAD"})
    return len(report.read_text().splitlines())


def test_starting_costs_a_handful_of_system_calls(receiver, place):
    """Start-up: 494 reads of /proc/self/maps, curl 10 -> 133 ms: seen (AppScope). Counted, since a clock is not the same twice."""
    if not shutil.which("strace"):
        pytest.skip("counting system calls: the Debian package strace is not installed")
    ours = system_calls(environment(receiver().endpoint, SPANLOAD_LOG=None), place)
    assert ours - system_calls(bare_environment(), place) <= 35


def test_an_idle_process_has_no_wake_ups(receiver, origin):
    """920 wake-ups a second: seen (AppScope)."""
    def switches(pid):
        return {task: re.findall(r"ctxt_switches:\t(\d+)", open(f"/proc/{pid}/task/{task}/status").read()) for task in os.listdir(f"/proc/{pid}/task")}

    sidecar = receiver()
    with running_client(origin, "/hello", "-", endpoint=sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=10) as running:
        sidecar.wait_for(spans=1)
        time.sleep(0.4)
        before = switches(running.pid)
        time.sleep(1)
        assert switches(running.pid) == before and len(before) == 2
        running.tell()
        running.stop(None)


def test_a_stalled_collector_does_not_hold_the_exit(receiver, origin):
    """Exit held for 6 s by a stalled collector: seen (AppScope)."""
    end = client(origin, "/hello", endpoint=receiver(then=stall()).endpoint, SPANLOAD_EXIT_TIMEOUT_MS=100)
    assert end.status == 0 and end.wall_s < 2 and end.counters["held"] + end.counters.dropped == 1


def test_memory_is_bounded_in_bytes(receiver, origin):
    """Memory bounded by count, not bytes: 4 -> 501 MB under load: seen (AppScope). Long targets, and a Collector that stalls."""
    def resident_kb(pid):
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])

    sidecar = receiver(then=stall())
    steps = ["/hello", "-", *["/hello?" + "x" * 8000] * 120, "-"]
    with running_client(origin, *steps, endpoint=sidecar.endpoint, OTEL_BSP_MAX_QUEUE_SIZE=512) as running:
        wait_until(lambda: running.stdout.count(b"200") == 1, 10, "the first answer")
        before = resident_kb(running.pid)
        running.tell()
        wait_until(lambda: running.stdout.count(b"200") == 121, 30, "all answers")
        grown = resident_kb(running.pid) - before
        running.tell()
        end = running.stop(None)
    assert end.counters["dropped_queue_full"] > 0 and grown < 900, f"{grown} kB for {end.counters['started']} spans of 8 kB"


@pytest.mark.parametrize("first", [1, 0], ids=["before any span", "after spans"])
def test_a_title_is_not_the_name_of_the_service(receiver, first):
    """setproctitle: service named "ter process /usr/sbin/nginx": seen (AppScope)."""
    sidecar = receiver()
    end = compared([built("environments"), "title", str(first)], sidecar, OTEL_SERVICE_NAME="")
    check_spans(end, sidecar)
    assert {span.resource["service.name"] for span in sidecar.spans} == {"unknown_service:environments"}


@pytest.mark.parametrize("program, scenario", [("threads", "small_handler_stack"), ("odd", "small_stacks"), ("threads", "coroutines")])
def test_small_stacks(receiver, program, scenario):
    """Handlers on a 2-8 kB sigaltstack, musl threads of 128 kB, coroutine stacks: reasoned."""
    assert as_without_us(receiver, program, scenario, flags=("-O1", "-rdynamic")).status == 0


GEVENT = '''
from gevent import monkey; monkey.patch_all()
import gevent, http.client, sys
def ask(number):
    for target in ("/hello", "/missing", "/nothing"):
        connection = http.client.HTTPConnection(sys.argv[1], timeout=10)
        connection.request("GET", target)
        answer = connection.getresponse()
        results.append((number, answer.status, len(answer.read())))
        connection.close()
results = []
gevent.joinall([gevent.spawn(ask, number) for number in range(20)])
print(sorted(results))
'''


def test_coroutines_of_gevent(receiver, origin):
    """Coroutines (libco, greenlet, ucontext) switch stacks inside a hook's libc call: reasoned."""
    if subprocess.run([PYTHON, "-c", "import gevent"], capture_output=True).returncode:
        pytest.skip("gevent: the Debian package python3-gevent is not installed")
    sidecar = receiver()
    end = compared([PYTHON, "-c", GEVENT, origin.address], sidecar)
    assert end.status == 0 and total(counters_in(end.text))["exported"] == 60
    assert sorted(span["http.response.status_code"] for span in sidecar.wait_for(spans=60).spans) == [200] * 20 + [204] * 20 + [404] * 20


def test_coroutines_that_are_preempted(receiver):
    """A scheduler's timer switches stacks at any instruction, also in the middle of our code: nothing stops, nothing is wrong. The
    accounts may be off as after a jump out of a handler (README)."""
    end, counters = without_a_wrong_span(receiver, "odd", "preempted", watched=False, OTEL_BSP_MAX_QUEUE_SIZE=100000, tolerance=1)
    assert end.stdout == b"all ended: 3\nexchanges 0\n" and counters["started"] > 0


def test_marks_for_shadow_stacks_and_branch_targets():
    """A preloaded file without them switches them off for the process: reasoned."""
    notes = subprocess.run(["readelf", "-nW", LIBRARY], capture_output=True, text=True, check=True).stdout
    assert re.search(r"IBT, SHSTK|BTI", notes), notes


@pytest.mark.parametrize("order", ["{ours}:{early}", "{early}:{ours}"], ids=["before ours", "after ours"])
def test_a_constructor_that_speaks_before_ours_ran(receiver, order):
    """A constructor of another library calls `write` before ours ran: reasoned. This one also connects, forks and closes."""
    sidecar = receiver()
    early = built("early", "-O1", "-shared", "-fPIC", suffix=".so")
    end = compared([built("descriptors"), "tiny_limit"], sidecar, preload=lambda ours: order.format(ours=ours, early=early))
    assert end.status == 0 and end.stdout.startswith(b"early: all done\n")
    counters = total(counters_in(end.text))
    assert counters["started"] == counters["exported"] >= 46, shown([counters])


def test_a_handler_that_calls_hooks_in_the_middle_of_our_code(receiver):
    """Hook called from a signal handler while our code runs on the same thread: reasoned."""
    end, counters = without_a_wrong_span(receiver, "threads", "handler_io", flags=("-O1", "-rdynamic"), watched=False,
                                         OTEL_BSP_MAX_QUEUE_SIZE=100000)
    assert b"handled: yes, unhandled 0" in end.stdout and counters["held"] == 0


@pytest.mark.parametrize("scenario", ["cancel", "jump_from_recv"])
def test_a_thread_that_leaves_a_blocking_call(receiver, scenario):
    """A thread is cancelled or longjmps out of a blocking call: reasoned."""
    assert as_without_us(receiver, "threads", scenario, flags=("-O1", "-rdynamic")).status == 0


def test_stdio_on_a_connection_passes_us_by(receiver):
    """Internal libc calls bypass the PLT: stdio on sockets (`fdopen`): seen in source. The connection is given up, its peer is not."""
    _, counters = without_a_wrong_span(receiver, "odd", "by_stdio")
    assert (counters["started"], counters["exported"], counters["given_up_stdio"]) == (3, 3, 1)


def test_no_module_of_libcs_is_loaded_for_a_name(receiver):
    """`getaddrinfo` on our thread: NSS modules loaded into the host, its locks held in the child of a fork: reasoned."""
    sidecar = receiver()
    end = compared([built("odd"), "resolvers"], sidecar, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://localhost:{sidecar.port}")
    check_spans(end, sidecar)
    assert b"objects for names: 0" in end.stdout


# --- other ways to make a process ------------------------------------------------------------------------------------------

def test_a_cloned_child_ends_when_its_function_returns(receiver):
    """libc ends that thread alone, by a call that does not pass us: with ours left over, its parent waited for ever."""
    end = as_without_us(receiver, "clones", "returns")
    assert end.stdout.count(b"ended with 5") == 3


@root
def test_the_first_process_of_another_world_ends_as_without_us(receiver):
    """clone with CLONE_NEWPID and more: process 1 of a container, which has children and ends by returning."""
    end = as_without_us(receiver, "clones", "worlds")
    assert end.stdout.count(b"number 1, parent 0") == 3 and end.stdout.count(b"ended with 7") == 3


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "others go on"])
def test_the_first_thread_may_end_before_the_program(receiver, others):
    """pthread_exit in main: the process ends with the last thread of the program's, ours is none."""
    assert as_without_us(receiver, "clones", "first_thread_ends", others).status == 0


@pytest.mark.parametrize("way", range(3), ids=["exits", "returns", "executes"])
def test_a_cloned_child_on_our_memory_makes_no_wrong_span(receiver, way):
    """CLONE_VM without CLONE_VFORK: its close and its end were taken for the parent's, whose request was then `cancelled`."""
    end, _ = without_a_wrong_span(receiver, "clones", "shares_memory", way)
    assert b"ended with 6" in end.stdout


@pytest.mark.parametrize("scenario", ["shares_files", "raw", "waits", "silent"])
def test_other_clones_and_waits_are_as_without_us(receiver, scenario):
    """One table of descriptors for two processes; clone by system call; waitpid and waitid with every option."""
    assert as_without_us(receiver, "clones", scenario).status == 0


def test_a_child_on_a_terminal_of_its_own(receiver):
    """forkpty forks inside libc and puts a terminal in the place of stderr: no line of ours appears on it."""
    sidecar = receiver()
    end = compared([built("clones"), "terminal"], sidecar)
    assert b"child on a terminal: yes\nexchanges 3\nended with 3" in end.stdout
    assert len({span.span_id for span in sidecar.wait_for(spans=12).spans}) == len(sidecar.spans) == 12


def test_a_thread_with_a_table_of_its_own_makes_no_wrong_span(receiver):
    """unshare(CLONE_FILES) in a thread: the same number is another connection there."""
    without_a_wrong_span(receiver, "clones", "files_apart")


def test_a_number_closed_by_system_call_is_no_connection_any_more(receiver):
    """syscall(SYS_close): a file of that number whose bytes look like HTTP became a span."""
    assert as_without_us(receiver, "odd", "unseen_close").status == 0


def test_answers_that_are_read_unseen_are_not_called_cancelled(receiver):
    """io_uring, inline system calls, plugins with RTLD_DEEPBIND: the request is seen and its answer is not. A wrong span is worse
    than a missing one (design.md 1.2)."""
    _, counters = without_a_wrong_span(receiver, "odd", "unseen_answers")
    assert (counters["started"], counters["exported"], counters["dropped_framing"]) == (6, 3, 3)


def test_a_program_that_shuts_itself_off_from_files_leaves_no_thread_outside(receiver):
    """landlock_restrict_self(2) holds for the calling thread and what it makes: one of ours from before could still open anything."""
    if ctypes.CDLL(None).syscall(444, None, 0, 1) < 0:
        pytest.skip("landlock: this kernel has none")
    assert b"tasks 1, open -1 Permission denied" in as_without_us(receiver, "odd", "landlock").stdout


# --- memory, signals, environment -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("threads", [0, 1], ids=["alone", "with threads"])
@pytest.mark.parametrize("scenario", ["bad", "edge"])
def test_memory_that_is_not_there_fails_the_call_and_not_the_program(receiver, scenario, threads):
    """EFAULT: what looks at the caller's memory before the call crashed the program."""
    assert as_without_us(receiver, "pointers", scenario, threads).status == 0


@pytest.mark.parametrize("scenario", ["in_handler", "speaking"])
def test_an_allocator_that_may_not_be_entered_twice_or_speaks_itself(receiver, scenario):
    """Nothing of ours calls malloc, wherever it is interrupted; and malloc may call what we stand in front of."""
    assert as_without_us(receiver, "mallocs", scenario, flags=("-O1", "-fno-builtin")).status == 0


@pytest.mark.parametrize("scenario", ["own_faults", "waits", "timers", "interrupted", "children"])
def test_signals_belong_to_the_program(receiver, scenario):
    """SIGSEGV that is handled, sigwait and signalfd, timers with threads, EINTR, SIGCHLD: each as often and where it was."""
    assert as_without_us(receiver, "signals", scenario, watched=scenario != "timers").status == 0


def test_a_program_that_crashes_crashes_as_without_us(receiver):
    """Its status is the signal's; what had time to leave has left."""
    sidecar = receiver()
    end = compared([built("signals"), "segfaults"], sidecar)
    assert end.status == -11 and len(sidecar.spans) == 2 * exchanges_in(end.stdout) == 4


@pytest.mark.parametrize("scenario", ["changes", "passes_on", "from_memory", "no_arguments"])
def test_arguments_and_environment_belong_to_the_program(receiver, scenario):
    """putenv, clearenv, environ NULL, children with environments of their own, fexecve of a memfd, no arguments at all."""
    assert as_without_us(receiver, "environments", scenario).status == 0


def test_who_executes_from_memory_has_the_name_of_that_memory(receiver):
    """/proc/self/exe of a memfd says `/memfd:copy (deleted)`: no path, but a name."""
    sidecar = receiver()
    compared([built("environments"), "from_memory"], sidecar, OTEL_SERVICE_NAME="")
    assert {span.resource["service.name"] for span in sidecar.wait_for(spans=6).spans} == {"unknown_service:environments", "unknown_service:memfd:copy"}


# --- looking at oneself, and being looked at ----------------------------------------------------------------------------------

@pytest.mark.parametrize("scenario", ["maps", "times_of_children", "another_libc", "dumped", "watched_from_outside", "locked"])
def test_who_looks_closely_sees_nothing_else(receiver, scenario):
    """dl_iterate_phdr and /proc/self/maps, getrusage and times, dlmopen, abort, pidfd and process_vm_readv, mlockall."""
    assert as_without_us(receiver, "odd", scenario).status == 0


def test_a_tracer_sees_the_same_stops(receiver):
    """PTRACE_TRACEME: SIGSTOP, a signal, the exec and the end, and nothing of ours."""
    end = as_without_us(receiver, "odd", "traced", watched=False)
    assert end.stdout == b"stopped by 19\nstopped by 10\nexchanges 5\nstopped by 5\nexited 4\nexchanges 0\n"


def test_plugins_may_be_opened_deep_and_closed(receiver):
    """RTLD_DEEPBIND finds libc's functions before ours: what such a plugin sends is not seen, and nothing wrong follows from it."""
    plugin = built("plugin", "-O1", "-shared", "-fPIC", suffix=".so")
    end, counters = without_a_wrong_span(receiver, "odd", "plugins", plugin)
    assert end.status == 0 and counters["exported"] >= 2 * exchanges_in(end.stdout)
