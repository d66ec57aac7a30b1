#!/usr/bin/python3
"""picture.py - the rows of `make bench` as one picture, docs/bench.svg.

    picture.py [FILE]    prints the picture of docs/bench.json, or of FILE
    picture.py --write   puts it into docs/bench.svg

Ratios first: a bar that is as long as 1 costs nothing. Then what should be little: a bar that is as long as its goal uses all of
it. It stands alone, without script or font, on a ground of its own, light or dark; and it is narrow, with a row's name
above its bar, so that a telephone shows it in letters that can be read. What has no goal is in the table only.
"""
import re
import sys
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

sys.dont_write_bytecode = True
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this directory: `bench` is the package, not the file

from bench import table  # noqa: E402
from bench.table import MISSED, NOT_MEASURED, goal_in_words, rows_of, value_in_words, verdict  # noqa: E402
from support.launch import ROOT  # noqa: E402

FILE = ROOT / "docs" / "bench.svg"

WIDTH, MARGIN = 600, 32
ONE = 336           # pixels of a ratio of 1, and of a goal used up
MOST = 1.08         # a bar that is longer ends here, open
BAR, THIN = 10, 4   # how high the bars are, ours and the peers'
PER_EM, BOLD_PER_EM = 0.54, 0.64  # how wide a letter is, about, in whatever font there is

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "Liberation Sans", Helvetica, Arial, sans-serif; font-size: 15px; fill: #1f2328 }
.title { font-size: 23px; font-weight: 600 }
.group { font-size: 17px; font-weight: 600 }
.quiet { font-size: 13px; fill: #59636e }
.figure { font-weight: 600; font-size: 14.5px }
.ground { fill: #ffffff; stroke: #d1d9e0 }
.track { fill: #eff2f5 }
.ours { fill: #2b6cd4 }
.missed { fill: #c2410c }
.peer { fill: #aab4c0 }
.upto { opacity: 0.5 }
.goal { fill: #1f2328 }
.line { fill: #d1d9e0 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.quiet { fill: #9aa4af }
.ground { fill: #0d1117; stroke: #30363d }
.track { fill: #1a2029 }
.ours { fill: #58a6ff }
.missed { fill: #ff8c42 }
.peer { fill: #56616d }
.goal { fill: #e6edf3 }
.line { fill: #30363d }
}
"""


def shortened(words, letters):
    """What stands before a semicolon or a bracket, if that is enough; else as many words as there is room for."""
    if len(words) <= letters:
        return words
    heads = [words[:stop.start()] for stop in re.finditer(r"; | \(", words)]
    fitting = [head for head in heads if len(head) <= letters]
    return fitting[-1] if fitting else textwrap.shorten(words, letters, placeholder=" …")


class Sheet:
    """Elements, one below the other; `at` is where the next one begins."""

    def __init__(self):
        self.elements, self.at = [], MARGIN

    def down(self, pixels):
        self.at += pixels

    def box(self, kind, x, y, width, height, round_by=0):
        place = f'x="{x:g}" y="{self.at + y:g}" width="{width:g}" height="{height:g}"'
        self.elements.append(f'<rect class="{kind}" {place} rx="{round_by:g}"/>')

    def words(self, kind, x, y, words, room=WIDTH - 2 * MARGIN, size=15, to_left=False):
        cut = shortened(words, int(room / (size * PER_EM)))
        anchor = ' text-anchor="end"' if to_left else ""
        self.elements.append(f'<text class="{kind}" x="{x:g}" y="{self.at + y:g}"{anchor}>{escape(cut)}</text>')

    def paragraph(self, words):
        for line in textwrap.wrap(words, int((WIDTH - 2 * MARGIN) / (13 * PER_EM))):
            self.words("quiet", MARGIN, 14, line, size=13)
            self.down(20)


def is_ratio(row):
    """The more, the better, and 1 is what nothing costs."""
    return row.unit == "x" and row.at_least


def parts_of_one(row, value):
    """How long the bar of that value is: a ratio as it is, what should be little as a part of its goal."""
    if is_ratio(row):
        length = value
    else:
        length = value / row.reach if row.reach else MOST * (value > 0)
    return min(max(length, 0), MOST)


FIGURE = re.compile(r"(\d+(?:\.\d+)?)(?:(?:-| to \+?)(\d+(?:\.\d+)?))?")


def peers_figures(row):
    """The lowest and the highest of what is known: `peer_ratio` or `peer_value` of the row's figures, or the first figure that the
    text names in the row's unit. None: nothing to draw."""
    found = row.figures.get("peer_ratio" if row.unit == "x" else "peer_value")
    if found is not None:
        return (min(found), max(found)) if isinstance(found, (list, tuple)) else (found, found)
    for match in FIGURE.finditer(row.peers):
        after = row.peers[match.end():].lstrip()
        low, high = float(match[1]), float(match[2] or match[1])
        if row.unit == "x" and "." in match[1]:
            return (1 / high, 1 / low) if is_ratio(row) and after.startswith("times slower") else (low, high)
        if row.unit != "x" and re.match(rf"{re.escape(row.unit)}\b", after):
            return low, high
    return None


def draw_peers(sheet, row):
    end = MARGIN
    if figures := peers_figures(row):
        low, high = (ONE * parts_of_one(row, figure) for figure in figures)
        sheet.box("peer", MARGIN, 7, low, THIN, 1)
        if high > low:
            sheet.box("peer upto", MARGIN + low, 7, high - low, THIN)
        end += high + 8
    sheet.words("quiet", end, 14, row.peers, WIDTH - MARGIN - end, 13)
    sheet.down(16)


def place_of_figure(row, end, words):
    """Right of the bar, and of the goal's tick where the words would run into it."""
    tick = MARGIN + ONE * (max(row.reach or 1, 1) if is_ratio(row) else 1)
    return max(end, tick) + 8 if is_ratio(row) or end + 8 + len(words) * 14 * BOLD_PER_EM > tick - 4 else end + 8


def is_of_peers(row):
    """Measured without us, on the same work."""
    return row.bare and not row.spanload


def draw_bar(sheet, row):
    said, words = verdict(row), value_in_words(row)
    sheet.box("track", MARGIN, 0, ONE, BAR, 2)
    if said == NOT_MEASURED:
        sheet.words("quiet", MARGIN + ONE + 8, BAR, NOT_MEASURED, size=13)
    else:
        kind = "missed" if said == MISSED else "peer" if is_of_peers(row) else "ours"
        words += " missed" if said == MISSED else ""
        length = max(ONE * parts_of_one(row, row.value), 2)
        sheet.box(kind, MARGIN, 0, length, BAR, 2)
        sheet.words(f"figure {kind if said == MISSED else ''}".strip(), place_of_figure(row, MARGIN + length, words), BAR, words, size=14)
    if row.reach is not None:
        sheet.box("goal", MARGIN + ONE * (row.reach if is_ratio(row) else 1) - 1, -3, 2, BAR + 6)
    sheet.down(BAR)


def draw_row(sheet, row, with_peers):
    goal = f"goal {goal_in_words(row)}" if row.reach is not None else ""
    room_of_goal = len(goal) * 13 * PER_EM + 12
    sheet.elements.append(f"<g><title>{escape(': '.join(filter(None, (row.name, row.remark))))}</title>")
    sheet.words("name", MARGIN, 14, row.name, WIDTH - 2 * MARGIN - room_of_goal)
    sheet.words("quiet", WIDTH - MARGIN, 14, goal, size=13, to_left=True)
    sheet.down(21)
    draw_bar(sheet, row)
    if with_peers and not is_of_peers(row):
        draw_peers(sheet, row)
    sheet.elements.append("</g>")
    sheet.down(13)


def draw_group(sheet, name, explained, rows):
    if not rows:
        return
    sheet.down(14)
    sheet.box("line", MARGIN, 0, WIDTH - 2 * MARGIN, 1)
    sheet.down(20)
    sheet.words("group", MARGIN, 15, name, size=17)
    sheet.down(24)
    sheet.paragraph(explained)
    sheet.down(14)
    for row, before in zip(rows, [None, *rows]):
        if before and row.family != before.family:
            sheet.down(6)
        draw_row(sheet, row, row.peers and not (before and row.peers == before.peers))


def draw_legend(sheet):
    marks = [("ours", "spanload"), ("missed", "misses its goal"), ("peer", "known peers"), ("goal", "goal")]
    x = MARGIN
    for kind, words in marks:
        wide, high = (2, 14) if kind == "goal" else (18, THIN if kind == "peer" else BAR)
        sheet.box(kind, x, 9 - high / 2, wide, high, 0 if kind == "goal" else 2)
        sheet.words("quiet", x + wide + 7, 14, words, size=13)
        x += wide + 7 + len(words) * 13 * PER_EM + 20
    sheet.down(20)


def svg(results):
    rows = [row for row in rows_of(results) if row.reach is not None or is_ratio(row)]
    sheet = Sheet()
    sheet.words("title", MARGIN, 20, "What spanload costs", size=23)
    sheet.down(34)
    sheet.paragraph(table.machine_in_words(results))
    sheet.paragraph(f"CPU per request, best of {results['rounds']} rounds, both variants side by side in one run")
    sheet.words("figure", MARGIN, 16, table.counts_in_words(results), size=14)
    sheet.down(34)
    draw_legend(sheet)
    draw_group(sheet, "Speed kept", "Without the library / with it. A full bar costs nothing.", [row for row in rows if is_ratio(row)])
    draw_group(sheet, "What is added", "What was measured, as a part of its goal. The shorter, the better.",
               [row for row in rows if not is_ratio(row)])
    height = sheet.at + MARGIN - 13
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"',
        ' role="img" aria-labelledby="what">',
        f'<title id="what">What spanload costs: {escape(table.counts_in_words(results))}</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="12"/>',
        *sheet.elements,
        "</svg>"]) + "\n"


def write(results, file=FILE):
    file.parent.mkdir(exist_ok=True)
    file.write_text(svg(results))


if __name__ == "__main__":
    how = sys.argv[1] if len(sys.argv) > 1 else str(table.PUBLISHED)
    if how == "--write":
        write(table.read())
    else:
        print(svg(table.read(how)), end="")
