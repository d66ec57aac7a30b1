#!/usr/bin/env python3
"""headers.py - each header compiles alone, with what its room can see."""
from common import compile_failure, files, label, report

ROOMS = {"include": ["-Iinclude"], "preload": ["-Iinclude", "-Ipreload"], "exporter": ["-Iinclude", "-Iexporter"], "cli": ["-Icli"], "cli/compare": ["-Icli", "-Icli/compare"]}

problems = []
for room, paths in ROOMS.items():
    for path in files(f"{room}/*.h"):
        failure = compile_failure(path, "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", *paths)
        if failure:
            problems.append(f"{label(path)}: {failure}")
        text = path.read_text()
        guard = path.stem.upper() + "_H"
        if f"#ifndef {guard}" not in text or f"#define {guard}" not in text:
            problems.append(f"{label(path)} has no guard {guard}")
report(problems)
