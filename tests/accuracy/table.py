#!/usr/bin/python3
"""table.py - the rows of `make accuracy` as a table: text for the terminal, Markdown for README.

    table.py [FILE]    prints the table of a run (build/accuracy.json), or of FILE
    table.py --write   puts that of docs/accuracy.json between README's `<!-- accuracy -->` and `<!-- /accuracy -->`
    table.py --check   fails if README has another one

`results` is what accuracy.py writes: {"runs": as plan.py has them, "rows": [Row.as_dict(), ...]}.
"""
import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this directory: `accuracy` is the package, not the file

from accuracy.plan import COLD, FIRST  # noqa: E402
from accuracy.row import in_words, row_of, total  # noqa: E402
from bench.table import escaped  # noqa: E402
from support.launch import BUILD, ROOT  # noqa: E402

README = ROOT / "README.md"
LATEST, PUBLISHED = BUILD / "accuracy.json", ROOT / "docs" / "accuracy.json"
SHOWN = 4  # sentences of evidence; the file has more
BETWEEN = re.compile(r"(<!-- accuracy -->\n)(.*?)(<!-- /accuracy -->)", re.DOTALL)


def rows_of(results):
    return [row_of(written) for written in results["rows"]]


def levels_of(results):
    return sorted(int(level) for levels in results["runs"] for level in levels if int(level) != FIRST)


def level_in_words(level):
    return f"{level} at once" + (", just started" if level == COLD else "")


def goal_in_words(row, sign="≥"):
    return "" if row.goal is None else "1" if row.goal == 1 else f"{sign} {row.goal:g}"


def recalls(row, levels):
    return [in_words(row.levels[level].recall) if level in row.levels else "-" for level in levels]


def counts_in_words(results):
    """`30 of 32 rows as they should be, 2 missed, 8 not measured`."""
    rows = rows_of(results)
    skipped, missed = sum(bool(row.skipped) for row in rows), sum(bool(row.missed) for row in rows)
    more = "".join(f", {count} {what}" for count, what in ((missed, "missed"), (skipped, "not measured")) if count)
    return f"{len(rows) - skipped - missed} of {len(rows)} rows reach their goals{more}"


def row_in_words(row):
    if row.skipped:
        return f"{row.title}: not measured, {row.skipped}"
    counts = row.counts
    return (f"{row.title}: {counts.links} links, precision {in_words(counts.precision)}, recall {in_words(row.recall)}, "
            f"wire {in_words(counts.wire)}{''.join('; ' + words for words in row.missed)}")


def said_by_the_library(row):
    counted = [f"{name} {value}" for name, value in sorted(row.library.items()) if value]
    return [", ".join(counted)] if counted else []


def text(results):
    """For the terminal: a column for each figure; what was missed, with evidence, below."""
    levels = levels_of(results)
    lines = [("", *map(level_in_words, levels), "links", "wrong", "precision", "recall", "goal", "wire", "")]
    below = [[]]
    for row in rows_of(results):
        counts = row.counts
        if row.skipped:
            lines.append((row.title, *[""] * (len(lines[0]) - 2), "not measured"))
        else:
            lines.append((row.title, *recalls(row, levels), str(counts.links), str(counts.wrong), in_words(counts.precision), in_words(row.recall),
                          goal_in_words(row, ">="), in_words(counts.wire), "MISSED" if row.missed else "ok"))
        below.append([row.skipped] if row.skipped else [*row.missed, *(counts.evidence[:SHOWN] if row.missed else ()), *said_by_the_library(row)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    out = []
    for line, more in zip(lines, below):
        cells = [cell.rjust(width) if 0 < column < len(line) - 1 else cell.ljust(width) for column, (cell, width) in enumerate(zip(line, widths))]
        out.append("  ".join(cells).rstrip())
        out += [f"    {words}" for words in more]
    return "\n".join(out) + f"\n\nRecall at each level, then of all. {counts_in_words(results)}\n"


def cells_of(row, levels):
    """Of README's table; bold is what misses its goal."""
    counts, names = row.counts, (escaped(row.title), escaped(row.model))
    if row.skipped:
        return *names, "not measured", *["-"] * (3 + len(levels))
    precision, recall = in_words(counts.precision), in_words(row.recall)
    figures = f"**{precision}**" if counts.wrong else precision, f"**{recall}**" if row.is_below_its_goal else recall
    return *names, f"{counts.links:,}", *figures, goal_in_words(row) or "-", *recalls(row, levels)


def runs_in_words(results):
    runs = [", ".join(f"{count} with {level_in_words(int(level))}" for level, count in levels.items()) for levels in results["runs"]]
    return (f"Requests of each service: {'; and, started again, '.join(runs)}. Their columns are recalls; the column Recall is that of "
            "a service that has answered once, precision that of everything.")


def wire_in_words(results):
    counts = total(row.counts for row in rows_of(results))
    return f"Of {counts.came:,} requests that were made, {counts.wire_right:,} named their own span on the wire, {counts.wire_wrong:,} another one."


def markdown(results):
    levels = levels_of(results)
    out = ["| Service | How it works | Links | Precision | Recall | Goal | " + " | ".join(map(level_in_words, levels)) + " |",
           "|---|---|---:|---:|---:|---:|" + "---:|" * len(levels)]
    out += ["| " + " | ".join(cells_of(row, levels)) + " |" for row in rows_of(results)]
    out += ["", f"{runs_in_words(results)} {wire_in_words(results)} {counts_in_words(results)}."]
    return "\n".join(out) + "\n"


def write_readme(results, readme=README):
    before = readme.read_text()
    found = BETWEEN.search(before)
    if not found:
        print(f"table.py: {readme.name} has no <!-- accuracy --> ... <!-- /accuracy -->", file=sys.stderr)
        return
    readme.write_text(before[:found.start(2)] + markdown(results) + before[found.end(2):])


def read(path=PUBLISHED):
    return json.loads(Path(path).read_text())


def check():
    found = BETWEEN.search(README.read_text())
    if not found or found.group(2) != markdown(read()):
        sys.exit(f"table.py: README's table is not that of {PUBLISHED.name}: run table.py --write")


def main(argv):
    how = argv[1] if len(argv) > 1 else str(LATEST)
    {"--check": check, "--write": lambda: write_readme(read())}.get(how, lambda: print(text(read(how)), end=""))()


if __name__ == "__main__":
    main(sys.argv)
