#!/usr/bin/env python3
"""frames.py - frames on the application's stacks stay under 1 kB (pitfalls: small stacks): the compiler warns, as the Makefile asks."""
import re

from common import make_variable, report

problems = []
for room, limit in (("preload", 1024), ("exporter", 2048)):
    found = re.search(r"-Wframe-larger-than=(\d+)", make_variable(f"ROOM_{room}"))
    if not found or int(found[1]) > limit:
        problems.append(f"Makefile: ROOM_{room} does not warn of frames above {limit} bytes")
flags = make_variable("LIBRARY")
for flag in ("-fvisibility=hidden", "-ftls-model=initial-exec", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fasynchronous-unwind-tables"):
    if flag not in flags:
        problems.append(f"Makefile: the library is built without {flag}")
report(problems)
