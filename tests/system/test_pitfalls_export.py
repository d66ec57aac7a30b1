"""test_pitfalls_export.py - what has gone wrong in other exporters, one test for each row of the list, named after the row.

What went wrong, and where, stands below the name. The mechanisms have tests of their own (test_answers.py, tests/unit,
tests/race); here a whole program loses, doubles, repeats or hides something if the promise breaks.
"""
import random
import re
import socket
import uuid

import pytest

from support.launch import Running, environment, run
from support.ports import free_port, wait_until
from support.receiver import ok, partial, stall, status
from support.strict import built, violations_in
from support.talk import client, running_client, server

NOWHERE = "http://127.0.0.1:1"


def say(port, *requests):
    """Sends these requests on one connection, each when the one before was answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for request in requests:
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 "), request


# --- a ring whose slot is written after the index moves: lost and doubled events ----------------------------------------------------

@pytest.mark.parametrize("queue", [64, 8192], ids=["small queue", "large queue"])
def test_no_event_is_lost_or_doubled_when_many_threads_make_them(receiver, queue):
    """Seen in source (AppScope): the ring's index moves first, its slot is written after, so the reader takes what an earlier
    lap left there. Here the ring goes around many times; each span must be whole, once, and what found no room is counted."""
    threads, exchanges = 8, 1200
    sidecar = receiver()
    end = run([built("bursts.c", ["-lpthread"]), threads, exchanges],
              environment(sidecar.endpoint, OTEL_BSP_MAX_QUEUE_SIZE=queue, OTEL_BSP_MAX_EXPORT_BATCH_SIZE=min(queue // 4, 512),
                          OTEL_BSP_SCHEDULE_DELAY=1, SPANLOAD_EXIT_TIMEOUT_MS=5000), 60)
    counters, spans = end.counters, sidecar.spans
    assert end.status == 0 and counters["started"] == 2 * threads * exchanges
    assert counters["exported"] == len(spans) and counters.dropped == counters["dropped_queue_full"] and counters["held"] == 0
    assert len({span.span_id for span in spans}) == len(spans), "a span came twice"
    seen = set()
    for span in spans:
        target = span["url.path"] if span.kind == "SERVER" else "/" + span["url.full"].split("/", 3)[3]
        parts = re.fullmatch(r"/(\d+)/(\d+)(x*)", target)
        assert parts and len(parts[3]) == int(parts[2]) % 97, f"torn: {target!r}"
        thread, number = parts[1], parts[2]
        assert span["http.response.status_code"] == 200 + (int(thread) * 7 + int(number)) % 60, f"of two spans: {span}"
        seen.add((span.kind, thread, number))
    assert len(seen) == len(spans), "one event became two spans"
    assert queue == 64 or counters["exported"] > exchanges


# --- one bad id makes the Collector refuse the whole batch (400) ----------------------------------------------------------------

def test_no_id_that_arrives_spoils_a_batch(collectors):
    """Read in the Collector's source: an id that is not hex, or of the wrong length, is a 400 for every span beside it. A real
    Collector takes a batch of spans whose requests carried every kind of broken context."""
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    contexts = [good, good.upper(), good[:-1], good + "0", f"00-{'0' * 32}-{good[36:]}", f"{good[:36]}{'0' * 16}-01", "ff" + good[2:],
                "cc" + good[2:] + "-more", good.replace("-", "_"), good.replace("a", "g"), "0" * 55, "", "\xff" * 55, '"' * 55, good + "," + good,
                good[:53] + "zz"]
    states = ["a=b", "=", ",,,", "a=" + "x" * 600, 'k="\\', "\xff=\xfe", "a=b,a=c", " \t "]
    service = f"ids-{uuid.uuid4().hex[:8]}"
    requests = [f"GET /200 HTTP/1.1\r\nHost: x\r\ntraceparent: {context}\r\ntracestate: {states[at % len(states)]}\r\n\r\n".encode("latin-1")
                for at, context in enumerate(contexts)]
    with server(collectors.endpoint, service=service) as serving:
        say(serving.port, *requests)
        serving.ask("/200", {"traceparent": good})
        end = serving.quit()
    spans = collectors.spans(service, len(contexts) + 2)
    assert (len(spans), end.counters["exported"], end.counters.dropped) == (len(contexts) + 2,) * 2 + (0,) and not end.complaints
    for span in spans:
        assert re.fullmatch("[0-9a-f]{32}", span.trace_id) and int(span.trace_id, 16)
        assert re.fullmatch("[0-9a-f]{16}", span.span_id) and int(span.span_id, 16)
        assert span.parent_span_id in ("", "b7ad6b7169203331")


def test_a_400_is_counted_logged_once_and_never_retried(receiver, origin):
    """The other half of the row: if the Collector refuses a batch it will always refuse it, and the log must not fill with it."""
    sidecar = receiver(then=status(400))
    end = client(origin, *["/hello", "+250"] * 4, endpoint=sidecar.endpoint)
    assert len({request.body for request in sidecar.requests}) == len(sidecar.requests) == 4
    assert (end.counters["dropped_refused"], end.counters.dropped) == (4, 4)
    assert len(end.complaints) == 1 and "400" in end.complaints[0]


# --- 500 retried, or a partial success retried ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("answer, reason, dropped", [(status(500), "refused", 2), (status(501), "refused", 2), (status(505), "refused", 2),
                                                     (partial("1"), "rejected", 1), (partial(2), "rejected", 2)],
                         ids=["500", "501", "505", "one rejected", "all rejected"])
def test_what_was_answered_is_not_sent_again(receiver, origin, answer, reason, dropped):
    """Common: every 5xx taken for a passing trouble, a partial success for none. Only 429, 502, 503, 504 and broken connections
    are tried again (otlp.md section 3); there is time for it here, and another batch follows over the same connection."""
    sidecar = receiver(answer)
    end = client(origin, "/hello", "/hello", "+1200", "/big", "+300", endpoint=sidecar.endpoint)
    assert [len(request.spans) for request in sidecar.requests] == [2, 1]
    assert (end.counters[f"dropped_{reason}"], end.counters.dropped, end.counters["exported"]) == (dropped, dropped, 3 - dropped)


# --- silent loss -----------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, answer, settings, reason", [
    ("refused", status(400), {}, "dropped_refused"),
    ("rejected", partial("100000"), {}, "dropped_rejected"),
    ("timed out", stall(), {"OTEL_EXPORTER_OTLP_TIMEOUT": 100}, "dropped_timeout"),
    ("the queue is full", stall(), {"OTEL_BSP_MAX_QUEUE_SIZE": 8, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 8}, "dropped_queue_full"),
    ("not wanted", ok(), {"OTEL_TRACES_SAMPLER": "always_off"}, "sampled_out"),
    ("no exporter", ok(), {"OTEL_TRACES_EXPORTER": "none"}, "dropped_exporter_none"),
    ("no endpoint", ok(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:1"}, "dropped_refused")],
    ids=lambda value: value if isinstance(value, str) else "")
def test_no_loss_is_silent(receiver, origin, kind, answer, settings, reason):
    """Seen (AppScope), reported (OBI): what is lost is told in a debug log at best. Here the one line at the end names each reason,
    and nothing that was lost is called exported."""
    sidecar = receiver(then=answer)
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": sidecar.endpoint, "SPANLOAD_EXIT_TIMEOUT_MS": 500, **settings}
    end = client(origin, *["/hello"] * 40, "+300", **settings)
    counters = end.counters
    assert counters["started"] == 40 and counters[reason] > 0
    others = [name for name, value in counters.items() if (name.startswith("dropped_") or name == "sampled_out") and value and name != reason]
    assert not others, counters
    assert counters["exported"] == 0 and (not sidecar.spans or kind in ("refused", "rejected", "timed out", "the queue is full"))


# --- the exporter's own traffic traced: a loop ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("family", ["v4", "v6", "unix"])
def test_our_own_traffic_makes_no_spans(receiver, origin, family):
    """Common: each export is a request, which makes a span, which is exported. After the last batch there must be silence,
    in a program that also forks and speaks to the same receiver itself; what it says there is its own and is traced."""
    sidecar = receiver(family=family)
    with running_client(origin, *["/hello", "+60"] * 6, "-", endpoint=sidecar.endpoint, OTEL_BSP_SCHEDULE_DELAY=20) as running:
        sidecar.wait_for(spans=6)
        batches = len(sidecar.requests)
        running.tell()
        end = running.stop(None)
    assert (len(sidecar.requests), len(sidecar.spans), end.counters["started"]) == (batches, 6, 6)
    assert batches > 1, "nothing could have looped"
    assert {span["server.port"] for span in sidecar.spans} == {origin.port}


def test_what_the_program_itself_says_to_the_collector_is_its_own_traffic(receiver):
    """The other side of the same row: only our own requests are invisible, and an SDK in the process goes on working."""
    sidecar = receiver()
    code = ("import http.client, sys\n"
            "connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=10)\n"
            "connection.request('GET', '/hello'); connection.getresponse().read()\n")
    end = run(["/usr/bin/python3", "-c", code, sidecar.port], environment(sidecar.endpoint))
    hello, ours = sidecar.requests
    assert (hello.path, ours.path, len(ours.spans), end.counters["exported"]) == ("/hello", "/v1/traces", 1, 1)
    sidecar.requests.remove(hello)  # is no OTLP, which the receiver's judge would say


# --- the Collector accepts sloppy JSON, strict back ends do not --------------------------------------------------------------------------

ODD = [b'"', b"\\", b"\\u0000", b"\x7f", b"\xc3\xa9", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"\xff", b"\xc0\x80", b"\xed\xa0\x80",
       b"\xf4\x90\x80\x80", b"\xe2\x82", b"</script>", b"%22", b"%", b"{}", b"null", b"//", b"?", b"#", b"&sig=a\"b", b"@", b":"]


def odd(chance, least=0):
    return b"".join(chance.choice(ODD) for _ in range(chance.randint(least, 12)))


def test_no_request_makes_json_that_a_strict_decoder_refuses(receiver):
    """Read in the Collector's source: it takes numbers for strings, unknown fields and broken UTF-8, and back ends behind it do
    not. The judge (tests/support/strict_otlp.c) is written from the specification, and shares no code with the writer."""
    chance = random.Random(1)
    sidecar = receiver()
    resource = {"OTEL_RESOURCE_ATTRIBUTES": "a=%22%5C%0A%00%FF,b=%F0%9F%98%80,c%2Cd=e", "OTEL_SERVICE_NAME": 'sh"o\\p\x01é'}
    form = b"%s /200%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nForwarded: for=%s;host=\"%s\"\r\ntracestate: %s\r\n\r\n"
    requests = [form % (chance.choice([b"GET", b"POST", b"BREW", b"G-E_T"]), odd(chance), chance.choice([b"x", b"x:80", b"[::1]:1", odd(chance)]),
                        odd(chance), odd(chance, 1), odd(chance), odd(chance)) for _ in range(150)]
    port = free_port()
    variables = {**environment(sidecar.endpoint), **resource}
    with Running.start([built("peer.c"), "server", f"127.0.0.1:{port}"], variables, ready=b"ready") as running:
        for request in requests:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(request)
                connection.recv(65536)
        wait_until(lambda: len(sidecar.spans) > 100, 10, lambda: f"{len(sidecar.spans)} spans came")
        say(port, b"GET /quit HTTP/1.1\r\nHost: x\r\n\r\n")
        end = running.stop(None)
    assert end.counters["exported"] == len(sidecar.spans) and end.counters["started"] == end.counters["exported"] + end.counters["dropped_framing"]
    violations = violations_in(request.body for request in sidecar.requests)
    assert not violations, "\n".join(violations[:10])
