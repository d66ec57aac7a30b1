"""test_hostile_processes.py - forks, vforks, spawns, daemons and chains of exec, in the middle of requests and of batches.

pitfalls.md, "The host process": no span twice, none lost, ids that differ, and a parent whose connections are its own.
"""
import pytest

from support.launch import counters_in, total
from system.programs.hostile import built, check_spans, compared, exchanges_in

NEVER_MS = 60000

SCENARIOS = [("fork_threads",), ("first_together",), ("fork_batch",), ("fork_deep",), ("vfork_exec",), ("clone_exec",), ("spawn",), ("chain",),
             ("signals",)]


@pytest.mark.parametrize("delay_ms", [3, NEVER_MS], ids=["exporting", "queued"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids="-".join)
def test_every_process_has_its_own_spans(receiver, scenario, delay_ms):
    """Once with an exporter at work, once with a queue that waits for the end."""
    sidecar = receiver()
    varies = {"descriptors": "threads open theirs while another forks"} if "threads" in scenario[0] else {}
    end = compared([built("processes"), *scenario], sidecar, varies=varies, OTEL_BSP_SCHEDULE_DELAY=delay_ms)
    assert end.status == 0
    check_spans(end, sidecar)


@pytest.mark.parametrize("delay_ms", [3, NEVER_MS], ids=["exporting", "queued"])
def test_an_exec_that_fails_is_no_end(receiver, delay_ms):
    """The counters may be printed again; the last line holds."""
    sidecar = receiver()
    end = compared([built("processes"), "exec_fails"], sidecar, OTEL_BSP_SCHEDULE_DELAY=delay_ms)
    check_spans(end, sidecar, counters_in(end.text)[-1:])


@pytest.mark.parametrize("way", ["0", "1"], ids=["daemon", "double_fork"])
def test_a_daemon_has_the_spans_of_the_daemon(receiver, way):
    """Its first process ends at once; what it exported and what the daemon exports is together everything, once."""
    sidecar = receiver()
    end = compared([built("processes"), "become_daemon", way], sidecar)
    assert exchanges_in(end.stdout) == 6
    sidecar.wait_for(spans=12)
    assert len(sidecar.spans) == 12 and len({span.span_id for span in sidecar.spans}) == 12
    lines = counters_in(end.text)
    assert total(lines)["started"] == total(lines)["exported"] == 12, [dict(line) for line in lines]
