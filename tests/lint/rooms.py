#!/usr/bin/env python3
"""rooms.py - a directory is a thread: what a room's files include is the room's own or a contract of include/.

The Makefile's include paths make the compiler enforce it; this looks that the paths are still so, that nobody goes around
them, and that the exporter, whose thread libc does not know, uses no thread-local storage and calls nothing of libc's but
pure functions. Protocols see include/ and nothing else.
"""
import re

from common import BUILD, PURE, ROOT, compile_failure, files, label, make_variable, output_of, report

ROOMS = {
    "preload": ["-Iinclude", "-Ipreload"],
    "exporter": ["-Iinclude", "-Iexporter"],
    "preload/protocols": ["-Iinclude"],
    "cli": ["-Icli"],
    "cli/compare": ["-Icli", "-Icli/compare", f"-I{BUILD}/obj/cli/compare"],  # the last for the names of system calls
}

problems = []
for room in ("preload", "exporter"):
    paths = re.findall(r"-I\s*\S+", make_variable(f"ROOM_{room}"))
    if paths != ROOMS[room]:
        problems.append(f"Makefile: ROOM_{room} says {' '.join(paths)}")

for path in files("include/*.[hc]", *(f"{room}/*.[hcS]" for room in ROOMS)):
    text = path.read_text()
    if re.search(r'^\s*#\s*include\s+["<][^">]*\.\./', text, re.M):
        problems.append(f"{label(path)} includes ../")
    if path.parent == ROOT / "exporter" and re.search(r"\b(__thread|_Thread_local|thread_local)\b", re.sub(r"/\*.*?\*/", "", text, flags=re.S)):
        problems.append(f"{label(path)} has a thread-local variable")

for room, paths in ROOMS.items():
    for path in files(f"{room}/*.c"):
        failure = compile_failure(path, *paths)
        if failure:
            problems.append(f"{label(path)} does not compile with {' '.join(paths)}: {failure}")

# What an object of the exporter leaves undefined is another's of the exporter, crosses by include/, or is pure.
objects = sorted((BUILD / "obj" / "exporter").glob("*.o"))
contracts = "\n".join(re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S) for path in files("include/*.h"))
defined = {line.split()[-1] for line in output_of("nm", "--defined-only", *objects).splitlines() if len(line.split()) == 3}
if not objects:
    problems.append("build/obj/exporter is empty: run make first")
for one in objects:
    for line in output_of("nm", "--undefined-only", one).splitlines():
        name = line.split()[-1]
        if name in defined or PURE.fullmatch(name) or name == "_GLOBAL_OFFSET_TABLE_" or re.search(rf"\b{re.escape(name)}\b", contracts):
            continue
        problems.append(f"{label(one)} uses {name}, which is not the exporter's, not declared in include/, and not pure")
    if re.search(r" TLS ", output_of("readelf", "-sW", one)):
        problems.append(f"{label(one)} has thread-local symbols")
report(problems)
