"""results.py - what came of each program: build/programs.json, from which table.py makes README's table.

A run of some of the tests updates their rows and keeps the others.
"""
import json

from support.launch import BUILD

FILE = BUILD / "programs.json"
_rows = {}


def record(program, version, sent, seen):
    """Adds up what the tests of one program found."""
    row = _rows.setdefault(program.name, {"program": program.name, "role": program.role, "packages": list(program.packages),
                                          "version": version, "requests": 0, "spans": 0})
    row["requests"] += sent
    row["spans"] += seen


def read():
    return json.loads(FILE.read_text()) if FILE.exists() else []


def write():
    if not _rows:
        return
    rows = {row["program"]: row for row in read()}
    rows.update(_rows)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(list(rows.values()), indent=1) + "\n")
