"""test_traces.py - what a real proxy hands on: nginx, unmodified, before an origin that writes down every byte.

design.md section 4, environment.md sections 6, 9 and 10. nginx passes the header fields that it reads on; which ids are in
them, and whether they are sampled, is the library's word.
"""
import http.client
import re
from contextlib import contextmanager

import pytest

from support.launch import Running, environment
from support.ports import free_port

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
CONF = '''
daemon off; pid {dir}/nginx.pid; error_log stderr; events {{}}
http {{
    access_log off;
    client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3; uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {url}; }} }}
}}
'''


@contextmanager
def proxy(place, origin, sidecar, **settings):
    port, configuration = free_port(), place / "nginx.conf"
    configuration.write_text(CONF.format(dir=place, port=port, url=origin.url))
    env = environment(sidecar.endpoint, "proxy", place, **settings)
    with Running.start(["/usr/sbin/nginx", "-p", place, "-c", configuration], env, port=port) as running:
        yield port, running


def ask(port, fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", "/hello")
    for name, value in fields:
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().read()
    connection.close()


def asked(place, origin, sidecar, *requests, spans=2, **settings):
    """What the origin heard of each request, one dictionary of fields each, and the spans by kind."""
    before = len(origin.visits)
    with proxy(place, origin, sidecar, **settings) as (port, running):
        for fields in requests:
            ask(port, fields)
        found = sidecar.wait_for(spans=spans).spans if spans else sidecar.spans
        running.stop(3)
    heard = [{name.lower(): value for name, value in visit.fields.items()} for visit in origin.visits[before:]]
    for visit in origin.visits[before:]:
        names = re.findall(rb"(?i)\r\n(traceparent|b3|x-b3-\w+|baggage|tracestate):", visit.heard)
        assert len(names) == len({name.lower() for name in names}), visit.heard
    return heard, {kind: [span for span in found if span.kind == kind] for kind in ("SERVER", "CLIENT")}


def test_one_trace_goes_through(place, origin, receiver):
    [heard], spans = asked(place, origin, receiver(), [("traceparent", SAMPLED), ("tracestate", "a=1,b=2"), ("baggage", "user=17;p=q,k=v%20w")])
    [server], [client] = spans["SERVER"], spans["CLIENT"]
    assert (server.trace_id, server.parent_span_id, client.trace_id, client.parent_span_id) == (TRACE, PARENT, TRACE, server.span_id)
    assert heard["traceparent"] == f"00-{TRACE}-{client.span_id}-01"
    assert (heard["tracestate"], heard["baggage"]) == ("a=1,b=2", "user=17;p=q,k=v%20w")
    assert server.trace_state == client.trace_state == "a=1,b=2"
    assert (server.flags, client.flags) == (0x301, 0x101)
    assert not any("user" in str(span.raw) for span in (server, client)), "baggage is handed on and not recorded"


@pytest.mark.parametrize("sampler, argument, arrives, is_sampled", [
    (None, None, None, True), (None, None, SAMPLED, True), (None, None, NOT_SAMPLED, False),
    ("parentbased_always_off", None, None, False), ("parentbased_always_off", None, SAMPLED, True),
    ("always_off", None, SAMPLED, False), ("always_on", None, NOT_SAMPLED, True),
    ("parentbased_traceidratio", "0", None, False), ("traceidratio", "0", SAMPLED, False), ("traceidratio", "1", NOT_SAMPLED, True),
], ids=str)
def test_the_decision_is_handed_on_with_the_ids(place, origin, receiver, sampler, argument, arrives, is_sampled):
    """Specification, "Sampling": an unsampled request has an id of its own, too, and its decision goes on."""
    [heard], spans = asked(place, origin, receiver(), [("traceparent", arrives)] if arrives else [], spans=2 * is_sampled,
                           OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument)
    _, trace, span_id, flags = heard["traceparent"].split("-")
    assert (int(flags, 16) & 1) == is_sampled and span_id != PARENT
    assert len(spans["SERVER"]) == len(spans["CLIENT"]) == is_sampled
    assert not arrives or trace == TRACE
    if is_sampled:
        assert span_id == spans["CLIENT"][0].span_id and spans["CLIENT"][0].parent_span_id == spans["SERVER"][0].span_id


@pytest.mark.parametrize("arrives, trace, decision", [
    ([("b3", f"{TRACE}-{PARENT}-1")], TRACE, "1"), ([("b3", f"{TRACE[16:]}-{PARENT}-1-05e3ac9a4f6e3b90")], "0" * 16 + TRACE[16:], "1"),
    ([("b3", f"{TRACE}-{PARENT}-d")], TRACE, "d"), ([("b3", f"{TRACE.upper()}-{PARENT}")], TRACE, "1"),
    ([("X-B3-TraceId", TRACE), ("X-B3-SpanId", PARENT), ("X-B3-Sampled", "1")], TRACE, "1"), ([], None, "1")],
    ids=["single", "64 bits, a parent", "debug", "deferred", "several", "none"])
def test_b3_goes_through(place, origin, receiver, arrives, trace, decision):
    """https://github.com/openzipkin/b3-propagation: what came in several headers goes on in them, and in one as configured."""
    [heard], spans = asked(place, origin, receiver(), arrives, OTEL_PROPAGATORS="b3")
    [server], [client] = spans["SERVER"], spans["CLIENT"]
    assert client.parent_span_id == server.span_id and client.trace_id == server.trace_id == (trace or server.trace_id)
    assert server.parent_span_id == (PARENT if arrives else "")
    assert "traceparent" not in heard
    sent_trace, span_id, said, *parent = heard["b3"].lower().split("-") + ([decision] if heard["b3"].count("-") == 1 else [])
    assert span_id == client.span_id and client.trace_id.endswith(sent_trace) and said == decision
    assert parent in ([], [server.span_id])


def test_several_b3_headers_are_written_where_they_are_asked_for(place, origin, receiver):
    [heard], spans = asked(place, origin, receiver(), [], OTEL_PROPAGATORS="b3multi,tracecontext")
    [client] = spans["CLIENT"]
    assert (heard["x-b3-traceid"], heard["x-b3-spanid"], heard["x-b3-sampled"]) == (client.trace_id, client.span_id, "1")
    assert heard["traceparent"].split("-")[1:3] == [client.trace_id, client.span_id]


def test_b3_that_says_no_is_believed(place, origin, receiver):
    heard, spans = asked(place, origin, receiver(), [("b3", "0")], [("b3", f"{TRACE}-{PARENT}-0")], spans=0, OTEL_PROPAGATORS="b3")
    assert heard[0]["b3"] == "0" and heard[1]["b3"].split("-")[0] == TRACE and heard[1]["b3"].split("-")[2] == "0"
    assert not spans["SERVER"] and not spans["CLIENT"]


def test_none_touches_nothing(place, origin, receiver):
    fields = [("traceparent", SAMPLED), ("tracestate", "a=1"), ("baggage", "a=b")]
    heard, spans = asked(place, origin, receiver(), fields, [], spans=4, OTEL_PROPAGATORS="none")
    assert {name: heard[0][name] for name, _ in fields} == dict(fields)
    assert not {"traceparent", "tracestate", "baggage", "b3"} & heard[1].keys()
    assert all(span.trace_id != TRACE for span in spans["SERVER"] + spans["CLIENT"])


@pytest.mark.parametrize("fields", [
    [("traceparent", SAMPLED), ("traceparent", SAMPLED)], [("traceparent", SAMPLED[:-1])], [("traceparent", f"00-{TRACE}-{'0' * 16}-01")]],
    ids=["twice", "too short", "no id"])
def test_what_cannot_be_read_is_not_written_over(place, origin, receiver, fields):
    """W3C: an invalid context begins a new trace. The field stays the application's, and there is no second one beside it."""
    before = len(origin.visits)
    with proxy(place, origin, sidecar := receiver()) as (port, running):
        ask(port, fields)
        spans = sidecar.wait_for(spans=2).spans
        running.stop(3)
    sent = re.findall(rb"(?i)\r\ntraceparent: ([^\r]*)", origin.visits[before].heard)
    assert sent == [value.encode() for _, value in fields]
    assert all(span.trace_id != TRACE for span in spans)
