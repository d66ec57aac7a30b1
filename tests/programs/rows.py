"""rows.py - what a row of the programs' table can say, and what rows have in common.

Commands and files are templates: {dir} is the program's own directory, {port} the port of a server, {url} the origin that a
client or a proxy is sent to, {root} the origin's directory; every other brace is a brace.
"""
import re
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

PORTS = (rb"\b(127\.0\.0\.1|localhost):\d{4,5}\b", rb"\1:PORT")
PIDS = (rb"\[\d+\]|#\d+\]|\(\d+\)|\b(?i:pid)[:=]? *\d+", b"PID")
FOR_EACH = 5


@dataclass(frozen=True)
class Row:
    name: str
    packages: tuple               # Debian's; the first one's version stands in the table
    blanks: tuple = field(default=(), kw_only=True)    # (pattern, replacement) of bytes that differ in two runs of the program as it is
    blank_files: tuple = field(default=(), kw_only=True)  # patterns of files whose content does
    varies: dict = field(default_factory=dict, kw_only=True)  # facets of twin.py that do, whole: {facet: why}

    @property
    def differing(self):
        """What twin.py is told of the row."""
        return {"blanks": (PORTS, *self.blanks), "blank_files": self.blank_files, "varies": self.varies}


@dataclass(frozen=True)
class Server(Row):
    command: tuple
    prepare: object = None        # called with (directory, port, url) before each start
    files: dict = field(default_factory=dict)
    variables: dict = field(default_factory=dict)
    beside: tuple = ()            # commands that are started before it, under the library too, and stopped after it
    ready: object = None          # called with (directory) until it is true, when those are started
    stop: int = signal.SIGTERM    # what ends it in good order
    connections: int = 1          # how many the first five requests take: FOR_EACH if it keeps none
    post: str = "/index.html"     # what a POST is sent to
    asks: tuple = ()              # (method, target, status, body, header lines): instead of what every server is asked
    cut_by_time: bool = False     # its answers are cut where its application's output was when it looked: their text is compared
    upstream: bool = False        # it asks {url} in its turn: a CLIENT span for each request that arrives there
    unlinked: int = 0             # of those spans the first so many have no parent: it is one of several threads, which has not answered
                                  # yet, and reads heads line by line, so that no header can be given to it
    role: str = "server"


@dataclass(frozen=True)
class Client(Row):
    command: tuple
    visits: tuple = ()            # (method, target, status) in order; () is what the origin was asked
    connections: int = 0          # how many connections it makes, 0 if that is not its promise
    exit_status: int = 0
    files: dict = field(default_factory=dict)
    variables: dict = field(default_factory=dict)
    prepare: object = None        # called with (directory, None, url) before each run
    repository: bool = False      # the origin has a git repository at /git/repo.git and /files/repo.git
    offers: object = None         # called with (origin) for each run, a context: what the origin has or does for this client
    also: str = ""                # where else the origin listens: "::1", at the same port, or the path of a unix socket
    unordered: bool = False       # it asks several things at once
    unseen: str = ""              # why its requests pass by the library: no span, and everything else the same
    role: str = "client"


@dataclass(frozen=True)
class Silent(Row):
    """Speaks something else: the same results, and no span."""
    commands: tuple               # clients, one after the other; what they print is compared
    server: tuple = ()            # runs while they do, if there is one
    prepare: object = None
    files: dict = field(default_factory=dict)
    variables: dict = field(default_factory=dict)
    ready: object = None          # called with (directory, port) until it is true; else until {port} is listened on
    stop: int = signal.SIGTERM
    role: str = "neither"


def filled(template, **values):
    """The template with {dir}, {port}, {url}, {root} replaced."""
    return re.sub(r"\{(dir|port|url|root)\}", lambda name: str(values[name.group(1)]), template)


def moved(source, target, *changes):
    """Copies a configuration, links followed, and applies (file, pattern, replacement) to what was copied."""
    (shutil.copytree if Path(source).is_dir() else shutil.copyfile)(source, target)
    for name, pattern, replacement in changes:
        file = Path(target) / name
        text, count = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
        assert count, f"{source}/{name} has no {pattern}"
        file.write_text(text)
