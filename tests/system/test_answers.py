"""test_answers.py - what the exporter does with what a receiver answers, and with one that does not.

otlp.md section 3 is the rule; the receivers are made to order, since a real Collector gives few of these answers. Each span
that the program made must be accounted for at its end, whatever happened: launch.Counters.check() runs on every counter line.
"""
import time
from email.utils import formatdate

import pytest

from support.receiver import (Unreachable, black_hole, chunked, close_on_accept, close_unanswered, close_when_idle, closing, cut,
                              endless, garbage, huge, interim, not_http, ok, partial, reset_unanswered, slow, stall, status,
                              too_long)
from support.launch import bare_environment, run
from support.talk import client, running_client

MARGIN_S = 0.15  # what two busy cores add to a budget


def ids(answer):
    return answer.__qualname__.split(".")[0] if callable(answer) else str(answer)


# --- what may be sent again --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("answer", [status(429), status(502), status(503), status(504), close_unanswered(), reset_unanswered()],
                         ids=["429", "502", "503", "504", "closed", "reset"])
def test_what_may_be_retried_is_sent_again_byte_for_byte(receiver, origin, answer):
    """otlp.md section 3: 429, 502, 503, 504 and broken connections, and nothing else."""
    sidecar = receiver(answer)
    with running_client(origin, "/hello", "-", endpoint=sidecar.endpoint) as running:
        sidecar.wait_for(requests=2)
        running.tell()
        end = running.stop(None)
    first, second = sidecar.requests
    assert first.body == second.body
    assert (end.counters["exported"], end.counters.dropped) == (1, 0)


def test_a_connection_closed_as_soon_as_it_is_made_is_tried_again(receiver, origin):
    """A proxy in front of a Collector that restarts does this."""
    sidecar = receiver(close_on_accept())
    with running_client(origin, "/hello", "-", endpoint=sidecar.endpoint) as running:
        sidecar.wait_for(requests=1)
        running.tell()
        end = running.stop(None)
    assert sidecar.connections == 2
    assert (end.counters["exported"], end.counters.dropped) == (1, 0)


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("form", [lambda: "2", lambda: formatdate(time.time() + 3, usegmt=True)], ids=["seconds", "HTTP-date"])
def test_retry_after_is_honoured_in_both_forms(receiver, origin, code, form):
    """otlp.md section 3. A date has no fractions of a second: three seconds ahead is at least two."""
    sidecar = receiver(status(code, retry_after=form))
    with running_client(origin, "/hello", "-", endpoint=sidecar.endpoint) as running:
        sidecar.wait_for(requests=2)
        running.tell()
        end = running.stop(None)
    waited = sidecar.requests[1].at - sidecar.requests[0].at
    assert 1.9 <= waited <= 5
    assert end.counters["exported"] == 1


def test_retries_back_off_and_end_with_the_timeout(receiver, origin):
    """Neither a storm nor for ever: OTEL_EXPORTER_OTLP_TIMEOUT bounds a batch with all its retries."""
    sidecar = receiver(then=status(503))
    with running_client(origin, "/hello", "-", endpoint=sidecar.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT=2000) as running:
        sidecar.wait_for(requests=2)
        time.sleep(3)
        sent = len(sidecar.requests)
        time.sleep(0.7)
        assert len(sidecar.requests) == sent, "still retried after the timeout"
        running.tell()
        end = running.stop(None)
    assert 2 <= sent <= 20
    assert (end.counters["exported"], end.counters.dropped) == (0, 1)


# --- what may not ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("code", [301, 400, 401, 404, 408, 413, 415, 425, 500])
def test_a_refusal_is_counted_logged_once_and_never_retried(receiver, origin, code):
    """pitfalls.md: 500 retried; a 400 that repeats for every batch and fills the log (common)."""
    sidecar = receiver(then=status(code))
    end = client(origin, "/hello", "+300", "/big", "+300", "/nothing", "+600", endpoint=sidecar.endpoint)
    assert len(sidecar.requests) == 3 and len({request.body for request in sidecar.requests}) == 3
    assert (end.counters["exported"], end.counters.dropped) == (0, 3)
    assert len(end.complaints) == 1 and str(code) in end.complaints[0]


@pytest.mark.parametrize("rejected", ["2", 2], ids=["as string", "as number"])
def test_a_partial_success_counts_what_was_rejected_and_is_not_retried(receiver, origin, rejected):
    """pitfalls.md: a partial success retried (common). proto3 JSON prints an int64 as string, some servers as number."""
    sidecar = receiver(partial(rejected, message="too old"))
    end = client(origin, "/hello", "/big", "/nothing", "+400", endpoint=sidecar.endpoint)
    assert len(sidecar.requests) == 1
    assert (end.counters["exported"], end.counters["dropped_rejected"], end.counters.dropped) == (1, 2, 2)
    assert len(end.complaints) == 1 and "too old" in end.complaints[0]


@pytest.mark.parametrize("rejected", ["1000", -1, "many", "99999999999999999999999"])
def test_a_rejected_count_that_cannot_be_does_not_upset_the_accounts(receiver, origin, rejected):
    """A receiver may lie; started = exported + dropped must hold all the same."""
    sidecar = receiver(partial(rejected))
    end = client(origin, "/hello", "/big", "+300", endpoint=sidecar.endpoint)
    assert len(sidecar.requests) == 1
    assert end.counters["exported"] + end.counters.dropped == 2


def test_a_warning_without_rejections_is_logged_and_all_is_exported(receiver, origin):
    """otlp.md section 3: rejectedSpans 0 with an errorMessage is a warning."""
    sidecar = receiver(partial("0", message="deprecated field"))
    end = client(origin, "/hello", "+300", "/hello", "+300", endpoint=sidecar.endpoint)
    assert (end.counters["exported"], end.counters.dropped) == (2, 0)
    assert len(end.complaints) == 1 and "deprecated field" in end.complaints[0]


# --- answers in unusual form ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("answer, connections", [
    (ok(b""), 1), (ok(b"{}"), 1), (status(202, body=b""), 1), (chunked(), 1), (interim(), 1), (slow(), 1), (closing(), 2),
    (close_when_idle(), 2)],
    ids=["empty", "{}", "202", "chunked", "after 100 Continue", "byte by byte", "Connection: close", "closed when idle"])
def test_every_well_formed_success_is_one(receiver, origin, answer, connections):
    """RFC 9112 allows all of these; the next batch goes over the same connection where the answer leaves it open."""
    sidecar = receiver(answer)
    with running_client(origin, "/hello", "-", "/big", "+300", endpoint=sidecar.endpoint) as running:
        sidecar.wait_for(requests=1)
        time.sleep(0.8)
        running.tell()
        end = running.stop(None)
    assert (len(sidecar.requests), sidecar.connections) == (2, connections)
    assert (end.counters["exported"], end.counters.dropped) == (2, 0)
    assert not end.complaints


@pytest.mark.parametrize("answer", [garbage(), not_http(), cut(), too_long(), huge(), endless(), stall()], ids=ids)
def test_a_lying_answer_costs_its_batch_at_most(receiver, origin, answer):
    """The next batch arrives and is not answered by what the liar left on the wire; no answer is read for ever."""
    sidecar = receiver(answer)
    with running_client(origin, "/hello", "-", "/big", "-", endpoint=sidecar.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT=700) as running:
        sidecar.wait_for(requests=1)
        time.sleep(1)
        running.tell()
        sidecar.wait_for(spans=2)
        time.sleep(0.2)
        running.tell()
        end = running.stop(None)
    assert end.status == 0 and end.stdout == b"200\n200\n"
    assert "/big" in sidecar.requests[-1].spans[-1]["url.full"]
    assert end.counters["exported"] >= 1 and end.counters["held"] == 0
    if hasattr(answer, "sent"):
        assert answer.sent < 16 << 20, "read far beyond 4 MiB"


def test_what_follows_an_answer_is_not_taken_for_the_next(receiver, origin):
    """`too_long` leaves an unasked 500 on the wire: whoever reads it as an answer loses the next batch."""
    sidecar = receiver(too_long())
    end = client(origin, "/hello", "+300", "/big", "+300", endpoint=sidecar.endpoint)
    assert (end.counters["exported"], end.counters.dropped) == (2, 0)


# --- connections -----------------------------------------------------------------------------------------------------------

def test_batches_share_one_connection_and_are_not_traced_themselves(receiver, origin):
    """otlp.md section 2: keep-alive. pitfalls.md: the exporter's own traffic traced, a loop (common)."""
    sidecar = receiver()
    end = client(origin, *["/hello", "+250"] * 4, endpoint=sidecar.endpoint)
    assert (len(sidecar.requests), sidecar.connections) == (4, 1)
    assert end.counters["started"] == end.counters["exported"] == 4


def timed(*steps, origin, repeat=3, **settings):
    """The best of some runs: noise only slows."""
    ends = [client(origin, *steps, **settings) for _ in range(repeat)]
    return min(end.wall_s for end in ends), ends[-1]


def bare_time(peer, origin, *steps):
    return min(run([peer, "client", origin.address, *steps], bare_environment()).wall_s for _ in range(3))


def test_without_a_collector_nothing_changes_but_the_counters(origin, peer):
    """The Collector is away, as it will be for minutes of every year: spans are dropped, counted, and said once."""
    steps = ["/hello", "+300", "/missing", "+300", "/big", "exit:7"]
    bare = bare_time(peer, origin, *steps)
    wall, end = timed(*steps, origin=origin, endpoint="http://127.0.0.1:1")
    assert (end.status, end.stdout, end.own_stderr) == (7, b"200\n404\n200\n", b"")
    assert end.counters["started"] == 3 and end.counters["exported"] == 0
    assert len(end.complaints) <= 1
    assert wall <= bare + 0.2 + MARGIN_S


@pytest.mark.parametrize("budget_ms", [None, 50, 600])
@pytest.mark.parametrize("kind", ["stall", "black hole", "unreachable"])
def test_exit_takes_no_longer_than_its_budget(receiver, origin, peer, kind, budget_ms):
    """pitfalls.md: exit held for 6 s by a stalled collector (seen)."""
    def measured(endpoint):
        return timed("/hello", origin=origin, endpoint=endpoint, SPANLOAD_EXIT_TIMEOUT_MS=budget_ms)

    bare = bare_time(peer, origin, "/hello")
    if kind == "unreachable":
        with Unreachable() as sidecar:
            wall, end = measured(sidecar.endpoint)
    else:
        hole = black_hole()
        wall, end = measured(receiver(then=stall() if kind == "stall" else hole).endpoint)
        hole.until.set()
    assert end.counters["exported"] == 0
    assert wall <= bare + (200 if budget_ms is None else budget_ms) / 1000 + MARGIN_S


def test_a_larger_exit_budget_waits_for_a_slow_answer(receiver, origin):
    """The budget is a bound, not a delay: with two seconds a slow receiver gets its half second, a quick one its millisecond."""
    sidecar = receiver(slow())
    end = client(origin, "/hello", endpoint=sidecar.endpoint, SPANLOAD_EXIT_TIMEOUT_MS=2000)
    assert end.counters["exported"] == 1
    end = client(origin, "/hello", endpoint=sidecar.endpoint, SPANLOAD_EXIT_TIMEOUT_MS=2000)
    assert end.counters["exported"] == 1 and end.wall_s < 0.5


def test_a_collector_that_comes_late_gets_what_was_held(receiver, origin):
    """sidecar-guide D3: containers start in any order."""
    sidecar = receiver()
    endpoint, port = sidecar.endpoint, sidecar.port
    sidecar.stop()
    with running_client(origin, "/hello", "-", endpoint=endpoint) as running:
        time.sleep(0.5)
        late = receiver(port=port)
        late.wait_for(spans=1)
        running.tell()
        end = running.stop(None)
    assert (end.counters["exported"], end.counters.dropped) == (1, 0)


def test_a_full_queue_drops_and_counts_and_the_program_does_not_wait(receiver, origin):
    """design.md 1.4: a full queue drops and counts. The receiver takes the first batch and never answers."""
    sidecar = receiver(then=stall())
    end = client(origin, *["/nothing"] * 200, endpoint=sidecar.endpoint, OTEL_BSP_MAX_QUEUE_SIZE=16, OTEL_BSP_MAX_EXPORT_BATCH_SIZE=8)
    assert end.stdout == b"204\n" * 200
    assert end.counters["started"] == 200 and end.counters["exported"] == 0
    assert end.counters.reason("queue") > 0


def test_batches_have_the_size_that_was_asked_for(receiver, origin):
    """environment.md section 3: reaching OTEL_BSP_MAX_EXPORT_BATCH_SIZE exports at once, whatever the delay."""
    sidecar = receiver()
    with running_client(origin, *["/nothing"] * 35, "-", endpoint=sidecar.endpoint, OTEL_BSP_MAX_EXPORT_BATCH_SIZE=10,
                        OTEL_BSP_SCHEDULE_DELAY=60000) as running:
        sidecar.wait_for(spans=30)
        running.tell()
        end = running.stop(None)
    sizes = [len(request.spans) for request in sidecar.requests]
    assert max(sizes) <= 10 and sum(sizes) == 35, sizes
    assert end.counters["exported"] == 35
    assert len({span.span_id for span in sidecar.spans}) == 35
