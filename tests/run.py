#!/usr/bin/env python3
"""run.py - everything that `make test` proves, one suite after the other, and one line at the end that counts.

A suite is a row of SUITES: how it is built, how it is run, how its output is counted. The last line is
`N passed, N failed, N skipped`; the exit status is 1 when anything failed, or could not be run.
SAN=address,undefined in the environment builds the unit tests and the command with sanitizers.
"""
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SAN = os.environ.get("SAN", "")
PYTHON = "/usr/bin/python3"


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(*command, seconds=600, **environment):
    """Output and exit status of a command; a command that takes too long has failed."""
    env = dict(os.environ, **environment)
    # What this run is told about sanitizers is for the suites to hand on, not for make to find.
    for name in ("SAN", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        if name not in environment:
            env.pop(name, None)
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds)
        return done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        return f"{late.stdout or ''}\n{command[0]}: not done after {seconds} s\n", 1


def say(text):
    print(text, flush=True)


def counted_as_one(name, output, status):
    if status:
        say(output)
        say(f"FAILED: {name}")
    return Count(passed=int(not status), failed=int(bool(status)))


def make(name, *targets, seconds=600, **variables):
    arguments = [f"{key}={value}" for key, value in variables.items()]
    return counted_as_one(name, *run("make", "-s", "-j2", "WERROR=1", *targets, *arguments, seconds=seconds))


def criterion(directory, **environment):
    """Each Criterion program says `Synthesis: Tested: N | Passing: N | Failing: N | Crashing: N`."""
    count = Count()
    folder = os.path.join(ROOT, directory)
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not name.startswith("test_") or not os.access(path, os.X_OK) or os.path.isdir(path):
            continue
        output, status = run(path, "--jobs", "1", **environment)
        said = re.search(r"Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)", output)
        if not said or (status and said[1] == said[2]):
            count.add(counted_as_one(name, output, 1))
            continue
        tested, passing = int(said[1]), int(said[2])
        if tested != passing:
            say(output)
            say(f"FAILED: {name}")
        if tested == 0:
            say(f"FAILED: {name} has no test")
            count.failed += 1
        count.add(Count(passed=passing, failed=tested - passing))
    return count


def lines_of_ok(name, output, status):
    """`ok NAME`, `not ok NAME: why` and `skip NAME: why`, one a line."""
    count = Count()
    for line in output.splitlines():
        if line.startswith("ok "):
            count.passed += 1
        elif line.startswith("not ok "):
            count.failed += 1
        elif line.startswith("skip "):
            count.skipped += 1
            say(line)
    if count.failed or status:
        say(output)
        say(f"FAILED: {name}")
    if status and not count.failed:
        count.failed += 1
    return count


def lint():
    return lines_of_ok("lint", *run("tests/lint/run.sh"))


def units():
    count = make("unit tests build", "units")
    count.add(criterion("build/unit"))
    return count


def units_with_sanitizers():
    san = SAN or "address,undefined"
    count = make("unit tests build with sanitizers", "units", SAN=san)
    count.add(criterion("build/san/unit", ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1"))
    return count


def races():
    count = make("race programs build", "races")
    folder = os.path.join(ROOT, "build/race")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK) and not os.path.isdir(path) and "." not in name:
            count.add(lines_of_ok(name, *run(path, TSAN_OPTIONS="halt_on_error=1")))
    return count


def aarch64():
    return lines_of_ok("aarch64", *run("tests/aarch64/run.sh", seconds=900))


def pytest():
    report = os.path.join(ROOT, "build/pytest.xml")
    # A test preloads a library into the command; the sanitizer wants to be first unless told otherwise.
    environment = {"SPANLOAD_BIN": os.path.join(ROOT, "build/san/spanload"), "ASAN_OPTIONS": "verify_asan_link_order=0"} if SAN else {}
    if SAN:
        count = make("the command builds with sanitizers", "build/san/spanload", SAN=SAN)
    else:
        count = Count()
    started = time.time()
    output, status = run(PYTHON, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--junit-xml={report}", "tests",
                         seconds=2400, **environment)
    if not os.path.exists(report) or os.path.getmtime(report) < started:
        count.add(counted_as_one("pytest", output, 1))
        return count
    suite = ElementTree.parse(report).getroot().find("testsuite")
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    skipped = int(suite.get("skipped"))
    if failed or skipped or status not in (0, 5):
        say(output)
    count.add(Count(int(suite.get("tests")) - failed - skipped, failed, skipped))
    return count


def fuzz():
    """A short piece of `make fuzz`."""
    return lines_of_ok("fuzz", *run(PYTHON, "tests/fuzz/run.py", "20", seconds=900))


def soak():
    """A short piece of `make soak`."""
    return lines_of_ok("soak", *run(PYTHON, "tests/soak/soak.py", "0.75", seconds=120))


SUITES = [
    ("gcc", lambda: make("gcc builds without a warning", "all")),
    ("clang", lambda: make("clang builds without a warning", "build/clang/libspanload.so", "build/clang/spanload",
                           CC="clang", BUILD="build/clang")),
    ("lint", lint),
    ("unit", units),
    ("unit, sanitizers", units_with_sanitizers),
    ("race", races),
    ("aarch64", aarch64),
    ("system", pytest),
    ("fuzz", fuzz),
    ("soak", soak),
]


def main(wanted):
    total = Count()
    # The Collectors and the trees of other distributions take longest to make, and nothing but the system tests needs them.
    made_beside = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for command in (["tests/collector/build.sh", "build"], ["tests/support/trees.sh", "build/trees"])]
    for name, suite in SUITES:
        if wanted and name not in wanted:
            continue
        if name in ("system", "soak"):
            for made in made_beside:
                made.wait()
        began = time.time()
        count = suite()
        say(f"{name}: {count} ({time.time() - began:.0f} s)")
        total.add(count)
    for made in made_beside:
        made.wait()
    say(str(total))
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
