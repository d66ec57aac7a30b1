"""test_second_review.py - what a second hostile review broke: each was a crash, a hang, a loss or a wrong span.

The programs are those of programs/review.c; most are run without and with the library, and must print the same.
"""
import re
import socket
import subprocess

import pytest

from support.launch import counters_in, environment, run
from support.receiver import stall
from system.programs.hostile import built, check_spans, compared, shown


def review(receiver, *scenario, **settings):
    sidecar = receiver()
    end = compared([built("review"), *scenario], sidecar, OTEL_BSP_MAX_QUEUE_SIZE=10000, **settings)
    assert end.status == 0
    return end, sidecar


def test_a_pointer_that_is_none_fails_as_without_us(receiver):
    """What we look at before the call made a crash of EFAULT."""
    end, sidecar = review(receiver, "bad_pointers")
    check_spans(end, sidecar)


@pytest.mark.parametrize("way", ["send", "writev", "sendmsg", "sendmmsg"])
def test_memory_may_be_given_back_however_much_was_sent(receiver, way):
    """A chunked response of 26 kB, whose memory another thread takes away before the call has returned."""
    end, sidecar = review(receiver, "given_back", str(["send", "writev", "sendmsg", "sendmmsg"].index(way)))
    check_spans(end, sidecar)


@pytest.mark.parametrize("scenario", ["closed_by_number", "copied_by_number"])
def test_descriptors_edited_by_system_calls_are_followed(receiver, scenario):
    """libuv closes by syscall(2): a file that took a socket's number was read as its connection, and became a span."""
    end, sidecar = review(receiver, scenario)
    check_spans(end, sidecar)


def test_a_child_on_our_memory_edits_its_own_table(receiver):
    """A clone with CLONE_VM: what it closed ended its parent's requests."""
    end, sidecar = review(receiver, "child_on_our_memory")
    check_spans(end, sidecar)


def test_a_thread_that_leaves_the_common_table_closes_for_itself(receiver):
    end, sidecar = review(receiver, "thread_with_own_table")
    check_spans(end, sidecar)


def test_threads_of_a_child_that_nobody_told_us_of_begin_anew_once(receiver):
    """The child of a raw clone whose first eight threads meet us at once: 60 of them."""
    end, sidecar = review(receiver, "raw_children")
    lines = counters_in(end.text)
    assert len(lines) == 61 and all(line["started"] == 16 for line in lines), shown(lines)
    check_spans(end, sidecar)


def test_forks_do_not_wait_again_and_again_for_a_slow_collector(receiver):
    """Each fork of the program waited a tenth of a second, and each sent the Collector the same spans."""
    sidecar = receiver(then=stall())
    end = run([built("review"), "fork_often"], environment(sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=3))
    forks, = re.findall(r"forks (\d+)", end.text)
    assert end.status == 0 and len(sidecar.requests) <= 5 and int(forks) >= 50, (forks, len(sidecar.requests))


def test_a_jump_out_of_a_wait_of_ours_does_not_end_the_exports(receiver):
    """siglongjmp out of seteuid, where our thread is waited for: it was never started again."""
    end, sidecar = review(receiver, "jump_from_wait")
    line, = counters_in(end.text)
    assert line["started"] == line["exported"] == 2 * 3, shown([line])


PRINTS = r"""
#include <stdio.h>
#include <unistd.h>
int main(void)
{
    char request[4096];
    while (read(0, request, sizeof request) > 0) {
        printf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        fflush(stdout);
    }
    return 0;
}
"""


@pytest.mark.parametrize("requests", [1, 2])
def test_an_answer_that_a_service_of_inetd_prints_makes_no_wrong_span(receiver, place, requests):
    """stdio on the standard descriptors passes us by: the request ended with an error that never was."""
    sidecar = receiver()
    (place / "prints.c").write_text(PRINTS)
    subprocess.run(["cc", "-o", place / "prints", place / "prints.c"], check=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            service = subprocess.Popen([place / "prints"], env=environment(sidecar.endpoint), stdin=server, stdout=server, stderr=subprocess.PIPE)
        for _ in range(requests):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100).endswith(b"hi")
        client.shutdown(socket.SHUT_WR)
        said = service.communicate(timeout=10)[1].decode()
    line, = counters_in(said)
    assert service.returncode == 0 and not sidecar.spans and line["dropped_framing"] == line["started"] >= 1, said


def test_requests_without_end_do_not_use_up_what_others_need(receiver):
    """24 connections with 3640 pipelined requests each took 66 MB, and nobody else's were followed."""
    sidecar = receiver()
    end = run([built("review"), "pipelined"], environment(sidecar.endpoint, OTEL_BSP_MAX_QUEUE_SIZE=10000))
    memory, = re.findall(rb"grown by (\d+) kB", end.stdout)
    line, = counters_in(end.text)
    assert end.status == 0 and int(memory) < 20000 and line["dropped_memory"] == 0, (memory, shown([line]))
    assert len([span for span in sidecar.spans if span["url.path"] == "/hostile" or span["url.full"]]) == 2


def test_a_name_is_known_that_the_program_has_a_copy_of(receiver):
    """A program that is not position-independent and names program_invocation_name has the one that libc sets."""
    sidecar = receiver()
    program = built("review", "-O1", "-fno-pie", "-no-pie", suffix="-fixed")
    end = run([program, "copied_by_number"], environment(sidecar.endpoint))
    assert end.status == 0
    sidecar.wait_for(spans=1)
    assert sidecar.spans[0].resource["process.command"] == str(program)
