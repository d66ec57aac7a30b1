#!/usr/bin/env python3
"""libraries.py - each third-party library's header is in one file, where it may be, and nowhere in the host's process."""
import re

from common import files, label, report

# header: (directories where it may be, files at most)
# cJSON: one file reads, one writes.
THIRD_PARTY = {"cjson/cJSON.h": ("cli/", 2), "criterion/": ("tests/", None)}
SYSTEM = re.compile(r"((sys|linux|asm|netinet|net|arpa)/)?[a-z0-9_]+\.h")  # of libc and of the kernel

problems = []
for header, (place, at_most) in THIRD_PARTY.items():
    users = [label(path) for path in files("include/*.[hc]", "preload/**/*.[hc]", "exporter/*.[hc]", "cli/**/*.[hc]")
             if re.search(rf"#\s*include\s+[<\"]{re.escape(header)}", path.read_text())]
    problems += [f"{user} includes {header}, which belongs in {place}" for user in users if not user.startswith(place)]
    if at_most is not None and len(users) > at_most:
        problems.append(f"{header} is included by {' '.join(users)}; one of them should know it")
for path in files("include/*.[hc]", "preload/**/*.[hc]", "exporter/*.[hc]"):
    problems += [f"{label(path)} includes <{name}>, which is neither libc's nor the kernel's"
                 for name in re.findall(r"#\s*include\s+<([^>]+)>", path.read_text()) if not SYSTEM.fullmatch(name)]
report(problems)
