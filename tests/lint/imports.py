#!/usr/bin/env python3
"""imports.py - the library asks libc for what every libc has, and for nothing with a state (design, section 2).

A hook's own name may be asked for: it is answered by the library itself, or by whoever was preloaded before it.
"""
from common import IMPORTS, PURE, label, libraries, output_of, report

problems = []
for library in libraries():
    for line in output_of("nm", "-D", "--undefined-only", library).splitlines():
        name, _, version = line.split()[-1].partition("@")
        if name not in IMPORTS and not PURE.fullmatch(name):
            problems.append(f"{label(library)} imports {name}")
        if version:
            problems.append(f"{label(library)} imports {name} of version {version}")
report(problems)
