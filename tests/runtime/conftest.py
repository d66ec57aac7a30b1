"""conftest.py - what tests of the helpers for runtimes share: a library that is there and does nothing, and the real one.

Run with `/usr/bin/python3 -m pytest tests/runtime` after `make`. A helper only asks whether the library is loaded; beside an
empty one, what arrives at the origin is its work alone, and can be compared exactly. Where a runtime or a package of Debian
is missing, the tests that need it are skipped.
"""
import subprocess
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.launch import LIBRARY  # noqa: E402


@pytest.fixture(scope="session")
def empty_library(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "libspanload.so"
    subprocess.run(["cc", "-shared", "-nostdlib", "-x", "c", "/dev/null", "-o", str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def real_library():
    assert LIBRARY.exists(), f"{LIBRARY} is not there: run make first"
    return LIBRARY
