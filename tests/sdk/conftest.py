"""conftest.py - OpenTelemetry's own instrumentation of Python and of Node, installed once, and what tests of it share.

Run with `/usr/bin/python3 -m pytest tests/sdk` after `make`. What is installed lies in build/peers and stays there.
"""
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support import peers  # noqa: E402
from support.launch import LIBRARY  # noqa: E402
from support.origin import Origin  # noqa: E402
from support.peers import NODE_API, PYTHON_INSTRUMENTATION, PYTHON_SDK  # noqa: E402
from support.receiver import Receiver  # noqa: E402

PYTHON = (f"opentelemetry-distro=={PYTHON_INSTRUMENTATION}", f"opentelemetry-instrumentation-flask=={PYTHON_INSTRUMENTATION}",
          f"opentelemetry-instrumentation-requests=={PYTHON_INSTRUMENTATION}", f"opentelemetry-sdk=={PYTHON_SDK}",
          f"opentelemetry-propagator-b3=={PYTHON_SDK}", f"opentelemetry-exporter-otlp-json-http=={PYTHON_INSTRUMENTATION}")
NODE = {"@opentelemetry/api": NODE_API, "@opentelemetry/auto-instrumentations-node": "0.81.2"}


@pytest.fixture(scope="session", autouse=True)
def library():
    assert LIBRARY.exists(), f"{LIBRARY} is not there: run make first"


@pytest.fixture(scope="session")
def installed():
    """The directories of the packages, by language."""
    return {"python": peers.python("instrumented-python", PYTHON), "node": peers.node("instrumented-node", NODE)}


@pytest.fixture
def receiver():
    """Not with the strict reader of the system tests behind it: what the SDKs send is theirs."""
    with Receiver() as one:
        yield one


@pytest.fixture
def origin():
    with Origin() as server:
        yield server
