#!/usr/bin/python3
"""table.py - the rows of `make bench` as a table: text for the terminal, Markdown for README.

    table.py [FILE]    prints the table of a run (build/bench.json), or of FILE
    table.py --write   puts that of docs/bench.json between README's `<!-- bench -->` and `<!-- /bench -->`
    table.py --check   fails if README has another one

`results` is what bench.py writes: {"machine": {what: text, ...}, "rounds": N, "rows": [Row.as_dict(), ...]}.
"""
import html
import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this directory: `bench` is the package, not the file

from bench.row import Row  # noqa: E402
from support.launch import BUILD, ROOT  # noqa: E402

README = ROOT / "README.md"
LATEST, PUBLISHED = BUILD / "bench.json", ROOT / "docs" / "bench.json"
BETWEEN = re.compile(r"(<!-- bench -->\n)(.*?)(<!-- /bench -->)", re.DOTALL)
NOT_MEASURED, MET, MISSED, NO_GOAL = "not measured", "met", "missed", ""


def rows_of(results):
    return [Row(**row) for row in results["rows"]]


def verdict(row):
    if row.value is None:
        return NOT_MEASURED
    if row.reach is None:
        return NO_GOAL
    return MET if row.is_met else MISSED


def counts_in_words(results):
    """`17 of 19 goals met, 2 missed`, and what was not measured."""
    said = [verdict(row) for row in rows_of(results)]
    counts = {word: said.count(word) for word in (MET, MISSED, NOT_MEASURED)}
    more = "".join(f", {count} {word}" for word, count in counts.items() if count and word != MET)
    return f"{counts[MET]} of {sum(counts.values())} goals met{more}"


def machine_in_words(results):
    return ", ".join(str(value) for value in results["machine"].values())


def _digits(row):
    size = abs(row.value)
    if row.unit == "x":
        return 3 if size < 10 else 1
    return 0 if size >= 100 else 1 if size >= 10 else 2


def _number(row, digits):
    """A difference has a sign; what was measured with the library only is no difference."""
    is_difference = row.unit != "x" and row.bare and row.value
    text = f"{row.value:{'+' if is_difference else ''}.{digits}f}"
    if row.unit != "x" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("+0", "-0") else text


def with_unit(row, number):
    """`0.95` of what it was; but `x 1.1`, where more is worse."""
    if row.unit == "x":
        return number if row.at_least else f"x {number}"
    return f"{number}{'' if row.unit.startswith('/') else ' '}{row.unit}"


def value_in_words(row):
    """What was measured. One that misses its goal by little has the digits that tell."""
    if row.value is None:
        return NOT_MEASURED
    digits = _digits(row)
    while verdict(row) == MISSED and float(_number(row, digits)) == row.reach and digits < 9:
        digits += 1
    return with_unit(row, _number(row, digits))


def goal_in_words(row, signs=("≥", "≤")):
    return "" if row.reach is None else f"{signs[0] if row.at_least else signs[1]} {with_unit(row, f'{row.reach:g}')}"


def text(results):
    """For the terminal: a column for each figure; the peers and what else is to be known below."""
    lines, below = [("", "bare", "spanload", "result", "goal", "")], [""]
    for row in rows_of(results):
        said = {MISSED: "MISSED", MET: "ok"}.get(verdict(row), "")
        lines.append((row.name, row.bare, row.spanload, value_in_words(row), goal_in_words(row, (">=", "<=")), said))
        below.append("; ".join(filter(None, (row.peers, row.remark))))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    out = []
    for line, more in zip(lines, below):
        cells = [cell.rjust(width) if 1 <= column <= 4 else cell.ljust(width) for column, (cell, width) in enumerate(zip(line, widths))]
        out.append("  ".join(cells).rstrip())
        if more:
            out.append(f"    {more}")
    out += ["", f"{machine_in_words(results)}; {results['rounds']} rounds; {counts_in_words(results)}"]
    return "\n".join(out) + "\n"


def escaped(words):
    """As Markdown shows it in a cell of a table."""
    return re.sub(r"([\\|*_`~])", r"\\\1", html.escape(" ".join(words.split()), quote=False))


def markdown(results):
    out = ["| Measured | Without | With | Result | Goal | Known peers |", "|---|---:|---:|---:|---:|---|"]
    for row in rows_of(results):
        name = escaped(row.name) + (f"<br><sub>{escaped(row.remark)}</sub>" if row.remark else "")
        result = escaped(value_in_words(row))
        if verdict(row) == MISSED:
            result = f"**{result}, missed**"
        cells = name, escaped(row.bare), escaped(row.spanload), result, escaped(goal_in_words(row)), escaped(row.peers)
        out.append("| " + " | ".join(cell or "-" for cell in cells) + " |")
    out += ["", f"{escaped(machine_in_words(results))}; {results['rounds']} rounds; {counts_in_words(results)}."]
    return "\n".join(out) + "\n"


def between_markers(readme):
    found = BETWEEN.search(readme)
    if not found:
        sys.exit(f"table.py: {README} has no <!-- bench --> ... <!-- /bench -->")
    return found


def write_readme(results, readme=README):
    before = readme.read_text()
    found = between_markers(before)
    readme.write_text(before[:found.start(2)] + markdown(results) + before[found.end(2):])


def read(path=PUBLISHED):
    return json.loads(Path(path).read_text())


def check():
    if between_markers(README.read_text()).group(2) != markdown(read()):
        sys.exit(f"table.py: README's table is not that of {PUBLISHED}: run table.py --write")


def main(argv):
    how = argv[1] if len(argv) > 1 else str(LATEST)
    {"--check": check, "--write": lambda: write_readme(read())}.get(how, lambda: print(text(read(how)), end=""))()


if __name__ == "__main__":
    main(sys.argv)
