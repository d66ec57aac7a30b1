"""test_hostile_rights.py - rights given up, namespaces, filters and limits that come after the first spans.

pitfalls.md, "The host process": our thread has no other rights than the program's, and what a sandbox denies us is not done.
"""
import os

import pytest

from support.launch import counters_in
from support.receiver import slow
from system.programs.hostile import built, check_spans, compared, exchanges_in, shown

root = pytest.mark.skipif(os.getuid() != 0, reason="only root has rights to give up")


@root
@pytest.mark.parametrize("way", range(6), ids=["setuid", "setresuid", "initgroups", "system call", "capset", "prctl"])
def test_rights_are_given_up_by_every_task(receiver, way):
    """A thread unknown to libc would keep the old ones (pitfalls.md)."""
    sidecar = receiver()
    end = compared([built("rights"), "give_up", str(way)], sidecar)
    assert end.status == 0 and b"not every task" not in end.stdout
    check_spans(end, sidecar)


@root
def test_namespaces_are_entered_as_without_us(receiver):
    """setns and unshare need a process with one thread, or one that shares nothing."""
    sidecar = receiver()
    end = compared([built("rights"), "namespaces"], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


@pytest.mark.parametrize("way", ["0", "1"], ids=["prctl", "syscall"])
def test_a_filter_that_denies_connections_is_obeyed(receiver, way):
    """What was made before has arrived; from the filter on nothing is watched (preload/process.h, process_retire)."""
    sidecar = receiver()
    end = compared([built("rights"), "filter_denies", way], sidecar)
    line, = counters_in(end.text)
    assert end.status == 0 and exchanges_in(end.stdout) == 13
    assert len(sidecar.spans) == line["started"] == line["exported"] == 6, shown([line])


@pytest.mark.parametrize("log", ["info", "warn"])
@pytest.mark.parametrize("first", ["0", "1"], ids=["after spans", "before any span"])
def test_a_filter_that_kills_never_meets_a_call_of_ours(receiver, first, log):
    """design.md 1.1: nothing in us can stop the program. A sandbox of five calls, those that the program makes."""
    sidecar = receiver()
    end = compared([built("rights"), "filter_kills", first], sidecar, SPANLOAD_LOG=log)
    assert end.status == 0


@pytest.mark.parametrize("first", ["0", "1"], ids=["after spans", "before any span"])
def test_without_memory_spans_are_dropped_and_counted(receiver, first):
    sidecar = receiver()
    end = compared([built("rights"), "no_memory", first], sidecar)
    line, = counters_in(end.text)
    assert end.status == 0 and line["held"] == 0, shown([line])


@root
def test_a_program_that_allows_itself_no_more_threads_loses_nothing(receiver):
    """RLIMIT_NPROC 0 for a user who is not root, as haproxy sets it: no thread could be started at the first span."""
    sidecar = receiver()
    end = compared([built("rights"), "no_processes"], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


@root
def test_without_a_thread_spans_are_dropped_and_counted(receiver):
    """The limit was there before the program: clone fails."""
    sidecar = receiver()
    limited = ["setpriv", "--reuid=65534", "--clear-groups", "prlimit", "--nproc=0", built("rights"), "no_processes"]
    line = counters_in(compared(limited, sidecar).text)[-1]
    assert line["started"] == line["dropped_no_thread"] == 40, shown([line])


@pytest.mark.parametrize("scenario", ["no_files", "locked_memory"])
def test_other_limits_change_nothing(receiver, scenario):
    sidecar = receiver()
    end = compared([built("rights"), scenario], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


@root
@pytest.mark.parametrize("scenario", ["change_root", "change_root_first"])
def test_in_another_root_spans_still_arrive(receiver, place, scenario):
    """An empty one: no /proc, no /etc, no /dev."""
    sidecar = receiver()
    end = compared([built("rights"), scenario, place], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


@root
def test_a_batch_whose_answer_is_awaited_is_not_sent_twice(receiver):
    """The request is with the Collector when our thread has to end for setuid; a moment later it is answered."""
    sidecar = receiver(then=slow(0.0003))
    end = compared([built("rights"), "give_up", "0"], sidecar, SPANLOAD_EXIT_TIMEOUT_MS=2000)
    assert end.status == 0
    check_spans(end, sidecar)
