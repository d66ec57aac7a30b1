"""test_hostile_threads.py - cancellation, jumps out of anything, handlers in the middle of our code, stacks of a few kB.

pitfalls.md, "The host process": nothing is held across libc's call, and an inner call passes straight through.
"""
import pytest

from support.launch import counters_in
from system.programs.hostile import built, check_spans, compared, shown


@pytest.mark.parametrize("scenario", ["cancel", "jump_from_recv", "small_handler_stack", "small_threads", "coroutines"])
def test_a_thread_that_leaves_or_has_no_room_costs_no_span(receiver, scenario):
    sidecar = receiver()
    end = compared([built("threads", "-O1", "-rdynamic"), scenario], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


@pytest.mark.parametrize("order", ["{other} {ours}", "{ours} {other}"], ids=["before us", "behind us"])
def test_coroutines_that_switch_in_the_middle_of_a_call(receiver, order):
    """Another preloaded library switches stacks inside the calls that we stand in front of; both orders of preloading."""
    sidecar = receiver()
    other = built("yielding", "-O1", "-shared", "-fPIC", suffix=".so")
    end = compared([built("threads", "-O1", "-rdynamic"), "coroutines"], sidecar, preload=lambda ours: order.format(ours=ours, other=other))
    assert end.status == 0
    check_spans(end, sidecar)


@pytest.mark.parametrize("scenario", ["handler_io", "handler_same"])
def test_handlers_that_use_connections_break_nothing(receiver, scenario):
    """A call in the middle of our own code passes unseen, so that a connection may be given up: never anything wrong."""
    sidecar = receiver()
    # The program counts every byte, and does not expect the library's line.
    end = compared([built("threads", "-O1", "-rdynamic"), scenario], sidecar, OTEL_BSP_MAX_QUEUE_SIZE=100000, OTEL_PROPAGATORS="none")
    line, = counters_in(end.text)
    assert end.status == 0 and line["held"] == 0 and line["exported"] >= 4, shown([line])
    assert len({span.span_id for span in sidecar.spans}) == len(sidecar.spans) == line["exported"]


def test_jumps_out_of_anything_leave_nothing_stuck(receiver):
    """Two seconds of siglongjmp from a timer, wherever it hits; then all is as before: spans and an idle process.

    Not watched, which would hold it up at each of its signals. A jump between two instructions that keep the accounts cannot be made good: README says so, with this bound.
    """
    sidecar = receiver()
    end = compared([built("threads", "-O1", "-rdynamic"), "jump_from_anywhere"], sidecar, tolerance=1, watched=False, OTEL_BSP_MAX_QUEUE_SIZE=100000)
    assert b"idle: yes\ncalm: 10\n" in end.stdout
    line, = counters_in(end.text, tolerance=1)
    assert line["dropped_queue_full"] == 0, shown([line])
    last = sorted(sidecar.spans, key=lambda span: span.end_ns)[-20:]
    assert len(last) == 20 and all(span["http.response.status_code"] == 200 for span in last), "what came after is not seen"


@pytest.mark.parametrize("scenario", ["quicker", "in_part"])
def test_an_answer_may_be_read_before_the_asking_call_has_returned(receiver, scenario):
    """Up to 911 of 5000 connections were given up as answered unasked. What is told before the call is taken back if it was
    sent in part or not at all."""
    sidecar = receiver()
    end = compared([built("asked"), scenario], sidecar, OTEL_BSP_MAX_QUEUE_SIZE=10000)
    assert end.status == 0 and b"nothing" not in end.stdout
    check_spans(end, sidecar)
