"""The judge can tell right from wrong, what is published says what was judged, and a few services of each kind reach their goals.

`make accuracy` measures all of them, with ten times as many requests.
"""
import dataclasses
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(path for path in sys.path if Path(path) != HERE)]  # `accuracy` is the package, not the file

from accuracy import accuracy, measure, picture, plan, table  # noqa: E402
from accuracy.judge import judge  # noqa: E402
from accuracy.row import Counts, Row, in_words, row_of  # noqa: E402
from support.spans import Span  # noqa: E402

# --- the judge, on made-up spans --------------------------------------------------------------------------------------------

WITH, WITHOUT = ([rid for rid in plan.ids(0, 8, 100) if bool(plan.context_of(rid)) == sent and not plan.is_given_up(rid)][:2]
                 for sent in (True, False))
GIVEN_UP = next(rid for rid in plan.ids(0, 8, 10000) if plan.is_given_up(rid) and not plan.context_of(rid))
SENT_TRACE, SENT_SPAN = plan.context_of(WITH[0])
OURS, OTHER = WITHOUT
TRACE, OTHER_TRACE = "a" * 32, "b" * 32


def span(kind, trace_id, span_id, parent, **attributes):
    return Span(name="GET", kind=kind, trace_id=trace_id, span_id=span_id, parent_span_id=parent, flags=1, trace_state="", start_ns=0,
                end_ns=1, status="UNSET", status_message="", dropped_attributes=0, resource={}, scope="", schema_url="",
                attributes={name.replace("_", "."): value for name, value in attributes.items()})


def server(rid, trace_id, span_id, parent=""):
    return span("SERVER", trace_id, span_id, parent, url_path=f"/ask/{rid}/1/kept")


def client(rid, trace_id, parent, number=0, span_id="c1"):
    return span("CLIENT", trace_id, span_id, parent, url_full=f"http://127.0.0.1:1/leaf/{rid}/{number}")


BOTH = [server(OURS, TRACE, "51"), server(OTHER, OTHER_TRACE, "52")]


def judged(*spans, wire=(), answered=()):
    [counts] = judge(spans, wire, set(answered)).values()
    return counts


def figures(counts):
    return {name: value for name, value in dataclasses.asdict(counts).items() if value and name != "evidence"}


@pytest.mark.parametrize("child, verdict", [
    (client(OURS, TRACE, "51"), "right"),
    (client(OURS, OTHER_TRACE, "52"), "wrong"),   # of another request
    (client(OURS, TRACE, "52"), "wrong"),         # the same, in a trace that has no such span
    (client(OURS, OTHER_TRACE, "51"), "wrong"),   # the right span, in another request's trace
    (client(OURS, "c" * 32, "99"), "wrong"),      # of nobody
    (client(OURS, OTHER_TRACE, ""), "wrong"),     # no parent, but the trace of another request
    (client(OURS, "c" * 32, ""), "absent")])
def test_a_link_is_right_wrong_or_absent(child, verdict):
    counts = judged(*BOTH, child)
    assert figures(counts) == {verdict: 1, "taken_over": 2}
    assert bool(counts.evidence) == (verdict == "wrong")


def test_each_call_of_a_request_is_a_link():
    counts = judged(*BOTH, *(client(OURS, TRACE, parent, number) for number, parent in enumerate(("51", "51", "52"))))
    assert (counts.links, counts.precision, counts.recall) == (3, 2 / 3, 2 / 3)


def test_the_parent_that_the_load_sent_is_not_the_parent_of_a_call():
    assert figures(judged(server(WITH[0], SENT_TRACE, "51", SENT_SPAN), client(WITH[0], SENT_TRACE, SENT_SPAN))) == {"wrong": 1, "taken_over": 1}


def test_a_call_without_its_server_span_is_no_link():
    assert figures(judged(client(OURS, TRACE, "52"), BOTH[1])) == {"taken_over": 1}


def test_what_was_given_up_may_have_no_link_but_no_wrong_one():
    given_up = server(GIVEN_UP, TRACE, "51")
    assert figures(judged(given_up, client(GIVEN_UP, "c" * 32, ""))) == {"taken_over": 1}
    assert figures(judged(given_up, client(GIVEN_UP, "c" * 32, "99"))) == {"wrong": 1, "taken_over": 1}


@pytest.mark.parametrize("found, is_taken_over", [
    (server(WITH[0], SENT_TRACE, "51", SENT_SPAN), True),
    (server(WITH[0], SENT_TRACE, "51"), False),
    (server(WITH[0], TRACE, "51"), False),
    (server(WITH[0], *reversed([SENT_SPAN, "51", plan.context_of(WITH[1])[0]])), False),  # what another one was sent
    (server(OURS, TRACE, "51"), True),
    (server(OURS, TRACE, "51", SENT_SPAN), False)])
def test_a_server_span_continues_what_was_sent_and_nothing_else(found, is_taken_over):
    assert figures(judged(found)) == {"taken_over" if is_taken_over else "not_taken_over": 1}


@pytest.mark.parametrize("traceparent, verdict", [
    (f"00-{TRACE}-00000000000000c1-01", {"wire_right": 1}),
    (f"00-{OTHER_TRACE}-00000000000000c1-01", {"wire_wrong": 1}),
    (f"00-{TRACE}-0000000000000051-01", {"wire_wrong": 1}),
    (f"00-{TRACE}-00000000000000c1-01,00-{TRACE}-00000000000000c1-01", {"wire_wrong": 1}),  # there twice
    ("-", {"wire_absent": 1})])
def test_the_wire_names_the_span_of_the_call(traceparent, verdict):
    child = client(OURS, TRACE, "51", span_id="00000000000000c1")
    assert figures(judged(BOTH[0], child, wire=[(OURS, 0, traceparent)])) == {"right": 1, "taken_over": 1, **verdict}


def test_what_has_no_span_is_lost_and_so_is_a_span_that_came_twice():
    assert figures(judged(BOTH[1], answered=[OURS])) == {"taken_over": 1, "lost": 1}
    assert figures(judged(BOTH[1], wire=[(OURS, 0, "-")])) == {"taken_over": 1, "lost": 1, "wire_absent": 1}
    assert figures(judged(BOTH[0], dataclasses.replace(BOTH[0], span_id="53"))) == {"taken_over": 1, "lost": 1}


# --- goals, and what is published -------------------------------------------------------------------------------------------

GOOD = Row("good", "a | model", "C", goal=1, levels={1: Counts(right=10, wire_right=10, taken_over=10), 8: Counts(right=30)})
HONEST = Row("honest", "queues", "C", levels={1: Counts(right=1, absent=2), 8: Counts(absent=3)})
NOTHING = Row("nothing <&>", "queues", "C", levels={8: Counts(absent=3)})
SKIPPED = Row("skipped", "coroutines", "Python", helper="python", goal=0.99, skipped="no such file")
BELOW = Row("below", "coroutines", "Python", goal=0.99, levels={8: Counts(right=9899, absent=101)})
WRONG = Row("wrong", "queues", "Python", levels={8: Counts(right=9999, wrong=1, evidence=["that one"])})
MISSED = [BELOW, WRONG, *(Row("bad", "m", "C", levels={8: Counts(right=1, **{what: 1})}) for what in ("wire_wrong", "not_taken_over", "lost")),
          Row("bad", "m", "C", levels={8: Counts(right=1)}, problems=["2 requests unanswered"]), Row("empty", "m", "C", goal=1)]
FINE = [GOOD, HONEST, NOTHING, SKIPPED]


def results_of(rows):
    return {"runs": [{8: 10}, {1: 5}], "rows": [row.as_dict() for row in rows]}


@pytest.mark.parametrize("row", MISSED, ids=lambda row: row.name)
def test_a_missed_goal_is_said(row):
    assert row.missed and "MISSED" in table.text(results_of([row])) and "1 missed" in table.markdown(results_of([row]))


@pytest.mark.parametrize("row", FINE, ids=lambda row: row.name)
def test_nothing_else_is(row):
    assert not row.missed and "miss" not in (table.text(results_of([row])) + table.markdown(results_of([row]))).lower()


def test_no_figure_is_rounded_up_to_a_goal():
    assert (in_words(0.9999), in_words(0.98999), in_words(1.0), in_words(None)) == ("0.999", "0.989", "1.000", "-")


def test_a_row_is_read_back_as_it_was_written():
    assert [row_of(row.as_dict()) for row in FINE + MISSED] == FINE + MISSED


def test_readme_gets_the_table_between_its_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- accuracy -->\nold\n<!-- /accuracy -->\nafter\n")
    table.write_readme(results_of(FINE), readme)
    written = readme.read_text()
    assert written == f"before\n<!-- accuracy -->\n{table.markdown(results_of(FINE))}<!-- /accuracy -->\nafter\n"
    assert r"| good | a \| model | 40 | 1.000 | 1.000 | 1 | 1.000 | 1.000 |" in written
    assert "| nothing &lt;&amp;&gt; | queues | 3 | - | 0.000 | - | - | 0.000 |" in written


def test_the_picture_stands_alone_and_has_every_row():
    drawn = picture.svg(results_of(FINE + MISSED))
    root = ElementTree.fromstring(drawn)
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert all(any(title.startswith(row.title) for title in titles) for row in FINE + MISSED)
    assert "prefers-color-scheme" in drawn and not any(word in drawn for word in ("href", "url(", "<script", "<image"))
    assert drawn.count('<rect class="missed"') == 1 + 2  # in the legend, the recall of below, the precision of wrong
    assert drawn.count(", missed</text>") == len(MISSED)


# --- services ------------------------------------------------------------------------------------------------------------

RUNS = ({plan.FIRST: 1, 1: 10, 8: 40, 64: 120},)
SAMPLE = [("nginx", False), ("C, thread per connection", False), ("C, pool, main thread reads", False), ("gunicorn sync", False),
          ("node, async", True), ("uvicorn, httpx", True), ("puma", True)]


@pytest.fixture(scope="module")
def the_leaf():
    with measure.leaf() as one:
        yield one


@pytest.mark.parametrize("name, with_helper", SAMPLE)
def test_a_service_reaches_its_goals(the_leaf, name, with_helper):
    [(number, service)] = [one for one in enumerate(accuracy.SERVICES) if (one[1].name, bool(one[1].helper)) == (name, with_helper)]
    row = measure.measured(service, number, RUNS, the_leaf)
    if row.skipped:
        pytest.skip(row.skipped)
    assert row.counts.links > 100 * service.share and not row.missed, (row.missed, row.counts.evidence)
