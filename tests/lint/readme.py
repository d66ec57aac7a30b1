#!/usr/bin/env python3
"""readme.py - every setting is in README's table of settings, every counter is documented there."""
import re

from common import ROOT, report

README = ROOT / "README.md"

if not README.exists():
    report(["there is no README.md"])
text = README.read_text()
in_tables = "\n".join(line for line in text.splitlines() if line.lstrip().startswith("|"))
problems = []
for line in (ROOT / "include/config.def").read_text().splitlines():
    match = re.match(r'SETTING\(\w+, \w+, "(\w+)", (?:NULL|"(\w+)")', line)
    for variable in filter(None, match.groups() if match else ()):
        if not re.search(rf"`{variable}`", in_tables):
            problems.append(f"the setting {variable} is in no table of README.md")
for name in re.findall(r"^COUNTER\((\w+),", (ROOT / "include/counters.def").read_text(), re.M):
    if not re.search(rf"\b{name}\b", text):
        problems.append(f"the counter {name} is not in README.md")
report(problems)
