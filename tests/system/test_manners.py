"""test_manners.py - what a guest in somebody's process does not do: raise signals, write into files, keep it from ending.

Each of these once went wrong, and is the claim that it does not.
"""
import os
import platform
import socket
import subprocess
import time

import pytest

from support.launch import environment, run
from support.ports import free_port
from support.strict import built
from system.test_life import CLIENT, PYTHON, SERVER, script

NOWHERE = "http://127.0.0.1:1"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of system calls are x86-64's")
@pytest.mark.parametrize("call", [60, 231], ids=["exit", "exit_group"])
def test_a_program_ends_that_ends_itself_by_a_system_call(receiver, origin, call):
    """Our thread, left over, kept the process a zombie that nobody could kill or wait for."""
    sidecar = receiver()
    end = run([PYTHON, "-c", CLIENT + f"ask('/hello')\nlibc.syscall({call}, 7)", origin.address], environment(sidecar.endpoint), 10)
    assert end.status == 7


def test_a_line_on_a_pipe_without_reader_raises_no_signal(origin):
    """A notice on the program's stderr, whose reader has gone, killed the program with SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([built("peer.c"), "client", origin.address, "/hello", "+300", "/hello"], stderr=writing, timeout=20,
                              stdout=subprocess.DEVNULL, env=environment(NOWHERE, OTEL_BSP_SCHEDULE_DELAY=10, OTEL_EXPORTER_OTLP_TIMEOUT=50))
    finally:
        os.close(writing)
    assert done.returncode == 0


def test_nothing_is_written_to_a_connection_that_is_also_stderr():
    """Started by inetd, descriptors 0, 1 and 2 are the client's connection: lines of ours went into the answer."""
    code = ("import os\n"
            "head = b''\n"
            "while b'\\r\\n\\r\\n' not in head: head += os.read(0, 4096)\n"
            "os.write(1, b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')\n")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program = subprocess.Popen([PYTHON, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(NOWHERE))
        theirs.close()
        ours.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while piece := ours.recv(65536):
            said += piece
        assert program.wait(10) == 0
    assert said == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_the_console_is_not_a_file_that_took_its_number(origin, tmp_path):
    """OTEL_TRACES_EXPORTER=console wrote JSON into what the program opened after it closed its stdout."""
    file = tmp_path / "data"
    code = f"os.close(1)\nassert os.open({str(file)!r}, os.O_WRONLY | os.O_CREAT) == 1\nos.write(1, b'data')\nask('/hello')"
    end = run([PYTHON, "-c", CLIENT + code, origin.address], environment(None, OTEL_TRACES_EXPORTER="console"))
    assert end.status == 0 and file.read_bytes() == b"data"


def test_an_answer_printed_by_libc_itself_makes_no_wrong_span(receiver):
    """dprintf writes by calls that do not pass us: the next answer was taken for this request's."""
    sidecar = receiver()
    port = free_port()
    code = SERVER + ("connection, _ = listener.accept()\nconnection.recv(65536)\n"
                     "libc.dprintf(connection.fileno(), b'HTTP/1.1 404 No\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
                     "connection.recv(65536)\nconnection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
                     "connection.close()\n")
    program = subprocess.Popen([PYTHON, "-c", code, str(port)], env=environment(sidecar.endpoint), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while True:
        try:
            client = socket.create_connection(("127.0.0.1", port), 5)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with client:
        for status in (b"404", b"200"):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status in client.recv(65536)
    said = program.communicate(timeout=10)[1].decode()
    assert program.returncode == 0 and not sidecar.spans
    assert "given_up_stdio=1" in said and "dropped_framing=1" in said


def test_failing_execs_wait_for_a_silent_collector_once(origin):
    """execvp tries each directory of PATH by an exec of its own: each waited the whole exit budget."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        code = ("import time\nask('/hello')\nbegan = time.monotonic()\n"
                "for _ in range(10):\n    try: os.execv('/no/such/file', ['x'])\n    except OSError: pass\n"
                "print(time.monotonic() - began)")
        end = script(code, environment(f"http://127.0.0.1:{silent.getsockname()[1]}", SPANLOAD_EXIT_TIMEOUT_MS=300), origin.address)
    assert end.status == 0 and float(end.stdout) < 0.9


def test_a_fork_finds_the_program_with_its_own_threads(receiver, origin):
    """CPython 3.12 counts the process's threads when it forks, and warns of others than its own."""
    sidecar = receiver()
    code = ("ask('/hello')\nimport time; time.sleep(0.3)\n"
            "child = os.fork()\n"
            "if child == 0: os._exit(len(os.listdir('/proc/self/task')))\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))")
    end = script(code, environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=10), origin.address)
    assert end.status == 0 and end.stdout == b"1\n" and len(sidecar.spans) == 1


def test_bytes_that_were_sent_may_be_given_back_at_once(receiver):
    """The peer has them before write has returned; what we look at must be looked at before, or the program crashes."""
    sidecar = receiver()
    end = run([built("given_back.c")], environment(sidecar.endpoint, OTEL_BSP_MAX_QUEUE_SIZE=10000), 30)
    assert end.status == 0 and end.stdout == b"done\n"
    assert end.counters["started"] == 1000
