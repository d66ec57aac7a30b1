"""The bench runs, and every row of it has a figure. What the figures are is another matter: these machines are shared."""
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(path for path in sys.path if Path(path) != HERE)]  # `bench` is the package, not the file

from bench.row import Row  # noqa: E402
from support.launch import BUILD, ROOT  # noqa: E402


def test_a_short_run_measures_every_row_of_its_families():
    before = {path: path.read_bytes() for path in (ROOT / "README.md", ROOT / "docs" / "bench.svg", ROOT / "docs" / "bench.json") if path.exists()}
    said = subprocess.run([sys.executable, "-B", ROOT / "tests" / "bench" / "bench.py", "--rounds", "1", "calls", "rates"],
                          capture_output=True, text=True, timeout=180)
    assert said.returncode == 0, said.stderr
    rows = [Row(**one) for one in json.loads((BUILD / "bench.json").read_text())["rows"]]
    assert {one.family for one in rows} == {"calls", "threads", "connections", "rates"}
    assert all(one.value is not None and one.name in said.stdout for one in rows)
    assert all(path.read_bytes() == content for path, content in before.items()), "only a whole run is published"

