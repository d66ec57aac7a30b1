"""test_support.py - the tools of these tests do what the tests believe: a judge that accepts everything proves nothing."""
import json

import pytest

from support.launch import Counters, complaints_in, counters_in
from support.spans import spans_of
from support.strict import violations_in

GOOD = {"resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}},
                                {"key": "process.pid", "value": {"intValue": "4242"}},
                                {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "é"}, {"boolValue": False}]}}}]},
    "scopeSpans": [{
        "scope": {"name": "spanload", "version": "0.1.0"},
        "spans": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "parentSpanId": "eee19b7ec3c1b173",
                   "flags": 257, "name": "GET", "kind": 3, "startTimeUnixNano": "1755734400123456789",
                   "endTimeUnixNano": "1755734400223456789", "attributes": [{"key": "server.port", "value": {"intValue": "80"}}],
                   "status": {"code": 2, "message": "why"}}],
        "schemaUrl": "https://opentelemetry.io/schemas/1.44.0"}]}]}
TEXT = json.dumps(GOOD, ensure_ascii=False, separators=(",", ":"))

FAULTS = [
    ('"code":2', '"code":1', "status OK"), ('"code":2,', "", "message without ERROR"), ('"kind":3', '"kind":"SPAN_KIND_CLIENT"', "kind"),
    ('"kind":3', '"kind":0', "unspecified"), ('"80"', "80", "not a string"), ('"80"', '"0x50"', "decimal"), ('"80"', '"080"', "decimal"),
    ("eee19b7ec3c1b174", "EEE19B7EC3C1B174", "hex"), ("eee19b7ec3c1b174", "eee19b7ec3c1b1", "hex"), ("eee19b7ec3c1b174", "0" * 16, "zeros"),
    ("eee19b7ec3c1b174", "eee19b7ec3c1b173", "own parent"), ("scopeSpans", "scope_spans", "no such field"),
    ('"key":"process.pid"', '"key":"service.name"', "twice"), ('"key":"process.pid"', '"key":""', "without a key"),
    ('"name":"GET",', "", "name is missing"), ('"name":"GET"', '"name":""', "without a name"),
    ('"name":"GET"', '"name":"GET","name":"PUT"', "twice"), ('"stringValue":"checkout"', "", "0 members"),
    ('"boolValue":false', '"boolValue":false,"intValue":"1"', "2 members"), ('"boolValue":false', '"boolValue":"false"', "boolean"),
    ("1755734400223456789", "1655734400223456789", "ends before"), ("1755734400223456789", "9955734400223456789", "out of range"),
    ('"flags":257', '"flags":256', "not sampled"), ('"flags":257', '"flags":2305', "bits 10"), ("checkout", "check\tout", "control"),
    ("é", "\udcff", "UTF-8"), ("é", "\udced\udca0\udc80", "UTF-8"), ("é", "\udcc0\udc80", "UTF-8"), ('1.44.0"}]}]}', '1.44.0"}]}]}x', "not JSON"),
    (TEXT, '{"resourceSpans":[]}', "empty list"), (TEXT, "[]", "not an object"), (TEXT, "", "not JSON")]


def test_the_strict_reader_accepts_what_is_right():
    """Else every test would fail for its judge's sake."""
    assert violations_in([TEXT.encode()]) == []
    assert spans_of(TEXT)[0]["server.port"] == 80 and spans_of(TEXT)[0].resource["list"] == ["é", False]


@pytest.mark.parametrize("right, wrong, complaint", FAULTS, ids=lambda text: text[:24].encode("ascii", "replace").decode())
def test_the_strict_reader_finds(right, wrong, complaint):
    """Each fault alone, put into a request that is right (otlp.md section 9)."""
    assert right in TEXT
    violations = violations_in([TEXT.replace(right, wrong, 1).encode("utf-8", "surrogateescape")])
    assert any(complaint in line for line in violations), violations


def test_counters_that_do_not_add_up_are_refused():
    """design.md 1.3: started = exported + sampled_out + dropped + held."""
    line = "spanload: started=5 exported=2 sampled_out=1 dropped_queue_full=1 held=1 connections=3 given_up_tls=0\n"
    assert counters_in("noise\n" + line)[0].dropped == 1
    assert complaints_in("spanload: a word\n" + line) == ["a word"]
    with pytest.raises(AssertionError):
        counters_in(line.replace("held=1", "held=0"))
    assert Counters({"dropped_a": 1, "dropped_b": 2, "held": 3}).dropped == 3
