"""trees.py - whole systems of other libcs, and of another machine, in directories: tests/support/trees.sh makes them.

A program is run in one by chroot, or by the emulator of the other machine; either way it is this machine's kernel, network and
processes, so that whatever watches and asks programs works there too.
"""
import functools
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.launch import BUILD, LIBRARY, ROOT, environment, total

TREES = BUILD / "trees"


@dataclass(frozen=True)
class Tree:
    """A system in a directory, which programs take for their root."""
    name: str
    has_proc: bool

    @property
    def root(self):
        return TREES / self.name

    @property
    def library(self):
        return "/libspanload.so"

    def prepare(self):
        """Puts the library there."""
        if os.getuid() != 0:
            pytest.skip(f"{self.name}: chroot needs root")
        shutil.copy(LIBRARY, self.root / "libspanload.so.new")
        os.replace(self.root / "libspanload.so.new", self.root / "libspanload.so")

    def command(self, words, env):
        """What has the host run these words there, in that environment."""
        inside = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in env.items()), *words]
        if not self.has_proc:
            return ["/usr/sbin/chroot", self.root, *inside]
        return ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"', self.root, *inside]

    @contextmanager
    def place(self):
        """A directory, and its name there."""
        with tempfile.TemporaryDirectory(prefix="place-", dir=self.root / "tmp") as place:
            Path(place).chmod(0o755)
            yield Path(place), f"/tmp/{Path(place).name}"


@dataclass(frozen=True)
class Emulated(Tree):
    """Programs of another machine: the emulator looks in the tree first for whatever they open."""

    @property
    def library(self):
        return ROOT / "build/aarch64-linux-gnu/libspanload.so"

    def prepare(self):
        for need in ("qemu-aarch64", "aarch64-linux-gnu-gcc"):
            if not shutil.which(need):
                pytest.skip(f"{self.name}: {need} is not installed")
        subprocess.run(["make", "-s", "CROSS=aarch64-linux-gnu-", self.library.relative_to(ROOT)], cwd=ROOT, check=True)

    def command(self, words, env):
        settings = [word for name, value in env.items() for word in ("-E", f"{name}={value}")]
        program = self.root / str(words[0])[1:]
        return ["qemu-aarch64", "-L", self.root, *settings, program if program.exists() else words[0], *words[1:]]

    @contextmanager
    def place(self):
        with tempfile.TemporaryDirectory(prefix="spanload-") as place:
            Path(place).chmod(0o755)
            yield Path(place), place


SYSTEMS = {tree.name: tree for tree in (Tree("debian11", False), Tree("debian13", True), Tree("musl", True), Emulated("aarch64", True))}


@functools.cache
def made(name):
    """(exit status, what was said) of making that system; it takes some seconds, once."""
    done = subprocess.run([ROOT / "tests/support/trees.sh", TREES, name], capture_output=True, text=True)
    if done.returncode == 0:
        SYSTEMS[name].prepare()
    return done.returncode, done.stderr.strip()


@pytest.fixture
def tree(request):
    """The system of that name."""
    status, said = made(request.param)
    if status == 77:
        pytest.skip(said)
    assert status == 0, said
    return SYSTEMS[request.param]


def in_systems(rows):
    """A test of each row in each of its systems; rows are (names of systems, row)."""
    wanted = [pytest.param(name, row, id=f"{name} {row.name}") for names, row in rows for name in names]
    return pytest.mark.parametrize("tree, program", wanted, indirect=["tree"])


def variables_of(tree, endpoint, **settings):
    """An emulated program on a busy machine takes its time to say goodbye."""
    return environment(endpoint, tree.name, LD_PRELOAD=tree.library, SPANLOAD_EXIT_TIMEOUT_MS=5000, **settings)


def check_accounts(life, spans):
    """All of them exported, none lost, and nothing complained of."""
    counted = total(life.counters)
    assert (counted.get("started", 0), counted.get("exported", 0)) == (spans, spans), counted
    assert not life.complaints
