"""hostile.py - builds the programs of this directory, runs each without and with the library, and says what must be equal."""
import re
import subprocess
import tempfile
from pathlib import Path

from support.launch import BUILD, counters_in, environment, total
from support.twin import run_twice

HERE = Path(__file__).resolve().parent
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g"]


def built(name, *flags, suffix=""):
    """The program of <name>.c, compiled when its source or speak.h is newer."""
    source, header = HERE / f"{name}.c", HERE / "speak.h"
    program = BUILD / "tests" / "hostile" / (name + suffix)
    newest = max(source.stat().st_mtime, header.stat().st_mtime)
    if not program.exists() or program.stat().st_mtime < newest:
        program.parent.mkdir(parents=True, exist_ok=True)
        flags = flags or ("-O1",)
        subprocess.run(["cc", *FLAGS, *flags, str(source), "-o", str(program), "-lpthread"], check=True)
    return program


def exchanges_in(stdout):
    """What all processes of a program said together."""
    return sum(map(int, re.findall(rb"^exchanges (\d+)$", stdout, re.M)))


def compared(argv, sidecar, timeout=20, preload=None, tolerance=0, watched=True, varies=(), **settings):
    """Runs it twice (tests/support/twin.py); the same must be seen. Returns its end under the library, every counter line of
    which has been checked. `watched=False`: of a program that is itself traced, or too busy for that."""
    variables = environment(sidecar.endpoint, "hostile", **{"OTEL_BSP_SCHEDULE_DELAY": 3, **settings})
    if preload:
        variables["LD_PRELOAD"] = preload(variables["LD_PRELOAD"])
    with tempfile.TemporaryDirectory(prefix="twin-") as place:
        Path(place).chmod(0o755)
        pair = run_twice(argv, Path(place), variables, timeout=timeout, watched=watched, varies=varies)
    counters_in(pair.traced.said, tolerance)
    return pair.traced.finished


def shown(lines):
    """Counters without their zeros."""
    return [{name: value for name, value in line.items() if value} for line in lines]


def check_spans(end, sidecar, lines=None):
    """Two spans an exchange, each once, none lost and none accounted for wrongly. `lines`: those counters that count."""
    expected = 2 * exchanges_in(end.stdout)
    lines = counters_in(end.text) if lines is None else lines
    assert (total(lines).get("started"), total(lines)["exported"]) == (expected, expected), \
        f"{expected} spans should have begun and arrived: {shown(lines)}"
    spans = sidecar.wait_for(spans=expected).spans
    different = len({span.span_id for span in spans})
    assert (len(spans), different) == (expected, expected), f"of {expected} spans {len(spans)} came, {different} different ones"
    assert all(span["http.response.status_code"] == 200 and span.status == "UNSET" for span in spans)
