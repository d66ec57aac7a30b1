#!/usr/bin/python3
"""picture.py - the rows of `make accuracy` as one picture, docs/accuracy.svg.

    picture.py [FILE]    prints the picture of docs/accuracy.json, or of FILE
    picture.py --write   puts it into docs/accuracy.svg

Two bars for each service, on the sheet and in the colours of the bench's picture: how many of the links that were made are right,
and how many of those there are were made. A full bar is all of them.
"""
import sys
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

sys.dont_write_bytecode = True
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this directory: `accuracy` is the package, not the file

from accuracy import table  # noqa: E402
from accuracy.row import in_words  # noqa: E402
from accuracy.table import counts_in_words, goal_in_words, rows_of  # noqa: E402
from bench.picture import BAR, MARGIN, ONE, PER_EM, STYLE, WIDTH, Sheet  # noqa: E402
from support.launch import ROOT  # noqa: E402

FILE = ROOT / "docs" / "accuracy.svg"
GAP = 5
MORE_STYLE = """
.right { fill: #2f9e5b }
@media (prefers-color-scheme: dark) {
.right { fill: #4cc38a }
}
"""


def draw_bar(sheet, kind, part, words):
    sheet.box("track", MARGIN, 0, ONE, BAR, 2)
    if part is not None:
        sheet.box(kind, MARGIN, 0, max(ONE * part, 2), BAR, 2)
    sheet.words("quiet missed" if kind == "missed" else "quiet", MARGIN + ONE + 10, BAR, words, WIDTH - MARGIN - ONE - 42, 13)
    sheet.down(BAR + GAP)


def draw_row(sheet, row):
    counts, goal = row.counts, goal_in_words(row)
    said = "not measured" if row.skipped else f"goal {goal}" if goal else "no goal"
    said += ", missed" if row.missed else ""
    sheet.elements.append(f"<g><title>{escape(': '.join([row.title, row.model, *row.missed]))}</title>")
    sheet.words("name", MARGIN, 14, row.title, WIDTH - 2 * MARGIN - len(said) * 13 * PER_EM - 12)
    sheet.words("quiet missed" if row.missed else "quiet", WIDTH - MARGIN, 14, said, size=13, to_left=True)
    sheet.down(21)
    if not row.skipped:
        draw_bar(sheet, "missed" if counts.wrong else "right", counts.precision, f"precision {in_words(counts.precision, 'of no link')}")
        if row.goal is not None:
            sheet.box("goal", MARGIN + ONE * row.goal - 1, -3, 2, BAR + 6)
        draw_bar(sheet, "missed" if row.is_below_its_goal else "ours", row.recall, f"recall {in_words(row.recall)} of {counts.links} links")
    sheet.elements.append("</g>")
    sheet.down(10)


def draw_group(sheet, name, rows):
    sheet.down(10)
    sheet.box("line", MARGIN, 0, WIDTH - 2 * MARGIN, 1)
    sheet.down(20)
    sheet.words("group", MARGIN, 15, name[0].upper() + name[1:], size=17)
    sheet.down(32)
    for row in rows:
        draw_row(sheet, row)


def draw_legend(sheet):
    x = MARGIN
    for kind, words in (("right", "precision"), ("ours", "recall"), ("missed", "misses its goal"), ("goal", "goal of recall")):
        wide, high = (2, 14) if kind == "goal" else (18, BAR)
        sheet.box(kind, x, 9 - high / 2, wide, high, 0 if kind == "goal" else 2)
        sheet.words("quiet", x + wide + 7, 14, words, size=13)
        x += wide + 7 + len(words) * 13 * PER_EM + 20
    sheet.down(24)


def svg(results):
    rows, sheet = rows_of(results), Sheet()
    levels = ", ".join(str(level) for level in table.levels_of(results))
    sheet.words("title", MARGIN, 20, "Whose child is a span", size=23)
    sheet.down(34)
    sheet.paragraph("Parent links of requests that unmodified services make, against ids of the applications' own. "
                    f"{sum(row.counts.links for row in rows):,} links, {levels} requests at once.")
    sheet.words("figure", MARGIN, 16, counts_in_words(results), size=14)
    sheet.down(34)
    draw_legend(sheet)
    for name, group in groupby(rows, lambda row: row.family):
        draw_group(sheet, name, list(group))
    height = sheet.at + MARGIN - 10
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"',
        ' role="img" aria-labelledby="what">',
        f'<title id="what">Whose child is a span: {escape(counts_in_words(results))}</title>',
        f"<style>{STYLE}{MORE_STYLE}</style>",
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
