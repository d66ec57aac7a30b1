"""conftest.py - what system tests share: the library, the Collectors, receivers, a place to run in, and the results.

Run with `/usr/bin/python3 -m pytest tests/system` after `make`. Nothing is installed, nothing is left running; ports are
free ones. Where a Debian package or the Collector is missing, the tests that need it say so in one line and are skipped.
"""
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest.register_assert_rewrite("support.facts")

from programs import results  # noqa: E402
from support.collectors import Collectors, NoCollector  # noqa: E402
from support.launch import LIBRARY  # noqa: E402
from support.origin import Origin  # noqa: E402
from support.receiver import Receiver  # noqa: E402
from support.strict import built, violations_in  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def library():
    assert LIBRARY.exists(), f"{LIBRARY} is not there: run make first"
    return LIBRARY


@pytest.fixture(scope="session")
def collectors():
    try:
        running = Collectors()
    except NoCollector as missing:
        pytest.skip(str(missing))
    yield running
    running.stop()


@pytest.fixture
def receiver():
    """Makes receivers; at the end every request that any of them got is read by the strict reader."""
    made = []

    def make(*answers, **options):
        made.append(Receiver(list(answers), **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()
    violations = violations_in(request.body for one in made for request in one.requests)
    assert not violations, "\n".join(violations)


@pytest.fixture
def origin():
    with Origin() as server:
        yield server


@pytest.fixture(scope="session")
def peer():
    return built("peer.c")


@pytest.fixture(scope="session")
def readable_library():
    """A copy that programs can load which are started as another user, wherever the checkout is."""
    with tempfile.TemporaryDirectory(prefix="library-") as directory:
        Path(directory).chmod(0o755)
        yield shutil.copy(LIBRARY, directory)


@pytest.fixture
def place():
    """A directory that servers which gave up root can read, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="spanload-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def pytest_sessionfinish(session):
    results.write()
