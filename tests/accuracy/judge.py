"""judge.py - which parent links are right: the spans of a service, against ids that the library has never read.

A link is that of a CLIENT span to its parent. It is right if the parent is the SERVER span of the same id, in the same trace;
wrong if there is any other parent, or the trace is another request's; absent if the span has no parent. What the leaf received is
judged too, as that is what the next service believes, and what the load sent, as that is what the service was to believe.
Knows nothing of how spans were made; gets them from measure.py and gives counts to row.py.
"""
import re
from collections import defaultdict

from accuracy.plan import context_of, found_in, is_given_up, level_of
from accuracy.row import Counts

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def judge(spans, wire, answered):
    """{level: Counts} of all spans of a row. `wire`: (id, number, traceparent) of each request that came to the leaf; `answered`: the
    ids that the load had an answer for."""
    servers, clients, requests_of = defaultdict(list), defaultdict(list), {}
    for span in spans:
        rid, number = found_in(span["url.path"] if span.kind == "SERVER" else span["url.full"])
        if rid and span.kind == "SERVER":
            servers[rid].append(span)
            requests_of[span.span_id] = requests_of[span.trace_id] = rid
        elif rid and span.kind == "CLIENT":
            clients[rid, number].append(span)
    counts = defaultdict(Counts)
    _judge_servers(counts, servers, answered)
    _judge_links(counts, servers, clients, requests_of)
    _judge_wire(counts, clients, wire)
    return dict(counts)


def _judge_servers(counts, servers, answered):
    for rid in sorted(answered - servers.keys()):
        counts[level_of(rid)].lose(f"no SERVER span of {rid}")
    for rid, found in servers.items():
        of = counts[level_of(rid)]
        for twice in found[1:]:
            of.lose(f"SERVER span {twice.span_id} is another one of {rid}")
        trace_id, parent_id = context_of(rid) or (found[0].trace_id, "")
        if (found[0].trace_id, found[0].parent_span_id) == (trace_id, parent_id):
            of.taken_over += 1
        else:
            of.not_taken_over += 1
            of.say(f"SERVER span of {rid} continues {found[0].trace_id} {found[0].parent_span_id or '-'}, was sent {trace_id} {parent_id or '-'}")


def _judge_links(counts, servers, clients, requests_of):
    for (rid, number), found in clients.items():
        for span in found if rid in servers else ():
            of, verdict = counts[level_of(rid)], verdict_on(span, servers[rid], requests_of)
            if verdict == "right":
                of.right += 1
            elif verdict == "absent":
                of.absent += not is_given_up(rid)  # its parent may have ended before
            else:
                of.wrong += 1
                of.say(f"CLIENT span {span.span_id} of {rid}/{number} {verdict}, started {(span.start_ns - servers[rid][0].start_ns) / 1e6:.3f} ms "
                       f"after its own SERVER span {servers[rid][0].span_id}")


def verdict_on(span, servers, requests_of):
    """`right`, `absent`, or what is wrong, in words."""
    if any((span.parent_span_id, span.trace_id) == (server.span_id, server.trace_id) for server in servers):
        return "right"
    if span.parent_span_id:
        return f"has the parent {span.parent_span_id} of {requests_of.get(span.parent_span_id, 'nobody here')}"
    if span.trace_id in requests_of and span.trace_id not in [server.trace_id for server in servers]:
        return f"has no parent and the trace of {requests_of[span.trace_id]}"
    return "absent"


def _judge_wire(counts, clients, wire):
    for rid, number, traceparent in wire:
        of, spans = counts[level_of(rid)], clients.get((rid, number), ())
        if not spans and not is_given_up(rid):
            of.lose(f"no CLIENT span of {rid}/{number}")
        named = TRACEPARENT.fullmatch(traceparent)
        if traceparent == "-":
            of.wire_absent += 1
        elif named and named.groups() in [(span.trace_id, span.span_id) for span in spans]:
            of.wire_right += 1
        elif spans:
            of.wire_wrong += 1
            of.say(f"{rid}/{number} came with {traceparent}, its span is {spans[0].trace_id} {spans[0].span_id}")
