"""test_table.py - what is published of the bench: the table says what was measured, and the picture stands alone."""
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(path for path in sys.path if Path(path) != HERE)]  # `bench` is the package, not the file

from bench import picture, table  # noqa: E402
from bench.row import Row, difference, ratio  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
MET = ratio("kept", "nginx", 100, 104, 0.95, shown="{:.0f} us", peers="a peer 0.15-0.37", figures={"peer_ratio": [0.15, 0.37]})
MISSED = ratio("lost", "nginx", 100, 120, 0.95, shown="{:.0f} us")
BY_A_HAIR = Row("by a hair", "nginx", "", "", 0.98496, "x", 0.985)
ADDED = difference("spawn", "processes", 1, 1.2, "ms", 0.25, peers="a peer +7.4 ms")
TOO_MUCH = difference("write", "processes", 100, 112.5, "ns", 10)
SOME = difference("wakeups", "processes", 0, 3, "/s", 0)
NONE = difference("no wakeups", "processes", 0, 0, "/s", 0)
SLOWER = Row("p99", "nginx", "1 ms", "1.06 ms", 1.06, "x", 1.1, at_least=False)
ALONE = Row("bytes of a span", "spans", "", "641 bytes", 641, "bytes", 850, at_least=False)
NO_GOAL = Row("instructions", "spans", "", "812", 812, "instructions")
UNMEASURED = Row("not here", "spans", reach=0.9, remark="it needs root")
HOSTILE = Row("a | b <c> & \"d\" *e* _f_ `g` \\ \n h", "spans", "<i>", "&amp;", 1, "x", 0.9, peers="<|>", remark="]]> -->")
ROWS = [MET, MISSED, BY_A_HAIR, ADDED, TOO_MUCH, SOME, NONE, SLOWER, ALONE, NO_GOAL, UNMEASURED, HOSTILE]


def results_of(rows=ROWS):
    return {"machine": {"cpu": "A <Processor>", "cores": "2 cores"}, "rounds": 3, "rows": [row.as_dict() for row in rows]}


def line_of(text, name):
    return next(line for line in text.splitlines() if name in line)


@pytest.mark.parametrize("row, value, goal", [
    (MET, "0.962", "≥ 0.95"), (MISSED, "0.833", "≥ 0.95"), (BY_A_HAIR, "0.98496", "≥ 0.985"), (ADDED, "+0.2 ms", "≤ 0.25 ms"),
    (TOO_MUCH, "+12.5 ns", "≤ 10 ns"), (SOME, "+3/s", "≤ 0/s"), (NONE, "0/s", "≤ 0/s"), (SLOWER, "x 1.060", "≤ x 1.1"),
    (ALONE, "641 bytes", "≤ 850 bytes"), (NO_GOAL, "812 instructions", ""), (UNMEASURED, "not measured", "≥ 0.9")])
def test_a_figure_and_its_goal_are_said_with_their_unit_and_the_digits_that_tell(row, value, goal):
    assert (table.value_in_words(row), table.goal_in_words(row)) == (value, goal)


@pytest.mark.parametrize("row", [MISSED, BY_A_HAIR, TOO_MUCH, SOME], ids=lambda row: row.name)
def test_a_missed_goal_is_said_everywhere(row):
    results = results_of([MET, row])
    assert "MISSED" in line_of(table.text(results), row.name)
    assert ", missed**" in line_of(table.markdown(results), row.name)
    assert "1 of 2 goals met, 1 missed" in table.text(results) and "1 of 2 goals met, 1 missed" in table.markdown(results)
    drawn = picture.svg(results)
    assert drawn.count('<rect class="missed"') == 2  # in the legend and in its row
    assert f">{table.value_in_words(row)} missed</text>" in drawn


@pytest.mark.parametrize("row", [MET, ADDED, NONE, SLOWER, ALONE, NO_GOAL, UNMEASURED], ids=lambda row: row.name)
def test_nothing_else_is_called_missed(row):
    results = results_of([row])
    assert "missed" not in (table.text(results) + table.markdown(results)).lower()
    assert picture.svg(results).count('<rect class="missed"') == 1


def test_every_row_is_in_the_table_whatever_it_is_called():
    written = table.markdown(results_of())
    lines = [line for line in written.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(ROWS)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 7 for line in lines)
    assert r"a \| b &lt;c&gt; &amp; "'"d"'r" \*e\* \_f\_ \`g\` \\ h<br><sub>]]&gt; --&gt;</sub>" in written
    assert "A &lt;Processor&gt;, 2 cores; 3 rounds" in written


def test_the_terminals_table_has_every_row_its_peers_and_its_remark():
    written = table.text(results_of())
    assert all(row.name in written and row.peers in written and row.remark in written for row in ROWS)


def test_readme_gets_the_table_between_its_markers_and_nothing_else_changes(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    for _ in range(2):
        table.write_readme(results_of(), readme)
        assert readme.read_text() == "before\n<!-- bench -->\n" + table.markdown(results_of()) + "<!-- /bench -->\nafter\n"


def test_a_readme_without_a_place_for_it_is_refused(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- bench -->\n")
    with pytest.raises(SystemExit):
        table.write_readme(results_of(), readme)
    assert readme.read_text() == "<!-- bench -->\n"


@pytest.mark.parametrize("rows", [ROWS, [MET], [ADDED], []], ids=["all", "a ratio", "a difference", "none"])
def test_the_picture_is_xml_and_everything_in_it_lies_on_its_ground(rows):
    root = ElementTree.fromstring(picture.svg(results_of(rows)))
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:g} {height:g}"
    for element in root.iter(f"{SVG}rect"):
        x, y, wide, high = (float(element.get(name)) for name in ("x", "y", "width", "height"))
        assert 0 <= x and x + wide <= width and 0 <= y and y + high <= height and wide >= 0
    for element in root.iter(f"{SVG}text"):
        assert 0 <= float(element.get("x")) <= width and 0 <= float(element.get("y")) <= height


def test_the_picture_needs_nothing_from_outside():
    drawn = picture.svg(results_of()).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"href|url\(|@import|@font-face|<script|<image|<foreignObject|\bon\w+=|://", drawn)


def test_the_picture_is_for_light_and_dark():
    styles = picture.STYLE.split("@media (prefers-color-scheme: dark)")
    classes = [set(re.findall(r"^\.(\w+) \{[^}]*fill", style, re.M)) for style in styles]
    assert len(styles) == 2 and classes[0] == classes[1]
    drawn = ElementTree.fromstring(picture.svg(results_of()))
    assert 'class="ground"' in ElementTree.tostring(drawn[2], encoding="unicode"), "the ground is drawn first"


def test_the_longer_bar_is_the_larger_figure_and_no_bar_leaves_its_place():
    lengths = [picture.parts_of_one(MET, value) for value in (-1, 0, 0.5, 1, 1.05, 2, 1e9)]
    assert lengths == sorted(lengths) and lengths[0] == 0 and lengths[3] == 1 and lengths[-1] == picture.MOST
    assert picture.parts_of_one(ADDED, 0.25) == 1 and picture.parts_of_one(SOME, 3) == picture.MOST and picture.parts_of_one(NONE, 0) == 0


@pytest.mark.parametrize("unit, at_least, peers, figures, drawn", [
    ("x", True, "a peer 0.15-0.37, 17-100 % reported; another 0.85-0.90", {}, (0.15, 0.37)),
    ("x", True, "a peer 0.45 (+39 MB)", {}, (0.45, 0.45)),
    ("x", True, "a thread: 2.5 times slower", {}, (0.4, 0.4)),
    ("x", False, "a peer x 3.8-5.8", {}, (3.8, 5.8)),
    ("MB", False, "a peer +3 to +497 MB", {}, (3, 497)),
    ("ms", False, "2 peers +7.4 ms", {}, (7.4, 7.4)),
    ("/s", False, "a peer 920/s", {}, (920, 920)),
    ("ms", False, "a peer +6 s", {}, None),
    ("ms", False, "a peer +6 s", {"peer_value": 6000}, (6000, 6000)),
    ("x", True, "", {}, None),
    ("x", True, "17 % of what it was", {}, None),
    ("x", True, "a peer 0.9", {"peer_ratio": [0.5, 0.2]}, (0.2, 0.5))])
def test_of_the_peers_what_is_said_in_the_rows_unit_is_drawn(unit, at_least, peers, figures, drawn):
    assert picture.peers_figures(Row("row", "x", unit=unit, value=1, reach=1, at_least=at_least, peers=peers, figures=figures)) == drawn


@pytest.mark.skipif(not table.PUBLISHED.exists(), reason="nothing is published yet: docs/bench.json")
def test_what_is_published_is_of_one_run():
    results = table.read()
    assert table.between_markers(table.README.read_text()).group(2) == table.markdown(results)
    assert picture.FILE.read_text() == picture.svg(results)
