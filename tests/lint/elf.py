#!/usr/bin/env python3
"""elf.py - the library as a file: no other file behind it, no versions, nothing writable that can run, all marks set.

A preloaded file without the marks for shadow stacks and branch targets switches them off for the process; one with an
executable stack makes every stack of the process executable; relocations in its text would need mprotect at start.
"""
import re

from common import label, libraries, output_of, report

MARKS = {"X86-64": ("x86 feature", {"IBT", "SHSTK"}), "AArch64": ("AArch64 feature", {"BTI", "PAC"})}
REFUSED_TAGS = {"NEEDED": "needs another file", "TEXTREL": "has relocations in its text", "RPATH": "has a search path",
                "RUNPATH": "has a search path", "VERNEED": "asks for symbol versions", "VERDEF": "defines symbol versions",
                "VERSYM": "has symbol versions"}


def problems_of(library):
    tags = dict(re.findall(r"^\s*0x[0-9a-f]+ \((\w+)\)\s+(.*)$", output_of("readelf", "-dW", library), re.M))
    yield from (why for tag, why in REFUSED_TAGS.items() if tag in tags)
    if "TEXTREL" in tags.get("FLAGS", ""):
        yield REFUSED_TAGS["TEXTREL"]
    if "BIND_NOW" not in tags and "BIND_NOW" not in tags.get("FLAGS", "") and "NOW" not in tags.get("FLAGS_1", ""):
        yield "is bound lazily: the loader would run inside our hooks"
    if "[libspanload.so]" not in tags.get("SONAME", ""):
        yield "has no soname, or another"

    segments = re.findall(r"^\s+([A-Z_]+)\s+(?:0x[0-9a-f]+\s+){5}([R ][W ][E ])", output_of("readelf", "-lW", library), re.M)
    kinds = {kind for kind, _ in segments}
    yield from (f"has a segment {kind} that is writable and executable" for kind, flags in segments if "W" in flags and "E" in flags)
    yield from (f"has no segment {kind}" for kind in ("GNU_STACK", "GNU_RELRO") if kind not in kinds)
    if "INTERP" in kinds:
        yield "names a loader"

    machine = re.search(r"Machine:\s+(.*)", output_of("readelf", "-h", library))[1]
    name, (feature, marks) = next((key, value) for key, value in MARKS.items() if key in machine)
    found = re.search(rf"Properties: .*{feature}: (.*)", output_of("readelf", "-nW", library))
    missing = marks - set(re.findall(r"\w+", found[1] if found else ""))
    if missing:
        yield f"{name}: lacks the marks {' '.join(sorted(missing))}"


report([f"{label(library)} {problem}" for library in libraries() for problem in problems_of(library)])
