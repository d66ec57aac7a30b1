#!/usr/bin/env python3
"""places.py - no file of the project knows the machine on which it was written: no paths of it, no mirrors and proxies of it."""
import re
import subprocess

from common import ROOT, report

# In two parts, so that this file passes itself.
PATHS = re.compile(r"(?<![\w.])/(" + "work|root|home" + r")/[\w.]")
HOSTS = re.compile(r"\b[\w.-]*(artifactory|nexus|mirror|registry|goproxy|pypi|npmjs)[\w-]*\.[\w.-]+[:/]", re.I)
ALLOWED = re.compile(r"/home/(u|user|app)\b|\bexample\.(com|net|org)|\.example\b")  # RFC 2606

listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                        capture_output=True, text=True)
names = [name for name in listed.stdout.split("\0") if name]
problems = [] if names else ["git lists no files"]
for name in names:
    path = ROOT / name
    if not path.is_file() or path.is_symlink():
        continue
    for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1):
        for pattern in (PATHS, HOSTS):
            match = pattern.search(line)
            if match and not ALLOWED.search(line) and name != "tests/lint/places.py":
                problems.append(f"{name}:{number} says {match[0]!r}")
report(problems)
