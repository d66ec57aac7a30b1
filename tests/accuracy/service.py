"""service.py - what a row of the accuracy table can say of its service, and how one is started.

Commands, files and variables are templates: {dir} is the service's own directory, {port} where it listens, {leaf} the port
of the leaf, {services} the directory of the programs, {built} that of those that are compiled, {root} the repository's.
"""
import re
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.launch import BUILD, ROOT, Running, environment
from support.ports import free_port, wait_until

SERVICES = Path(__file__).with_name("services")
BUILT = BUILD / "accuracy"
EVERY_SPAN = {"OTEL_BSP_MAX_QUEUE_SIZE": 32768, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 2048, "SPANLOAD_EXIT_TIMEOUT_MS": 5000}


@dataclass(frozen=True)
class Helper:
    """What makes a runtime say which request it works for."""
    runtime: str
    file: str        # below the repository
    variable: str
    value: str       # a template

    @property
    def is_there(self):
        return (ROOT / self.file).exists()


NODE = Helper("node", "runtime/node/spanload.cjs", "NODE_OPTIONS", "--require {root}/runtime/node/spanload.cjs")
PYTHON = Helper("python", "runtime/python/sitecustomize.py", "PYTHONPATH", "{root}/runtime/python")
RUBY = Helper("ruby", "runtime/ruby/spanload.rb", "RUBYOPT", "-r{root}/runtime/ruby/spanload.rb")


@dataclass(frozen=True)
class Service:
    name: str
    model: str                    # how it shares its work between processes, threads and events
    command: tuple
    family: str
    goal: float = None            # recall that is to be reached
    helper: Helper = None
    source: str = ""              # the program of services/ that is compiled before
    files: dict = field(default_factory=dict)      # {name: template}
    variables: dict = field(default_factory=dict)
    beside: tuple = ()            # commands that run beside it, under the library too
    socket: str = ""              # what the last of those listens on
    stop: int = signal.SIGTERM    # what ends it in good order
    stops_by_itself: bool = True  # False: its processes have to be told each
    is_proxy: bool = False
    share: float = 1              # of the requests of plan.py; less for what is slow

    @property
    def program(self):
        return Path(filled(self.command[0], {"built": BUILT}))

    @property
    def reason_to_skip(self):
        if self.helper and not self.helper.is_there:
            return f"{self.helper.file} is not there"
        return "" if self.source or self.program.exists() else f"{self.program} is not installed"


def filled(template, values):
    return re.sub(r"\{(dir|port|leaf|services|built|root)\}", lambda name: str(values[name.group(1)]), template)


def compiled(name):
    source, program = SERVICES / f"{name}.c", BUILT / name
    newest = max(file.stat().st_mtime for file in (source, *SERVICES.glob("*.h")))
    if not program.exists() or program.stat().st_mtime < newest:
        BUILT.mkdir(parents=True, exist_ok=True)
        flags = "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g"
        subprocess.run(["cc", *flags, str(source), "-o", str(program), "-lpthread"], check=True)
    return program


@contextmanager
def started(service, place, leaf, endpoint):
    """(port, running programs) while the service runs; the last of the programs is the service itself."""
    values = {"dir": place, "port": free_port(), "leaf": leaf, "services": SERVICES, "built": BUILT, "root": ROOT}
    for name, template in service.files.items():
        (place / name).write_text(filled(template, values))
    if service.source:
        compiled(service.source)
    variables = dict(service.variables)
    if service.helper:
        variables[service.helper.variable] = service.helper.value
    env = environment(endpoint, service.name, place, **EVERY_SPAN, **{name: filled(value, values) for name, value in variables.items()})
    programs = []
    try:
        for command in service.beside:
            programs.append(Running.start([filled(word, values) for word in command], env))
            wait_until(lambda: (place / service.socket).exists(), 10, f"{command[0]} does not listen")
        programs.append(Running.start([filled(word, values) for word in service.command], env, port=values["port"], cwd=place, timeout=30))
        yield values["port"], programs
    finally:
        for program in programs:
            program.__exit__()
