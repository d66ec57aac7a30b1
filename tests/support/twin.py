#!/usr/bin/python3
"""twin.py - the same run twice, without and with the library, and what differs: promise 1 of the design.

Compared is everything that a program leaves: its exit status, stdout and stderr, the files of its directory, the
descriptors of each of its processes at every exec and every exit, and what its peers heard of it. Every test of a program
goes through here: run_twice() for a program that runs to its end, twin() for one that must be asked something meanwhile.

What differs between two runs of the program as it is (a time, a port, a process id) is blanked, never ignored, by `blanks`;
a whole facet that does is named in `varies`, with the reason.

    tests/support/twin.py PROGRAM ARGUMENT...    runs it twice and prints the differences; exit status 1 if there are any
"""
import difflib
import os
import re
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from support.launch import PREFIX, Finished, bare_environment, counters_in, complaints_in, environment, run  # noqa: E402

FACETS = ("status", "stdout", "stderr", "files", "descriptors", "heard")
TIMES = ((rb"\d\d/[A-Z][a-z][a-z]/\d{4}[: ]\d\d:\d\d:\d\d( [+-]\d{4})?", b"TIME"),
         (rb"\d{4}[-/]\d\d[-/]\d\d(T|  ?)\d?\d:\d\d:\d\d([.,]\d+)?( ?[+-]\d\d:?\d\d|Z| UTC)?", b"TIME"),
         (rb"[A-Z][a-z][a-z],? [A-Z][a-z][a-z] +\d+ \d\d:\d\d:\d\d(\.\d+)? \d{4}", b"TIME"),
         (rb"[A-Z][a-z][a-z], \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d( GMT| [+-]\d{4})", b"TIME"))
LARGEST_TEXT = 1 << 20


@dataclass
class Life:
    """What one run left."""
    finished: Finished
    heard: object = None           # what its peers got from it, in a form that compares
    files: dict = field(default_factory=dict)
    said: str = ""                 # the library's lines, on stderr and in files that the program made of it

    @property
    def counters(self):
        """One line for each process that ended in order, each one checked."""
        return counters_in(self.said)

    @property
    def complaints(self):
        return complaints_in(self.said)


@dataclass
class Twin:
    bare: Life
    traced: Life


def twin(live, place, variables, *, prepare=None, blanks=(), blank_files=(), sorted_lines=False, varies=()):
    """Calls live(env) twice, each time with a `place` that is empty but for what prepare() puts there.

    live returns a Life; its files and said are filled in here. `variables` is the environment with the library; the other
    run has it without what is ours. `blank_files`: patterns of files whose content differs, as that of a database.
    `sorted_lines`: lines come in an order of their own, as those of threads and processes do.
    """
    blanks = (*TIMES, *blanks)
    lives = []
    for env in (without_us(variables), variables):
        _empty(place)
        if prepare:
            prepare()
        life = live(env)
        life.said += "".join(line + "\n" for line in _text(life.finished.stderr).splitlines() if line.startswith(PREFIX))
        life.files = _files_of(place, life, blanks, blank_files, sorted_lines)
        lives.append(life)
    pair = Twin(*lives)
    problems = differences(pair, blanks, sorted_lines, varies)
    assert not problems, "with the library (+) and without (-):\n" + "\n".join(problems)
    return pair


def run_twice(argv, place, variables, *, timeout=20, stdin=b"", watched=True, heard=lambda: None, **compare):
    """twin() of a program that needs nobody: `heard` says, after each run, what its peers got."""
    def live(env):
        finished = run(argv, env, timeout, cwd=place, stdin=stdin, watched=watched)
        return Life(finished, heard())
    return twin(live, place, variables, **compare)


def without_us(variables):
    """The environment of the run without the library: nothing of ours, and what else is preloaded stays."""
    ours = ("SPANLOAD_", "OTEL_", "LD_PRELOAD")
    kept = {name: value for name, value in variables.items() if not name.startswith(ours)}
    others = [name for name in re.split("[: ]", variables.get("LD_PRELOAD", "")) if name and "libspanload.so" not in name]
    return {**kept, **({"LD_PRELOAD": ":".join(others)} if others else {})}


def differences(pair, blanks=TIMES, sorted_lines=False, varies=()):
    """One text for each facet that differs and may not."""
    found = []
    for facet in FACETS:
        bare, traced = (_facet(life, facet, blanks, sorted_lines) for life in (pair.bare, pair.traced))
        if bare != traced and facet not in varies:
            found.append(f"{facet}:\n" + "\n".join(_shown(bare, traced)))
    return found


def blanked(data, blanks):
    """The bytes with each (pattern, replacement) applied."""
    for pattern, replacement in blanks:
        data = re.sub(pattern, replacement, data)
    return data


def _facet(life, facet, blanks, sorted_lines):
    if facet == "status":
        return life.finished.status
    if facet in ("stdout", "stderr"):
        text = blanked(life.finished.stdout if facet == "stdout" else life.finished.own_stderr, blanks)
        return b"".join(sorted(text.splitlines(True))) if sorted_lines else text
    if facet == "descriptors":
        return sorted({(event, program, _sorted_words(_text(blanked(numbers.encode(), blanks))))
                       for event, program, numbers in life.finished.descriptors or ()})
    return life.files if facet == "files" else life.heard


def _sorted_words(text):
    """Numbers that are blanked leave no order behind."""
    return " ".join(sorted(text.split(" ")))


def _shown(bare, traced):
    """The difference as lines, not more of them than somebody reads."""
    def lines(value):
        if isinstance(value, dict):
            return [line for name, (*mode, content) in value.items() for line in [f"{name} {mode}:", *lines(content)]]
        if isinstance(value, bytes):
            return _text(value).splitlines()
        return [repr(item)[:2000] for item in value] if isinstance(value, (list, tuple)) else [repr(value)]
    return list(difflib.unified_diff(lines(bare), lines(traced), lineterm="", n=1))[2:60]


# --- files ---------------------------------------------------------------------------------------------------------------

def _empty(place):
    for entry in Path(place).iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _files_of(place, life, blanks, blank_files, sorted_lines):
    """{path: (kind, permissions, content)} of everything in the directory; the library's lines go to life.said."""
    found = {}
    for path in sorted(Path(place).rglob("*")):
        status = path.lstat()
        name = _text(blanked(str(path.relative_to(place)).encode(), blanks))
        kind, content = stat.S_IFMT(status.st_mode), b""
        if path.is_symlink():
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode) and not any(fnmatch(name, pattern) for pattern in blank_files):
            content = _content(path.read_bytes(), life, blanks, sorted_lines)
        found[name] = (oct(kind), oct(stat.S_IMODE(status.st_mode)), content)
    return found


def _content(data, life, blanks, sorted_lines):
    if len(data) > LARGEST_TEXT:
        return hash(data)
    lines = data.splitlines(True)
    ours = [line for line in lines if line.startswith(PREFIX.encode())]
    life.said += _text(b"".join(ours))
    rest = [blanked(line, blanks) for line in lines if not line.startswith(PREFIX.encode())] if ours or b"\0" not in data else [data]
    return b"".join(sorted(rest) if sorted_lines else rest)


def _text(data):
    return data.decode("utf-8", "replace")


def main(argv):
    """What somebody wants who has a program and a doubt; nothing is exported."""
    with tempfile.TemporaryDirectory(prefix="twin-") as place:
        try:
            pair = run_twice(argv, Path(place), environment("http://127.0.0.1:1", home=place), timeout=3600)
        except AssertionError as different:
            print(different)
            return 1
    print(f"no difference: exit status {pair.bare.finished.status}, {len(pair.bare.finished.stdout)} bytes of stdout, "
          f"{len(pair.bare.finished.stderr)} of stderr, {len(pair.bare.files)} files, {len(pair.bare.finished.descriptors)} execs and exits")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: twin.py PROGRAM ARGUMENT...")
    sys.exit(main(sys.argv[1:]))
