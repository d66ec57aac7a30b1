"""context.py - the one thing that the library adds to what a program sends: the header that names its span.

What the other end heard is compared with and without the library, byte for byte, once exactly that line has been taken out.
"""
import re

TRACEPARENT = re.compile(rb"(?i)\r\ntraceparent:[^\r\n]*(?=\r\n)")
OURS = re.compile(rb"\r\ntraceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]")


def without_context(heard):
    """What was heard of a request without the line that the library put in, and the id of the span that it names."""
    head, end, body = heard.partition(b"\r\n\r\n")
    found = TRACEPARENT.findall(head + end)
    assert len(found) == 1, f"{len(found)} times traceparent in {head!r}"
    ours = OURS.fullmatch(found[0])
    assert ours, f"not as the library writes it: {found[0]!r}"
    return head.replace(found[0], b"", 1) + end + body, ours[2].decode()


def is_traced(env):
    return "libspanload" in env.get("LD_PRELOAD", "")


def take_context(visits, is_traced):
    """Of requests that a traced program made: takes the line out of what was heard, and keeps the id as `span_id`."""
    for visit in visits if is_traced else ():
        visit.heard, visit.span_id = without_context(visit.heard)
    return visits


def check_context(spans, visits):
    """Each request named the span that it has: which one, by the id. Returns {span id: visit}."""
    named = {visit.span_id: visit for visit in visits}
    assert len(named) == len(visits), "two requests named one span"
    assert named.keys() == {span.span_id for span in spans}, "requests named other spans than they have"
    return named
