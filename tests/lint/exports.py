#!/usr/bin/env python3
"""exports.py - the library exports the rows of hooks.def and nothing else (pitfalls: 234 accidental exports)."""
from common import label, libraries, output_of, report, rows

names = [words[0] if kind == "ASSEMBLY" else words[1] for kind, words in rows("preload/hooks.def", {"HOOK", "SENDS", "OWN", "ASSEMBLY"})]
problems = [f"hooks.def has {name} twice" for name in sorted({name for name in names if names.count(name) > 1})]
for library in libraries():
    exported = {line.split()[-1].split("@")[0] for line in output_of("nm", "-D", "--defined-only", library).splitlines()}
    problems += [f"{label(library)} exports {name}, which is no row of hooks.def" for name in sorted(exported - set(names))]
    problems += [f"{label(library)} does not export {name} of hooks.def" for name in sorted(set(names) - exported)]
report(problems)
