#!/usr/bin/python3
"""table.py - the table of traced programs in README, from the results of the last run (build/programs.json).

    table.py           prints the table
    table.py --write   puts it between README's `<!-- programs -->` and `<!-- /programs -->`
    table.py --check   fails if README's table does not name exactly the programs of programs.py
"""
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this directory: `programs` is the package, not the file

from programs import results  # noqa: E402
from programs.programs import PROGRAMS  # noqa: E402
from support.launch import ROOT  # noqa: E402

README = ROOT / "README.md"
BETWEEN = re.compile(r"(<!-- programs -->\n)(.*?)(<!-- /?programs -->)", re.DOTALL)
HEAD = ["| Program | As | Debian package, version | Requests | Spans |", "|---|---|---|---:|---:|"]


def table():
    rows = {row["program"]: row for row in results.read()}
    missing = [program.name for program in PROGRAMS if program.name not in rows]
    if missing:
        sys.exit(f"table.py: no result of {', '.join(missing)} in {results.FILE}: run the system tests first")
    lines = [f"| {program.name} | {program.role} | {', '.join(row['packages'])} {row['version']} | {row['requests']} | {row['spans']} |"
             for program in PROGRAMS for row in [rows[program.name]]]
    return "\n".join([*HEAD, *lines]) + "\n"


def names_in(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line.split("|")[1].strip() for line in lines][1:]


def between_markers(text):
    found = BETWEEN.search(text)
    if not found:
        sys.exit(f"table.py: {README} has no <!-- programs --> ... <!-- /programs -->")
    return found


def check():
    wanted, found = [program.name for program in PROGRAMS], names_in(between_markers(README.read_text()).group(2))
    if wanted != found:
        sys.exit(f"table.py: README names {found}, programs.py {wanted}: run table.py --write after the system tests")


def write():
    text = README.read_text()
    found = between_markers(text)
    README.write_text(text[:found.start(2)] + table() + text[found.end(2):])


if __name__ == "__main__":
    {"--check": check, "--write": write}.get(sys.argv[1] if len(sys.argv) > 1 else "", lambda: print(table(), end=""))()
