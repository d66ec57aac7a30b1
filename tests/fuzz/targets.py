"""targets.py - the programs of this directory, built with sanitizers: fuzzers, and what test_differential.py talks to."""
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build/fuzz"
CLANG = os.environ.get("CLANG", "clang")
SANITIZERS = "address,undefined"
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", '-DSPANLOAD_VERSION="0"', "-O1", "-g", "-fno-strict-aliasing", "-fno-omit-frame-pointer",
         f"-fsanitize={SANITIZERS}", "-fno-sanitize-recover=all",
         "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-declarations", "-Wno-gnu-folding-constant", "-Werror",
         "-Iinclude", "-Ipreload", "-Itests/unit", "-Itests/fuzz"]


class NotBuilt(Exception):
    """What the compiler says."""


def sources():
    """Those of preload/ that unit tests see too, without pool.c (support.h); and what the targets share."""
    makefile = (ROOT / "Makefile").read_text()
    absent = set(re.search(r"^NOT_IN_UNITS := (.*)$", makefile, re.M)[1].split()) | {"preload/pool.c"}
    library = {str(path.relative_to(ROOT)) for folder in ("preload", "preload/protocols") for path in (ROOT / folder).glob("*.c")}
    return sorted(library - absent), ["tests/fuzz/support.c", "tests/fuzz/walk.c", "tests/unit/support_preload.c"]


def fuzzers():
    """Every file with the function that libFuzzer calls."""
    return sorted(path.stem for path in HERE.glob("*.c") if "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)\n" in path.read_text())


def command(*words):
    done = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise NotBuilt(f"{' '.join(words[:2])} ... {words[-1]}\n{done.stdout}")


def object_of(source, newest_header):
    path = BUILD / "obj" / (source + ".o")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.stat().st_mtime < max(newest_header, (ROOT / source).stat().st_mtime):
        # What the library does is to guide the fuzzer, not what the claims about it do.
        coverage = ["-fsanitize=fuzzer-no-link"] if source.startswith("preload/") else []
        command(CLANG, *FLAGS, *coverage, "-c", source, "-o", str(path))
    return str(path)


def build(names):
    headers = [path for folder in ("include", "preload", "tests/unit", "tests/fuzz") for path in (ROOT / folder).glob("*.[hd]*")]
    newest = max(path.stat().st_mtime for path in [*headers, Path(__file__)])
    library, shared = sources()
    mains = [f"tests/fuzz/{name}.c" for name in names]
    with ThreadPoolExecutor(2) as pool:
        objects = dict(zip([*library, *shared, *mains], pool.map(lambda source: object_of(source, newest), [*library, *shared, *mains])))
    archive = str(BUILD / "library.a")
    Path(archive).unlink(missing_ok=True)
    command("ar", "rcs", archive, *(objects[source] for source in library))
    for name in names:
        with_main = "" if name == "differential" else "fuzzer,"
        command(CLANG, f"-fsanitize={with_main}{SANITIZERS}", objects[f"tests/fuzz/{name}.c"], *(objects[source] for source in shared),
                archive, "-o", str(BUILD / name))
