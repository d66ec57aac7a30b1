"""strict.py - builds the C programs of this directory, and has strict_otlp read what an exporter sent."""
import subprocess
import tempfile
from pathlib import Path

from support.launch import BUILD

HERE = Path(__file__).resolve().parent
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g"]


def built(source, libraries=(), compiler="cc", name=None):
    """The path of the program made of tests/support/<source>, compiled if it is older than its source."""
    source = HERE / source
    program = BUILD / "tests" / "system" / (name or source.stem)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, *FLAGS, str(source), "-o", str(program), *libraries], check=True)
    return program


def violations_in(bodies):
    """What the strict reader has against these requests, one line each."""
    bodies = [bytes(body) for body in bodies]
    if not bodies:
        return []
    reader = built("strict_otlp.c", ["-lcjson"])
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for index, body in enumerate(bodies):
            files.append(Path(directory) / f"request-{index}.json")
            files[-1].write_bytes(body)
        result = subprocess.run([str(reader), *map(str, files)], capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stderr
    return [line.split("/")[-1] for line in result.stdout.splitlines()]
