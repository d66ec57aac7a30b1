"""peers.py - OpenTelemetry's own instrumentation of Python and of Node, from PyPI and npm, each installed once into build/peers.

By pip and npm as they are set up on this machine. What cannot be installed is a failure: nothing is measured or claimed of it.
"""
import json
import shutil
import subprocess

from support.launch import BUILD

PEERS = BUILD / "peers"

# Releases that belong together: of the SDKs, and of what instruments with them.
PYTHON_SDK, PYTHON_INSTRUMENTATION = "1.45.1", "0.66b1"
NODE_API, NODE_SDK = "1.9.1", "0.223.0"


def python(name, packages):
    """A virtual environment with these, which sees Debian's packages too; its directory."""
    directory = PEERS / name

    def make():
        _run(["/usr/bin/python3", "-m", "venv", "--system-site-packages", directory], PEERS)
        _run([directory / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages], PEERS)
    return _installed(directory, "\n".join(packages), make)


def node(name, packages, files={}):
    """A directory with a node_modules of these, {package: version}, and with these files, {name: text}."""
    directory = PEERS / name

    def make():
        assert shutil.which("npm"), "npm is needed to install OpenTelemetry's instrumentation of node"
        (directory / "package.json").write_text(json.dumps({"private": True, "dependencies": packages}))
        for file, text in files.items():
            (directory / file).write_text(text)
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund"], directory)
    return _installed(directory, json.dumps([packages, files]), make)


def _installed(directory, wanted, make):
    """Runs make() in a new directory, unless what is there already was installed for the same wish."""
    stamp = directory / "wanted"
    if stamp.exists() and stamp.read_text() == wanted:
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    make()
    stamp.write_text(wanted)
    return directory


def _run(argv, cwd):
    argv = [str(word) for word in argv]
    done = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout[-2000:]}"
