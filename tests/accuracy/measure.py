"""measure.py - one row from beginning to end: the service is started, asked at every level, stopped, and its spans are judged."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from accuracy import plan
from accuracy.judge import judge
from accuracy.load import Load
from accuracy.row import Row
from accuracy.service import started
from support.launch import bare_environment, complaints_in, counters_in, end_session, total
from support.ports import free_port, is_listening, wait_until
from support.receiver import Receiver

SETTLE_S = 0.4  # spans are sent after a tenth of a second
ANSWERED_S = 0.1  # an answer is seen by its peer before the call that sent it has returned
SAID = 300      # letters of what went wrong
EXPECTED = {"pid", "started", "exported", "connections", "context_in", "context_out"}  # of the library's counters


class Leaf:
    def __init__(self, port, file):
        self.port, self.file, self.read = port, file, 0

    def take(self):
        """What came since the last time."""
        with open(self.file) as lines:
            lines.seek(self.read)
            text = lines.read()
            self.read = lines.tell()
        return [(rid, int(number), traceparent) for rid, number, traceparent in (line.split(" ", 2) for line in text.splitlines())]


@contextmanager
def leaf():
    """One for all rows: an id says which of them it belongs to."""
    port, directory = free_port(), tempfile.mkdtemp(prefix="leaf-")
    file = Path(directory) / "asked"
    file.touch()
    process = subprocess.Popen([sys.executable, Path(__file__).with_name("leaf.py"), str(port), file], env=bare_environment(), start_new_session=True)
    try:
        wait_until(lambda: is_listening(port), 10, "the leaf does not listen")
        yield Leaf(port, file)
    finally:
        end_session(process.pid)
        process.wait()
        shutil.rmtree(directory)


def measured(service, number, runs, the_leaf):
    """The Row of a service, which is started for each of the runs. `runs`: as plan.py has them."""
    row = Row(service.name, service.model, service.family, service.helper.runtime if service.helper else "", service.goal, service.reason_to_skip)
    if row.skipped:
        return row
    for levels in runs:
        try:
            row.levels.update(_run(row, service, number, levels, the_leaf))
        except AssertionError as error:  # it did not start, or did not stop
            row.problems.append(str(error)[:SAID])
    return row


def _run(row, service, number, levels, the_leaf):
    """{level: Counts} of one run."""
    with tempfile.TemporaryDirectory(prefix="accuracy-") as directory, Receiver() as receiver:
        os.chmod(directory, 0o777)  # of services that give up being root
        answered = set()
        with started(service, Path(directory), the_leaf.port, receiver.endpoint) as (port, programs):
            for level, count in levels.items():
                load = Load(port, plan.ids(number, level, int(count * service.share) or 1), service.is_proxy).run(level)
                answered |= load.answered
                _note_load(row, level, load)
                time.sleep(ANSWERED_S if level == plan.FIRST else 0)
            time.sleep(SETTLE_S)
            _note_ends(row, service, programs)
        return judge(receiver.spans, the_leaf.take(), answered)


def _note_load(row, level, load):
    if load.outcomes["unanswered"]:
        row.problems.append(f"{load.outcomes['unanswered']} requests unanswered, {level} at once")
    if load.wrong:
        row.problems.append(f"{len(load.wrong)} wrong answers, {level} at once: {load.wrong[0]}")


def _note_ends(row, service, programs):
    """The service first: what runs beside it is asked by it."""
    for program, how in zip(reversed(programs), [service.stop] + [signal.SIGQUIT] * len(service.beside)):
        if not service.stops_by_itself:
            os.killpg(program.pid, how)
            how = None
        text = program.stop(how).text
        row.problems += complaints_in(text)
        counted = total(counters_in(text))
        if counted.dropped:
            row.problems.append(f"{counted.dropped} spans dropped")
        for name in counted.keys() - EXPECTED:
            row.library[name] = row.library.get(name, 0) + counted[name]
