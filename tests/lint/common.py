"""common.py - what the lints share: the tree, its files, the objects that make built, and the one line that each prints."""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SPANLOAD_BUILD", ROOT / "build"))

# Every glibc and musl exports these from libc itself (design, section 2); the rest has no state.
IMPORTS = {"dl_iterate_phdr", "environ", "__errno_location"}
PURE = re.compile(r"mem(chr|cmp|cpy|mem|move|rchr|set)|str(chr|cmp|len|ncmp|nlen|rchr|str)")


def report(problems, skipped=None):
    """The line of this lint, named after its file, and its exit status."""
    name = Path(sys.argv[0]).stem
    if problems:
        print(f"not ok {name}: {'; '.join(problems)}")
    else:
        print(f"ok {name}" + (f" # skipped: {skipped}" if skipped else ""))
    sys.exit(1 if problems else 0)


def output_of(*command):
    result = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        report([f"{' '.join(map(str, command[:3]))}: {result.stderr.strip().splitlines()[-1:]}"])
    return result.stdout


def libraries():
    """The library of this machine, and that of the other one where it was built."""
    here = BUILD / "libspanload.so"
    if not here.exists():
        report([f"{here} is not there: run make first"])
    return [here, *BUILD.glob("*/libspanload.so")]


def label(path):
    try:
        return str(Path(path).relative_to(ROOT))
    except ValueError:
        return str(path)


def files(*patterns):
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def rows(table, kinds):
    """(kind, [the first arguments]) of each row of a .def; good for names, not for arguments with commas in them."""
    for line in (ROOT / table).read_text().splitlines():
        match = re.match(r"(\w+)\((.*)\)$", line)
        if match and match[1] in kinds:
            yield match[1], [word.strip() for word in match[2].split(",")]


def includes(path):
    """The names in quotes that a file includes, tables (.def) left out."""
    return [name for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.M) if not name.endswith(".def")]


def make_variable(name):
    """What stands behind `NAME :=` (or ?=, =) in the Makefile, continuation lines joined."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    match = re.search(rf"^{re.escape(name)}\s*[:?]?=\s*(.*)$", text, re.M)
    return match[1].strip() if match else ""


def compile_failure(path, *flags):
    """The first complaint of the compiler about a file, or None."""
    command = [os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", '-DSPANLOAD_VERSION="0"', "-fsyntax-only", "-x", "c",
               *flags, str(path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode == 0:
        return None
    return next((line for line in result.stderr.splitlines() if "error" in line), result.stderr[:200])
