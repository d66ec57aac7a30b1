#!/usr/bin/env python3
"""run.py [SECONDS] - the fuzzers: built, given what is known to be interesting, and run for SECONDS (60) in all.

Every target is a file here with LLVMFuzzerTestOneInput in it. Its seeds are corpus/<target>/ and what seeds.py makes of
tests/wire. First all of them are run once, so that what has failed before is found at once, then the fuzzer looks for more,
in a corpus in build/fuzz that the next run goes on with. Prints `ok NAME` or `not ok NAME: why`, a line each; an input that
failed stays in build/fuzz/<target>.failed/ and belongs, once mended, into corpus/<target>/.

Needs clang with its runtime libraries (Debian: clang, libclang-rt-dev). CLANG names another compiler.
"""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from targets import BUILD, CLANG, HERE, ROOT, NotBuilt, build, fuzzers  # noqa: E402

LENGTH_MAX = 4096 # of an input: longer ones are slower and find no more; what must be long is said by `^*` (connection.c)


def fuzzer(name, *arguments, seconds):
    """Exit status and output. What fails goes to <target>.failed/."""
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1", UBSAN_OPTIONS="print_stacktrace=1")
    failed = BUILD / f"{name}.failed"
    failed.mkdir(exist_ok=True)
    try:
        done = subprocess.run([str(BUILD / name), f"-artifact_prefix={failed}/", "-timeout=60", "-rss_limit_mb=2048", *arguments],
                              cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=seconds)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return 1, f"{late.stdout or ''}\nERROR: not done after {seconds} s"


def why(output):
    """The line that says it, and the input, of a fuzzer that has failed."""
    lines = [line for line in output.splitlines() if line.strip() and not re.match(r"\s*#\d+|INFO|MS: |=+$", line)]
    said = next((index for index, line in enumerate(lines) if re.search(r"ERROR: |runtime error: ", line)), len(lines))
    kept = re.findall(r"Test unit written to (\S+)|Running: (\S+)", output)
    return f"{' | '.join(lines[max(0, said - 1):said + 1])[:400]}{', input in ' + ''.join(kept[-1]) if kept else ''}"


def prepared(name):
    """The corpora of a target: what is kept from run to run, and the seeds in a fresh directory."""
    kept, seeds = BUILD / f"{name}.corpus", BUILD / f"{name}.seeds"
    shutil.rmtree(seeds, ignore_errors=True)
    seeds.mkdir(parents=True)
    kept.mkdir(exist_ok=True)
    subprocess.run([sys.executable, str(HERE / "seeds.py"), name, str(seeds)], check=True)
    for path in (HERE / "corpus" / name).iterdir():
        shutil.copy(path, seeds / f"corpus-{path.name}")
    return kept, seeds


def said(is_ok, name, output, what=""):
    print(f"ok {name}" if is_ok else f"not ok {name}: {why(output)}\n{output[-6000:]}", what if is_ok else "", sep="", flush=True)
    return is_ok


def known_inputs(name, seeds):
    files = sorted(str(path) for path in seeds.iterdir())
    status, output = fuzzer(name, *files, seconds=300)
    return said(status == 0 and output.count("Executed ") == len(files), f"fuzz/{name} on known inputs", output, f": {len(files)} of them")


def search(name, kept, seeds, seconds):
    status, output = fuzzer(name, f"-max_total_time={seconds}", f"-max_len={LENGTH_MAX}", "-print_final_stats=1",
                            f"-dict={HERE / 'http.dict'}", str(kept), str(seeds), seconds=seconds + 240)
    runs = re.search(r"stat::number_of_executed_units: ([1-9]\d*)", output)
    covered = re.findall(r" cov: (\d+) ", output)
    return said(bool(status == 0 and runs and covered), f"fuzz/{name}", output, f": {runs and runs[1]} runs in {seconds} s, {covered and covered[-1]} edges")


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    if not shutil.which(CLANG):
        print(f"not ok fuzz: no {CLANG} (Debian: clang, libclang-rt-dev)")
        return 1
    names = fuzzers()
    try:
        build(names)
    except NotBuilt as reason:
        print(f"not ok fuzz/build: {reason}")
        return 1
    are_ok = True
    for name in names:
        began = time.monotonic()
        kept, seeds = prepared(name)
        left = seconds / len(names) - (time.monotonic() - began)
        are_ok &= known_inputs(name, seeds) and search(name, kept, seeds, max(1, round(left)))
    return 0 if are_ok else 1


if __name__ == "__main__":
    sys.exit(main())
