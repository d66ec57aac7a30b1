#!/usr/bin/env python3
"""one_way.py - data flows one way: a stage includes its own header and later stages' headers, never an earlier one's.

The table is design.md's picture. A file that is no stage stands beside the flow: it serves every stage and knows none. Three
conduct: they start, end and account for everything, so they may see everything, and nobody's data passes through them.
A new file in preload/ needs a place here; within the exporter it is enough that nothing goes round in a circle.
"""
from pathlib import Path

from common import files, includes, label, report

STAGES = [
    {"hooks", "calls_descriptors", "calls_process"},
    {"traffic", "sending", "receiving", "rights", "descriptors", "waits"},
    {"call"},
    {"outgoing"},
    {"conversation", "announced", "ahead"},
    {"unit"},
    {"connection"},
    {"altered"},
    {"propagate", "causality", "command"},
    {"tracer", "open_requests", "exchange", "given", "lineage"},
    {"exporter_thread"},
    {"waiting"},
    {"queue"},
]
BESIDE = {"carrier", "config", "extract", "fdtable", "gather", "live", "mem", "notice", "output", "pool", "protocols", "readable", "sdk", "symbols", "thread", "trace_context"}
CONDUCTORS = {"accounts", "next", "process"}
ASSEMBLY = {"syscall", "vfork"}

STAGE_OF = {noun: number for number, nouns in enumerate(STAGES) for noun in nouns}


def noun(name):
    return Path(name).stem


def backwards(path):
    """What this file of preload/ includes and may not."""
    own = noun(path)
    for name in includes(path):
        target = STAGE_OF.get(noun(name))
        if own in STAGE_OF and target is not None and target < STAGE_OF[own]:
            yield f"{label(path)} (stage {STAGE_OF[own]}) includes {name} (stage {target})"
        if own in BESIDE and target is not None and noun(name) not in ("queue", "waiting"):
            yield f"{label(path)} stands beside the flow and includes {name} of stage {target}"


def circle(room, left_out=()):
    """Files of a room that include each other in a circle, or None. Contracts of include/ make no circle."""
    paths = files(f"{room}/*.c", f"{room}/*.h")
    here = {noun(path) for path in paths} - set(left_out)
    own_headers = {path.name for path in paths if path.suffix == ".h"}
    needs = {own: set() for own in here}
    for path in paths:
        if noun(path) in here:
            needs[noun(path)] |= {noun(name) for name in includes(path) if name in own_headers} & here - {noun(path)}
    while True:  # whoever needs nobody, and whom nobody needs, is in no circle
        needed = set().union(*needs.values()) if needs else set()
        outside = {own for own, others in needs.items() if not others or own not in needed}
        if not outside:
            return " ".join(sorted(needs)) or None
        needs = {own: others - outside for own, others in needs.items() if own not in outside}


problems = [problem for path in files("preload/*.[chS]") for problem in backwards(path)]
known = set(STAGE_OF) | BESIDE | CONDUCTORS | ASSEMBLY
problems += [f"{label(path)} has no place in the table" for path in files("preload/*.[cS]") if noun(path) not in known]
for path in files("preload/protocols/*.c"):
    problems += [f"{label(path)} includes {name}: protocols see include/ only" for name in includes(path)
                 if not files(f"include/{name}")]
for room, left_out in (("preload", CONDUCTORS), ("exporter", ())):
    found = circle(room, left_out)
    if found:
        problems.append(f"{room}/: these include each other in a circle: {found}")
report(problems)
