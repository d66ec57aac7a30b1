"""facts.py - what a span of an HTTP request must say, given what the other end of the connection saw.

semconv.md sections 1 and 2. Everything that is known exactly is compared exactly; times are compared with the clock of the
other end, which is the same clock.
"""
import re
from collections import Counter

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY")
SLACK_NS = 100_000_000  # an end may be read off the clock after its bytes arrived, on a machine with little time
SKEW_NS = 5_000_000     # two readings of one clock, one of them turned from monotonic into wall time


def redacted(query):
    return re.sub(r"\b(sig|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|X-Goog-Signature)=[^&]*", r"\1=REDACTED", query)


def _compare(span, expected):
    wrong = {name: (span[name], value) for name, value in expected.items() if span[name] != value}
    assert not wrong, f"{span.kind} {span.name}: attribute: (is, should be): {wrong}"


def _check_status(span, status, fails_from):
    _compare(span, {"http.response.status_code": status, "error.type": str(status) if status >= fails_from else None})
    assert span.status == ("ERROR" if status >= fails_from else "UNSET")
    assert span.status_message == ""


def _check_common(span, kind, method, parent=None):
    assert span.kind == kind
    assert span.name == method
    assert span.schema_url == SCHEMA
    assert re.fullmatch("[0-9a-f]{32}", span.trace_id) and re.fullmatch("[0-9a-f]{16}", span.span_id)
    assert (span.parent_span_id, span.trace_id) == ((parent.span_id, parent.trace_id) if parent else ("", span.trace_id))
    assert span.flags & 0x3ff in (0x001, 0x003, 0x101, 0x103), hex(span.flags)
    assert 0 < span.end_ns - span.start_ns, "a span without a duration"
    assert "secret" not in str(span.raw) and "http.request.header" not in str(span.raw), "more than may be recorded"


def _check_window(span, start_ns, end_ns):
    assert start_ns - SKEW_NS <= span.start_ns and span.end_ns <= end_ns + SLACK_NS, \
        f"{span.name} lasted {span.start_ns} .. {span.end_ns}, its request {start_ns} .. {end_ns}"


def check_server_span(span, exchange):
    """exchange is what the client of the test wrote down: see Exchange in test_programs.py."""
    path, _, query = exchange.target.partition("?")
    _check_common(span, "SERVER", exchange.method)
    _check_status(span, exchange.status, fails_from=500)
    _compare(span, {
        "http.request.method": exchange.method, "url.path": path, "url.query": redacted(query) or None, "url.scheme": "http",
        "server.address": exchange.host, "server.port": exchange.port,
        "client.address": "127.0.0.1", "network.peer.address": "127.0.0.1", "network.peer.port": exchange.client_port,
        "user_agent.original": exchange.user_agent})
    assert span["network.protocol.version"] in {exchange.version, exchange.answer_version}
    _check_window(span, exchange.start_ns, exchange.end_ns)


def _host_field(visit):
    return next(value for name, value in visit.fields.items() if name.lower() == "host")


def url_of(visit):
    """The URL that the client meant, as a span tells it (RFC 9112 section 3.3)."""
    target, question, query = visit.target.partition("?")
    if not target.startswith("http://"):
        target = f"http://{_host_field(visit)}{'' if visit.method == 'CONNECT' else target}"
    return f"{target}{question}{redacted(query)}"


def check_client_spans(spans, visits, origin, run):
    """All spans of a client and all visits of it, in any order. Of those that say the same it is not known which is whose:
    each has one that began before it, and one that ended after it."""
    spans = sorted(spans, key=lambda span: (span["url.full"], span["http.request.method_original"] or span["http.request.method"],
                                            span["http.response.status_code"] or 0, span.start_ns))
    visits = sorted(visits, key=lambda visit: (*_look(visit), visit.received_ns))
    alike = Counter(map(_look, visits))
    for span, visit in zip(spans, visits):
        check_client_span(span, visit, origin, run, is_alone=alike[_look(visit)] == 1)
    for look in alike:
        ends = sorted(span.end_ns for span, visit in zip(spans, visits) if _look(visit) == look)
        for end_ns, visit in zip(ends, (visit for visit in visits if _look(visit) == look)):
            _check_end(end_ns, visit)


def _look(visit):
    return url_of(visit), visit.method, visit.status


def _check_end(end_ns, visit):
    assert end_ns >= visit.received_ns - SKEW_NS, "the span ends before the origin had its request"


def check_client_span(span, visit, origin, run, is_alone=True, parent=None):
    """visit is what the origin wrote down; run is the Finished of the client program; `parent` the span of the request that it
    was answering."""
    authority = _host_field(visit)
    host, _, port = authority.partition("]:" if authority.startswith("[") else ":")
    is_known = visit.method in METHODS
    _check_common(span, "CLIENT", visit.method if is_known else "HTTP", parent)
    _check_status(span, visit.status, fails_from=400)
    _compare(span, {
        "http.request.method": visit.method if is_known else "_OTHER",
        "http.request.method_original": None if is_known else visit.method,
        "url.full": url_of(visit), "server.address": host.strip("[]"), "server.port": int(port or 80),
        "network.peer.address": visit.server[0], "network.peer.port": visit.server[1] if visit.server[1:] else None})
    assert span["network.protocol.version"] in {visit.version, "1.1"}  # the origin always answers with 1.1
    _check_window(span, run.start_ns, run.end_ns)
    assert span.start_ns <= visit.received_ns + SKEW_NS, "the span starts after the origin had its request"
    if is_alone:
        _check_end(span.end_ns, visit)
